//! M² (MaxMatch): precision, recall and F0.5 of corrections against annotators' edits, equal to the M2 scorer's.
//!
//! Of all ways to see an answer as edits of the source, the one counts that fits the annotator's edits best; of several
//! annotators, the one that serves the F0.5 of all examples so far. That last rule makes a score with several annotators
//! depend on the order of the examples. It is the scorer's, so it is kept; the rows that it chose are what the
//! bootstrap draws from.
//!
//! | module | concept |
//! |---|---|
//! | `lattice` | all shortest ways from source to answer, with edits merged into longer ones |
//! | `path` | the way through it that fits an annotator best |

mod lattice;
mod path;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::words;
use lattice::Lattice;

/// Numbers in a row: right edits, edits of the answer, edits of the annotator.
pub const WIDTH: usize = 3;

/// Precision weighs four times recall: beta² of F0.5.
const BETA_SQUARED: f64 = 0.25;

/// A sentence with its corrections, as an M2 file has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gold {
    /// The sentence's tokens.
    pub tokens: Vec<String>,
    /// Each annotator's edits, in the order of the file; at least one annotator, maybe without edits.
    pub annotators: Vec<Vec<GoldEdit>>,
    /// Whether answers come tokenized as the sentence is; else they are cut like it.
    #[serde(default, skip_serializing_if = "is_not")]
    pub tokenized: bool,
}

fn is_not(yes: &bool) -> bool {
    !yes
}

/// One correction: tokens `start..end` become one of the corrections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoldEdit {
    /// The first token replaced.
    pub start: usize,
    /// The first token behind it.
    pub end: usize,
    /// What may stand there, each one right; empty where the tokens are to go.
    pub corrections: Vec<String>,
}

/// For each annotator: right edits, edits of the answer, edits of the annotator.
///
/// The answer is cut into tokens as the sentence is, unless it comes so ([`Gold::tokenized`]).
pub fn rows_of_annotators(answer: &str, gold: Option<&Gold>) -> Vec<[f64; WIDTH]> {
    let Some(gold) = gold else { return Vec::new() };
    let source: Vec<&str> = gold.tokens.iter().map(String::as_str).collect();
    let answer = tokens_like(answer, gold);
    let lattice = Lattice::between(&source, &answer);
    gold.annotators.iter().map(|edits| path::row(&lattice, edits)).collect()
}

/// Chooses between annotators, example after example.
pub(super) fn chosen_in_turn(examples: &[Vec<[f64; WIDTH]>]) -> Vec<Vec<f64>> {
    let mut sums = [0.0; WIDTH];
    let mut rows = Vec::with_capacity(examples.len());
    for annotators in examples {
        let row = chosen(&sums, annotators);
        sums.iter_mut().zip(row).for_each(|(sum, addend)| *sum += addend);
        rows.push(row.to_vec());
    }
    rows
}

/// The annotator's row by which F0.5 becomes largest; of equals the one with more right edits, then with fewer edits in
/// all, then the first.
pub(super) fn chosen(before: &[f64; WIDTH], annotators: &[[f64; WIDTH]]) -> [f64; WIDTH] {
    let mut best: Option<(f64, f64, f64)> = None;
    let mut row = [0.0; WIDTH];
    for annotator in annotators {
        let [right, proposed, wanted] = std::array::from_fn(|at| {
            before.get(at).copied().unwrap_or(0.0) + annotator.get(at).copied().unwrap_or(0.0)
        });
        let below = BETA_SQUARED * wanted + proposed;
        let f = match () {
            () if below > 0.0 => (1.0 + BETA_SQUARED) * right / below,
            () if right == 0.0 => 1.0,
            () => 0.0,
        };
        let edits = proposed + BETA_SQUARED * wanted;
        let is_better = best.is_none_or(|(most_f, most_right, fewest)| {
            most_f < f || (most_f == f && (most_right < right || (most_right == right && fewest > edits)))
        });
        if is_better {
            best = Some((f, right, edits));
            row = *annotator;
        }
    }
    row
}

/// Share of the answers' edits that are right, in `[0, 1]`; 1 if there is none.
pub fn precision(sums: &[f64]) -> f64 {
    match sums {
        &[right, proposed, _] if proposed > 0.0 => right / proposed,
        _ => 1.0,
    }
}

/// Share of the annotators' edits that were found, in `[0, 1]`; 1 if there is none.
pub fn recall(sums: &[f64]) -> f64 {
    match sums {
        &[right, _, wanted] if wanted > 0.0 => right / wanted,
        _ => 1.0,
    }
}

/// F0.5 in `[0, 1]`.
///
/// # Source
/// Dahlmeier and Ng 2012, "Better Evaluation for Grammatical Error Correction"; github.com/nusnlp/m2scorer
pub fn f05(sums: &[f64]) -> f64 {
    let (precision, recall) = (precision(sums), recall(sums));
    let below = BETA_SQUARED * precision + recall;
    if below == 0.0 { 0.0 } else { (1.0 + BETA_SQUARED) * precision * recall / below }
}

/// An answer's tokens, cut like a sentence: words between spaces that stand like this in the sentence or in a correction
/// stay, and so do words of marks only; of all others the marks at either end come apart, equal ones together (`...`).
fn tokens_like<'t>(answer: &'t str, gold: &Gold) -> Vec<&'t str> {
    let corrections = gold.annotators.iter().flatten().flat_map(|edit| &edit.corrections);
    let known: HashSet<&str> =
        gold.tokens.iter().map(String::as_str).chain(corrections.flat_map(|text| words::split(text))).collect();
    let mut tokens: Vec<&str> = Vec::new();
    for word in words::split(answer) {
        let inner = word.trim_matches(words::is_mark);
        let cut = word.find(inner).filter(|_| !inner.is_empty() && !gold.tokenized && !known.contains(word));
        let Some((front, rest)) = cut.map(|start| word.split_at(start)) else {
            tokens.push(word);
            continue;
        };
        let (inner, behind) = rest.split_at(inner.len());
        tokens.extend(front.split_inclusive(|_| true));
        tokens.push(inner);
        tokens.extend(runs_of_marks(behind));
    }
    tokens
}

/// `...!` as `...` and `!`.
fn runs_of_marks(marks: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let mut rest = marks;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| c != first).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        runs.push(run);
        rest = behind;
    }
    runs
}

#[cfg(test)]
mod tests;
