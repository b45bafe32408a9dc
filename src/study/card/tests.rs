//! Cards from a run folder's records.

use serde_json::json;

use super::using::without_paths;
use super::*;
use crate::recipe::Recipe;

const RECIPE: &str = "name: small\nbase: { builtin: tiny-english }\nsources:\n  bitext: { path: /home/somebody/pairs.tsv, \
    template: translation, languages: [English, Estonian] }\n  words: { hub: keel/words }\nadapters:\n  pairs: { rank: 4, \
    alpha: 8, tokens: 2K, mixture: { bitext: { weight: 0.75, ratio: \"1:3\" }, words: 0.25 } }\n\
    compare: { tasks: [ { task: choice, data: world, language: Estonian } ] }\n";

fn facts(recipe: &Recipe) -> CardFacts<'_> {
    let place = tempfile::tempdir().unwrap();
    let plan = &recipe.study.adapters[0];
    let mut facts = CardFacts::read(place.path(), &recipe.study, Subject::of(plan)).unwrap();
    facts.recipe = recipe.resolved_yaml().unwrap();
    facts.base.hash = Some("ab12".into());
    facts.ledger = json!({ "trained_tokens": 900, "sources": [{ "source": "bitext", "tokens_read": 1500, "rows_read": 30.0,
        "trained_tokens": 700, "masked_tokens": 800, "epochs": 0.5, "realised_share": 0.74,
        "dropped": { "duplicate": 2 }, "too_long": { "rows": 1, "tokens": 90 }, "no_target": { "rows": 0, "tokens": 0 } }] });
    facts.comparison = json!({
        "columns": [
            { "task": "choice Estonian, world", "metric": "accuracy", "name": "accuracy", "unit": "%", "digits": 1,
              "higher_is_better": true, "examples": 50 },
            { "task": "text Estonian, world", "metric": "bits", "name": "bits per byte", "unit": "bits", "digits": 3,
              "higher_is_better": false, "examples": 40 }],
        "candidates": [
            { "candidate": "base", "scores": [{ "value": 50.0, "interval": { "low": 40.0, "high": 60.0 } }, null] },
            { "candidate": "pairs", "scores": [
                { "value": 61.99999, "interval": { "low": 52.0, "high": 72.0 } }, { "value": 0.81234567 }] },
            { "candidate": "pairs+merged", "scores": [{ "value": 62.0 }, { "value": 0.8 }] }],
    });
    facts
}

/// The card of an adapter that has a place on the Hub, beside another one.
fn published() -> String {
    let recipe = Recipe::parse(RECIPE, "r.yaml", &[]).unwrap();
    let mut facts = facts(&recipe);
    facts.license = Some("mit".into());
    facts.repository = Some("keel/small-pairs".into());
    facts.siblings = vec![("pairs".into(), "keel/small-pairs".into()), ("other".into(), "keel/small-other".into())];
    write_card(&facts)
}

#[test]
fn the_header_of_a_card_has_scores_and_intervals() {
    let card = published();
    let header = card.strip_prefix("---\n").unwrap().split_once("---\n").unwrap().0;
    insta::assert_snapshot!(header, @r#"
    library_name: peft
    license: mit
    language:
    - en
    - et
    datasets:
    - keel/words
    pipeline_tag: text-generation
    tags:
    - emakeel
    - llama
    - lora
    model-index:
    - name: small-pairs
      results:
      - task:
          type: text-generation
          name: "choice Estonian, world"
        dataset:
          type: choice-estonian-world
          name: "choice Estonian, world"
          args:
            examples: 50
        metrics:
        - type: accuracy
          name: accuracy
          value: 62.0
          args:
            interval_95_low: 52.0
            interval_95_high: 72.0
        source:
          name: "emakeel compare"
          url: "https://github.com/emakeel/emakeel"
      - task:
          type: text-generation
          name: "text Estonian, world"
        dataset:
          type: text-estonian-world
          name: "text Estonian, world"
          args:
            examples: 40
        metrics:
        - type: bits
          name: "bits per byte"
          value: 0.8123
        source:
          name: "emakeel compare"
          url: "https://github.com/emakeel/emakeel"
    "#);
}

#[test]
fn a_card_has_every_section_and_no_path_of_this_machine() {
    let card = published();
    for section in SECTIONS {
        assert!(card.contains(&format!("\n{section}\n")), "{section}\n{card}");
    }
    for line in [
        "| bitext | files: pairs.tsv | 75.0 % | 74.0 % | 1.5K | 700 | 800 | 30 | 0.50 | 3 | 0.25 |",
        "| **pairs** | 62.0 [52.0, 72.0] | 0.812 |",
        "| base | 50.0 [40.0, 60.0] | – |",
        "| choice Estonian, world | accuracy, % | 62.0 | 52.0 to 72.0 | 50 |",
        "| weights of the base, SHA-256 | ab12 |",
        "emakeel fetch keel/small-pairs --to small-pairs",
        "model = PeftModel.from_pretrained(base, \"keel/small-pairs\")",
        "| other | [keel/small-other](https://huggingface.co/keel/small-other)  |",
    ] {
        assert!(card.contains(line), "{line}\n{card}");
    }
    assert!(!card.contains("/home/"), "{card}");
    assert!(!card.contains("pairs+merged"), "{card}");
    assert!(card.contains("hash to `ab12`"), "a base that is only here is said so: {card}");
}

#[test]
fn a_card_without_scores_says_so() {
    let recipe = Recipe::parse(RECIPE, "r.yaml", &[]).unwrap();
    let mut facts = facts(&recipe);
    facts.comparison = serde_json::Value::Null;
    let card = write_card(&facts);
    assert!(card.contains("There are no scores") && !card.contains("model-index"), "{card}");
}

#[test]
fn paths_of_this_machine_leave_their_last_part_only() {
    let text = "model: /home/a b/llama\npaths:\n- /x/y.tsv\n- data/z.tsv\nwin: \"C:\\\\data\\\\w.txt\"\nratio: 1:3\n";
    assert_eq!(
        without_paths(text),
        "model: \"llama\"\npaths:\n- \"y.tsv\"\n- data/z.tsv\nwin: \"w.txt\"\nratio: 1:3\n"
    );
}
