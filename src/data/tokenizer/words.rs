//! Words of a byte-level tokenizer: what its pattern finds in a text, and what lies between.
//!
//! The patterns of Llama 3 and its kin end with `\s+(?!\S)|\s+`: spaces before a word leave the last one to it. A look at
//! what follows makes a slow pattern, so the known ones run without it, and the last space is given back here.

use std::borrow::Cow;

use fancy_regex::Regex;

use crate::error::{Error, Result};

/// Llama 3's words.
pub(super) const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// GPT-2's words, which `ByteLevel` has where it splits itself.
pub(super) const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
/// How they end.
const LOOKS_AHEAD: &str = r"|\s+(?!\S)|\s+";

/// A pattern that finds words.
#[derive(Debug)]
pub(super) struct Words {
    pattern: Regex,
    spaces: Spaces,
}

/// What happens to a match that is only spaces, with text after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spaces {
    /// It is a word.
    Whole,
    /// Its last space goes to the next word.
    LeaveOne,
    /// The same, unless it ends with a line end.
    LeaveOneInLine,
}

impl Words {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// It is no regular expression.
    pub fn new(pattern: &str) -> Result<Self> {
        // Only where no other part of the pattern can match several spaces is the last part known to have done it.
        let (known, spaces) = match pattern {
            LLAMA_3 => (true, Spaces::LeaveOneInLine),
            GPT_2 => (true, Spaces::LeaveOne),
            _ => (false, Spaces::Whole),
        };
        let plain = match pattern.strip_suffix(LOOKS_AHEAD).filter(|_| known) {
            Some(head) => Cow::Owned(format!(r"{head}|\s+")),
            None => Cow::Borrowed(pattern),
        };
        let compiled = Regex::new(&plain)
            .map_err(|e| Error::new(format!("cannot read the pattern of the tokenizer's words: {e}")))?;
        Ok(Self { pattern: compiled, spaces })
    }

    /// Gives every word of a text to `found`; together they are the text.
    ///
    /// # Errors
    /// The pattern goes back and forth too often.
    pub fn each<'t>(&self, text: &'t str, found: &mut dyn FnMut(&'t str)) -> Result<()> {
        let (mut from, mut at) = (0, 0);
        while at < text.len() {
            let next = self.pattern.find_from_pos(text, at);
            let next = next.map_err(|e| Error::new(format!("cannot find the words of a text: {e}")))?;
            let Some(word) = next else { break };
            let end = self.end(text, word.start(), word.end());
            if end == word.start() {
                // An empty match splits nothing.
                at = end + text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                continue;
            }
            for part in [text.get(from..word.start()), text.get(word.start()..end)].into_iter().flatten() {
                if !part.is_empty() {
                    found(part);
                }
            }
            (from, at) = (end, end);
        }
        match text.get(from..) {
            Some(rest) if !rest.is_empty() => found(rest),
            _ => {}
        }
        Ok(())
    }

    fn end(&self, text: &str, start: usize, end: usize) -> usize {
        let word = text.get(start..end).unwrap_or_default();
        let mut backwards = word.chars().rev();
        let (Some(last), Some(_)) = (backwards.next(), backwards.next()) else { return end };
        let keeps = match self.spaces {
            Spaces::Whole => true,
            Spaces::LeaveOne => false,
            Spaces::LeaveOneInLine => matches!(last, '\r' | '\n'),
        };
        if keeps || end == text.len() || !word.chars().all(char::is_whitespace) {
            return end;
        }
        end - last.len_utf8()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(pattern: &Words, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        pattern.each(text, &mut |word| words.push(word.to_owned())).unwrap();
        words
    }

    #[test]
    fn llama_3_keeps_a_space_before_a_word_and_three_digits_together() {
        let pattern = Words::new(LLAMA_3).unwrap();
        let found = words(&pattern, "Tere,  maailm! 12345\n \n  x\ty's   ");
        assert_eq!(found, ["Tere", ",", " ", " maailm", "!", " ", "123", "45", "\n \n", " ", " x", "\ty", "'s", "   "]);
        assert_eq!(words(&pattern, ""), Vec::<String>::new());
    }

    #[test]
    fn the_quick_patterns_find_what_the_written_ones_find() {
        for pattern in [LLAMA_3, GPT_2] {
            let quick = Words::new(pattern).unwrap();
            let slow = Words { pattern: Regex::new(pattern).unwrap(), spaces: Spaces::Whole };
            let mut runner = proptest::test_runner::TestRunner::default();
            let texts = "([ \t\r\n\u{a0}\u{3000}]{0,4}|[a-zõ']{0,3}|[0-9Ⅷ]{0,4}|[.,!?“😀]{0,3}|\\PC{0,3}){0,12}";
            let outcome = runner.run(&texts, |text| {
                proptest::prop_assert_eq!(words(&quick, &text), words(&slow, &text));
                proptest::prop_assert_eq!(words(&quick, &text).concat(), text);
                Ok(())
            });
            outcome.unwrap();
        }
    }

    #[test]
    fn what_lies_between_matches_is_a_word_too() {
        let pattern = Words::new("[0-9]+").unwrap();
        assert_eq!(words(&pattern, "a1bb22"), ["a", "1", "bb", "22"]);
        assert_eq!(words(&Words::new("x*").unwrap(), "axb"), ["a", "x", "b"]);
        assert!(Words::new("(").is_err());
    }
}
