//! Correction scored by its edits: precision, recall and F0.5 of word edits, the usual measure of
//! grammatical error correction, in which a wrong change costs more than a missed one.
//!
//! The edits of an answer and those of a reference are found by the same alignment with the source
//! sentence (as ERRANT does), so references are plain sentences and need no annotation. The numbers are
//! therefore not those of the M2 scorer, which takes spans from annotators and picks the answer's edits
//! to fit them.

use super::words;

/// Numbers in a row of [`statistics`].
pub const WIDTH: usize = 3;

/// Precision weighs four times recall: beta² of F0.5.
const BETA_SQUARED: f64 = 0.25;

/// One change: at a position in the source, some of its words become other words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit<'t> {
    start: usize,
    removed: usize,
    written: Vec<&'t str>,
}

/// Edits in both answer and reference, edits of the answer, edits of the reference; of the reference
/// that the answer's edits fit best.
///
/// # Source
/// Bryant et al. 2017 (ERRANT) for comparing edits of both sides; Ng et al. 2014 for F0.5.
pub fn statistics(source: &str, answer: &str, references: &[String]) -> [f64; WIDTH] {
    let source = words::with_marks_apart(source);
    let answer_words = words::with_marks_apart(answer);
    let proposed = edits_between(&source, &answer_words);
    let rows = references.iter().map(|reference| {
        let reference = words::with_marks_apart(reference);
        let wanted = edits_between(&source, &reference);
        let both = proposed.iter().filter(|edit| wanted.contains(edit)).count();
        [both as f64, proposed.len() as f64, wanted.len() as f64]
    });
    let best = rows.reduce(|best, row| if score(&row) > score(&best) { row } else { best });
    best.unwrap_or([0.0, proposed.len() as f64, 0.0])
}

/// F0.5 in percent from one row or from the sum of many.
///
/// Nothing proposed is a precision of 1, nothing wanted a recall of 1.
pub fn score(sums: &[f64]) -> f64 {
    let &[both, proposed, wanted] = sums else { return f64::NAN };
    let share = |of: f64| if of == 0.0 { 1.0 } else { both / of };
    let (precision, recall) = (share(proposed), share(wanted));
    let below = BETA_SQUARED * precision + recall;
    if below == 0.0 { 0.0 } else { 100.0 * (1.0 + BETA_SQUARED) * precision * recall / below }
}

/// The edits of a minimal alignment. Each word replaced or removed is an edit of its own; words written
/// in at one place are one.
fn edits_between<'t>(source: &[&'t str], target: &[&'t str]) -> Vec<Edit<'t>> {
    let cost = costs_to_the_end(source, target);
    let at = |i: usize, j: usize| cost.get(i * (target.len() + 1) + j).copied().unwrap_or(u32::MAX - 1);
    let (mut i, mut j) = (0, 0);
    let mut edits: Vec<Edit<'t>> = Vec::new();
    while i < source.len() || j < target.len() {
        match (source.get(i), target.get(j)) {
            (Some(old), Some(new)) if old == new && at(i, j) == at(i + 1, j + 1) => (i, j) = (i + 1, j + 1),
            (Some(_), Some(new)) if at(i, j) == at(i + 1, j + 1) + 1 => {
                edits.push(Edit { start: i, removed: 1, written: vec![new] });
                (i, j) = (i + 1, j + 1);
            }
            (Some(_), _) if at(i, j) == at(i + 1, j) + 1 => {
                edits.push(Edit { start: i, removed: 1, written: Vec::new() });
                i += 1;
            }
            (_, Some(new)) => {
                match edits.last_mut() {
                    Some(last) if last.start == i && last.removed == 0 => last.written.push(new),
                    _ => edits.push(Edit { start: i, removed: 0, written: vec![new] }),
                }
                j += 1;
            }
            // Not reached: the cost of a removal always fits where no word of the target is left.
            (_, None) => i += 1,
        }
    }
    edits
}

/// Levenshtein distances of all suffix pairs, `[source + 1, target + 1]` in rows.
fn costs_to_the_end(source: &[&str], target: &[&str]) -> Vec<u32> {
    let width = target.len() + 1;
    let mut rows = vec![(0..width as u32).rev().collect::<Vec<u32>>()];
    for (left, old) in (1u32..).zip(source.iter().rev()) {
        let below = rows.last().map(Vec::as_slice).unwrap_or_default();
        let mut row = vec![left; width];
        let mut right = left;
        for (j, new) in target.iter().enumerate().rev() {
            let [diagonal, removal] = [j + 1, j].map(|k| below.get(k).copied().unwrap_or(u32::MAX - 1));
            right = (diagonal + u32::from(old != new)).min(removal + 1).min(right + 1);
            if let Some(cell) = row.get_mut(j) {
                *cell = right;
            }
        }
        rows.push(row);
    }
    rows.into_iter().rev().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(source: &str, answer: &str, reference: &str) -> [f64; 3] {
        statistics(source, answer, &[reference.to_owned()])
    }

    #[test]
    fn each_word_replaced_removed_or_written_in_counts() {
        let source = "Ma elan Tallinas linnas juba kaua .";
        let reference = "Ma elan juba kaua Tallinnas, jah.";
        assert_eq!(row(source, source, source), [0.0, 0.0, 0.0]);
        let [both, proposed, wanted] = row(source, reference, reference);
        assert!(both == proposed && proposed == wanted && both >= 4.0, "{both} {proposed} {wanted}");
        assert_eq!(row("a b c", "a x c", "a x c d e"), [1.0, 1.0, 2.0]);
        assert_eq!(row("a b c", "a c", "b c"), [0.0, 1.0, 1.0]);
        assert_eq!(row("", "a b", "a b"), [1.0, 1.0, 1.0]);
        assert_eq!(row("a b", "", ""), [2.0, 2.0, 2.0]);
    }

    #[test]
    fn a_wrong_change_costs_more_than_a_missed_one() {
        // Precision 1/2, recall 1: 1.25·0.5 / (0.125 + 1); precision 1, recall 1/2: 1.25·0.5 / (0.25 + 0.5).
        assert!((score(&[1.0, 2.0, 1.0]) - 62.5 / 1.125).abs() < 1e-12);
        assert!((score(&[1.0, 1.0, 2.0]) - 62.5 / 0.75).abs() < 1e-12);
        assert_eq!(score(&[0.0, 0.0, 3.0]), 0.0);
        assert_eq!(score(&[0.0, 0.0, 0.0]), 100.0);
        assert_eq!(score(&[0.0, 2.0, 0.0]), 0.0);
    }

    #[test]
    fn the_reference_that_fits_best_counts() {
        let references = ["x b c".to_owned(), "a y c".to_owned()];
        assert_eq!(statistics("a b c", "a y c", &references), [1.0, 1.0, 1.0]);
    }
}
