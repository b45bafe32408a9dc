//! What holds for any recipe.

use proptest::prelude::*;

use super::meaning::{LLAMMAS, parsed, round_trip};
use super::*;

#[test]
fn the_examples_of_the_guides_have_no_mistakes() {
    for guide in [include_str!("../../../docs/data.md"), include_str!("../../../docs/tasks.md")] {
        let blocks: Vec<&str> = guide.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(blocks.len() >= 2);
        for block in blocks {
            parsed(&format!("name: x\nbase: {{ builtin: tiny-english }}\n{block}"));
        }
    }
}

fn finite(from: f64, to: f64) -> impl Strategy<Value = f64> {
    (0.0_f64..1.0).prop_map(move |share| from + share * (to - from))
}

proptest! {
    #[test]
    fn any_study_written_out_in_full_reads_as_the_same(
        weights in proptest::array::uniform3(finite(1e-6, 100.0)),
        ratio in (finite(0.0, 10.0), finite(0.1, 10.0)),
        rate in finite(1e-7, 1.0),
        falls_to in finite(0.0, 1.0),
        betas in (finite(0.0, 0.9999), finite(0.0, 0.9999)),
        clip in finite(0.0, 2.0),
        alpha in finite(0.1, 1e3),
        epochs in finite(0.01, 20.0),
        seed: u64,
        paths in proptest::array::uniform3("(\\PC{0,12}[!-~]|null|no|5B|1e3|~|0x1f|on|- a|#|a: b)"),
    ) {
        let quoted = paths.each_ref().map(|path| serde_json::Value::from(path.as_str()).to_string());
        let [a, b, c] = &quoted;
        let [x, y, z] = weights;
        let text = format!("
name: x
seed: {seed}
base: {{ model: {a}, tokenizer: {b} }}
sources:
  s: {{ path: {c}, text: {a} }}
  t: {{ path: [{a}, {b}], template: messages }}
  u: {{ path: [{a}, {c}], template: translation, languages: [A, B], limit: 5, clean: {{ ratio: {{ most: {:?} }} }} }}
adapters:
  a:
    on: base
    alpha: {alpha:?}
    epochs: {epochs:?}
    mixture: {{ s: {x:?}, t: {y:?}, u: {{ weight: {z:?}, ratio: '{:?}:{:?}' }} }}
    optimizer: {{ learning_rate: {rate:?}, beta1: {:?}, beta2: {:?}, clip: {clip:?} }}
    schedule: {{ final_learning_rate: {:?} }}
compare: {{ tasks: [{{ task: choice, data: [{c}] }}] }}
", 1.0 + ratio.0, ratio.0, ratio.1, betas.0, betas.1, rate * falls_to);
        round_trip(&text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "([a-z: \\n\\[\\]{},'\"#&*!|>-]|name|base|adapters|mixture|: ){0,40}") {
        let _ = Recipe::parse(&text, "r.yaml", &[]);
    }

    #[test]
    fn no_argument_makes_set_panic(argument in "[a-z0-9.=\\[\\]{}, -]{0,16}") {
        let sets = ["", "adapters.", "compare.tasks."].map(|path| format!("{path}{argument}"));
        let _ = Recipe::parse(LLAMMAS, "r.yaml", &sets);
    }
}
