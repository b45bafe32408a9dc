//! The tree of a recipe → what was written, with every mistake of form reported at once.
//!
//! serde stops at the first mistake. So each mistake is reported, what is wrong is taken out of the tree, and the
//! tree is read again, until what is left can be read.

use serde::Deserialize;

use super::deserializer::NodeDeserializer;
use super::mismatch::{Mismatch, Reason, describe, one_of};
use super::nearest;
use super::node::{Node, Value, join};
use super::places::Findings;
use super::written;
use crate::error::Error;

/// Reads what was written; what is wrong is in the findings, and left out.
///
/// `None` if it is no map at all: then there is nothing to go on with.
pub(crate) fn read(mut tree: Node, findings: &mut Findings<'_>) -> Option<written::Recipe> {
    if !matches!(tree.value, Value::Map(_)) {
        let error =
            Error::new("the recipe").got(describe(&tree.value)).expected("a map with keys such as name and base");
        findings.report("", error.hint("emakeel schema describes every key"));
        return None;
    }
    loop {
        match written::Recipe::deserialize(NodeDeserializer(&tree)) {
            Ok(_) => break,
            Err(mismatch) => {
                report(&mismatch, findings);
                if !remove(&mut tree, &mismatch.path()) {
                    return None;
                }
            }
        }
    }
    // An item missing from a list would shift the numbers of those after it: the rest of such a list is not looked at.
    remove_lists_with_holes(&mut tree, "", findings);
    written::Recipe::deserialize(NodeDeserializer(&tree)).ok()
}

fn report(mismatch: &Mismatch, findings: &mut Findings<'_>) {
    let path = mismatch.path().join(".");
    findings.mark_broken(&path);
    match &mismatch.reason {
        Reason::UnknownKey { known } => {
            let (above, key) = path.rsplit_once('.').unwrap_or(("", &path));
            // The key that was meant counts as given, so that it is not called missing as well.
            if let Some(meant) = nearest::nearest(key, known.iter().copied()) {
                findings.mark_broken(&join(above, meant));
            }
            let error = Error::new(format!("unknown key {path}")).hint(nearest::hint(key, "known keys", known));
            findings.report_key(&path, error);
        }
        Reason::Value { got, expected } => {
            let error = Error::new(&path).got(got).expected(expected);
            let error = match (got.as_str(), expected.as_str()) {
                ("empty", _) => error.hint("give it a value, or take the key out"),
                ("a list" | "a map", _) => error,
                (got, "a text") => error.hint(format!("in quotes it is a text: '{got}'")),
                (got, "a list") => error.hint(format!("a list of one is written [{}]", got.trim_matches('"'))),
                (got, "a number") if got.trim_matches('"').parse::<f64>().is_ok() => {
                    error.hint("without quotes it is a number")
                }
                _ => error,
            };
            findings.report(&path, error);
        }
        Reason::UnknownWord { got, known } => {
            let error = Error::new(&path).got(format!("{got:?}")).expected(one_of(known));
            let error = match nearest::nearest(got, known.iter().copied()) {
                Some(near) => error.hint(format!("did you mean {near}?")),
                None => error,
            };
            findings.report(&path, error);
        }
        Reason::Other(message) => findings.report(&path, Error::new(format!("{path}: {message}"))),
    }
}

/// Takes what is at a path out of the tree; says whether there was something.
fn remove(node: &mut Node, path: &[&str]) -> bool {
    let Some((step, rest)) = path.split_first() else {
        return std::mem::replace(&mut node.value, Value::Removed) != Value::Removed;
    };
    let below = match &mut node.value {
        Value::Map(entries) => entries.iter_mut().find(|entry| entry.key == *step).map(|entry| &mut entry.node),
        Value::Seq(items) => step.parse().ok().and_then(|index: usize| items.get_mut(index)),
        _ => None,
    };
    below.is_some_and(|node| remove(node, rest))
}

fn remove_lists_with_holes(node: &mut Node, path: &str, findings: &mut Findings<'_>) {
    match &mut node.value {
        Value::Seq(items) if items.iter().any(|item| item.value == Value::Removed) => {
            findings.mark_broken(path);
            node.value = Value::Removed;
        }
        Value::Seq(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                remove_lists_with_holes(item, &join(path, &index.to_string()), findings);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                remove_lists_with_holes(&mut entry.node, &join(path, &entry.key), findings);
            }
        }
        _ => {}
    }
}
