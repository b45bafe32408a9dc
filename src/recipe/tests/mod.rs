//! Whole recipes: what they mean, what they may say, and every mistake that they can have.

mod held_out;
mod inputs;
mod judge;
mod kinds;
mod meaning;
mod mistakes;
mod properties;
mod ratios;
mod schema;
mod sources;
mod task_files;

use super::*;

/// The first six lines of a recipe: a model and one source of each kind.
const HEAD: &str = "\
name: x
base: { builtin: tiny-english }
sources:
  words: { builtin: estonian-text, rows: 500 }
  chat: { builtin: estonian-instructions, rows: 500 }
  pairs: { builtin: translation-pairs, rows: 500 }
";

/// The mistakes of a recipe, as printed.
fn mistakes(text: &str) -> String {
    mistakes_with(text, &[])
}

fn mistakes_with(text: &str, sets: &[&str]) -> String {
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    match Recipe::parse(text, "r.yaml", &sets) {
        Ok(_) => "no mistakes".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The mistakes of a recipe that goes on from line 7.
fn mistakes_below(text: &str) -> String {
    mistakes(&format!("{HEAD}{text}"))
}

fn mistakes_in_pretrain(keys: &str) -> String {
    mistakes_below(&format!("pretrain: {{ tokens: 1B, mixture: {{ words: 1 }}, {keys} }}"))
}

fn mistakes_in_adapter(keys: &str) -> String {
    mistakes_below(&format!("adapters: {{ a: {{ mixture: {{ chat: 1 }}, {keys} }} }}"))
}

fn mistakes_in_task(keys: &str) -> String {
    mistakes_below(&format!("compare: {{ tasks: [{{ {keys} }}] }}"))
}

fn mistakes_in_base(keys: &str) -> String {
    mistakes(&format!("name: x\nbase: {{ {keys} }}\ncompare: {{ tasks: [{{ task: choice, data: world }}] }}"))
}

fn mistakes_in_source(keys: &str) -> String {
    mistakes_below(&format!("  s: {{ {keys} }}\nadapters: {{ a: {{ mixture: {{ s: 1 }} }} }}"))
}
