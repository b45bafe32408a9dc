//! The tree of a recipe, in which every key and every value knows where it was written.

use std::sync::Arc;

/// Where a key or a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spot {
    /// In the recipe; both count from 1, columns in characters.
    Line {
        /// The line.
        line: u64,
        /// The column.
        column: u64,
    },
    /// In a file that the recipe names, such as that of a task.
    File {
        /// The file.
        file: Arc<str>,
        /// The line.
        line: u64,
        /// The column.
        column: u64,
    },
    /// On the command line: the argument of `--set`.
    Set(Arc<str>),
}

impl Spot {
    /// The same place in another file than the recipe.
    pub(crate) fn of_file(self, file: &Arc<str>) -> Self {
        match self {
            Self::Line { line, column } => Self::File { file: Arc::clone(file), line, column },
            other => other,
        }
    }

    /// The spot as messages name it, in the recipe of that name.
    pub(crate) fn in_file(&self, file: &str) -> String {
        match self {
            Self::Line { line, column } => format!("recipe {file}:{line}:{column}"),
            Self::File { file, line, column } => format!("task {file}:{line}:{column}"),
            Self::Set(argument) => format!("--set {argument}"),
        }
    }
}

/// A value and where it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) spot: Spot,
}

impl Node {
    /// What a map has under a key.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Map(entries) => entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node),
            _ => None,
        }
    }
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Nothing, or `null`.
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    String(String),
    Seq(Vec<Node>),
    Map(Vec<Entry>),
    /// What was here is reported as wrong; lists keep their numbering.
    Removed,
}

/// A key, its value, and where both are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) spot: Spot,
    pub(crate) node: Node,
}

/// A key that a map has more than once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Duplicate {
    /// The dotted path of the key.
    pub(crate) key: String,
    /// Where it is first.
    pub(crate) first: Spot,
    /// Where it is again.
    pub(crate) again: Spot,
}

impl Node {
    /// Takes out what is there again under a key of the same map.
    pub(crate) fn without_duplicates(mut self) -> (Self, Vec<Duplicate>) {
        let mut duplicates = Vec::new();
        self.take_duplicates("", &mut duplicates);
        (self, duplicates)
    }

    /// Places every node at the same spot.
    pub(crate) fn place(&mut self, spot: &Spot) {
        self.spot = spot.clone();
        match &mut self.value {
            Value::Seq(items) => items.iter_mut().for_each(|item| item.place(spot)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| {
                entry.spot = spot.clone();
                entry.node.place(spot);
            }),
            _ => {}
        }
    }

    fn take_duplicates(&mut self, path: &str, found: &mut Vec<Duplicate>) {
        match &mut self.value {
            Value::Seq(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    item.take_duplicates(&join(path, &index.to_string()), found);
                }
            }
            Value::Map(entries) => {
                let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
                for mut entry in entries.drain(..) {
                    let key = join(path, &entry.key);
                    if let Some(first) = kept.iter().find(|other| other.key == entry.key) {
                        found.push(Duplicate { key, first: first.spot.clone(), again: entry.spot });
                    } else {
                        entry.node.take_duplicates(&key, found);
                        kept.push(entry);
                    }
                }
                *entries = kept;
            }
            _ => {}
        }
    }
}

/// A dotted path, one step longer.
pub(crate) fn join(path: &str, step: &str) -> String {
    if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") }
}
