//! What can be said of a row by itself: lengths, letters, repeated lines.

use std::collections::HashSet;

use super::reason::Reason;
use super::words::Words;
use crate::recipe::{Clean, Sizes};

/// Why the settings do not let a row stay, if its lengths and letters give a reason.
///
/// `pair` says that the parts are two sentences, each measured by itself; else they are one text.
pub(super) fn reason(settings: &Clean, parts: &[&str], pair: bool) -> Option<Reason> {
    let groups: Vec<&[&str]> = if pair { parts.chunks(1).collect() } else { vec![parts] };
    let outside = |sizes: Sizes, measure: fn(&[&str]) -> u64, few: Reason, many: Reason| {
        if sizes == Sizes::default() {
            return None;
        }
        let counts: Vec<u64> = groups.iter().map(|group| measure(group)).collect();
        if counts.iter().any(|count| sizes.least.is_some_and(|least| *count < least)) {
            return Some(few);
        }
        counts.iter().any(|count| sizes.most.is_some_and(|most| *count > most)).then_some(many)
    };
    outside(settings.characters, characters, Reason::TooFewCharacters, Reason::TooManyCharacters)
        .or_else(|| outside(settings.words, words, Reason::TooFewWords, Reason::TooManyWords))
        .or_else(|| settings.ratio.filter(|most| pair && ratio(parts) > *most).map(|_| Reason::Ratio))
        .or_else(|| settings.longest_word.filter(|most| longest_word(parts) > *most).map(|_| Reason::LongWord))
        .or_else(|| {
            let least = settings.letters?;
            groups.iter().any(|group| letters(group) < least).then_some(Reason::FewLetters)
        })
        .or_else(|| {
            let most = settings.repeated_lines?;
            (!pair && repeated_lines(parts) > most).then_some(Reason::RepeatedLines)
        })
        .or_else(|| (settings.untranslated && pair && same(parts)).then_some(Reason::Untranslated))
}

/// White space at the ends left out.
fn characters(parts: &[&str]) -> u64 {
    parts.iter().map(|part| part.trim().chars().count() as u64).sum()
}

fn words(parts: &[&str]) -> u64 {
    parts.iter().map(|part| part.split_whitespace().count() as u64).sum()
}

/// The longer length over the shorter one; infinite if one is empty, 1 if both are.
fn ratio(parts: &[&str]) -> f64 {
    let lengths = parts.iter().map(|part| characters(&[part]));
    let (least, most) = lengths.fold((u64::MAX, 0), |(least, most), length| (least.min(length), most.max(length)));
    if most == 0 { 1.0 } else { most as f64 / least as f64 }
}

fn longest_word(parts: &[&str]) -> u64 {
    let words = parts.iter().flat_map(|part| part.split_whitespace());
    words.map(|word| word.chars().count() as u64).max().unwrap_or(0)
}

/// The share of letters among characters that are not white space; 1 of none.
fn letters(parts: &[&str]) -> f64 {
    let (mut letters, mut others) = (0u64, 0u64);
    for character in parts.iter().flat_map(|part| part.chars()) {
        if character.is_alphabetic() {
            letters += 1;
        } else if !character.is_whitespace() {
            others += 1;
        }
    }
    if letters + others == 0 { 1.0 } else { letters as f64 / (letters + others) as f64 }
}

/// The share of lines that stood before, white space at their ends left out; empty lines do not count.
fn repeated_lines(parts: &[&str]) -> f64 {
    let lines = parts.iter().flat_map(|part| part.lines()).map(str::trim).filter(|line| !line.is_empty());
    let (mut seen, mut count) = (HashSet::new(), 0u64);
    for line in lines {
        seen.insert(line);
        count += 1;
    }
    if count == 0 { 0.0 } else { (count - seen.len() as u64) as f64 / count as f64 }
}

/// Whether all parts have the same words, or the same characters where they have no words.
fn same(parts: &[&str]) -> bool {
    let words = |part: &str| {
        let words = Words::of([part]);
        (words.len(), words.run(0, words.len()))
    };
    let mut first = parts.iter();
    let Some(one) = first.next() else { return false };
    first.all(|other| if words(one).0 == 0 { one.trim() == other.trim() } else { words(one) == words(other) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(least: impl Into<Option<u64>>, most: impl Into<Option<u64>>) -> Sizes {
        Sizes { least: least.into(), most: most.into() }
    }

    #[test]
    fn lengths_are_of_a_row_or_of_each_sentence_of_a_pair() {
        let settings = Clean { words: sizes(3, 5), ..Clean::default() };
        let of = |parts: &[&str], pair| reason(&settings, parts, pair);
        assert_eq!(of(&["Koer magas.", "Kass ka magas."], false), None);
        assert_eq!(of(&["Koer magas.", "Kass ka magas."], true), Some(Reason::TooFewWords));
        assert_eq!(of(&["Koer magas õues.", "Kass ka magas õues."], false), Some(Reason::TooManyWords));
        assert_eq!(of(&["Koer magas õues.", "Kass ka magas õues."], true), None);
        let settings = Clean { characters: sizes(10, 12), ..Clean::default() };
        let of = |text: &str| reason(&settings, &[text], false);
        assert_eq!(of("  äöüõšžäöü \n"), Some(Reason::TooFewCharacters));
        assert_eq!((of("äöüõšžäöüõ"), of("äöüõšžäöüõšž")), (None, None));
        assert_eq!(of("äöüõšžäöüõšžä"), Some(Reason::TooManyCharacters));
    }

    #[test]
    fn the_ratio_is_of_characters_and_an_empty_sentence_fits_no_other() {
        let settings = Clean { ratio: Some(2.0), ..Clean::default() };
        let of = |first: &str, second: &str| reason(&settings, &[first, second], true);
        assert_eq!(of("üksteist", "neli"), None);
        assert_eq!(of("neli", "üksteistk"), Some(Reason::Ratio));
        assert_eq!(of("", "a"), Some(Reason::Ratio));
        assert_eq!(of("", " "), None);
    }

    #[test]
    fn long_words_and_few_letters_are_seen_in_either_sentence() {
        let settings = Clean { longest_word: Some(8), letters: Some(0.6), ..Clean::default() };
        let of = |first: &str, second: &str| reason(&settings, &[first, second], true);
        assert_eq!(of("Tere jälle, naaber!", "Hello again."), None);
        assert_eq!(of("Tere jälle, naabrimees!", "Hello"), Some(Reason::LongWord));
        assert_eq!(of("Tere", "1, 2, 3, 4 abc"), Some(Reason::FewLetters));
    }

    #[test]
    fn lines_that_stood_before_are_a_share_of_all() {
        let settings = Clean { repeated_lines: Some(0.3), ..Clean::default() };
        let of = |text: &str| reason(&settings, &[text], false);
        assert_eq!(of("Avaleht\nUudised\nIlm\n\nAvaleht"), None);
        assert_eq!(of("Avaleht\nUudised\n  Avaleht \n"), Some(Reason::RepeatedLines));
        assert_eq!(of(""), None);
    }

    #[test]
    fn a_pair_that_says_the_same_twice_is_not_translated() {
        let settings = Clean { untranslated: true, ..Clean::default() };
        let of = |first: &str, second: &str| reason(&settings, &[first, second], true);
        assert_eq!(of("Click here to read more.", "click here to read more"), Some(Reason::Untranslated));
        assert_eq!(of("Tallinn, Estonia", "Tallinn, Eesti"), None);
        assert_eq!((of("?!", "?!"), of("?!", "...")), (Some(Reason::Untranslated), None));
    }
}
