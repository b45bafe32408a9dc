//! The words of a row as hashes, so that any run of words is compared in one step.
//!
//! A word is a run of letters and digits, in lower case. Case, punctuation and white space are thereby ignored: `Tere,
//! MAAILM!` and `tere maailm` are the same two words. A soft hyphen and characters without width are as if they were
//! not there. Letters are compared as they are written: `õ` made of two characters is not the `õ` made of one.

/// Odd, and otherwise arbitrary.
const BASE: u64 = 0x9e6c_63d0_676a_9a99;
const WORD: u64 = 0xcbf2_9ce4_8422_2325;
const STEP: u64 = 0x0100_0000_01b3;

/// The words of a row.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// At `i`, the hash of the first `i` words: a polynomial in [`BASE`], so that that of any run follows from two.
    sums: Vec<u64>,
    /// The index of the first word of each line.
    lines: Vec<u32>,
}

impl Words {
    /// The words of texts, one after the other; each text begins a line.
    pub(super) fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut words = Self { sums: vec![0], lines: Vec::new() };
        for text in texts {
            words.begin_line();
            words.read(text);
        }
        words
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.sums.len() - 1
    }

    /// The hash of `count` words from `start` on; `None` where there are not so many.
    pub(super) fn run(&self, start: usize, count: usize) -> Option<u64> {
        let (before, after) = (self.sums.get(start)?, self.sums.get(start.checked_add(count)?)?);
        Some(after.wrapping_sub(before.wrapping_mul(power(count))))
    }

    /// The hashes of all runs of `count` words.
    pub(super) fn runs(&self, count: usize) -> impl Iterator<Item = u64> {
        let shift = power(count);
        let pairs = self.sums.iter().zip(self.sums.get(count..).unwrap_or_default());
        pairs.map(move |(before, after)| after.wrapping_sub(before.wrapping_mul(shift)))
    }

    /// Where each line that has words begins, and how many it has.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, usize)> {
        let ends = self.lines.iter().skip(1).copied().chain([self.len() as u32]);
        let both = self.lines.iter().zip(ends).map(|(start, end)| (*start as usize, (end - start) as usize));
        both.filter(|(_, count)| *count > 0)
    }

    fn begin_line(&mut self) {
        let next = self.len() as u32;
        if self.lines.last() != Some(&next) {
            self.lines.push(next);
        }
    }

    fn read(&mut self, text: &str) {
        self.sums.reserve(text.len() / 6);
        let (mut word, mut inside) = (WORD, false);
        let step = |hash: u64, unit: u32| (hash ^ u64::from(unit)).wrapping_mul(STEP);
        for character in text.chars() {
            match character {
                'a'..='z' | '0'..='9' => word = step(word, character.into()),
                'A'..='Z' => word = step(word, character.to_ascii_lowercase().into()),
                '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => continue,
                _ if !character.is_ascii() && character.is_alphanumeric() => {
                    word = character.to_lowercase().fold(word, |word, lower| step(word, lower.into()));
                }
                _ => {
                    if inside {
                        self.push(word);
                        (word, inside) = (WORD, false);
                    }
                    if character == '\n' {
                        self.begin_line();
                    }
                    continue;
                }
            }
            inside = true;
        }
        if inside {
            self.push(word);
        }
    }

    fn push(&mut self, word: u64) {
        let before = self.sums.last().copied().unwrap_or(0);
        self.sums.push(before.wrapping_mul(BASE).wrapping_add(mixed(word)));
    }
}

/// Makes every bit depend on every other.
pub(super) fn mixed(value: u64) -> u64 {
    let product = u128::from(value ^ 0x2d35_8dcc_aa6c_78a5) * u128::from(0x8bb8_4b93_962e_acc9_u64);
    let folded = (product as u64) ^ ((product >> 64) as u64);
    (folded ^ (folded >> 29)).wrapping_mul(BASE)
}

fn power(exponent: usize) -> u64 {
    let (mut result, mut base, mut left) = (1u64, BASE, exponent);
    while left > 0 {
        if left & 1 == 1 {
            result = result.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        left >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Option<u64> {
        let words = Words::of([text]);
        words.run(0, words.len())
    }

    #[test]
    fn case_punctuation_and_white_space_do_not_matter_and_words_do() {
        let same =
            ["Täna sõitis ÕDE Tartusse.", "täna\tsõitis — õde,  TARTUSSE", "„Täna sõi\u{ad}tis õde Tartusse!“\n"];
        for text in same {
            assert_eq!(whole(text), whole(same[0]), "{text}");
        }
        let other =
            ["Täna sõitis ode Tartusse.", "Täna sõitis Tartusse õde.", "Täna sõi tis õde Tartusse.", "Täna sõitis õde"];
        for text in other {
            assert_ne!(whole(text), whole(same[0]), "{text}");
        }
    }

    #[test]
    fn a_run_of_words_has_the_same_hash_wherever_it_stands() {
        let long = Words::of(["Kui vihm lakkas, läks", "Mari koos vennaga poodi leiba ostma."]);
        assert_eq!(long.len(), 10);
        assert_eq!(long.run(3, 4), whole("läks Mari koos vennaga"));
        assert_eq!(long.runs(4).nth(3), long.run(3, 4));
        assert_eq!((long.runs(10).count(), long.runs(11).count()), (1, 0));
        assert_eq!((long.run(7, 4), long.run(11, 0)), (None, None));
        assert_eq!(Words::of(["", " \n "]).len(), 0);
    }

    #[test]
    fn each_text_and_each_line_begins_a_line() {
        let words = Words::of(["Üks kaks.\n\nKolm", "neli viis kuus\n"]);
        assert_eq!(words.lines().collect::<Vec<_>>(), [(0, 2), (2, 1), (3, 3)]);
    }
}
