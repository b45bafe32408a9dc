//! Which row of which file a document is.
//!
//! A sequence has token ids and nothing of where they come from, so the rows are read again and their texts looked for
//! in the documents. A row whose text was changed on the way, or that stands far behind, is not found, and then nothing
//! is said of it.

use std::collections::HashMap;

use serde::Serialize;

use super::excerpt::{Document, Excerpt};
use super::sample::texts;
use crate::data::read::{Row, Rows};
use crate::error::{Place, Result};
use crate::recipe::{Source, Training};
use crate::study::ground::Ground;

/// Rows of a source that are read, at most.
const MOST_ROWS: usize = 200_000;
/// Bytes of a text by which it is looked for; a shorter one is compared with every document.
const KEY: usize = 8;
/// Characters that a part of a document must have to be looked for in the rows.
const LEAST_PART: usize = 12;

/// Where a document comes from, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Origin {
    /// The source's name.
    pub source: Option<String>,
    /// The file and line at which its row begins.
    pub place: Option<String>,
}

/// Finds the rows of the documents of a stage.
pub(super) fn find(ground: &Ground<'_>, training: &Training, excerpts: &mut [Excerpt]) -> Result<()> {
    let names: Vec<&str> = training.mixture.parts.iter().map(|part| part.source.as_str()).collect();
    let documents: Vec<&Document> = excerpts.iter().flat_map(|excerpt| &excerpt.documents).collect();
    let mut search = Search::new(&documents);
    for source in ground.study.sources.iter().filter(|source| names.contains(&source.name.as_str())) {
        if search.texts.is_empty() {
            break;
        }
        search.read(source, ground.study.seed).at(format!("source {}", source.name))?;
    }
    let mut found = search.found.into_iter();
    for excerpt in excerpts {
        for document in &mut excerpt.documents {
            document.origin = found.next().flatten().map(|(_, origin)| origin).unwrap_or_default();
        }
        // The documents of a joined sequence are of one source.
        let known = excerpt.documents.iter().find_map(|document| document.origin.source.clone());
        let known = known.filter(|_| excerpt.joined);
        let source = known.or_else(|| match names.as_slice() {
            [only] => Some((*only).to_owned()),
            _ => None,
        });
        for document in &mut excerpt.documents {
            document.origin.source = document.origin.source.take().or_else(|| source.clone());
        }
    }
    Ok(())
}

/// Documents that are looked for.
struct Search<'d> {
    /// Their texts, and whether all of the document is here.
    texts: Vec<(&'d str, bool)>,
    whole: HashMap<&'d str, Vec<usize>>,
    keys: HashMap<&'d [u8], Vec<usize>>,
    /// For each document, the row with most of its text so far.
    found: Vec<Option<(usize, Origin)>>,
}

impl<'d> Search<'d> {
    fn new(documents: &[&'d Document]) -> Self {
        let text = |document: &&'d Document| (document.text.trim(), document.begins && document.ends);
        let texts: Vec<(&str, bool)> = documents.iter().map(text).collect();
        let mut search = Self { found: vec![None; texts.len()], whole: HashMap::new(), keys: HashMap::new(), texts };
        for (index, (text, whole)) in search.texts.iter().enumerate() {
            if *whole {
                search.whole.entry(text).or_default().push(index);
            }
            for key in text.as_bytes().windows(KEY) {
                let places = search.keys.entry(key).or_default();
                if places.last() != Some(&index) {
                    places.push(index);
                }
            }
        }
        search
    }

    fn read(&mut self, source: &Source, seed: u64) -> Result<()> {
        let mut rows = Rows::open(source, seed)?;
        let files: Vec<String> = rows.files().iter().map(|file| file.display().to_string()).collect();
        for _ in 0..MOST_ROWS {
            let Some(read) = rows.next().transpose()? else { break };
            for (document, length) in self.matches(&read.row) {
                let Some(found) = self.found.get_mut(document) else { continue };
                if found.as_ref().is_none_or(|(known, _)| *known < length) {
                    let file = files.get(read.place.file as usize).cloned().unwrap_or_default();
                    let place = Some(format!("{file}:{}", read.place.line));
                    *found = Some((length, Origin { source: Some(source.name.clone()), place }));
                }
            }
        }
        Ok(())
    }

    /// The documents that a row may be, with how much of each it explains.
    fn matches(&self, row: &Row) -> Vec<(usize, usize)> {
        if let Row::Document(text) = row {
            let text = text.trim();
            let whole = self.whole.get(text).into_iter().flatten().map(|index| (*index, text.len()));
            let parts = self.texts.iter().enumerate().filter(|(_, (part, whole))| {
                !whole && part.chars().take(LEAST_PART).count() == LEAST_PART && text.contains(inner(part))
            });
            return whole.chain(parts.map(|(index, (part, _))| (index, part.len()))).collect();
        }
        let texts: Vec<&str> = texts(row).into_iter().map(str::trim).filter(|text| !text.is_empty()).collect();
        let Some(longest) = texts.iter().max_by_key(|text| text.len()) else { return Vec::new() };
        let candidates: Vec<usize> = match longest.as_bytes().get(..KEY) {
            Some(key) => self.keys.get(key).cloned().unwrap_or_default(),
            None => (0..self.texts.len()).collect(),
        };
        let length = texts.iter().map(|text| text.len()).sum();
        let holds = |index: &usize| {
            self.texts.get(*index).is_some_and(|(document, _)| texts.iter().all(|text| document.contains(text)))
        };
        candidates.into_iter().filter(holds).map(|index| (index, length)).collect()
    }
}

/// A part of a document without the halves of characters at its ends.
fn inner(part: &str) -> &str {
    part.trim_matches(|character: char| character == char::REPLACEMENT_CHARACTER).trim()
}
