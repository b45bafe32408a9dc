//! What a recipe can say wrongly of a tokenizer with new pieces.

use insta::assert_snapshot;

use super::super::*;

fn mistakes_in_extend(base: &str, stages: &str) -> String {
    mistakes(&format!("name: x\nbase: {{ {base} }}\nsources: {{ words: {{ path: w }} }}\n{stages}"))
}

const PRETRAIN: &str = "pretrain: { tokens: 1M, mixture: { words: 1 } }\n";

#[test]
fn new_pieces_need_a_source_and_a_number() {
    assert_snapshot!(mistakes_in_extend("builtin: tiny-english, tokenizer: { extend: {} }", PRETRAIN), @"
    recipe r.yaml:2:45  base.tokenizer.extend.source is missing
      hint: name the source whose text the new pieces are learned from, or several
    recipe r.yaml:2:45  base.tokenizer.extend.tokens is missing
      hint: say how many pieces are added; 8000 suits Llama 2 and one language
    ");
    assert_snapshot!(mistakes_in_extend("model: m, tokenizer: { extend: { source: wrods, tokens: 0 } }", PRETRAIN), @r#"
    recipe r.yaml:2:50  base.tokenizer.extend.source is "wrods", must be the name of a source
      hint: did you mean words?
    recipe r.yaml:2:65  base.tokenizer.extend.tokens is 0, must be from 1 to 1048576
      hint: 8000 suits Llama 2 and one language
    "#);
    assert_snapshot!(mistakes_in_extend("model: m, tokenizer: { extend: { source: [words, 5], tokns: 8K } }", PRETRAIN), @"
    recipe r.yaml:2:58  base.tokenizer.extend.source.1 is 5, must be a text
      hint: in quotes it is a text: '5'
    recipe r.yaml:2:62  unknown key base.tokenizer.extend.tokns
      hint: did you mean tokens?
    ");
    assert_snapshot!(mistakes_in_extend("model: m, tokenizer: {}", PRETRAIN), @"
    recipe r.yaml:2:19  base.tokenizer.extend is missing
      hint: say extend: { source: NAME, tokens: 8K }
    ");
}

#[test]
fn new_pieces_go_with_a_model_that_has_old_ones() {
    let both = "train: { sources: [words], vocabulary: 1K }, extend: { source: words, tokens: 8K }";
    assert_snapshot!(mistakes_in_extend(&format!("model: m, tokenizer: {{ {both} }}"), PRETRAIN), @"
    recipe r.yaml:2:19  base.tokenizer has both train and extend
      hint: keep the one that is meant
    ");
    let new = "new: { hidden_size: 64, layers: 2, heads: 4 }, tokenizer: { extend: { source: words, tokens: 8K } }";
    assert_snapshot!(mistakes_in_extend(new, PRETRAIN), @"
    recipe r.yaml:2:69  base.tokenizer.extend adds to a model's tokenizer, and a new model has none
      hint: say train: { sources: [NAME], vocabulary: 1024 }
    ");
}

#[test]
fn something_trains_the_rows_of_new_pieces() {
    let base = "model: m, tokenizer: { extend: { source: words, tokens: 8K } }";
    let lora = "adapters: { a: { mixture: { words: 1 } } }\n";
    assert_snapshot!(mistakes_in_extend(base, lora), @"
    recipe r.yaml:2:32  base.tokenizer.extend adds pieces whose rows in the embedding nothing trains
      hint: LoRA leaves the embedding as it is: add a pretrain stage, modules_to_save: [embed_tokens, lm_head] or method: full, or take it out
    ");
    let trained = [
        "adapters: { a: { method: full, mixture: { words: 1 } } }\n",
        PRETRAIN,
        "compare: { tasks: [{ task: choice, data: world }] }\n",
    ];
    for stages in [&format!("{PRETRAIN}{lora}"), trained[0], trained[1], trained[2]] {
        assert_eq!(mistakes_in_extend(base, stages), "no mistakes", "{stages}");
    }
    for key in ["modules_to_save: [embed_tokens]", "trainable_tokens: [5]", "targets: [q_proj, embed_tokens]"] {
        let stages = lora.replace("{ mix", &format!("{{ {key}, mix"));
        assert_eq!(mistakes_in_extend(base, &stages), "no mistakes", "{stages}");
    }
    let other = lora.replace("{ mix", "{ modules_to_save: [norm], targets: [q_proj], mix");
    assert!(mistakes_in_extend(base, &other).contains("nothing trains"));
}
