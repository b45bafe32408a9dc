//! `start_from`: which adapter another one goes on from, and the order that follows.

use super::super::method::{LoraSettings, Method};
use super::super::nearest;
use super::super::places::Findings;
use super::super::study::Foundation;
use super::adapters::Entry;
use crate::error::Error;

/// The entry that another one starts from, by the entry's own name or by that of one of its adapters.
pub(super) fn target<'a>(entry: &Entry, entries: &'a [Entry]) -> Option<&'a Entry> {
    let name = entry.start_from.as_deref()?;
    entries.iter().find(|other| other.name == name || other.on.iter().any(|&on| other.adapter_name(on) == name))
}

/// The entries, each after the one it starts from and otherwise as written.
///
/// One entry is trained on several models, but it starts from one other entry on all of them: so the order of the
/// entries is an order of the adapters.
pub(super) fn in_order<'a>(entries: &'a [Entry], findings: &mut Findings<'_>) -> Vec<&'a Entry> {
    for entry in entries {
        fits(entry, entries, findings);
    }
    let mut ordered: Vec<&Entry> = Vec::new();
    let mut in_cycle: Vec<&str> = Vec::new();
    for entry in entries {
        let mut chain = vec![entry];
        while let Some(next) = chain.last().and_then(|last| target(last, entries)) {
            if let Some(first) = chain.iter().position(|seen| seen.name == next.name) {
                report_cycle(&chain[first..], &mut in_cycle, findings);
                break;
            }
            chain.push(next);
        }
        for link in chain.into_iter().rev() {
            if !ordered.iter().any(|done| done.name == link.name) {
                ordered.push(link);
            }
        }
    }
    ordered
}

fn report_cycle<'a>(cycle: &[&'a Entry], known: &mut Vec<&'a str>, findings: &mut Findings<'_>) {
    let Some(first) = cycle.first() else { return };
    if known.contains(&first.name.as_str()) {
        return;
    }
    known.extend(cycle.iter().map(|entry| entry.name.as_str()));
    let names: Vec<&str> = cycle.iter().map(|entry| entry.name.as_str()).chain([first.name.as_str()]).collect();
    let key = format!("{}.start_from", first.path);
    let error = Error::new(format!("{key} goes round in a circle: {}", names.join(" starts from ")));
    findings.report(&key, error.hint("one of them must start from nothing"));
}

/// The start is there, on the same models, and of the same shape.
fn fits(entry: &Entry, entries: &[Entry], findings: &mut Findings<'_>) {
    let Some(name) = &entry.start_from else { return };
    let key = format!("{}.start_from", entry.path);
    let Some(start) = target(entry, entries) else {
        if !findings.is_broken(&format!("adapters.{}", name.split('@').next().unwrap_or(name))) {
            let known: Vec<&str> =
                entries.iter().map(|other| other.name.as_str()).filter(|&other| other != entry.name).collect();
            let hint = nearest::hint(name, "other adapters", &known);
            findings.wrong(&key, format!("{name:?}"), "the name of another adapter", &hint);
        }
        return;
    };
    let doubtful = [entry, start].iter().any(|entry| findings.is_doubtful(&entry.scope().key(findings.places, "on")));
    for &on in entry.on.iter().filter(|_| !doubtful) {
        let named_other = *name != start.name && start.adapter_name(on) != *name;
        if !start.on.contains(&on) || named_other {
            let got =
                format!("{name}, which is trained on {}", models(if named_other { &[] } else { &start.on }, name));
            let expected = format!("an adapter on {}, as {} is", on.label(), entry.path);
            let hint = if start.on.contains(&on) {
                format!("write {}: on each model it is the adapter on that model", start.name)
            } else {
                format!("add {} to {}.on, or take it out of {}.on", on.label(), start.path, entry.path)
            };
            findings.wrong(&key, got, &expected, &hint);
        }
    }
    same_shape(entry, start, findings);
}

fn models(on: &[Foundation], name: &str) -> String {
    match name.split_once('@') {
        Some((_, model)) => model.to_owned(),
        None => on.iter().map(|on| on.label()).collect::<Vec<_>>().join(", "),
    }
}

fn same_shape(entry: &Entry, start: &Entry, findings: &mut Findings<'_>) {
    let mut differs = |name: &str, mine: String, theirs: String| {
        let [key, other] = [entry, start].map(|entry| entry.scope().key(findings.places, name));
        if mine != theirs && !findings.is_doubtful(&key) && !findings.is_doubtful(&other) {
            let expected = format!("{theirs}, as {} has it", start.path);
            let hint = format!("{}.start_from goes on with the same parameters", entry.path);
            findings.wrong(&key, mine, &expected, &hint);
        }
    };
    match (&entry.plan.method, &start.plan.method) {
        (Method::Lora(mine), Method::Lora(theirs)) => {
            let (rank, alpha) = theirs.saved();
            differs("method", mine.kind.name().to_owned(), theirs.kind.name().to_owned());
            differs("rank", mine.rank.to_string(), rank.to_string());
            differs("alpha", mine.alpha.to_string(), alpha.to_string());
            differs("rslora", mine.rslora.to_string(), theirs.rslora.to_string());
            differs("targets", mine.targets.to_string(), theirs.targets.to_string());
            let exclude =
                |one: &LoraSettings| one.exclude.as_ref().map_or("none".to_owned(), |names| names.to_string());
            differs("exclude", exclude(mine), exclude(theirs));
            differs("layers", format!("{:?}", mine.layers), format!("{:?}", theirs.layers));
            let saved = |one: &LoraSettings| format!("[{}]", one.modules_to_save.join(", "));
            differs("modules_to_save", saved(mine), saved(theirs));
            let rows = |one: &LoraSettings| format!("{:?}", one.trainable_tokens);
            differs("trainable_tokens", rows(mine), rows(theirs));
        }
        (Method::Full, Method::Full) => {}
        (mine, theirs) => differs("method", mine.to_string(), theirs.to_string()),
    }
}
