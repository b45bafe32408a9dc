//! Loading tasks, their names, and results from predictions kept earlier.

use std::path::PathBuf;

mod own;

use super::*;
use crate::files;

fn settings(kind: TaskKind, path: PathBuf) -> TaskSettings {
    TaskSettings::of(kind, TaskData::File { paths: vec![path], language: "Estonian".into() }, 16)
}

fn compare(tasks: Vec<TaskSettings>, limit: Option<usize>) -> Compare {
    Compare { tasks, merged: false, batch: 4, limit, template: ChatTemplate::Plain, judge: None }
}

/// A study that does nothing but compare.
fn study(tasks: Vec<TaskSettings>) -> Study {
    let recipe = "name: t\nbase: { builtin: tiny-english }\ncompare: { tasks: [{ task: choice, data: world }] }\n";
    let recipe = crate::recipe::Recipe::parse(recipe, "t.yaml", &[]).unwrap();
    Study { compare: Some(compare(tasks, None)), ..recipe.study }
}

fn choices(folder: &tempfile::TempDir, name: &str, count: usize) -> PathBuf {
    let row = |i: usize| {
        format!(
            "{{\"premise\":\"P{i}\",\"choice1\":\"A{i}\",\"choice2\":\"B{i}\",\"question\":\"cause\",\"label\":{}}}\n",
            i % 2
        )
    };
    let path = folder.path().join(name);
    files::make_folder(path.parent().unwrap()).unwrap();
    files::write(&path, (0..count).map(row).collect::<String>()).unwrap();
    path
}

#[test]
fn tasks_of_files_with_the_same_name_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["one/test.et.jsonl", "two/test.et.jsonl", "val.jsonl"].map(|name| choices(&folder, name, 3));
    let mut tasks: Vec<_> = paths.into_iter().map(|path| settings(TaskKind::Choice, path)).collect();
    tasks.push(tasks[2].clone());
    let tasks = Task::load_all(&study(tasks)).unwrap();
    let names: Vec<&str> = tasks.iter().map(Task::name).collect();
    let folder = folder.path().file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(names[..2], ["choice Estonian, one/test.et", "choice Estonian, two/test.et"]);
    assert_eq!(names[2..], [format!("choice Estonian, {folder}/val"), format!("choice Estonian, {folder}/val 2")]);
    assert_eq!(tasks[0].file_name(), "choice-estonian-one-test-et");
}

#[test]
fn a_limit_takes_a_seeded_choice_in_the_order_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = choices(&folder, "a.jsonl", 100);
    let premises = |limit: Option<usize>, seed: u64| -> Vec<usize> {
        let compare = compare(vec![settings(TaskKind::Choice, path.clone())], limit);
        let task = Task::load(&compare.tasks[0], &compare, seed).unwrap();
        let number = |example: &Example| match example {
            Example::Choice { premise, .. } => premise[1..].parse().unwrap(),
            _ => panic!("{example:?}"),
        };
        task.examples().map(number).collect()
    };
    let chosen = premises(Some(10), 1);
    assert!(chosen.len() == 10 && chosen.is_sorted() && chosen != (0..10).collect::<Vec<_>>(), "{chosen:?}");
    assert_eq!(premises(Some(10), 1), chosen);
    assert_ne!(premises(Some(10), 2), chosen);
    assert_eq!(premises(Some(500), 1), (0..100).collect::<Vec<_>>());
}

#[test]
fn predictions_of_other_examples_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let compare = compare(vec![settings(TaskKind::Choice, choices(&folder, "a.jsonl", 4))], None);
    let task = Task::load(&compare.tasks[0], &compare, 1).unwrap();
    let kept: Vec<Prediction> = task
        .examples()
        .enumerate()
        .map(|(example, it)| Prediction {
            read: None,
            example,
            prompt: String::new(),
            source: String::new(),
            answer: it.references()[0].clone(),
            references: it.references(),
            likelihoods: ["A", "B"]
                .map(|c| crate::eval::Likelihood::new(format!("{c}{example}"), 2, if c == "A" { -2.0 } else { -3.0 }))
                .to_vec(),
            gold: None,
            scores: Default::default(),
        })
        .collect();
    let result = task.result(kept.clone()).unwrap();
    assert_eq!(result.columns[0].name, "accuracy");
    assert_eq!(result.columns[0].value, 50.0);
    assert_eq!(result.predictions[1].scores["accuracy"], 0.0);
    let error = task.result(kept[..3].to_vec()).unwrap_err().to_string();
    assert!(error.starts_with("choice Estonian, a  number of predictions is 3, must be 4"), "{error}");
    let mut swapped = kept;
    swapped.swap(0, 1);
    assert!(task.result(swapped).unwrap_err().to_string().contains("prediction 0 is not of example 0"));
}

#[test]
fn all_tasks_that_cannot_be_loaded_are_named_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.jsonl");
    files::write(&empty, "").unwrap();
    let latvian = TaskSettings::of(TaskKind::Choice, TaskData::World { language: "Latvian".into() }, 0);
    let tasks =
        vec![settings(TaskKind::Choice, empty), settings(TaskKind::Answer, folder.path().join("none")), latvian];
    let error = Task::load_all(&study(tasks)).unwrap_err();
    let lines: Vec<String> = error.each().map(|e| e.to_string()).collect();
    let first = error.to_string();
    assert!(first.contains("task 1: ") && first.contains("the file is empty"), "{first}");
    assert!(lines[1].contains("task 2: ") && lines[1].contains("cannot read the file"), "{}", lines[1]);
    assert!(
        lines[2].contains("task 3: choice Latvian, world  language of the built-in world is Latvian"),
        "{}",
        lines[2]
    );
}
