//! One entry for several ratios.

use super::*;

const BITEXT: &str = "name: r\nbase: { builtin: tiny-english }\nsources:\n  pairs: { builtin: translation-pairs, rows: 100 }\n  \
                      juhised: { builtin: estonian-instructions, rows: 100 }\n";

fn recipe_with(adapters: &str) -> Result<Recipe> {
    Recipe::parse(
        &format!("{BITEXT}adapters:\n  defaults: {{ tokens: 1K, batch: 1, sequence_length: 32 }}\n{adapters}"),
        "r.yaml",
        &[],
    )
}

#[test]
fn a_list_of_ratios_makes_an_adapter_for_each() {
    let sweep = "  sweep: { mixture: { juhised: 0.5, pairs: { weight: 0.5, ratio: [\"1:0\", \"3:1\", \"1:3\"] } } }\n";
    let swept = recipe_with(sweep).unwrap_or_else(|error| panic!("{error}"));
    let one = |name: &str, ratio: &str| {
        format!("  {name}: {{ mixture: {{ juhised: 0.5, pairs: {{ weight: 0.5, ratio: \"{ratio}\" }} }} }}\n")
    };
    let apart = [one("sweep-1-0", "1:0"), one("sweep-3-1", "3:1"), one("sweep-1-3", "1:3")].concat();
    assert_eq!(swept.study, recipe_with(&apart).unwrap().study);
    assert_eq!(
        swept.study.adapters.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
        ["sweep-1-0", "sweep-3-1", "sweep-1-3"]
    );
    let again = Recipe::parse(&swept.resolved_yaml().unwrap(), "again.yaml", &[]).unwrap();
    assert_eq!(again.study, swept.study);
    let later = format!("{sweep}  later: {{ start_from: sweep-3-1, mixture: {{ juhised: 1 }} }}\n");
    assert_eq!(recipe_with(&later).unwrap().study.adapters[3].start_from.as_deref(), Some("sweep-3-1"));
}

#[test]
fn lists_of_ratios_that_cannot_be_used_are_mistakes_with_their_place() {
    let mistake = |text: &str| recipe_with(text).unwrap_err().to_string();
    let error = mistake("  a: { mixture: { pairs: { weight: 1, ratio: [] } } }\n");
    assert!(error.contains("r.yaml:8:19  adapters.a.mixture.pairs.ratio is an empty list"), "{error}");
    let error = mistake("  a: { mixture: { pairs: { weight: 1, ratio: [1, 2] } } }\n");
    assert!(error.contains("a list of other things"), "{error}");
    let error = mistake("  a: { mixture: { pairs: { weight: 1, ratio: [\"1:1\", \"1-3\"] } } }\n");
    assert!(error.contains("adapters.a-1-3.mixture.pairs.ratio is \"1-3\""), "{error}");
    let error = mistake("  a: { mixture: { pairs: { weight: 1, ratio: [\"1:1\", \"1:1\"] } } }\n");
    assert!(error.contains("there are two adapters a-1-1"), "{error}");
    let error =
        mistake("  a-1-1: { mixture: { juhised: 1 } }\n  a: { mixture: { pairs: { weight: 1, ratio: [\"1:1\"] } } }\n");
    assert!(error.contains("r.yaml:9:3  there are two adapters a-1-1"), "{error}");
}
