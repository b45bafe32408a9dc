//! Tasks with a file of their own.

use super::*;
use crate::recipe::{Choose, MetricWord, ReadAnswer, TASKS, TaskKind};

fn recipe_with(task: &str) -> Result<Recipe> {
    Recipe::parse(&format!("{HEAD}compare: {{ tasks: [{task}] }}\n"), "r.yaml", &[])
}

#[test]
fn the_tasks_of_the_program_are_read_and_written_out_whole() {
    for (name, ..) in TASKS {
        let languages = if name == "flores" { ", from: English, to: Estonian" } else { "" };
        let recipe = recipe_with(&format!("{{ task: {name}, data: a.jsonl{languages} }}"))
            .unwrap_or_else(|error| panic!("{error}"));
        let again = Recipe::parse(&recipe.resolved_yaml().unwrap(), "again.yaml", &[]).unwrap();
        assert_eq!(again.study, recipe.study, "{name}");
    }
}

#[test]
fn a_file_gives_what_the_recipe_does_not_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quiz.yaml");
    std::fs::write(&path, "task: choice\nchoose: letter\nlanguage: Latvian\nmax_new_tokens: 4\nrow: { choices: options, right: answer }\n").unwrap();
    let recipe = recipe_with(&format!("{{ task: {}, data: a.csv, max_new_tokens: 9 }}", path.display())).unwrap();
    let task = &recipe.study.compare.as_ref().unwrap().tasks[0];
    assert_eq!((&task.kind, task.choose, task.max_new_tokens), (&TaskKind::Choice, Choose::Letter, 9));
    assert_eq!(task.name.as_deref(), Some("quiz"));
    assert_eq!(task.row, [("choices".into(), "options".into()), ("right".into(), "answer".into())]);
    assert_eq!(task.read, ReadAnswer::All);
}

#[test]
fn mistakes_in_a_task_file_are_placed_in_it_beside_those_of_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| {
        let path = folder.path().join("mine.yaml");
        std::fs::write(&path, text).unwrap();
        recipe_with(&format!("{{ task: {}, data: a.jsonl }}, {{ task: answer }}", path.display()))
            .unwrap_err()
            .to_string()
    };
    let place = |line: &str| format!("task {}:{line}", folder.path().join("mine.yaml").display());
    let error = write("task: answer\nmetrics: [f2]\nrow: { question: q }\nchoose: letter\n");
    assert!(error.contains(&format!("{}  compare.tasks.0.metrics.0 is \"f2\"", place("2:11"))), "{error}");
    let error = write("task: answer\nrow: { question: q, answer: a }\nchoose: letter\npattern: '('\n");
    assert!(error.contains(&format!("{}  compare.tasks.0.row.references is missing", place("2:1"))), "{error}");
    assert!(error.contains(&format!("{}  compare.tasks.0.row.answer is answer, must be", place("2:29"))), "{error}");
    assert!(error.contains(&format!("{}  compare.tasks.0.choose has no effect", place("3:1"))), "{error}");
    assert!(error.contains(&format!("{}  compare.tasks.0.pattern is", place("4:10"))), "{error}");
    assert!(error.contains("compare.tasks.1.data is missing"), "{error}");
    let error = write("prompts: {}\n");
    assert!(error.contains("mine.yaml must be one of translation, choice"), "{error}");
    let error = recipe_with("{ task: none.yaml, data: a }").unwrap_err().to_string();
    assert!(error.contains("none.yaml") && error.contains("cannot read"), "{error}");
    let error = recipe_with("{ task: estcop, data: a }").unwrap_err().to_string();
    assert!(error.contains("did you mean estcopa?"), "{error}");
}

#[test]
fn what_is_reported_and_read_is_chosen_by_the_recipe() {
    let recipe = recipe_with("{ task: answer, data: a, metrics: [exact-match, chrf++], read: all }").unwrap();
    let task = &recipe.study.compare.as_ref().unwrap().tasks[0];
    assert_eq!(task.metrics, [MetricWord::ExactMatch, MetricWord::ChrfPlusPlus]);
    assert_eq!(task.read, ReadAnswer::All);
    let error = recipe_with("{ task: choice, data: a, metrics: [f1], read: all }").unwrap_err().to_string();
    assert!(error.contains("metrics has no effect") && error.contains("read has no effect"), "{error}");
}
