//! Tokens of any language by Unicode's classes of characters: what mteval-v14.pl does with `--international-tokenization`.

use fancy_regex::Regex;

use super::western::replace_pairs;
use crate::error::{Error, Result};
use crate::eval::words;

/// Which characters are punctuation, symbols and numbers, as ranges in ascending order.
#[derive(Debug, PartialEq)]
pub struct Classes {
    punctuation: Vec<(char, char)>,
    symbols: Vec<(char, char)>,
    numbers: Vec<(char, char)>,
}

impl Classes {
    /// Reads them from Unicode's tables.
    ///
    /// # Errors
    /// The tables of the regular expressions know no such classes.
    pub(super) fn new() -> Result<Self> {
        let every: String = ('\0'..=char::MAX).collect();
        Ok(Self {
            punctuation: ranges(r"\p{P}+", &every)?,
            symbols: ranges(r"\p{S}+", &every)?,
            numbers: ranges(r"\p{N}+", &every)?,
        })
    }

    /// The tokens of a line, one space apart.
    ///
    /// # Source
    /// `mteval-v14.pl` of NIST, as in sacreBLEU 2.6 (entities stay as they are)
    pub(super) fn tokenize(&self, line: &str) -> String {
        let is = |class: &[(char, char)], c: char| {
            class.binary_search_by(|(first, last)| match () {
                () if *last < c => std::cmp::Ordering::Less,
                () if *first > c => std::cmp::Ordering::Greater,
                () => std::cmp::Ordering::Equal,
            })
        };
        let is_mark = |c: char| is(&self.punctuation, c).is_ok();
        let is_number = |c: char| is(&self.numbers, c).is_ok();
        let text: Vec<char> = line.chars().collect();
        let text = replace_pairs(&text, |a, b| is_mark(b) && !is_number(a), |a, b| [a, ' ', b, ' ']);
        let text = replace_pairs(&text, |a, b| is_mark(a) && !is_number(b), |a, b| [' ', a, ' ', b]);
        let mut out = String::with_capacity(line.len() + 16);
        for c in text {
            if is(&self.symbols, c).is_ok() { out.extend([' ', c, ' ']) } else { out.push(c) }
        }
        words::single_spaced(&out)
    }
}

/// The runs of neighbouring characters that a pattern finds.
fn ranges(pattern: &str, every: &str) -> Result<Vec<(char, char)>> {
    let failed = |e: fancy_regex::Error| Error::new(format!("cannot read Unicode's class {pattern}: {e}"));
    let regex = Regex::new(pattern).map_err(failed)?;
    let mut found = Vec::new();
    for run in regex.find_iter(every) {
        let run = run.map_err(failed)?;
        found.extend(run.as_str().chars().next().zip(run.as_str().chars().next_back()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_alone_but_inside_numbers() {
        let classes = Classes::new().unwrap();
        assert_eq!(classes.tokenize("„Jah“, 1.000,5 € (2024.) a–b 5+3"), "„ Jah “ , 1.000,5 € ( 2024 . ) a – b 5 + 3");
        // As the original does: a point behind a number at the very end stays with it.
        assert_eq!(classes.tokenize("aastal 1918."), "aastal 1918.");
    }
}
