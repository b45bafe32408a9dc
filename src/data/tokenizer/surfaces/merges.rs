//! Pieces by merging neighbours, the pair with the best score first (byte-pair encoding over characters).

use std::collections::{BinaryHeap, HashMap};

use super::normalise::Normaliser;
use super::{Found, Kind};

/// A run of the text that is one piece so far; empty after it became part of the one before.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    /// A text that is never cut is never merged either.
    whole: bool,
    before: Option<usize>,
    behind: Option<usize>,
}

/// Two neighbours that are a piece together; the best one is greatest.
#[derive(Debug, PartialEq)]
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    end: usize,
    start: usize,
}

impl Eq for Pair {}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

pub(super) fn segment<'t>(text: &'t str, pieces: &HashMap<Box<str>, Kind>, normaliser: &Normaliser) -> Vec<Found<'t>> {
    let mut runs = runs(text, normaliser);
    let mut open = BinaryHeap::new();
    let pair = |runs: &[Run], left: Option<usize>, right: Option<usize>| {
        let (left, right) = (left?, right?);
        let (first, second) = (runs.get(left)?, runs.get(right)?);
        match pieces.get(text.get(first.start..second.end)?)? {
            Kind::Scored(score) if !first.whole && !second.whole => {
                Some(Pair { score: *score, left, right, start: first.start, end: second.end })
            }
            _ => None,
        }
    };
    for right in 1..runs.len() {
        open.extend(pair(&runs, Some(right - 1), Some(right)));
    }
    while let Some(Pair { left, right, start, end, .. }) = open.pop() {
        let is_still_there = |at: usize, is: &dyn Fn(&Run) -> bool| runs.get(at).is_some_and(is);
        let is_current = is_still_there(left, &|run| run.start == start && run.end > run.start)
            && is_still_there(right, &|run| run.end == end && run.end > run.start && run.before == Some(left));
        if !is_current {
            continue;
        }
        let behind = runs.get(right).and_then(|run| run.behind);
        if let Some(run) = runs.get_mut(right) {
            run.end = run.start;
        }
        if let Some(run) = runs.get_mut(left) {
            (run.end, run.behind) = (end, behind);
        }
        if let Some(run) = behind.and_then(|behind| runs.get_mut(behind)) {
            run.before = Some(left);
        }
        open.extend(pair(&runs, runs.get(left).and_then(|run| run.before), Some(left)));
        open.extend(pair(&runs, Some(left), behind));
    }
    let left = runs.into_iter().filter(|run| run.end > run.start);
    left.filter_map(|run| text.get(run.start..run.end)).map(|piece| (piece, pieces.contains_key(piece))).collect()
}

/// Characters, and texts that are never cut.
fn runs(text: &str, normaliser: &Normaliser) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::with_capacity(text.len());
    let mut start = 0;
    while let Some(first) = text.get(start..).and_then(|rest| rest.chars().next()) {
        let literal = text.get(start..).and_then(|rest| normaliser.literal(rest));
        let end = start + literal.map_or(first.len_utf8(), str::len);
        let at = runs.len();
        let behind = Some(at + 1).filter(|_| end < text.len());
        runs.push(Run { start, end, whole: literal.is_some(), before: at.checked_sub(1), behind });
        start = end;
    }
    runs
}
