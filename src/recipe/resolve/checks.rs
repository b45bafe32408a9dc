//! Checks that many keys share: names, ranges, what is missing, what has no effect.

use super::super::count::Count;
use super::super::mismatch::number;
use super::super::nearest;
use super::super::places::{Findings, Places};
use crate::error::Error;

/// Where the keys of an entry are: in the entry itself, or in the one that it inherits from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) path: &'a str,
    pub(super) inherits: Option<&'a str>,
}

impl Scope<'_> {
    /// The dotted path at which a key's value was written, or would be.
    pub(super) fn key(&self, places: &Places, key: &str) -> String {
        let own = format!("{}.{key}", self.path);
        match self.inherits.map(|path| format!("{path}.{key}")) {
            Some(inherited) if !places.has(&own) && places.has(&inherited) => inherited,
            _ => own,
        }
    }
}

impl Findings<'_> {
    /// Notes that a key which must be there is not; unless it was there and was left out for a mistake.
    pub(super) fn missing(&mut self, key: &str, hint: &str) {
        if !self.is_broken(key) {
            self.report_key(key, Error::new(format!("{key} is missing")).hint(hint));
        }
    }

    /// Notes that a key is there and means nothing.
    pub(super) fn no_effect(&mut self, key: &str, why: &str) {
        if self.places.has(key) && !self.is_broken(key) {
            self.report_key(key, Error::new(format!("{key} has no effect: {why}")).hint("take it out"));
        }
    }

    /// A count that must be in a range, both ends included.
    pub(super) fn count(&mut self, key: &str, count: Count, range: std::ops::RangeInclusive<u64>, hint: &str) -> usize {
        if !range.contains(&count.0) {
            let expected = match (*range.start(), *range.end()) {
                (least, u64::MAX) => format!("at least {least}"),
                (least, most) => format!("from {least} to {most}"),
            };
            self.wrong(key, count, &expected, hint);
        }
        usize::try_from(count.0).unwrap_or(usize::MAX)
    }

    /// A number that must satisfy a condition; one that is not finite never does.
    pub(super) fn number(&mut self, key: &str, value: f64, fits: bool, expected: &str, hint: &str) -> f64 {
        if !fits || !value.is_finite() {
            self.wrong(key, number(value), expected, hint);
        }
        value
    }

    /// Notes a value that is not what it must be; no hint if it is empty.
    pub(super) fn wrong(&mut self, key: &str, got: impl std::fmt::Display, expected: &str, hint: &str) {
        let error = Error::new(key).got(got).expected(expected);
        let error = if hint.is_empty() { error } else { error.hint(hint) };
        self.report(key, error);
    }

    /// Notes a name that nothing has.
    pub(super) fn unknown_name(&mut self, key: &str, name: &str, what: &str, known: &[&str]) {
        let expected = format!("the name of {what}");
        let hint = nearest::hint(name, "known names", known);
        self.wrong(key, format!("{name:?}"), &expected, &hint);
    }
}

/// A name that is also a folder's name.
pub(super) fn folder_name(key: &str, name: &str, dots: bool, findings: &mut Findings<'_>) -> String {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || (dots && c == '.');
    let fits = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(letters) && name.len() <= 100;
    if !fits {
        let marks = if dots { "- _ ." } else { "- _" };
        let expected =
            format!("letters from a to z, digits and {marks}, the first a letter or digit, at most 100 of them");
        let hint = "the name is also the name of a folder";
        if dots {
            findings.wrong(key, format!("{name:?}"), &expected, hint);
        } else {
            findings.report_key(key, Error::new(format!("the name {key}")).expected(expected).hint(hint));
        }
    }
    name.to_owned()
}
