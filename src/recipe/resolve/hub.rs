//! What is on the Hub: names, subsets, splits and revisions.

use super::super::places::Findings;
use super::super::study::HubDataset;
use super::super::written;

/// The revision where none is written.
pub(super) const MAIN: &str = "main";

/// The data set that a source names; `None` if it names none.
pub(super) fn dataset(
    path: &str,
    name: &str,
    written: &written::Source,
    findings: &mut Findings<'_>,
) -> Option<HubDataset> {
    let known = is_name(name);
    if !known {
        let hint = match name.contains('/') {
            true => "",
            false => "the owner stands in the address of its page: huggingface.co/datasets/owner/name",
        };
        findings.wrong(&format!("{path}.hub"), format!("{name:?}"), "owner/name of a data set on the Hub", hint);
    }
    for (key, value) in [("subset", &written.subset), ("split", &written.split)] {
        if value.as_ref().is_some_and(|value| value.trim().is_empty()) {
            findings.wrong(&format!("{path}.{key}"), "\"\"", "a name that the data set has", "");
        }
    }
    let revision = revision(&format!("{path}.revision"), written.revision.as_deref(), findings);
    known.then(|| HubDataset {
        name: name.to_owned(),
        subset: written.subset.clone(),
        split: written.split.clone().unwrap_or_else(|| "train".to_owned()),
        revision,
        commit: None,
    })
}

/// A branch, tag or commit, which is a part of addresses and of paths.
pub(super) fn revision(key: &str, written: Option<&str>, findings: &mut Findings<'_>) -> String {
    let revision = written.unwrap_or(MAIN);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./+".contains(c);
    let parts_fit = revision.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !parts_fit || !revision.chars().all(allowed) {
        findings.wrong(key, format!("{revision:?}"), "a branch, a tag or a commit", "the default is main");
    }
    revision.to_owned()
}

/// Whether a text is `owner/name` as the Hub allows it.
pub(super) fn is_name(text: &str) -> bool {
    let part = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let bad_end = part.starts_with(['-', '.']) || part.ends_with(['-', '.']);
        (1..=96).contains(&part.len())
            && part.chars().all(allowed)
            && !bad_end
            && !part.contains("--")
            && !part.contains("..")
    };
    text.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}
