//! Which fields of a row are read, and into which slots.
//!
//! A template reads a few fields of a row, each into a slot of its own; everything else in the row is passed over without
//! being kept. Slot `i` is field `i` of [`RowTemplate::fields`].

use super::value::Value;
use crate::error::{Error, Result};
use crate::recipe::{Reading, RowTemplate, Source, WEIGHT};

/// The slot of the other name that lists of messages have.
pub(super) const CONVERSATIONS: usize = 4;

/// The fields of a source's rows.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// What the rows are.
    pub template: RowTemplate,
    /// Where in a row the slots are.
    pub root: Node,
    reading: Reading,
    slots: usize,
    /// The slot of the row's weight, if rows have one.
    pub weight: Option<usize>,
}

/// A level of a row: the keys that lead to slots.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// The slots that the value at this place goes to.
    pub slots: Vec<usize>,
    /// The keys of it that lead further.
    pub children: Vec<(String, Node)>,
}

impl Layout {
    /// The layout of a source.
    pub fn new(source: &Source) -> Self {
        let (template, reading) = (source.template, source.reading.clone());
        let mut root = Node::default();
        let mut slots = 0;
        for (slot, name) in template.fields().iter().enumerate() {
            let within_messages = template == RowTemplate::Messages && matches!(*name, "role" | "content");
            if !within_messages {
                root.add(reading.field(name), slot);
            }
            slots = slot + 1;
        }
        if template == RowTemplate::Messages && reading.renamed("messages").is_none() {
            root.add("conversations", CONVERSATIONS);
            slots = CONVERSATIONS + 1;
        }
        let weight = reading.renamed(WEIGHT).map(|name| {
            root.add(name, slots);
            slots += 1;
            slots - 1
        });
        Self { template, root, reading, slots, weight }
    }

    /// Empty slots.
    pub fn slots(&self) -> Vec<Option<Value>> {
        vec![None; self.slots]
    }

    /// What the recipe calls the field of a slot.
    pub fn name(&self, slot: usize) -> &str {
        if self.weight == Some(slot) {
            return self.reading.field(WEIGHT);
        }
        self.template.fields().get(slot).map_or("conversations", |name| self.reading.field(name))
    }

    /// The name that the recipe gives a field, if it gives one.
    pub fn renamed(&self, field: &str) -> Option<&str> {
        self.reading.renamed(field)
    }

    /// Which columns of a table are read, by their names, and where in the layout each is.
    ///
    /// # Errors
    /// A column that rows must have is not there, or is there twice.
    pub fn columns(&self, names: &[String]) -> Result<Vec<(usize, Node)>> {
        if self.has_no_names() {
            let sides = [0, 1].map(|slot| (slot, Node { slots: vec![slot], children: Vec::new() }));
            return match names.len() {
                2 => Ok(sides.to_vec()),
                count => Err(Error::new("the number of columns")
                    .got(count)
                    .expected("2, the first language's first")
                    .hint("or name the two columns, such as fields: { first: en, second: et }")),
            };
        }
        let wanted = names.iter().enumerate().filter_map(|(at, name)| Some((at, self.root.get(name)?.clone())));
        let wanted: Vec<(usize, Node)> = wanted.collect();
        let twice = wanted
            .iter()
            .filter_map(|(at, _)| names.get(*at))
            .find(|name| names.iter().filter(|other| other == name).count() > 1);
        if let Some(name) = twice {
            return Err(Error::new(format!("two columns have the name `{name}`")));
        }
        let is_there = |slot| wanted.iter().any(|(_, node)| node.leads_to(slot));
        let missing = self.missing(is_there);
        match missing.or(self.weight.filter(|slot| !is_there(*slot)).map(|slot| self.name(slot))) {
            None => Ok(wanted),
            Some(name) => {
                let known: Vec<String> = names.iter().take(12).map(|name| format!("`{name}`")).collect();
                let hint = format!("its columns are {}", known.join(", "));
                Err(Error::new(format!("the table has no column `{name}`")).hint(hint))
            }
        }
    }

    /// Whether the two sides of a pair are to be found without names: only tables of two columns can be read so.
    pub fn has_no_names(&self) -> bool {
        self.template == RowTemplate::Translation && self.reading.fields.is_empty()
    }

    /// The first field that a row must have and that is not there.
    fn missing(&self, is_there: impl Fn(usize) -> bool) -> Option<&str> {
        let required: &[usize] = match self.template {
            RowTemplate::Plain | RowTemplate::Tokens => &[0],
            RowTemplate::Alpaca => &[0, 2],
            RowTemplate::Messages if is_there(CONVERSATIONS) => &[],
            RowTemplate::Messages => &[0],
            RowTemplate::PromptCompletion | RowTemplate::Translation => &[0, 1],
        };
        required.iter().find(|slot| !is_there(**slot)).map(|slot| self.name(*slot))
    }
}

impl Node {
    /// Adds a dotted path; also as one key that has the dots in it.
    fn add(&mut self, path: &str, slot: usize) {
        self.child(path).slots.push(slot);
        if path.contains('.') {
            let place = path.split('.').fold(self, Node::child);
            place.slots.push(slot);
        }
    }

    fn child(&mut self, key: &str) -> &mut Node {
        let at = self.children.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
            self.children.push((key.to_owned(), Node::default()));
            self.children.len() - 1
        });
        // The index was found or made just now.
        &mut self.children[at].1
    }

    /// What a key leads to.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.children.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    fn leads_to(&self, slot: usize) -> bool {
        self.slots.contains(&slot) || self.children.iter().any(|(_, child)| child.leads_to(slot))
    }

    /// Puts a value, or what is in it, into the slots.
    pub fn fill(&self, mut value: Value, slots: &mut [Option<Value>]) {
        for (key, child) in &self.children {
            // Only an object that is both a field and a way to others is needed twice.
            let inner = if self.slots.is_empty() { value.take(key) } else { value.get(key).cloned() };
            if let Some(inner) = inner {
                child.fill(inner, slots);
            }
        }
        if let Some((last, others)) = self.slots.split_last() {
            for slot in others {
                put(slots, *slot, value.clone());
            }
            put(slots, *last, value);
        }
    }
}

/// Puts a value into a slot.
pub(super) fn put(slots: &mut [Option<Value>], slot: usize, value: Value) {
    if let Some(place) = slots.get_mut(slot) {
        *place = Some(value);
    }
}
