//! The way through a lattice that fits an annotator's edits best, and how many of them it has.
//!
//! An edge that is one of the annotator's edits weighs less than nothing, so that as many as possible lie on the way.
//! What tells ways of the same number apart (small weights, the order in which edges are looked at) follows the M2
//! scorer step by step: other choices would be as good, and give other scores.

use std::collections::BTreeMap;

use super::lattice::Lattice;
use super::{GoldEdit, WIDTH};

/// What an edge that is no edit of the annotator weighs more, so that fewer edges are better.
const SMALL: f64 = 0.001;

/// Right edits, edits of the answer, edits of the annotator.
pub(super) fn row(lattice: &Lattice, gold: &[GoldEdit]) -> [f64; WIDTH] {
    let weights = Weights::of(lattice, gold);
    let way = lightest(lattice, &weights);
    // An edit of words to the same words is none.
    let edits: Vec<_> = way
        .iter()
        .filter(|edge| lattice.arc(edge).is_some_and(|arc| !arc.keeps))
        .map(|edge| lattice.edit(edge))
        .collect();
    let mut right = 0usize;
    let mut next = 0;
    for (start, end, words) in &edits {
        for (number, edit) in gold.iter().enumerate().skip(next) {
            if (edit.start, edit.end) == (*start, *end) && edit.corrections.contains(words) {
                right += 1;
                next = number + 1;
            }
        }
    }
    [right as f64, edits.len() as f64, gold.len() as f64]
}

/// The weight of each edge; an edge that is there several times has one weight.
struct Weights<'l> {
    lattice: &'l Lattice,
    of: BTreeMap<(usize, usize), f64>,
    right: f64,
}

impl<'l> Weights<'l> {
    fn of(lattice: &'l Lattice, gold: &[GoldEdit]) -> Self {
        let steps = |edge: &(usize, usize)| lattice.arc(edge).map_or(f64::INFINITY, |arc| arc.steps);
        let of = lattice.edges.iter().map(|edge| (*edge, steps(edge))).collect();
        let mut weights = Self { lattice, of, right: -(lattice.edges.len() as f64) };
        let mut by_span: BTreeMap<(usize, usize), Vec<(usize, usize)>> = BTreeMap::new();
        for edge in &lattice.edges {
            by_span.entry((lattice.node(edge.0).0, lattice.node(edge.1).0)).or_default().push(*edge);
        }
        for (span, mut edges) in by_span {
            edges.sort_unstable();
            let wanted: Vec<&GoldEdit> = gold.iter().filter(|edit| (edit.start, edit.end) == span).collect();
            if span.0 == span.1 {
                weights.weigh_insertions(&edges, &wanted);
            } else {
                for edge in edges {
                    if wanted.iter().any(|edit| weights.is(&edge, edit)) {
                        weights.of.insert(edge, weights.right);
                    } else {
                        weights.add_small(&edge, true);
                    }
                }
            }
        }
        weights
    }

    fn is(&self, edge: &(usize, usize), edit: &GoldEdit) -> bool {
        edit.corrections.contains(&self.lattice.edit(edge).2)
    }

    fn add_small(&mut self, edge: &(usize, usize), only_changes: bool) {
        let keeps = self.lattice.arc(edge).is_some_and(|arc| arc.keeps);
        if let Some(weight) = self.of.get_mut(edge).filter(|_| !(only_changes && keeps)) {
            *weight += SMALL;
        }
    }

    /// Insertions at one place, from both ends towards the middle, so that the annotator's stay in their order.
    fn weigh_insertions(&mut self, edges: &[(usize, usize)], wanted: &[&GoldEdit]) {
        // Signed, since either end may pass the other, or the beginning.
        let (mut left, mut right) = (0i64, edges.len() as i64 - 1);
        let (mut first, mut last) = (0i64, wanted.len() as i64 - 1);
        let mut at = left;
        let edge_at = |at: i64| usize::try_from(at).ok().and_then(|at| edges.get(at)).copied();
        while left <= right {
            let Some(edge) = edge_at(at) else { break };
            let is = |number: &i64| {
                usize::try_from(*number).ok().and_then(|at| wanted.get(at)).is_some_and(|edit| self.is(&edge, edit))
            };
            let from_left = at == left;
            let found = if from_left { (first..=last).find(is) } else { (first..=last).rev().find(is) };
            let Some(found) = found else {
                self.add_small(&edge, true);
                if from_left {
                    (left, at) = (left + 1, right)
                } else {
                    (right, at) = (right - 1, left)
                }
                continue;
            };
            self.of.insert(edge, self.right);
            if from_left {
                first = found + 1;
                left += 1;
                while let Some(next) = edge_at(left).filter(|next| next.0 != edge.1) {
                    self.add_small(&next, false);
                    left += 1;
                }
                at = left;
            } else {
                last = found - 1;
                right -= 1;
                while let Some(next) = edge_at(right).filter(|next| next.1 != edge.0) {
                    self.add_small(&next, false);
                    right -= 1;
                }
                at = right;
            }
        }
    }
}

/// The lightest way from the first node to the last (Bellman and Ford), as edges in order.
fn lightest(lattice: &Lattice, weights: &Weights<'_>) -> Vec<(usize, usize)> {
    let count = lattice.nodes.len();
    let mut weight = vec![f64::INFINITY; count];
    let mut before: Vec<Option<usize>> = vec![None; count];
    if let Some(first) = weight.first_mut() {
        *first = 0.0;
    }
    let weighed: Vec<(usize, usize, f64)> = lattice
        .edges
        .iter()
        .map(|edge| (edge.0, edge.1, weights.of.get(edge).copied().unwrap_or(f64::INFINITY)))
        .collect();
    for _ in 1..count {
        let mut changed = false;
        for &(from, to, own) in &weighed {
            let through = weight.get(from).copied().unwrap_or(f64::INFINITY) + own;
            if let (Some(known), Some(before)) = (weight.get_mut(to), before.get_mut(to))
                && through < *known
            {
                (*known, *before, changed) = (through, Some(from), true);
            }
        }
        if !changed {
            break;
        }
    }
    let mut way = Vec::new();
    let mut node = count.saturating_sub(1);
    while let Some(from) = before.get(node).copied().flatten() {
        way.push((from, node));
        node = from;
    }
    way.reverse();
    way
}
