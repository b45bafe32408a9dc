//! What a recipe can say wrongly of a tokenizer with new pieces.

use insta::assert_snapshot;

use super::super::*;

fn mistakes_in_extend(base: &str, stages: &str) -> String {
    mistakes(&format!("name: x\nbase: {{ {base} }}\nsources: {{ words: {{ path: w }} }}\n{stages}"))
}

const PRETRAIN: &str = "pretrain: { tokens: 1M, mixture: { words: 1 } }\n";

#[test]
fn new_pieces_need_a_source_and_a_number() {
    assert_snapshot!(mistakes_in_extend("builtin: tiny-english, tokenizer: { extend: {} }", PRETRAIN), @"");
    assert_snapshot!(mistakes_in_extend("model: m, tokenizer: { extend: { source: wrods, tokens: 0 } }", PRETRAIN), @"");
    assert_snapshot!(mistakes_in_extend("model: m, tokenizer: { extend: { source: [words, 5], tokns: 8K } }", PRETRAIN), @"");
    assert_snapshot!(mistakes_in_extend("model: m, tokenizer: {}", PRETRAIN), @"");
}

#[test]
fn new_pieces_go_with_a_model_that_has_old_ones() {
    let both = "train: { sources: [words], vocabulary: 1K }, extend: { source: words, tokens: 8K }";
    assert_snapshot!(mistakes_in_extend(&format!("model: m, tokenizer: {{ {both} }}"), PRETRAIN), @"");
    let new = "new: { hidden_size: 64, layers: 2, heads: 4 }, tokenizer: { extend: { source: words, tokens: 8K } }";
    assert_snapshot!(mistakes_in_extend(new, PRETRAIN), @"");
}

#[test]
fn something_trains_the_rows_of_new_pieces() {
    let base = "model: m, tokenizer: { extend: { source: words, tokens: 8K } }";
    let lora = "adapters: { a: { mixture: { words: 1 } } }\n";
    assert_snapshot!(mistakes_in_extend(base, lora), @"");
    let trained = [
        "adapters: { a: { method: full, mixture: { words: 1 } } }\n",
        PRETRAIN,
        "compare: { tasks: [{ task: choice, data: world }] }\n",
    ];
    for stages in [&format!("{PRETRAIN}{lora}"), trained[0], trained[1], trained[2]] {
        assert_eq!(mistakes_in_extend(base, stages), "no mistakes", "{stages}");
    }
}
