//! The recipes that come with the program say what they need, and that is what the program says.

use std::path::Path;

use crate::support::{Place, emakeel};

const FORESEEN: [&str; 3] = ["llammas-7b", "llammas-7b-24gb", "llammas-qlora-16gb"];

/// Each command in the comments of a recipe, and the lines under it.
fn plans(text: &str) -> Vec<(Vec<String>, String)> {
    let mut plans: Vec<(Vec<String>, String)> = Vec::new();
    for line in text.lines().take_while(|line| line.starts_with('#')) {
        let line = line.trim_start_matches('#').strip_prefix(' ').unwrap_or_default();
        match line.strip_prefix("$ emakeel ") {
            Some(command) => plans.push((command.split(' ').map(str::to_owned).collect(), String::new())),
            None => plans.iter_mut().last().into_iter().for_each(|(_, output)| output.push_str(&format!("{line}\n"))),
        }
    }
    plans
}

#[test]
fn every_recipe_and_task_of_the_program_is_listed_copied_and_read() {
    let place = Place::new();
    let listed = emakeel(&["recipes"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let names: Vec<&str> = listed.lines().filter_map(|line| Some(line.split_once("  ")?.0.trim())).collect();
    assert_eq!(names.len(), 23, "{listed}");
    for name in names {
        let copy = place.path(&format!("{name}.yaml"));
        assert!(emakeel(&["recipes", name, &copy.display().to_string()]).status.success(), "{name}");
        let text = std::fs::read_to_string(&copy).expect("copied");
        let recipe = match text.contains("\nbase:") {
            true => text,
            false => {
                let languages = if text.contains("task: translation") { ", from: English, to: Estonian" } else { "" };
                let task = format!("{{ task: {}, data: a.jsonl{languages} }}", copy.display());
                format!("name: a\nbase: {{ builtin: tiny-english }}\ncompare: {{ tasks: [{task}] }}\n")
            }
        };
        let read = emakeel::recipe::Recipe::parse(&recipe, name, &[]);
        read.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_plans_in_the_recipes_are_those_of_check() {
    for name in FORESEEN {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("recipes/{name}.yaml"));
        let plans = plans(&std::fs::read_to_string(&path).expect("a recipe"));
        assert!(!plans.is_empty(), "{name} has a plan");
        for (mut command, written) in plans {
            assert_eq!(command[1], format!("{name}.yaml"));
            command[1] = path.display().to_string();
            let output = emakeel(&command);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(written.trim_end(), String::from_utf8_lossy(&output.stdout).trim_end(), "{command:?}");
        }
    }
}

#[test]
fn a_recipe_that_does_not_fit_is_refused_and_told_what_would() {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/llammas-7b.yaml").display().to_string();
    let refused = |arguments: &[&str]| {
        let output = emakeel(&[&["check", recipe.as_str(), "--shape", "llama-2-7b"], arguments].concat());
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let text = refused(&["--gpu-memory", "80GiB"]);
    assert!(text.contains("error: pretrain  memory is 80.0 GiB, must be at least"), "{text}");
    assert!(text.contains("hint: optimizer.offload: true would take"), "{text}");
    let text = refused(&["--gpu-memory", "24GiB"]);
    assert!(text.contains("optimizer.clip: 0 and batch: 16, one micro-step would take"), "{text}");
    // Nothing makes the weights themselves smaller.
    let text = refused(&["--gpu-memory", "8GiB"]);
    assert!(text.contains("hint: lower micro_batch or sequence_length, or allow more"), "{text}");
}

#[test]
fn a_plan_without_a_shape_needs_the_base() {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/quickstart.yaml").display().to_string();
    let output = emakeel(&["check", recipe.as_str(), "--gpu-memory", "8GiB"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--shape is missing"));
    let output = emakeel(&["check", recipe.as_str(), "--shape", "llama-2-7b"]);
    assert_eq!(output.status.code(), Some(2), "a shape alone says nothing");
}
