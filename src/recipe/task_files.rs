//! Tasks that have a file of their own: those that come with the program, and those of a user.
//!
//! A file holds the keys of a task. Where a recipe names it, its keys come into the recipe as if they stood there, and know
//! the place in the file from which they came; what the recipe says itself goes before.

use std::path::Path;
use std::sync::Arc;

use super::nearest;
use super::node::{Entry, Node, Value};
use super::places::Refused;
use super::yaml;
use crate::error::{Error, Result};
use crate::files;

/// The tasks that come with the program: name, what it is for, and the text.
pub const TASKS: [(&str, &str, &str); 10] = [
    (
        "estcopa",
        "EstCOPA: the cause or effect of a sentence, two choices",
        include_str!("../../recipes/tasks/estcopa.yaml"),
    ),
    ("copa", "COPA in English, for what must not be lost", include_str!("../../recipes/tasks/copa.yaml")),
    ("estqa", "EstQA: questions about passages of Wikipedia", include_str!("../../recipes/tasks/estqa.yaml")),
    ("squad", "SQuAD in English, for what must not be lost", include_str!("../../recipes/tasks/squad.yaml")),
    ("estgec", "EstGEC-L2: corrections of learners' sentences", include_str!("../../recipes/tasks/estgec.yaml")),
    ("flores", "FLORES-200: sentences to translate", include_str!("../../recipes/tasks/flores.yaml")),
    ("belebele", "Belebele: a passage, a question, four choices", include_str!("../../recipes/tasks/belebele.yaml")),
    (
        "mt-bench",
        "MT-bench and Vicuna's questions, turn after turn, for judges",
        include_str!("../../recipes/tasks/mt-bench.yaml"),
    ),
    ("perplexity", "a text, for what must not be lost", include_str!("../../recipes/tasks/perplexity.yaml")),
    ("held-out", "the rows of sources that no stage trains on", include_str!("../../recipes/tasks/held-out.yaml")),
];

/// What recipes call the kinds of tasks.
const KINDS: [&str; 6] = ["translation", "choice", "answer", "correction", "perplexity", "conversation"];

/// Puts the keys of task files into the tasks that name them.
pub(super) fn take_in(tree: &mut Node) -> Vec<Refused> {
    let mut refused = Vec::new();
    let tasks = tree.get_mut("compare").and_then(|compare| compare.get_mut("tasks"));
    let Some(Node { value: Value::Seq(tasks), .. }) = tasks else { return refused };
    for (index, task) in tasks.iter_mut().enumerate() {
        let Some(named) = task.get_mut("task") else { continue };
        let Value::String(name) = named.value.clone() else { continue };
        if KINDS.contains(&name.as_str()) {
            continue;
        }
        let spot = named.spot.clone();
        let key = format!("compare.tasks.{index}.task");
        match keys_of(&name, &key) {
            Ok(keys) => {
                named.value = Value::Removed;
                add(task, keys);
            }
            Err(error) => {
                named.value = Value::Removed;
                refused.push(Refused { key, spot, error });
            }
        }
    }
    refused
}

/// The keys of a task's file, its name among them.
fn keys_of(name: &str, key: &str) -> Result<Vec<Entry>> {
    let (file, text) = match TASKS.iter().find(|(known, ..)| *known == name) {
        Some((known, _, text)) => (format!("tasks/{known}.yaml"), (*text).to_owned()),
        None if name.ends_with(".yaml") || name.ends_with(".yml") => {
            (name.to_owned(), files::read_text(Path::new(name))?)
        }
        None => return Err(unknown(name, key)),
    };
    let (tree, duplicates) = yaml::read(&text, &file)?;
    if let Some(duplicate) = duplicates.first() {
        return Err(Error::new(format!("{} is there twice in {file}", duplicate.key)).hint("keep one of them"));
    }
    let spot = tree.spot.clone();
    let Value::Map(mut keys) = tree.value else {
        return Err(
            Error::new(format!("{file} is no map of keys")).hint("a task file has keys such as task and prompts")
        );
    };
    let kind = keys.iter().find(|entry| entry.key == "task");
    match kind.map(|entry| &entry.node.value) {
        Some(Value::String(kind)) if KINDS.contains(&kind.as_str()) => {}
        _ => {
            let error = Error::new(format!("the key task of {file}")).expected(format!("one of {}", KINDS.join(", ")));
            return Err(error.hint("a task file says of which kind it is"));
        }
    }
    if !keys.iter().any(|entry| entry.key == "name") {
        let stem = Path::new(&file).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let node = Node { value: Value::String(stem), spot: spot.clone() };
        keys.push(Entry { key: "name".into(), spot, node });
    }
    let file: Arc<str> = file.into();
    keys.iter_mut().for_each(|entry| moved(entry, &file));
    Ok(keys)
}

fn unknown(name: &str, key: &str) -> Error {
    let known: Vec<&str> = KINDS.into_iter().chain(TASKS.map(|(name, ..)| name)).collect();
    Error::new(key)
        .got(format!("{name:?}"))
        .expected("a kind of task, the name of a task of the program, or a .yaml file")
        .hint(nearest::hint(name, "known tasks", &known))
}

/// Adds the keys that are not there; the kind is always that of the file.
fn add(task: &mut Node, keys: Vec<Entry>) {
    let Value::Map(entries) = &mut task.value else { return };
    entries.retain(|entry| entry.key != "task");
    for key in keys {
        if !entries.iter().any(|entry| entry.key == key.key) {
            entries.push(key);
        }
    }
}

/// Says of a key and all below it that they stand in a file of their own.
fn moved(entry: &mut Entry, file: &Arc<str>) {
    entry.spot = entry.spot.clone().of_file(file);
    moved_node(&mut entry.node, file);
}

fn moved_node(node: &mut Node, file: &Arc<str>) {
    node.spot = node.spot.clone().of_file(file);
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(|item| moved_node(item, file)),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| moved(entry, file)),
        _ => {}
    }
}
