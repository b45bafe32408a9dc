//! Which modules the rules choose.

use super::super::targets::{HEAD, ModuleRules, pattern_entry, resolve};
use crate::recipe::{AllLinear, Targets};

fn llama(layers: usize, head: bool) -> Vec<String> {
    let names = [
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
        "self_attn.o_proj",
        "mlp.gate_proj",
        "mlp.up_proj",
        "mlp.down_proj",
    ];
    let mut paths: Vec<String> =
        (0..layers).flat_map(|layer| names.map(|name| format!("model.layers.{layer}.{name}"))).collect();
    if head {
        paths.push(HEAD.into());
    }
    paths
}

fn names(list: &[&str]) -> Targets {
    Targets::Names(list.iter().map(|name| name.to_string()).collect())
}

#[test]
fn all_linear_is_all_but_the_head_and_is_written_by_last_names() {
    let (chosen, named) = resolve(&Targets::AllLinear(AllLinear::AllLinear), &llama(12, true)).unwrap();
    assert_eq!(chosen.len(), 12 * 7);
    assert_eq!(named, names(&["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]));
}

#[test]
fn names_match_whole_parts_of_the_end_only() {
    let paths = llama(11, true);
    let chosen = |list: &[&str]| resolve(&names(list), &paths).unwrap().0;
    assert_eq!(chosen(&["q_proj"]).len(), 11);
    assert_eq!(chosen(&["self_attn.q_proj", "lm_head"]).len(), 12);
    assert_eq!(chosen(&["model.layers.1.mlp.up_proj"]), ["model.layers.1.mlp.up_proj"]);
    assert!(resolve(&names(&["proj"]), &paths).is_err(), "part of a name is no name");
    assert!(resolve(&names(&["1.mlp.up_proj"]), &paths).is_ok_and(|(chosen, _)| chosen.len() == 1), "not layer 11");
}

#[test]
fn a_target_that_matches_nothing_is_named_with_what_there_is() {
    let error = resolve(&names(&["q_proj", "query", "dense"]), &llama(1, false)).unwrap_err().to_string();
    let expected = "the target module \"query\" matches no linear module\n  hint: the model has down_proj, gate_proj, \
                    k_proj, o_proj, q_proj, up_proj, v_proj\nthe target module \"dense\" matches";
    assert!(error.starts_with(expected), "{error}");
    let error = resolve(&names(&["lm_head"]), &llama(1, false)).unwrap_err().to_string();
    assert!(error.contains("tie_word_embeddings"), "{error}");
    assert!(resolve(&names(&[]), &llama(1, false)).is_err());
}

#[test]
fn a_pattern_matches_the_whole_path() {
    let paths = llama(3, true);
    let count = |pattern: &str| resolve(&Targets::Pattern(pattern.into()), &paths).map(|(chosen, _)| chosen.len());
    assert_eq!(count(r".*\.(q|v)_proj").unwrap(), 6);
    assert_eq!(count(r"model\.layers\.(?!0\.)\d+\.mlp\..*").unwrap(), 6, "look-ahead as in Python");
    assert_eq!(count(r"lm_head|.*q_proj").unwrap(), 4, "the alternatives are anchored together");
    let named = |pattern: &str| resolve(&Targets::Pattern(pattern.into()), &paths).unwrap().1;
    assert_eq!(
        named(r".*\.(q|v)_proj"),
        names(&["q_proj", "v_proj"]),
        "as names, which hold nothing but linear modules"
    );
    assert_eq!(named(r".*1\.mlp\.up_proj"), names(&["model.layers.1.mlp.up_proj"]));
    assert!(count("q_proj").unwrap_err().to_string().contains("the target pattern \"q_proj\" matches no"));
    assert!(count("(").unwrap_err().to_string().contains("not a regular expression"));
}

#[test]
fn exclusions_and_layers_narrow_a_list() {
    let paths = llama(12, true);
    let rules = ModuleRules {
        targets: names(&["q_proj", "model.layers.7.mlp.up_proj", "lm_head"]),
        exclude: Some(Targets::Pattern(r".*\.1\..*".into())),
        layers: Some(vec![0, 1, 11]),
        layers_pattern: None,
    };
    let expected =
        ["model.layers.0.self_attn.q_proj", "model.layers.7.mlp.up_proj", "model.layers.11.self_attn.q_proj", HEAD];
    assert_eq!(rules.select(&paths).unwrap(), expected, "a whole path needs no layer number");
    let named = ModuleRules { layers_pattern: Some(vec!["(blocks|layers)".into()]), ..rules.clone() };
    assert_eq!(named.select(&paths).unwrap(), expected);
    let other = ModuleRules { layers_pattern: Some(vec!["blocks".into()]), ..rules };
    assert_eq!(other.select(&paths).unwrap(), ["model.layers.7.mlp.up_proj", HEAD]);
}

#[test]
fn patterns_of_ranks_match_the_end_of_a_path_and_the_first_wins() {
    let entries = vec![("layers.1.*q_proj".to_string(), 2), ("q_proj".into(), 3), ("v_.*".into(), 4)];
    let of = |path: &str| pattern_entry(&entries, path).unwrap().copied();
    assert_eq!(of("model.layers.1.self_attn.q_proj"), Some(2));
    assert_eq!(of("model.layers.0.self_attn.q_proj"), Some(3));
    assert_eq!(of("model.layers.0.self_attn.v_proj"), Some(4));
    assert_eq!(of("model.layers.0.self_attn.k_proj"), None);
}
