//! The search for shifts: moving a run of words of the answer to where the reference has it counts as one edit.
//!
//! The search is greedy, one best shift after the other, and every rule that narrows or orders it is Tercom's as sacreBLEU
//! has them: they decide the score, so none is left out and none is better founded here.

use super::distance::{Distances, Edit};

/// The longest run of words that is moved.
const LONGEST: usize = 10;
/// How far apart the places of a run may be.
const FARTHEST: usize = 50;
/// Shifts tried for one answer; after that, none is made any more.
const TRIES: usize = 1000;

/// The least edits found that turn an answer into a reference, shifts among them.
pub(super) fn edits(answer: &[u32], reference: &[u32]) -> u32 {
    if reference.is_empty() {
        return answer.len() as u32;
    }
    let mut distances = Distances::new(reference);
    let mut words = answer.to_vec();
    let (mut shifts, mut tried) = (0, 0);
    let mut distance = distances.keep(&words);
    // Where nothing is wrong, nothing can be moved.
    while distance > 0 {
        let best = best_shift(&words, reference, distance, &mut distances, &mut tried);
        let Some(shifted) = best.filter(|best| tried < TRIES && best.gain > 0) else { break };
        words = moved(&words, &shifted);
        shifts += 1;
        distance = distances.keep(&words);
    }
    shifts + distance
}

/// Moving the words `start..start + length` in front of the word at `target`.
#[derive(Debug, Clone, Copy)]
struct Shift {
    gain: i64,
    start: usize,
    length: usize,
    target: usize,
}

impl Shift {
    /// More gain first, then the longer run, then the earlier one, then the earlier target.
    fn is_better_than(&self, other: &Self) -> bool {
        let rank =
            |shift: &Self| (shift.gain, shift.length, std::cmp::Reverse(shift.start), std::cmp::Reverse(shift.target));
        rank(self) > rank(other)
    }
}

/// How answer and reference stand to each other by the edits between them.
#[derive(Default)]
struct Alignment {
    /// For each word of the reference, one more than the index of the answer's word that it stands by.
    behind: Vec<usize>,
    /// Whether the word is part of an edit.
    wrong_in_reference: Vec<bool>,
    wrong_in_answer: Vec<bool>,
}

impl Alignment {
    fn of(edits: &[Edit]) -> Self {
        let mut alignment = Self::default();
        let mut words = 0;
        for edit in edits {
            let wrong = *edit != Edit::Keep;
            if *edit != Edit::Insert {
                words += 1;
                alignment.wrong_in_answer.push(wrong);
            }
            if *edit != Edit::Delete {
                alignment.behind.push(words);
                alignment.wrong_in_reference.push(wrong);
            }
        }
        alignment
    }
}

fn best_shift(
    words: &[u32],
    reference: &[u32],
    distance: u32,
    distances: &mut Distances<'_>,
    tried: &mut usize,
) -> Option<Shift> {
    let alignment = Alignment::of(&distances.edits(words.len()));
    let is_wrong = |marks: &[bool], at: usize, length: usize| marks.iter().skip(at).take(length).any(|wrong| *wrong);
    let mut best: Option<Shift> = None;
    for (start, place, length) in common_runs(words, reference) {
        // Both the run and the place where the reference has it must be wrong so far.
        if !is_wrong(&alignment.wrong_in_answer, start, length)
            || !is_wrong(&alignment.wrong_in_reference, place, length)
        {
            continue;
        }
        let Some(beside) = alignment.behind.get(place) else { continue };
        // A run is not moved into itself.
        if (start + 1..start + length + 1).contains(beside) {
            continue;
        }
        let mut last_target = None;
        for offset in 0..=length {
            // In front of all, or behind the word that each word from before the place on stands by.
            let target = match (place + offset).checked_sub(1) {
                None => 0,
                Some(before) => match alignment.behind.get(before) {
                    Some(target) => *target,
                    None => break,
                },
            };
            if last_target.replace(target) == Some(target) {
                continue;
            }
            let mut shift = Shift { gain: 0, start, length, target };
            let shifted = moved(words, &shift);
            let same = words.iter().zip(&shifted).take_while(|(old, new)| old == new).count();
            shift.gain = i64::from(distance) - i64::from(distances.of_changed(&shifted, same));
            *tried += 1;
            if best.as_ref().is_none_or(|best| shift.is_better_than(best)) {
                best = Some(shift);
            }
        }
        if *tried >= TRIES {
            break;
        }
    }
    best
}

/// The answer after a shift; one whose target lies behind the run, or inside it, goes as far as its own length less.
fn moved(words: &[u32], shift: &Shift) -> Vec<u32> {
    let Shift { start, length, target, .. } = *shift;
    let part = |from: usize, to: usize| words.get(from.min(words.len())..to.min(words.len())).unwrap_or_default();
    let run = part(start, start + length);
    if target < start {
        [part(0, target), run, part(target, start), part(start + length, words.len())].concat()
    } else if target > start + length {
        [part(0, start), part(start + length, target), run, part(target, words.len())].concat()
    } else {
        [part(0, start), part(start + length, length + target), run, part(length + target, words.len())].concat()
    }
}

/// All runs of words that answer and reference share, as (start in the answer, start in the reference, length).
fn common_runs<'w>(words: &'w [u32], reference: &'w [u32]) -> impl Iterator<Item = (usize, usize, usize)> + 'w {
    let starts = (0..words.len()).flat_map(move |start| {
        let near = start.saturating_sub(FARTHEST)..(start + FARTHEST + 1).min(reference.len());
        near.map(move |place| (start, place))
    });
    starts.flat_map(move |(start, place)| {
        let pairs = words.iter().skip(start).zip(reference.iter().skip(place)).take(LONGEST);
        let length = pairs.take_while(|(word, other)| word == other).count();
        (1..=length).map(move |length| (start, place, length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answer: &str, reference: &str) -> u32 {
        let ids = |text: &str| text.bytes().map(u32::from).collect::<Vec<u32>>();
        edits(&ids(answer), &ids(reference))
    }

    #[test]
    fn a_run_of_words_moves_as_one_edit() {
        assert_eq!(of("abcdef", "abcdef"), 0);
        assert_eq!(of("defabc", "abcdef"), 1);
        assert_eq!(of("bcda", "abcd"), 1);
        assert_eq!(of("abxcd", "abcd"), 1);
        assert_eq!(of("", "abc"), 3);
        assert_eq!(of("abc", ""), 3);
    }

    #[test]
    fn a_shift_into_the_run_itself_moves_it_by_its_length() {
        let words = [0, 1, 2, 3, 4, 5];
        let to = |target| moved(&words, &Shift { gain: 0, start: 1, length: 2, target });
        assert_eq!(to(0), [1, 2, 0, 3, 4, 5]);
        assert_eq!(to(5), [0, 3, 4, 1, 2, 5]);
        assert_eq!(to(2), [0, 3, 1, 2, 4, 5]);
    }
}
