//! The likeliest pieces of a text, by a model in which pieces are independent (Viterbi).

use std::collections::HashMap;

use super::{Found, Kind};

/// So much less likely than the least likely piece is a character that is none.
const UNKNOWN_PENALTY: f32 = 10.0;

/// What the search needs to know of all pieces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unigram {
    /// The log-probability of the least likely piece.
    least: f32,
    /// Characters of the longest piece.
    longest: usize,
}

/// The best way to a place in the text: its log-probability, where its last piece begins, and whether that is known.
#[derive(Debug, Clone, Copy)]
struct Way {
    score: f32,
    start: usize,
    known: bool,
}

impl Unigram {
    pub(super) fn of(pieces: &HashMap<Box<str>, Kind>) -> Self {
        let mut unigram = Self { least: f32::MAX, longest: 1 };
        for (text, kind) in pieces {
            unigram.longest = unigram.longest.max(text.chars().count());
            if let Kind::Scored(score) = kind {
                unigram.least = unigram.least.min(*score);
            }
        }
        unigram
    }

    pub(super) fn segment<'t>(&self, text: &'t str, pieces: &HashMap<Box<str>, Kind>) -> Vec<Found<'t>> {
        let mut ways: Vec<Option<Way>> = vec![None; text.len() + 1];
        for (start, first) in text.char_indices() {
            let before = ways.get(start).copied().flatten().map_or(0.0, |way| way.score);
            let rest = text.get(start..).unwrap_or_default();
            let mut single = false;
            for (at, c) in rest.char_indices().take(self.longest) {
                let length = at + c.len_utf8();
                let Some(kind) = rest.get(..length).and_then(|piece| pieces.get(piece)) else { continue };
                // A model of this type has no other kind.
                let Kind::Scored(score) = kind else { continue };
                improve(&mut ways, start + length, Way { score: score + before, start, known: true });
                single |= at == 0;
            }
            if !single {
                let score = self.least - UNKNOWN_PENALTY + before;
                improve(&mut ways, start + first.len_utf8(), Way { score, start, known: false });
            }
        }
        let mut found = Vec::new();
        let mut end = text.len();
        while let Some(way) = ways.get(end).copied().flatten() {
            found.extend(text.get(way.start..end).map(|piece| (piece, way.known)));
            end = way.start;
        }
        found.reverse();
        found
    }
}

fn improve(ways: &mut [Option<Way>], end: usize, way: Way) {
    if let Some(place) = ways.get_mut(end)
        && place.is_none_or(|known| way.score > known.score)
    {
        *place = Some(way);
    }
}
