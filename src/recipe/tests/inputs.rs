//! What a stage's result follows from.

use super::*;

const TEXT: &str = "
name: x
base: { model: m }
sources:
  words: { path: w.txt }
  chat: { path: c.json, template: alpaca }
  unused: { path: u.txt }
pretrain: { tokens: 2B, snapshots: [1B], mixture: { words: 1 } }
adapters:
  defaults: { mixture: { chat: 1 } }
  first: { on: pretrain@1B }
  second: { on: pretrain@1B, start_from: first }
  plain: { on: base }
";

const STAGES: [Stage<'_>; 4] =
    [Stage::Pretrain, Stage::Adapter("first"), Stage::Adapter("second"), Stage::Adapter("plain")];

/// Which of the stages are other ones after a change.
fn changed(sets: &[&str]) -> [bool; 4] {
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    let before = Recipe::parse(TEXT, "r.yaml", &[]).expect("no mistakes").study;
    let after = Recipe::parse(TEXT, "r.yaml", &sets).unwrap_or_else(|error| panic!("{error}")).study;
    STAGES.map(|stage| {
        let same = before.stage_inputs(stage) == after.stage_inputs(stage);
        assert_eq!(same, before.stage_fingerprint(stage) == after.stage_fingerprint(stage));
        !same
    })
}

#[test]
fn a_change_makes_other_stages_of_those_that_follow_from_it_and_of_no_others() {
    let cases: [(&[&str], [bool; 4]); 17] = [
        (&[], [false, false, false, false]),
        (&["name=y", "device=cpu"], [false, false, false, false]),
        (&["pretrain.micro_batch=2", "pretrain.recompute=true"], [false, false, false, false]),
        (&["pretrain.memory=2GiB"], [false, false, false, false]),
        (&["pretrain.checkpoint_every=7", "adapters.first.micro_batch=1"], [false, false, false, false]),
        (&["sources.unused.path=v.txt", "compare.tasks=[{ task: choice, data: world }]"], [false, false, false, false]),
        (&["seed=1"], [true, true, true, true]),
        (&["base.dtype=bf16"], [true, true, true, true]),
        (&["sources.words.path=v.txt"], [true, true, true, false]),
        (&["sources.chat.limit=10"], [false, true, true, true]),
        (&["sources.words.clean={ duplicates: exact }"], [true, true, true, false]),
        (&["sources.unused.clean={ decontaminate: false }"], [false, false, false, false]),
        (&["pretrain.optimizer.learning_rate=1e-5"], [true, true, true, false]),
        (&["pretrain.snapshots=[1B, 1500M]"], [true, false, false, false]),
        (&["adapters.first.epochs=1"], [false, true, true, false]),
        (&["adapters.second.epochs=1"], [false, false, true, false]),
        (&["adapters.second.start_from=null"], [false, false, true, false]),
    ];
    for (sets, expected) in cases {
        assert_eq!(changed(sets), expected, "{sets:?}");
    }
}

#[test]
fn inputs_are_in_a_fixed_order_and_a_stage_that_is_not_there_has_none() {
    let study = Recipe::parse(TEXT, "r.yaml", &[]).expect("no mistakes").study;
    let inputs = study.stage_inputs(Stage::Adapter("second"));
    let keys: Vec<&str> = inputs.as_object().expect("a map").keys().map(String::as_str).collect();
    assert_eq!(keys, ["seed", "base", "sources", "adapter", "on", "start_from"]);
    let keys: Vec<&str> = inputs["adapter"].as_object().expect("a map").keys().map(String::as_str).collect();
    assert_eq!(keys[..3], ["method", "rank", "alpha"]);
    assert_eq!(inputs["on"]["snapshot"], 1_000_000_000_u64);
    assert_eq!(inputs["start_from"], study.stage_inputs(Stage::Adapter("first")));
    assert_eq!(study.stage_fingerprint(Stage::Pretrain).len(), 64);
    assert_eq!(study.stage_inputs(Stage::Adapter("third")), serde_json::Value::Null);
}
