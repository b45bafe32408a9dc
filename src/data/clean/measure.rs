//! What can be said of a row by itself: lengths, letters, repeated lines.

use std::collections::HashSet;

use super::reason::Reason;
use super::words::Words;
use crate::recipe::{Clean, Sizes};

/// Why the settings do not let a row stay, if its lengths and letters give a reason.
///
/// `pair` says that the parts are two sentences, each measured by itself; else they are one text.
pub(super) fn reason(settings: &Clean, parts: &[&str], pair: bool) -> Option<Reason> {
    let measured = measured(settings, parts, pair);
    let any = |test: &dyn Fn(&Measured) -> bool| measured.iter().any(test);
    let few = |sizes: Sizes, of: Count| any(&|one| sizes.least.is_some_and(|least| of(one) < least));
    let many = |sizes: Sizes, of: Count| any(&|one| sizes.most.is_some_and(|most| of(one) > most));
    let (characters, words): (Count, Count) = (|one| one.characters, |one| one.words);
    let checks: [(Reason, &dyn Fn() -> bool); 9] = [
        (Reason::TooFewCharacters, &|| few(settings.characters, characters)),
        (Reason::TooManyCharacters, &|| many(settings.characters, characters)),
        (Reason::TooFewWords, &|| few(settings.words, words)),
        (Reason::TooManyWords, &|| many(settings.words, words)),
        (Reason::Ratio, &|| settings.ratio.is_some_and(|most| pair && ratio(&measured) > most)),
        (Reason::LongWord, &|| any(&|one| settings.longest_word.is_some_and(|most| one.longest_word > most))),
        (Reason::FewLetters, &|| any(&|one| settings.letters.is_some_and(|least| one.share_of_letters() < least))),
        (Reason::RepeatedLines, &|| settings.repeated_lines.is_some_and(|most| !pair && repeated_lines(parts) > most)),
        (Reason::Untranslated, &|| settings.untranslated && pair && same(parts)),
    ];
    checks.into_iter().find(|(_, holds)| holds()).map(|(reason, _)| reason)
}

/// One of the counts of a text.
type Count = fn(&Measured) -> u64;

/// What one pass over a text counts.
#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    /// White space at the ends left out.
    characters: u64,
    words: u64,
    /// Characters of the longest word.
    longest_word: u64,
    letters: u64,
    /// Characters that are not white space.
    visible: u64,
}

/// A measure for each sentence of a pair, else one for all parts; none where no setting asks for one.
fn measured(settings: &Clean, parts: &[&str], pair: bool) -> Vec<Measured> {
    let sizes = settings.characters != Sizes::default() || settings.words != Sizes::default();
    let others = settings.longest_word.is_some() || settings.letters.is_some();
    if !sizes && !others && settings.ratio.is_none() {
        return Vec::new();
    }
    let each = parts.iter().map(|part| Measured::of(part));
    if pair { each.collect() } else { vec![each.fold(Measured::default(), Measured::and)] }
}

impl Measured {
    fn of(text: &str) -> Self {
        let mut measured = Self::default();
        let mut word = 0;
        for character in text.trim().chars() {
            measured.characters += 1;
            if character.is_whitespace() {
                word = 0;
                continue;
            }
            measured.visible += 1;
            measured.words += u64::from(word == 0);
            word += 1;
            measured.longest_word = measured.longest_word.max(word);
            measured.letters += u64::from(character.is_alphabetic());
        }
        measured
    }

    fn and(self, other: Self) -> Self {
        Self {
            characters: self.characters + other.characters,
            words: self.words + other.words,
            longest_word: self.longest_word.max(other.longest_word),
            letters: self.letters + other.letters,
            visible: self.visible + other.visible,
        }
    }

    /// 1 of a text without characters.
    fn share_of_letters(&self) -> f64 {
        if self.visible == 0 { 1.0 } else { self.letters as f64 / self.visible as f64 }
    }
}

/// The longer length over the shorter one; infinite if one is empty, 1 if both are.
fn ratio(sentences: &[Measured]) -> f64 {
    let lengths = sentences.iter().map(|sentence| sentence.characters);
    let (least, most) = lengths.fold((u64::MAX, 0), |(least, most), length| (least.min(length), most.max(length)));
    if most == 0 { 1.0 } else { most as f64 / least as f64 }
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
        assert_eq!(of("Tere jälle, naabrid!", "Hello again."), None);
        assert_eq!(of("Tere jälle, naabrid!!", "Hello"), Some(Reason::LongWord));
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
