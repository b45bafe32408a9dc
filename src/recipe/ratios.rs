//! An adapter for each of several ratios, from one entry.
//!
//! Where the ratio of a source is a list, the entry stands for as many adapters, each named by the entry and its ratio:
//! `sweep` with `ratio: ["3:1", "1:1"]` for `sweep-3-1` and `sweep-1-1`. They differ in nothing else.

use std::collections::BTreeSet;

use super::node::{Entry, Node, Value, join};
use super::places::Refused;
use crate::error::Error;

/// Puts the adapters in the place of the entries that stand for several.
pub(super) fn expand(tree: &mut Node) -> Vec<Refused> {
    let mut refused = Vec::new();
    let Some(Node { value: Value::Map(adapters), .. }) = tree.get_mut("adapters") else { return refused };
    let mut expanded: Vec<Entry> = Vec::new();
    let mut made: BTreeSet<String> = BTreeSet::new();
    for mut adapter in std::mem::take(adapters) {
        let ratios = ratios(&mut adapter).unwrap_or_else(|it| {
            refused.push(it);
            None
        });
        let several = ratios.iter().flatten().map(|ratio| with_ratio(&adapter, ratio)).collect::<Vec<_>>();
        let is_one = several.is_empty();
        for entry in if is_one { vec![adapter] } else { several } {
            let is_there = expanded.iter().any(|other| other.key == entry.key);
            if is_there && (!is_one || made.contains(&entry.key)) {
                let error = Error::new(format!("there are two adapters {}", entry.key))
                    .hint("a list of ratios makes an adapter for each, named by its entry and the ratio; rename one");
                refused.push(Refused { key: join("adapters", &entry.key), spot: entry.spot.clone(), error });
                continue;
            }
            if !is_one {
                made.insert(entry.key.clone());
            }
            expanded.push(entry);
        }
    }
    *adapters = expanded;
    refused
}

/// The ratios of an entry that has a list of them; the list is taken out where it cannot be used.
fn ratios(adapter: &mut Entry) -> Result<Option<Vec<Node>>, Refused> {
    let path = join(&join("adapters", &adapter.key), "mixture");
    let Some(Node { value: Value::Map(sources), .. }) = adapter.node.get_mut("mixture") else { return Ok(None) };
    let mut found: Option<(String, Vec<Node>)> = None;
    for source in sources {
        let Some(ratio) = source.node.get_mut("ratio") else { continue };
        let Value::Seq(items) = &ratio.value else { continue };
        let key = format!("{path}.{}.ratio", source.key);
        let spot = source.spot.clone();
        let error = match &found {
            _ if items.is_empty() => Error::new(&key).got("an empty list").expected("a ratio such as 1:3, or several"),
            _ if !items.iter().all(|item| matches!(item.value, Value::String(_))) => {
                Error::new(&key).got("a list of other things").expected("a list of texts such as \"1:3\"")
            }
            Some((first, _)) => Error::new(format!("{key} is a second list of ratios"))
                .hint(format!("{first} has one already; an adapter is made for each ratio of one list")),
            None => {
                found = Some((key, items.clone()));
                continue;
            }
        };
        ratio.value = Value::Removed;
        return Err(Refused { key, spot, error });
    }
    Ok(found.map(|(_, ratios)| ratios))
}

/// The adapter of one ratio.
fn with_ratio(adapter: &Entry, ratio: &Node) -> Entry {
    let Value::String(text) = &ratio.value else { return adapter.clone() };
    let mut one = adapter.clone();
    one.key = format!("{}-{}", adapter.key, text.trim().replace(':', "-"));
    if let Some(Node { value: Value::Map(sources), .. }) = one.node.get_mut("mixture") {
        for source in sources {
            if let Some(place) = source.node.get_mut("ratio").filter(|node| matches!(node.value, Value::Seq(_))) {
                *place = ratio.clone();
            }
        }
    }
    one
}
