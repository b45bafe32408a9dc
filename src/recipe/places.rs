//! Where each key of a recipe is, by its dotted path, and the mistakes found so far.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Node, Spot, Value, join};
use crate::error::Error;

/// Where each key of a recipe was written.
#[derive(Debug, Clone, Default)]
pub struct Places {
    file: String,
    spots: BTreeMap<String, Spots>,
}

#[derive(Debug, Clone)]
struct Spots {
    key: Spot,
    value: Spot,
}

impl Places {
    pub(crate) fn of_tree(tree: &Node, file: &str) -> Self {
        let mut places = Self { file: file.to_owned(), spots: BTreeMap::new() };
        places.collect(tree, "");
        places
    }

    /// Where the value of a key is, as an error's place: `recipe mine.yaml:14:11`, or `--set a.b=c`.
    ///
    /// Keys are dotted paths (`sources.bitext.path`, `compare.tasks.0.data`). A map or a list is where its key
    /// is; a key that was not written (its value is a default) is where the nearest key above it is.
    pub fn of(&self, key: &str) -> String {
        self.value_spot(key).in_file(&self.file)
    }

    /// Whether the recipe has the key.
    pub fn has(&self, key: &str) -> bool {
        self.spots.contains_key(key)
    }

    /// The name of the recipe in messages: its path.
    pub fn file(&self) -> &str {
        &self.file
    }

    fn value_spot(&self, key: &str) -> Spot {
        self.nearest(key).map_or(Spot::Line { line: 1, column: 1 }, |spots| spots.value.clone())
    }

    fn key_spot(&self, key: &str) -> Spot {
        self.nearest(key).map_or(Spot::Line { line: 1, column: 1 }, |spots| spots.key.clone())
    }

    fn nearest(&self, key: &str) -> Option<&Spots> {
        let mut key = key;
        loop {
            if let Some(spots) = self.spots.get(key) {
                return Some(spots);
            }
            key = key.rsplit_once('.')?.0;
        }
    }

    fn collect(&mut self, node: &Node, path: &str) {
        match &node.value {
            Value::Seq(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = join(path, &index.to_string());
                    self.insert(&path, &item.spot, item);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    self.insert(&join(path, &entry.key), &entry.spot, &entry.node);
                }
            }
            _ => {}
        }
    }

    fn insert(&mut self, path: &str, key: &Spot, node: &Node) {
        let scalar = !matches!(node.value, Value::Seq(_) | Value::Map(_));
        let value = if scalar { node.spot.clone() } else { key.clone() };
        self.spots.insert(path.to_owned(), Spots { key: key.clone(), value });
        self.collect(node, path);
    }
}

/// What could not be put in the place of something that was written: the dotted path of the key, where it stands, and why.
pub(crate) struct Refused {
    pub(crate) key: String,
    pub(crate) spot: Spot,
    pub(crate) error: Error,
}

/// The mistakes of a recipe, each with its place; and what to leave alone because it is reported already.
pub(crate) struct Findings<'a> {
    pub(crate) places: &'a Places,
    errors: Vec<(Spot, Error)>,
    broken: BTreeSet<String>,
    reported: BTreeSet<String>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(places: &'a Places) -> Self {
        Self { places, errors: Vec::new(), broken: BTreeSet::new(), reported: BTreeSet::new() }
    }

    /// Notes a mistake in the value of a key. The same words about the same place are noted once.
    pub(crate) fn report(&mut self, key: &str, error: Error) {
        self.reported.insert(key.to_owned());
        self.report_at(self.places.value_spot(key), error);
    }

    /// Notes a mistake in the key itself.
    pub(crate) fn report_key(&mut self, key: &str, error: Error) {
        self.report_at(self.places.key_spot(key), error);
    }

    /// Notes a mistake at a place that is known otherwise.
    pub(crate) fn report_at(&mut self, spot: Spot, error: Error) {
        let error = error.at(spot.in_file(&self.places.file));
        let text = error.to_string();
        if !self.errors.iter().any(|(_, other)| other.to_string() == text) {
            self.errors.push((spot, error));
        }
    }

    /// Notes what was refused before the places were known; nothing else is said about these keys.
    pub(crate) fn refuse(&mut self, refused: Vec<Refused>) {
        for Refused { key, spot, error } in refused {
            self.mark_broken(&key);
            self.report_at(spot, error);
        }
    }

    /// Remembers that what is at a key was left out after it was reported.
    pub(crate) fn mark_broken(&mut self, key: &str) {
        self.broken.insert(key.to_owned());
    }

    /// Whether a key, one above it or one below it was left out: then its value says nothing.
    pub(crate) fn is_broken(&self, key: &str) -> bool {
        let below = format!("{key}.");
        self.broken.range(below.clone()..).next().is_some_and(|first| first.starts_with(&below))
            || self.broken.iter().any(|broken| {
                key.strip_prefix(broken.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
    }

    /// Whether a value is reported as wrong, or was left out: then nothing else should be measured by it.
    pub(crate) fn is_doubtful(&self, key: &str) -> bool {
        self.reported.contains(key) || self.is_broken(key)
    }

    /// All mistakes as one error, in the order of their places; `None` if there are none.
    pub(crate) fn into_error(mut self) -> Option<Error> {
        self.errors.sort_by(|(a, _), (b, _)| a.cmp(b));
        Error::all(self.errors.into_iter().map(|(_, error)| error).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn a_key_that_was_not_written_is_where_the_nearest_above_it_is() {
        let (tree, _) = yaml::read("a:\n  b:\n    c: 5\n  d: [7, 8]\n", "x.yaml").expect("YAML");
        let places = Places::of_tree(&tree, "x.yaml");
        assert_eq!(places.of("a.b.c"), "recipe x.yaml:3:8");
        assert_eq!(places.of("a.b"), "recipe x.yaml:2:3");
        assert_eq!(places.of("a.b.z.y"), "recipe x.yaml:2:3");
        assert_eq!(places.of("a.d.1"), "recipe x.yaml:4:10");
        assert_eq!(places.of("z"), "recipe x.yaml:1:1");
        assert!(places.has("a.d.0") && !places.has("a.d.2"));
        assert_eq!(places.file(), "x.yaml");
    }

    #[test]
    fn what_was_left_out_is_broken_above_and_below() {
        let places = Places::default();
        let mut findings = Findings::new(&places);
        findings.mark_broken("a.b");
        for key in ["a.b", "a.b.c", "a"] {
            assert!(findings.is_broken(key), "{key}");
        }
        for key in ["a.bc", "a.c", "b", "a.b-c"] {
            assert!(!findings.is_broken(key), "{key}");
        }
    }
}
