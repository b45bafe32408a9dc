//! A sequence as the model gets it: its documents, and their pieces of text with what is trained on.
//!
//! A token of a byte-level vocabulary may be a part of a character; such tokens stand together in one piece, so that a
//! piece is always whole text. Only where the sequence itself begins or ends inside a character stands U+FFFD.

use std::ops::Range;

use serde::Serialize;

use super::signs::{BEGIN, END, UNKNOWN};
use crate::data::stream::Span;
use crate::data::{Sequence, Tokenizer};

/// Where a sequence is in the run; all numbers from 1.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Place {
    pub step: u64,
    pub steps: u64,
    pub sequence: usize,
    /// Sequences of the step.
    pub of: usize,
}

/// A sequence.
#[derive(Debug, Serialize)]
pub(super) struct Excerpt {
    #[serde(flatten)]
    pub place: Place,
    /// Whether documents are joined: attention reads from one into the next.
    pub joined: bool,
    pub documents: Vec<Document>,
}

/// A document of a sequence, or the part of it that the sequence has.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    /// The name of the source.
    pub source: String,
    /// The file and line at which its row begins.
    pub place: String,
    /// Whether its beginning is here.
    pub begins: bool,
    /// Whether its end is here.
    pub ends: bool,
    /// The text without special tokens.
    pub text: String,
    pub ids: Vec<u32>,
    pub trained: Vec<bool>,
    #[serde(skip)]
    pub pieces: Vec<Piece>,
}

/// One token, or those that are one character together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub ids: Vec<u32>,
    pub trained: bool,
    pub shown: Shown,
}

/// What a piece stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// A part of the document's text.
    Text(Range<usize>),
    /// A token that is no text, by its name.
    Special(String),
}

impl Excerpt {
    /// Takes a sequence apart at the spans of its rows.
    pub fn new(place: Place, sequence: &Sequence, spans: &[Span], joined: bool, tokenizer: &Tokenizer) -> Self {
        let mut start = 0;
        let document = |span: &Span| {
            let end = start + (span.end - span.start) as usize;
            let ids = sequence.ids.get(start..end).unwrap_or_default();
            let trained = sequence.trained.get(start..end).unwrap_or_default();
            start = end;
            Document::new(span, ids, trained, tokenizer)
        };
        Self { place, joined, documents: spans.iter().map(document).collect() }
    }

    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.documents.iter().map(|document| document.ids.len()).sum()
    }

    /// Number of targets.
    pub fn targets(&self) -> usize {
        self.documents.iter().map(Document::targets).sum()
    }
}

impl Document {
    fn new(span: &Span, ids: &[u32], trained: &[bool], tokenizer: &Tokenizer) -> Self {
        let mut document = Self {
            source: span.source.clone(),
            place: span.place.clone(),
            begins: span.start == 0,
            ends: span.end == span.length,
            text: String::new(),
            ids: ids.to_vec(),
            trained: trained.to_vec(),
            pieces: Vec::new(),
        };
        let mut open: (Vec<u32>, bool) = (Vec::new(), false);
        for (id, trained) in ids.iter().zip(trained) {
            if let Some(name) = special(*id, tokenizer) {
                document.close(&mut open, tokenizer);
                document.pieces.push(Piece { ids: vec![*id], trained: *trained, shown: Shown::Special(name) });
                continue;
            }
            open.0.push(*id);
            open.1 = *trained;
            if decode(&open.0, tokenizer).1 {
                document.close(&mut open, tokenizer);
            }
        }
        document.close(&mut open, tokenizer);
        document
    }

    fn close(&mut self, (ids, trained): &mut (Vec<u32>, bool), tokenizer: &Tokenizer) {
        if ids.is_empty() {
            return;
        }
        let start = self.text.len();
        self.text.push_str(&decode(ids, tokenizer).0);
        let shown = Shown::Text(start..self.text.len());
        self.pieces.push(Piece { ids: std::mem::take(ids), trained: *trained, shown });
    }

    /// Number of targets.
    pub fn targets(&self) -> usize {
        self.trained.iter().filter(|trained| **trained).count()
    }
}

/// The text of ids, and whether it ends with a whole character.
fn decode(ids: &[u32], tokenizer: &Tokenizer) -> (String, bool) {
    let mut stream = tokenizer.text_stream();
    let mut text: String = ids.iter().map(|id| stream.push(*id)).collect();
    let rest = stream.finish();
    text.push_str(&rest);
    (text, rest.is_empty())
}

/// The name of a token that is no text.
fn special(id: u32, tokenizer: &Tokenizer) -> Option<String> {
    match id {
        _ if id == tokenizer.bos() => Some(BEGIN.to_owned()),
        _ if id == tokenizer.eos() => Some(END.to_owned()),
        _ if Some(id) == tokenizer.unknown() => Some(UNKNOWN.to_owned()),
        _ => decode(&[id], tokenizer).0.is_empty().then(|| format!("<{id}>")),
    }
}
