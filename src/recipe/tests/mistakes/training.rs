//! Mistakes in pretraining and in what all training has.

use insta::assert_snapshot;

use super::super::*;

#[test]
fn pretraining_needs_tokens_and_a_mixture() {
    assert_snapshot!(mistakes_below("pretrain: {}\n"), @"
    recipe r.yaml:7:1  pretrain.tokens is missing
      hint: say how many tokens to read, such as tokens: 5B
    recipe r.yaml:7:1  pretrain.mixture is missing
      hint: say what is trained on, such as mixture: { SOURCE: 1 }
    ");
    assert_snapshot!(mistakes_below("pretrain: { tokens: 0, mixture: {} }\n"), @"
    recipe r.yaml:7:21  pretrain.tokens is 0, must be at least 1
      hint: LLAMMAS trains on 5B
    recipe r.yaml:7:24  pretrain.mixture is empty, must be a map with a weight for each source
    ");
}

#[test]
fn snapshots_ascend_within_the_budget_and_are_steps_apart() {
    assert_snapshot!(mistakes_in_pretrain("snapshots: [2B]"), @"recipe r.yaml:7:60  pretrain.snapshots.0 is 2B, must be at most 1B, the tokens of pretrain");
    assert_snapshot!(mistakes_in_pretrain("snapshots: [500M, 100M, 100M]"), @"
    recipe r.yaml:7:66  pretrain.snapshots.1 is 100M, must be more than 500M
      hint: snapshots ascend, and each is named once
    recipe r.yaml:7:72  pretrain.snapshots.2 is 100M, must be more than 100M
      hint: snapshots ascend, and each is named once
    ");
    assert_snapshot!(mistakes_in_pretrain("snapshots: [0, 1K, 1B]"), @"
    recipe r.yaml:7:60  pretrain.snapshots.0 is 0, must be more than 0
      hint: snapshots ascend, and each is named once
    recipe r.yaml:7:63  pretrain.snapshots.1 is 1K, must be at least a step (262144 tokens)
      hint: snapshots in one step would be the same model
    ");
    assert_snapshot!(mistakes_in_pretrain("snapshots: [1B]"), @"no mistakes");
    assert_snapshot!(mistakes_below("pretrain: { tokens: 1K, mixture: { words: 1 } }\n"), @"no mistakes");
}

#[test]
fn a_mixture_names_sources_and_gives_them_weight() {
    assert_snapshot!(mistakes_below("pretrain: { tokens: 1B, mixture: { wrods: 1, words: 0, stories: -1 } }\n"), @"
    recipe r.yaml:7:36  pretrain.mixture.wrods names no source
      hint: did you mean words?
    recipe r.yaml:7:53  pretrain.mixture.words is 0, must be more than 0
      hint: leave a source out rather than give it no weight
    recipe r.yaml:7:56  pretrain.mixture.stories names no source
      hint: sources: words, chat, pairs
    recipe r.yaml:7:65  pretrain.mixture.stories is -1, must be more than 0
      hint: leave a source out rather than give it no weight
    ");
    assert_snapshot!(mistakes_below("pretrain: { tokens: 1B, mixture: { words: .inf } }\n"), @"
    recipe r.yaml:7:43  pretrain.mixture.words is inf, must be more than 0
      hint: leave a source out rather than give it no weight
    ");
    assert_snapshot!(mistakes_below("adapters: { a: { mixture: { pairs: { ratio: '1:1' }, chat: { weight: 1, ratio: '1:1' } } } }\n"), @"
    recipe r.yaml:7:29  adapters.a.mixture.pairs.weight is missing
      hint: its share of the mixture, such as weight: 0.2; or rows, tokens or epochs
    recipe r.yaml:7:73  adapters.a.mixture.chat.ratio has no effect: only a source with template: translation has two directions
      hint: take it out
    ");
}

#[test]
fn a_mixture_has_weights_or_amounts_and_one_of_them_each() {
    assert_snapshot!(mistakes_below("adapters: { a: { mixture: { words: 1, chat: { rows: 5 } }, stopping_strategy: all-exhausted } }\n"), @"
    recipe r.yaml:7:18  adapters.a.mixture has weights and amounts
      hint: give every source a weight, or every source one of rows, tokens and epochs
    recipe r.yaml:7:60  adapters.a.stopping_strategy has no effect: with amounts, one time through the mixture is what they say
      hint: take it out
    ");
    assert_snapshot!(mistakes_below("adapters: { a: { mixture: { words: { rows: 5, epochs: 1 }, chat: { tokens: 0 } } } }\n"), @"
    recipe r.yaml:7:29  adapters.a.mixture.words has 2 amounts
      hint: keep one of weight, rows, tokens and epochs
    recipe r.yaml:7:76  adapters.a.mixture.chat.tokens is 0, must be from 1 to 1125899906842624
      hint: leave a source out rather than take nothing of it
    ");
    assert_snapshot!(mistakes_below("adapters: { a: { mixture: { words: { rows: many }, chat: { epochs: 0 } } } }\n"), @r#"
    recipe r.yaml:7:44  adapters.a.mixture.words.rows is "many", must be a whole number such as 256, 1024, 8K, 1M or 5B
    recipe r.yaml:7:68  adapters.a.mixture.chat.epochs is 0, must be more than 0
      hint: leave a source out rather than take nothing of it
    "#);
}

#[test]
fn a_ratio_is_two_numbers_with_a_colon_between() {
    assert_snapshot!(mistakes_below("adapters: { a: { mixture: { pairs: { weight: 1, ratio: '1' } } } }\n"), @r#"
    recipe r.yaml:7:56  adapters.a.mixture.pairs.ratio is "1", must be two numbers with a colon between
      hint: first to second : second to first, such as 1:1 or 1:3
    "#);
    assert_snapshot!(mistakes_below("adapters: { a: { mixture: { pairs: { weight: 1, ratio: '0:0' } } } }\n"), @r#"
    recipe r.yaml:7:56  adapters.a.mixture.pairs.ratio is "0:0", must be two numbers with a colon between
      hint: first to second : second to first, such as 1:1 or 1:3
    "#);
}

#[test]
fn conversations_are_not_concatenated() {
    assert_snapshot!(mistakes_below("pretrain: { tokens: 1B, mixture: { words: 1, chat: 1 } }\n"), @"
    recipe r.yaml:7:46  pretrain.mixture.chat has conversations, but packing: concat trains on every token
      hint: packing: best-fit trains on the answers only
    ");
    assert_snapshot!(mistakes_below("pretrain: { tokens: 1B, packing: best-fit, mixture: { words: 1, chat: 1 } }\n"), @"no mistakes");
}

#[test]
fn a_step_is_whole_micro_steps() {
    assert_snapshot!(mistakes_in_pretrain("batch: 10, micro_batch: 3"), @"
    recipe r.yaml:7:72  pretrain.micro_batch is 3, must be a number that divides batch, 10
      hint: a step is whole micro-steps
    ");
    assert_snapshot!(mistakes_in_pretrain("batch: 0, micro_batch: 0"), @"
    recipe r.yaml:7:55  pretrain.batch is 0, must be from 1 to 1048576
      hint: it counts sequences, not tokens
    recipe r.yaml:7:71  pretrain.micro_batch is 0, must be from 1 to 1048576
    ");
    assert_snapshot!(mistakes_in_pretrain("batch: 5B, sequence_length: 1"), @"
    recipe r.yaml:7:55  pretrain.batch is 5000000000, must be from 1 to 1048576
      hint: it counts sequences, not tokens
    recipe r.yaml:7:76  pretrain.sequence_length is 1, must be from 2 to 1048576
      hint: 1024 is what LLAMMAS uses
    ");
}

#[test]
fn optimizer_settings_are_in_range() {
    assert_snapshot!(mistakes_in_pretrain("optimizer: { learning_rate: 0, weight_decay: -1, beta1: 1, beta2: -0.1, epsilon: 0, clip: -1 }"), @"
    recipe r.yaml:7:76  pretrain.optimizer.learning_rate is 0, must be more than 0 and at most 1
      hint: 2e-4 is common for LoRA, 2e-5 for all parameters
    recipe r.yaml:7:93  pretrain.optimizer.weight_decay is -1, must be from 0 to 1
    recipe r.yaml:7:104  pretrain.optimizer.beta1 is 1, must be at least 0 and less than 1
      hint: 0.9 is usual
    recipe r.yaml:7:114  pretrain.optimizer.beta2 is -0.1, must be at least 0 and less than 1
      hint: 0.95 to 0.999 are usual
    recipe r.yaml:7:129  pretrain.optimizer.epsilon is 0, must be more than 0 and less than 1
      hint: 1e-8 is usual
    recipe r.yaml:7:138  pretrain.optimizer.clip is -1, must be at least 0
      hint: 1 is usual; 0 does not clip
    ");
    assert_snapshot!(mistakes_in_pretrain("optimizer: { learning_rate: 2e4, clip: .nan }"), @"
    recipe r.yaml:7:76  pretrain.optimizer.learning_rate is 20000, must be more than 0 and at most 1
      hint: 2e-4 is common for LoRA, 2e-5 for all parameters
    recipe r.yaml:7:87  pretrain.optimizer.clip is NaN, must be at least 0
      hint: 1 is usual; 0 does not clip
    ");
}

#[test]
fn the_rate_falls_and_warms_up_within_the_steps() {
    assert_snapshot!(mistakes_in_pretrain("optimizer: { learning_rate: 1e-5 }, schedule: { warmup: 1, final_learning_rate: 2e-5 }"), @"
    recipe r.yaml:7:104  pretrain.schedule.warmup is 1, must be at least 0 and less than 1
      hint: it is a share of all steps: 0.03 is three in a hundred
    recipe r.yaml:7:128  pretrain.schedule.final_learning_rate is 2e-5, must be from 0 to the learning rate, 1e-5
      hint: the rate falls to it
    ");
    assert_snapshot!(mistakes_in_pretrain("schedule: { kind: constant, final_learning_rate: 0 }"), @"
    recipe r.yaml:7:97  pretrain.schedule.final_learning_rate is 0, must be the learning rate, 2e-5, with kind: constant
      hint: take it out, or choose linear or cosine
    ");
    assert_snapshot!(mistakes_in_pretrain("optimizer: { learning_rate: x }, schedule: { final_learning_rate: 0.5 }"), @r#"recipe r.yaml:7:76  pretrain.optimizer.learning_rate is "x", must be a number"#);
}

#[test]
fn evaluation_needs_rows_held_out() {
    assert_snapshot!(mistakes_in_pretrain("held_out: 0.9"), @"
    recipe r.yaml:7:58  pretrain.held_out is 0.9, must be from 0 to 0.5
      hint: 0.01 is enough to see the curve
    ");
    assert_snapshot!(mistakes_in_pretrain("held_out: 0, evaluate_every: 5"), @"
    recipe r.yaml:7:77  pretrain.evaluate_every has no effect: held_out is 0
      hint: held_out: 0.01 keeps one row in a hundred for it
    ");
    assert_snapshot!(mistakes_in_pretrain("checkpoint_every: 0"), @"recipe r.yaml:7:66  pretrain.checkpoint_every is 0, must be at least 1");
}

#[test]
fn f16_is_not_rounded_by_chance_where_all_parameters_are_trained() {
    let text = |dtype: &str, method: &str| {
        format!(
            "name: x\nbase: {{ model: m, dtype: {dtype} }}\nsources: {{ chat: {{ path: c.json, template: alpaca }} }}\n\
             adapters: {{ a: {{ mixture: {{ chat: 1 }}, method: {method}, optimizer: {{ rounding: stochastic }} }} }}\n"
        )
    };
    assert_snapshot!(mistakes(&text("f16", "full")), @"
    recipe r.yaml:4:77  adapters.a.optimizer.rounding is stochastic, must be master, with a base of f16
      hint: bf16 parameters can be rounded by chance
    ");
    for (dtype, method) in [("bf16", "full"), ("f16", "lora")] {
        assert!(Recipe::parse(&text(dtype, method), "r.yaml", &[]).is_ok(), "{dtype} {method}");
    }
}
