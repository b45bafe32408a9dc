//! Mistakes of form: what is no YAML, keys that nobody knows, values of the wrong kind.

use insta::assert_snapshot;

use super::super::*;

#[test]
fn what_is_no_map_is_no_recipe() {
    assert_snapshot!(mistakes(""), @"
    recipe r.yaml:1:1  the recipe is empty, must be a map with keys such as name and base
      hint: emakeel schema describes every key
    ");
    assert_snapshot!(mistakes("\
- a
- b
"), @"
    recipe r.yaml:1:1  the recipe is a list, must be a map with keys such as name and base
      hint: emakeel schema describes every key
    ");
    assert_snapshot!(mistakes("just words"), @r#"
    recipe r.yaml:1:1  the recipe is "just words", must be a map with keys such as name and base
      hint: emakeel schema describes every key
    "#);
}

#[test]
fn what_is_no_yaml_says_where() {
    assert_snapshot!(mistakes("\
name: x
base: { builtin: tiny-english
seed: 1
"), @"
    recipe r.yaml:3:5  this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
      hint: indent with spaces, the same number for keys of one map; put a text with a colon or a # into quotes
    ");
    assert_snapshot!(mistakes("name: 'x\n"), @"
    recipe r.yaml:1:7  this is not YAML: unclosed quote
      hint: indent with spaces, the same number for keys of one map; put a text with a colon or a # into quotes
    ");
}

#[test]
fn a_key_given_twice_is_a_mistake() {
    assert_snapshot!(mistakes_below("\
compare: { tasks: [{ task: choice, data: world, task: answer }] }
name: y
"), @"
    recipe r.yaml:7:49  compare.tasks.0.task is there twice
      hint: the first is at recipe r.yaml:7:22; keep one of them
    recipe r.yaml:8:1  name is there twice
      hint: the first is at recipe r.yaml:1:1; keep one of them
    ");
}

#[test]
fn an_unknown_key_gets_the_nearest_as_a_hint() {
    assert_snapshot!(mistakes_in_adapter("rnk: 8"), @"
    recipe r.yaml:7:40  unknown key adapters.a.rnk
      hint: did you mean rank?
    ");
    assert_snapshot!(mistakes_in_adapter("lora_alpha: 8"), @"
    recipe r.yaml:7:40  unknown key adapters.a.lora_alpha
      hint: did you mean alpha?
    ");
    assert_snapshot!(mistakes_below("adapterz: {}\n"), @"
    recipe r.yaml:7:1  unknown key adapterz
      hint: did you mean adapters?
    ");
    assert_snapshot!(mistakes_in_pretrain("optimizer: { lr: 1e-4 }"), @"
    recipe r.yaml:7:61  unknown key pretrain.optimizer.lr
      hint: did you mean learning_rate?
    ");
    assert_snapshot!(mistakes_in_pretrain("colour: 1, schedule: { steps: 5 }"), @"
    recipe r.yaml:7:48  unknown key pretrain.colour
      hint: known keys: tokens, snapshots, mixture, mixture_by, stopping_strategy, sequence_length, batch, micro_batch, packing, too_long, no_target, template, train_on, optimizer, schedule, checkpoint_every, held_out, evaluate_every, neftune_alpha, recompute, memory
    recipe r.yaml:7:71  unknown key pretrain.schedule.steps
      hint: known keys: kind, warmup, final_learning_rate
    ");
}

#[test]
fn a_key_that_was_meant_is_not_missing_as_well() {
    assert_snapshot!(mistakes("\
nmae: x
basee: { builtin: tiny-english }
compare: { tasks: [{ tsk: choice, data: world }] }
"), @"
    recipe r.yaml:1:1  unknown key nmae
      hint: did you mean name?
    recipe r.yaml:2:1  unknown key basee
      hint: did you mean base?
    recipe r.yaml:3:22  unknown key compare.tasks.0.tsk
      hint: did you mean task?
    ");
}

#[test]
fn a_value_of_the_wrong_kind_says_what_it_is_and_must_be() {
    assert_snapshot!(mistakes_below("\
seed: -1
compare: { tasks: [{ task: choice, data: world }] }
"), @"recipe r.yaml:7:7  seed is -1, must be a whole number from 0 to 18446744073709551615");
    assert_snapshot!(mistakes_in_adapter("rank: many, alpha: '16', rslora: yes, targets: 5, on: { base: 1 }, epochs:, template: 5"), @r#"
    recipe r.yaml:7:46  adapters.a.rank is "many", must be a whole number such as 256, 1024, 8K, 1M or 5B
    recipe r.yaml:7:59  adapters.a.alpha is "16", must be a number
      hint: without quotes it is a number
    recipe r.yaml:7:73  adapters.a.rslora is "yes", must be true or false
    recipe r.yaml:7:87  adapters.a.targets is 5, must be a text or a list of texts
    recipe r.yaml:7:90  adapters.a.on is a map, must be a text or a list of texts
    recipe r.yaml:7:113  adapters.a.epochs is empty, must be a number
      hint: give it a value, or take the key out
    recipe r.yaml:7:126  adapters.a.template is 5, must be llammas-chat, alpaca, plain, llama-2-chat, llama-3, chatml, tulu, model or the path of a .jinja file
    "#);
    assert_snapshot!(mistakes_in_pretrain("batch: 2.5, sequence_length: -1, micro_batch: [1], recompute: 1, snapshots: 1B, optimizer: adamw, mixture_by: token"), @r#"
    recipe r.yaml:7:55  pretrain.batch is 2.5, must be a whole number such as 256, 1024, 8K, 1M or 5B
    recipe r.yaml:7:77  pretrain.sequence_length is -1, must be a whole number such as 256, 1024, 8K, 1M or 5B
    recipe r.yaml:7:81  pretrain.micro_batch is a list, must be a whole number such as 256, 1024, 8K, 1M or 5B
    recipe r.yaml:7:110  pretrain.recompute is 1, must be true or false
    recipe r.yaml:7:124  pretrain.snapshots is "1B", must be a list
      hint: a list of one is written [1B]
    recipe r.yaml:7:139  pretrain.optimizer is "adamw", must be a map with keys of kind, rounding, offload, learning_rate, weight_decay, beta1, beta2, epsilon, clip
    recipe r.yaml:7:158  pretrain.mixture_by is "token", must be tokens or rows
      hint: did you mean tokens?
    "#);
    assert_snapshot!(mistakes("\
name: 5
base: tiny-english
sources: [a]
device: true
compare: { tasks: { task: choice } }
"), @r#"
    recipe r.yaml:1:7  name is 5, must be a text
      hint: in quotes it is a text: '5'
    recipe r.yaml:2:7  base is "tiny-english", must be a map with keys of model, revision, builtin, new, dtype, tf32, tokenizer
    recipe r.yaml:3:1  sources is a list, must be a map
    recipe r.yaml:4:9  device is true, must be a text
      hint: in quotes it is a text: 'true'
    recipe r.yaml:5:12  compare.tasks is a map, must be a list
    "#);
}

#[test]
fn a_word_that_is_none_of_the_known_ones_gets_the_nearest_as_a_hint() {
    assert_snapshot!(mistakes_in_pretrain("packing: bestfit"), @r#"
    recipe r.yaml:7:57  pretrain.packing is "bestfit", must be concat or best-fit
      hint: did you mean best-fit?
    "#);
    assert_snapshot!(mistakes_in_adapter("method: qlora, too_long: cut, template: alpacca"), @r#"
    recipe r.yaml:7:48  adapters.a.method is "qlora", must be lora, lora-fa, dora, ia3, vera or full
      hint: did you mean lora?
    recipe r.yaml:7:65  adapters.a.too_long is "cut", must be error, drop, truncate or split
    recipe r.yaml:7:80  adapters.a.template is "alpacca", must be llammas-chat, alpaca, plain, llama-2-chat, llama-3, chatml, tulu, model or the path of a .jinja file
      hint: did you mean alpaca?
    "#);
    assert_snapshot!(mistakes_in_base("builtin: tiny-english, dtype: fp32"), @r#"
    recipe r.yaml:2:39  base.dtype is "fp32", must be f32, bf16, f16 or f64
      hint: did you mean f32?
    "#);
}

#[test]
fn a_mistake_in_a_list_does_not_hide_those_beside_it() {
    assert_snapshot!(mistakes_below("\
compare:
  tasks:
    - 5
    - { task: choise, data: world }
    - { task: answer, dat: world }
  limit: -1
"), @r#"
    recipe r.yaml:9:7  compare.tasks.0 is 5, must be a map with keys of task, name, data, source, from, to, language, max_new_tokens, metric, row, prompts, choose, read, pattern, metrics
    recipe r.yaml:10:15  compare.tasks.1.task is "choise", must be a kind of task, the name of a task of the program, or a .yaml file
      hint: did you mean choice?
    recipe r.yaml:11:23  unknown key compare.tasks.2.dat
      hint: did you mean data?
    recipe r.yaml:12:10  compare.limit is -1, must be a whole number such as 256, 1024, 8K, 1M or 5B
    "#);
}

#[test]
fn what_set_makes_wrong_is_placed_at_its_argument() {
    assert_snapshot!(mistakes_with(&format!("{HEAD}{}", "compare: { tasks: [{ task: choice, data: world }] }\n"), &["compare.tasks.0.task=chois", "sed=5", "name=a/b"]), @r#"
    --set compare.tasks.0.task=chois  compare.tasks.0.task is "chois", must be a kind of task, the name of a task of the program, or a .yaml file
      hint: did you mean choice?
    --set name=a/b  name is "a/b", must be letters from a to z, digits and - _ ., the first a letter or digit, at most 100 of them
      hint: the name is also the name of a folder
    --set sed=5  unknown key sed
      hint: did you mean seed?
    "#);
    assert_snapshot!(mistakes_with(&format!("{HEAD}{}", ""), &["a", "b=[1"]), @"
    --set a  it has no value
      hint: write --set path.to.key=value
    --set b=[1  the value is not YAML: unclosed bracket '['
    ");
}
