//! Private characters around what must be found again in a rendered text.
//!
//! They are characters that Unicode gives to no script, and are chosen so that none of them occurs in what is rendered.

use std::ops::Range;

use crate::error::{Error, Result};

/// Where sixteen characters in a row have no meaning: noncharacters, then parts of a private plane.
const PLACES: [u32; 6] = [0xfdd0, 0xfde0, 0x10_f000, 0x10_f100, 0x10_f200, 0x10_f300];
/// Characters in use, from the first of a place.
const COUNT: u32 = 16;

/// The marks of one rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    first: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    GenerationStart,
    GenerationEnd,
    PlainStart,
    PlainEnd,
    /// Begins the number of a turn, which a second one ends.
    Turn,
    WordsEnd,
    Digit(u32),
}

/// A rendered text without its marks, and what they were around, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub text: String,
    /// What generation blocks wrote, in order.
    pub generation: Vec<Range<usize>>,
    /// The words of turns, by the turns' indices.
    pub words: Vec<(usize, Range<usize>)>,
    /// Words in which no special token is found.
    pub plain: Vec<Range<usize>>,
}

impl Marks {
    /// Marks that occur in none of the texts.
    ///
    /// # Errors
    /// All of them do.
    pub fn free<'t>(texts: impl Iterator<Item = &'t str>) -> Result<Self> {
        let mut taken = [false; PLACES.len()];
        let mut note = |character: char| {
            let of = |first: u32| (first..first + COUNT).contains(&u32::from(character));
            taken.iter_mut().zip(PLACES).filter(|(_, first)| of(*first)).for_each(|(taken, _)| *taken = true);
        };
        // All of the characters are above U+FDCF, and so their bytes above 0xee.
        texts.filter(|text| text.bytes().any(|byte| byte >= 0xef)).for_each(|text| text.chars().for_each(&mut note));
        let free = taken.iter().zip(PLACES).find(|(taken, _)| !**taken);
        free.map(|(_, first)| Self { first }).ok_or_else(|| {
            Error::new("the words have characters from every place that Unicode leaves empty")
                .hint("take the characters from U+FDD0 to U+FDEF out of them")
        })
    }

    fn character(self, mark: Mark) -> char {
        let offset = match mark {
            Mark::GenerationStart => 0,
            Mark::GenerationEnd => 1,
            Mark::PlainStart => 2,
            Mark::PlainEnd => 3,
            Mark::Turn => 4,
            Mark::WordsEnd => 5,
            Mark::Digit(digit) => 6 + digit,
        };
        char::from_u32(self.first + offset).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn mark(self, character: char) -> Option<Mark> {
        Some(match u32::from(character).checked_sub(self.first)? {
            0 => Mark::GenerationStart,
            1 => Mark::GenerationEnd,
            2 => Mark::PlainStart,
            3 => Mark::PlainEnd,
            4 => Mark::Turn,
            5 => Mark::WordsEnd,
            digit @ 6..COUNT => Mark::Digit(digit - 6),
            _ => return None,
        })
    }

    /// The marks that the filter of generation blocks writes.
    pub fn generation(self) -> String {
        [Mark::GenerationStart, Mark::GenerationEnd].map(|mark| self.character(mark)).iter().collect()
    }

    /// Words with marks: around a part of them that is turn `turn`'s, and around parts that are plain.
    pub fn around(self, words: &str, turn: Option<(usize, Range<usize>)>, plain: &[Range<usize>]) -> String {
        let mut marked = String::with_capacity(words.len() + 32);
        for at in (0..=words.len()).filter(|at| words.is_char_boundary(*at)) {
            if plain.iter().any(|part| part.end == at) {
                marked.push(self.character(Mark::PlainEnd));
            }
            if let Some((index, range)) = &turn {
                if range.end == at && range.start < at {
                    marked.push(self.character(Mark::WordsEnd));
                }
                if range.start == at {
                    self.number(*index, &mut marked);
                }
                if range.end == at && range.start == at {
                    marked.push(self.character(Mark::WordsEnd));
                }
            }
            if plain.iter().any(|part| part.start == at) {
                marked.push(self.character(Mark::PlainStart));
            }
            marked.extend(words.get(at..).and_then(|rest| rest.chars().next()));
        }
        marked
    }

    fn number(self, index: usize, marked: &mut String) {
        marked.push(self.character(Mark::Turn));
        let digits = index.to_string();
        marked.extend(digits.chars().filter_map(|c| c.to_digit(10)).map(|digit| self.character(Mark::Digit(digit))));
        marked.push(self.character(Mark::Turn));
    }

    /// Takes the marks out of a text; `None` where they do not come in pairs.
    pub fn read(self, marked: &str) -> Option<Read> {
        let mut read = Read { text: String::with_capacity(marked.len()), ..Read::default() };
        let (mut generation, mut plain): (Vec<usize>, Option<usize>) = (Vec::new(), None);
        let (mut words, mut number): (Option<(usize, usize)>, Option<usize>) = (None, None);
        for character in marked.chars() {
            let Some(mark) = self.mark(character) else {
                if number.is_some() {
                    return None;
                }
                read.text.push(character);
                continue;
            };
            let at = read.text.len();
            match mark {
                Mark::GenerationStart => generation.push(at),
                Mark::GenerationEnd => read.generation.push(generation.pop()?..at),
                Mark::PlainStart if plain.is_none() => plain = Some(at),
                Mark::PlainEnd => read.plain.push(plain.take()?..at),
                Mark::Turn if number.is_some() => words = number.take().map(|turn| (turn, at)),
                Mark::Turn if words.is_none() => number = Some(0),
                Mark::WordsEnd => {
                    let (turn, start) = words.take()?;
                    read.words.push((turn, start..at));
                }
                Mark::Digit(digit) => number = Some(number?.checked_mul(10)?.checked_add(digit as usize)?),
                Mark::PlainStart | Mark::Turn => return None,
            }
        }
        read.generation.sort_by_key(|span| (span.start, span.end));
        (generation.is_empty() && plain.is_none() && words.is_none() && number.is_none()).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_none_of_the_characters_in_use() {
        let first = Marks::free(["Tere", "ﷺ"].into_iter()).unwrap();
        assert_eq!(first.first, 0xfdd0);
        assert_eq!(Marks::free(["a\u{fdd3}"].into_iter()).unwrap().first, 0xfde0);
        let all: String = PLACES.iter().filter_map(|first| char::from_u32(*first)).collect();
        assert!(Marks::free([all.as_str()].into_iter()).is_err());
    }

    #[test]
    fn marks_that_do_not_come_in_pairs_are_refused() {
        let marks = Marks { first: 0xfdd0 };
        let words = marks.around("ab", Some((12, 0..2)), &[]);
        assert_eq!(marks.read(&words).unwrap().words, [(12, 0..2)]);
        for cut in 1..words.chars().count() {
            let cut: String = words.chars().skip(cut).collect();
            assert_eq!(marks.read(&cut), None, "{cut:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_marked_is_read_again(words in "[a<é ]{0,12}", turn in 0usize..200, cuts in prop::array::uniform4(0usize..40)) {
            let boundary = |cut: usize| (0..=cut % (words.len() + 1)).rev().find(|at| words.is_char_boundary(*at)).unwrap();
            let mut cuts = cuts.map(boundary);
            cuts.sort_unstable();
            let [first, second, third, fourth] = cuts;
            prop_assume!(second < third);
            let marks = Marks { first: 0xfdd0 };
            let plain = second..third;
            let marked = marks.around(&words, Some((turn, first..fourth)), std::slice::from_ref(&plain));
            let read = marks.read(&marked).unwrap();
            prop_assert_eq!(read.text, words.clone());
            prop_assert_eq!(read.words, vec![(turn, first..fourth)]);
            prop_assert_eq!(read.plain, vec![plain]);
        }
    }
}
