//! Mistakes in adapters.

use insta::assert_snapshot;

use super::super::*;

#[test]
fn the_example_of_the_design_prints_as_it_says() {
    assert_snapshot!(mistakes_below("\n\n\n\n\nadapters:\n  general:\n    mixture: { chat: 1 }\n    rank: 0\n"), @"
    recipe r.yaml:15:11  adapters.general.rank is 0, must be at least 1
      hint: 8 to 64 are common; the LLAMMAS scripts use 64
    ");
}

#[test]
fn lora_settings_are_in_range() {
    assert_snapshot!(mistakes_in_adapter("rank: 0, alpha: 0, dropout: 1"), @"
    recipe r.yaml:7:46  adapters.a.rank is 0, must be at least 1
      hint: 8 to 64 are common; the LLAMMAS scripts use 64
    recipe r.yaml:7:56  adapters.a.alpha is 0, must be more than 0
      hint: the LLAMMAS scripts use 16 with rank 64
    recipe r.yaml:7:68  adapters.a.dropout is 1, must be at least 0 and less than 1
      hint: it is a probability: 0.1 is one in ten
    ");
    assert_snapshot!(mistakes_in_adapter("targets: q_proj"), @r#"
    recipe r.yaml:7:49  adapters.a.targets is "q_proj", must be all-linear, a list of names, or a regular expression for a module's whole path
      hint: a list of names is written [q_proj]
    "#);
    assert_snapshot!(mistakes_in_adapter("targets: all_linear"), @r#"
    recipe r.yaml:7:49  adapters.a.targets is "all_linear", must be all-linear, a list of names, or a regular expression for a module's whole path
      hint: did you mean all-linear?
    "#);
    assert_snapshot!(mistakes_in_adapter("targets: []"), @"recipe r.yaml:7:40  adapters.a.targets is empty, must be all-linear, or a list of names such as [q_proj, v_proj]");
    assert_snapshot!(mistakes_in_adapter("targets: ['']"), @"recipe r.yaml:7:40  adapters.a.targets is empty, must be all-linear, or a list of names such as [q_proj, v_proj]");
}

#[test]
fn a_mistake_in_the_defaults_is_said_once_and_there() {
    assert_snapshot!(mistakes_below("\
adapters:
  defaults: { rank: 0, optimizer: { learning_rate: 2 }, mixture: { chat: 1 }, start_from: a }
  a: {}
  b: {}
"), @"
    recipe r.yaml:8:21  adapters.defaults.rank is 0, must be at least 1
      hint: 8 to 64 are common; the LLAMMAS scripts use 64
    recipe r.yaml:8:52  adapters.defaults.optimizer.learning_rate is 2, must be more than 0 and at most 1
      hint: 2e-4 is common for LoRA, 2e-5 for all parameters
    recipe r.yaml:8:79  adapters.defaults.start_from has no effect: each adapter names its own start
      hint: take it out
    ");
}

#[test]
fn memory_and_recompute_do_not_go_together() {
    assert_snapshot!(mistakes_in_adapter("memory: 2GiB, recompute: true"), @"
    recipe r.yaml:7:48  adapters.a.memory has no effect beside recompute: true
      hint: memory decides itself how many layers are computed again: leave recompute out
    ");
    assert_snapshot!(mistakes_in_adapter("memory: 0"), @"
    recipe r.yaml:7:48  adapters.a.memory is 0, must be at least 1
    ");
}

#[test]
fn a_full_tune_has_no_rank() {
    assert_snapshot!(mistakes_in_adapter("method: full, rank: 8, alpha: 1, dropout: 0, targets: all-linear, rslora: false"), @"
    recipe r.yaml:7:54  adapters.a.rank has no effect: method: full trains all parameters
      hint: take it out
    recipe r.yaml:7:63  adapters.a.alpha has no effect: method: full trains all parameters
      hint: take it out
    recipe r.yaml:7:73  adapters.a.dropout has no effect: method: full trains all parameters
      hint: take it out
    recipe r.yaml:7:85  adapters.a.targets has no effect: method: full trains all parameters
      hint: take it out
    recipe r.yaml:7:106  adapters.a.rslora has no effect: method: full trains all parameters
      hint: take it out
    ");
}

#[test]
fn training_is_measured_in_epochs_or_in_tokens() {
    assert_snapshot!(mistakes_in_adapter("epochs: 0"), @"
    recipe r.yaml:7:48  adapters.a.epochs is 0, must be more than 0
      hint: LLAMMAS trains 3; less than one is part of the mixture
    ");
    assert_snapshot!(mistakes_in_adapter("tokens: 0"), @"recipe r.yaml:7:48  adapters.a.tokens is 0, must be at least 1");
    assert_snapshot!(mistakes_in_adapter("epochs: 1, tokens: 1M"), @"
    recipe r.yaml:7:48  adapters.a has both epochs and tokens
      hint: keep the one that is meant
    ");
}

#[test]
fn an_adapter_stands_on_a_model_that_the_study_has() {
    assert_snapshot!(mistakes_in_adapter("on: pretrain"), @r#"
    recipe r.yaml:7:44  adapters.a.on is "pretrain", must be base
      hint: the recipe has no pretrain stage
    "#);
    assert_snapshot!(mistakes_in_adapter("on: adapters"), @r#"recipe r.yaml:7:44  adapters.a.on is "adapters", must be base"#);
    assert_snapshot!(mistakes_in_adapter("on: []"), @"
    recipe r.yaml:7:40  adapters.a.on is empty, must be a model, or a list of them
      hint: base, pretrain or pretrain@1B
    ");
    assert_snapshot!(mistakes_below("\
pretrain: { tokens: 2B, snapshots: [1B], mixture: { words: 1 } }
adapters: { a: { on: [base, pretrain@3B, pretrain@1B, pretrain@1000M, best], mixture: { chat: 1 } } }
"), @r#"
    recipe r.yaml:8:29  adapters.a.on.1 is "pretrain@3B", must be base, pretrain, pretrain@1B or pretrain@2B
      hint: pretrain.snapshots lists the token counts that are kept
    recipe r.yaml:8:55  adapters.a.on.3 names pretrain@1B again
      hint: one adapter is trained for each model
    recipe r.yaml:8:71  adapters.a.on.4 is "best", must be base, pretrain, pretrain@1B or pretrain@2B
    "#);
}

#[test]
fn a_start_is_another_adapter() {
    assert_snapshot!(mistakes_below("\
adapters:
  defaults: { mixture: { chat: 1 } }
  first: {}
  second: { start_from: frist }
"), @r#"
    recipe r.yaml:10:25  adapters.second.start_from is "frist", must be the name of another adapter
      hint: did you mean first?
    "#);
    assert_snapshot!(mistakes_in_adapter("start_from: b"), @r#"
    recipe r.yaml:7:52  adapters.a.start_from is "b", must be the name of another adapter
      hint: there are no other adapters
    "#);
}

#[test]
fn starts_do_not_go_round_in_a_circle() {
    assert_snapshot!(mistakes_below("\
adapters:
  defaults: { mixture: { chat: 1 } }
  a: { start_from: c }
  b: { start_from: a }
  c: { start_from: b }
  d: { start_from: a }
"), @"
    recipe r.yaml:9:20  adapters.a.start_from goes round in a circle: a starts from c starts from b starts from a
      hint: one of them must start from nothing
    ");
    assert_snapshot!(mistakes_in_adapter("start_from: a"), @"
    recipe r.yaml:7:52  adapters.a.start_from goes round in a circle: a starts from a
      hint: one of them must start from nothing
    ");
}

#[test]
fn a_start_is_trained_on_the_same_model() {
    assert_snapshot!(mistakes_below("\
pretrain: { tokens: 2B, snapshots: [1B], mixture: { words: 1 } }
adapters:
  defaults: { mixture: { chat: 1 } }
  a: { on: [base, pretrain@1B] }
  b: { on: [base, pretrain], start_from: a }
  c: { on: pretrain@1B, start_from: a@base }
"), @"
    recipe r.yaml:11:42  adapters.b.start_from is a, which is trained on base, pretrain@1B, must be an adapter on pretrain@2B, as adapters.b is
      hint: add pretrain@2B to adapters.a.on, or take it out of adapters.b.on
    recipe r.yaml:12:37  adapters.c.start_from is a@base, which is trained on base, must be an adapter on pretrain@1B, as adapters.c is
      hint: write a: on each model it is the adapter on that model
    ");
}

#[test]
fn a_start_has_the_same_shape() {
    assert_snapshot!(mistakes_below("\
adapters:
  defaults: { mixture: { chat: 1 } }
  a: { rank: 8, rslora: true, targets: [q_proj] }
  b: { rank: 4, alpha: 8, start_from: a }
  c: { method: full, start_from: a }
"), @"
    recipe r.yaml:10:3  adapters.b.rslora is false, must be true, as adapters.a has it
      hint: adapters.b.start_from goes on with the same parameters
    recipe r.yaml:10:3  adapters.b.targets is all-linear, must be [q_proj], as adapters.a has it
      hint: adapters.b.start_from goes on with the same parameters
    recipe r.yaml:10:14  adapters.b.rank is 4, must be 8, as adapters.a has it
      hint: adapters.b.start_from goes on with the same parameters
    recipe r.yaml:10:24  adapters.b.alpha is 8, must be 16, as adapters.a has it
      hint: adapters.b.start_from goes on with the same parameters
    recipe r.yaml:11:16  adapters.c.method is full, must be lora, as adapters.a has it
      hint: adapters.c.start_from goes on with the same parameters
    ");
}

#[test]
fn a_mistake_elsewhere_does_not_make_more_of_itself() {
    assert_snapshot!(mistakes_below("\
pretrain: { tokens: many, snapshots: [1B], mixture: { wrods: 1 } }
adapters:
  defaults: { mixture: { s: 1 } }
  a: { on: pretrain@1B, rank: x }
  b: { on: pretrain@1B, rank: 8, start_from: a }
"), @r#"
    recipe r.yaml:7:21  pretrain.tokens is "many", must be a whole number such as 256, 1024, 8K, 1M or 5B
    recipe r.yaml:7:55  pretrain.mixture.wrods names no source
      hint: did you mean words?
    recipe r.yaml:9:26  adapters.defaults.mixture.s names no source
      hint: sources: words, chat, pairs
    recipe r.yaml:10:31  adapters.a.rank is "x", must be a whole number such as 256, 1024, 8K, 1M or 5B
    "#);
}
