//! What is trained beside an adapter's own factors: whole modules, and rows of the embedding and the head.

use super::super::method::AdapterKind;
use super::super::places::Findings;
use super::super::written::{Adapter, TokenIds, Tokens};
use super::checks::Scope;

/// The module whose rows a bare list of tokens means.
const EMBEDDING: &str = "embed_tokens";

/// The most ids whose rows are trained; whole vocabularies are smaller.
const MOST_IDS: u64 = 1 << 22;

/// The modules that are trained whole, by the ends of their paths.
pub(super) fn modules_to_save(
    scope: Scope<'_>,
    written: &Adapter,
    kind: AdapterKind,
    findings: &mut Findings<'_>,
) -> Vec<String> {
    let Some(words) = &written.modules_to_save else { return Vec::new() };
    if kind == AdapterKind::Vera {
        findings.no_effect(&format!("{}.modules_to_save", scope.path), "method: vera trains vectors alone");
        return Vec::new();
    }
    let path = scope.key(findings.places, "modules_to_save");
    let mut names: Vec<String> = Vec::new();
    for (key, word) in words.at(&path) {
        if word.trim().is_empty() {
            findings.wrong(&key, "empty", "the name of a module such as embed_tokens", "");
        } else if names.iter().any(|name| name == word) {
            findings.wrong(&key, word, "a module that is not there already", "take it out");
        } else {
            names.push(word.to_owned());
        }
    }
    names
}

/// The rows that are trained, by the ends of the paths of their modules.
pub(super) fn trainable_tokens(
    scope: Scope<'_>,
    written: &Adapter,
    kind: AdapterKind,
    findings: &mut Findings<'_>,
) -> Vec<(String, Vec<u32>)> {
    let Some(tokens) = &written.trainable_tokens else { return Vec::new() };
    let path = scope.key(findings.places, "trainable_tokens");
    if matches!(kind, AdapterKind::Ia3 | AdapterKind::Vera) {
        findings.no_effect(&format!("{}.trainable_tokens", scope.path), "PEFT has it for LoRA only");
        return Vec::new();
    }
    let entries: Vec<(&str, String, &TokenIds)> = match tokens {
        Tokens::Embedding(ids) => vec![(EMBEDDING, path, ids)],
        Tokens::Of(named) => named.0.iter().map(|(name, ids)| (name.as_str(), format!("{path}.{name}"), ids)).collect(),
    };
    let mut rows = Vec::new();
    for (name, key, ids) in entries {
        let count: u64 = ids.0.iter().map(|range| u64::from(range.last - range.first) + 1).sum();
        if count > MOST_IDS {
            findings.wrong(&key, format!("{count} token ids"), "those of some tokens", "train the module whole");
            continue;
        }
        let ids = ids.all();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        if let Some([twice, _]) = sorted.array_windows().find(|[one, next]| one == next) {
            findings.wrong(&key, format!("the token id {twice} twice"), "each id once", "");
        }
        if ids.is_empty() {
            findings.wrong(&key, "empty", "token ids such as [5, \"32000-32999\"]", "");
        }
        rows.push((name.to_owned(), ids));
    }
    rows
}
