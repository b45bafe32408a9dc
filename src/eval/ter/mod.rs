//! TER, the share of words that would have to be edited, equal to sacreBLEU's, which follows Tercom.
//!
//! Words may be inserted, deleted and replaced, and a run of words may be moved as one edit. Several references: the least
//! edits count, over the mean of the references' lengths.

mod distance;
mod shift;

use super::bleu::{VERSION, yes_or_no};
use super::ngrams::Texts;
use super::{tokens, words};

/// Numbers in a row of [`Ter::statistics`].
pub const WIDTH: usize = 2;

/// TER as it is to be computed; by default as sacreBLEU's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ter {
    /// Whether punctuation becomes words of its own first, and entities characters.
    pub normalized: bool,
    /// Whether punctuation is removed.
    pub no_punct: bool,
    /// Whether Chinese and Japanese characters are words (with `normalized`), and their punctuation is removed too (with
    /// `no_punct`).
    pub asian_support: bool,
    /// Whether case counts.
    pub case_sensitive: bool,
}

impl Ter {
    /// Edits, and the (mean) length of the references.
    ///
    /// # Units
    /// Words.
    /// # Source
    /// Snover et al. 2006; the search as in sacreBLEU 2.6, `lib_ter.py`
    pub fn statistics(&self, answer: &str, references: &[String]) -> [f64; WIDTH] {
        let lines: Vec<String> = std::iter::once(answer)
            .chain(references.iter().map(String::as_str))
            .map(|line| self.tokens(line))
            .collect();
        let texts = Texts::of_words(lines.iter().map(|line| words::split(line).collect()));
        let Some((answer, references)) = texts.tokens().split_first() else { return [0.0; WIDTH] };
        let edits = references.iter().map(|reference| shift::edits(answer, reference)).min().unwrap_or(0);
        let length: usize = references.iter().map(Vec::len).sum();
        [f64::from(edits), length as f64 / references.len().max(1) as f64]
    }

    /// TER in percent, 0 where nothing is to be edited; from one row or from the sum of many.
    pub fn score(&self, sums: &[f64]) -> f64 {
        let &[edits, length] = sums else { return f64::NAN };
        if length > 0.0 {
            return 100.0 * (edits / length);
        }
        if edits > 0.0 { 100.0 } else { 0.0 }
    }

    /// What sacreBLEU would call this score; `None` means that examples differ in their number of references.
    pub fn signature(&self, references: Option<usize>) -> String {
        let count = references.map_or_else(|| "var".to_owned(), |n| n.to_string());
        let case = if self.case_sensitive { "mixed" } else { "lc" };
        let [normalized, punctuation, asian] = [self.normalized, !self.no_punct, self.asian_support].map(yes_or_no);
        format!(
            "nrefs:{count}|case:{case}|tok:tercom|norm:{normalized}|punct:{punctuation}|asian:{asian}|version:{VERSION}"
        )
    }

    /// A line's words, with whitespace between them.
    fn tokens(&self, line: &str) -> String {
        let mut line = line.trim_end_matches(words::is_space).to_owned();
        if line.is_empty() {
            return line;
        }
        if !self.case_sensitive {
            line = line.to_lowercase();
        }
        if self.normalized {
            line = tokens::tercom(&line);
            if self.asian_support {
                line = line.chars().fold(String::with_capacity(line.len()), |mut spaced, c| {
                    // Tercom's rules for runs of kana never apply, since a normalised line begins with a space.
                    if is_ideograph(c) || is_asian_mark(c) {
                        spaced.extend([' ', c, ' ']);
                    } else {
                        spaced.push(c);
                    }
                    spaced
                });
            }
        }
        if self.no_punct {
            let goes = |c: char| ".,?:;!\"()".contains(c) || (self.asian_support && is_asian_mark(c));
            line.retain(|c| !goes(c));
        }
        line
    }
}

/// Characters that are words. The last range is as wide as sacreBLEU's.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{31c0}'..='\u{31ef}' | '\u{2e80}'..='\u{2eff}')
        || matches!(c, '\u{3300}'..='\u{33ff}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{3200}'..='\u{3f22}')
}

fn is_asian_mark(c: char) -> bool {
    matches!(c, '\u{3001}' | '\u{3002}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{ff61}'..='\u{ff65}')
        || matches!(c, '\u{30fb}' | '\u{ff0e}' | '\u{ff0c}' | '\u{ff1f}' | '\u{ff1a}' | '\u{ff1b}' | '\u{ff01}')
        || matches!(c, '\u{ff02}' | '\u{ff08}' | '\u{ff09}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ter: &Ter, answer: &str, references: &[&str]) -> f64 {
        let references: Vec<String> = references.iter().map(|text| (*text).to_owned()).collect();
        ter.score(&ter.statistics(answer, &references))
    }

    #[test]
    fn case_and_punctuation_count_only_where_they_are_to() {
        let default = Ter::default();
        assert_eq!(of(&default, "Must kass", &["must KASS"]), 0.0);
        assert_eq!(of(&Ter { case_sensitive: true, ..default }, "Must kass", &["must kass"]), 50.0);
        assert_eq!(of(&default, "must kass!", &["must kass"]), 50.0);
        assert_eq!(of(&Ter { no_punct: true, ..default }, "must kass!", &["must, kass"]), 0.0);
        assert_eq!(of(&Ter { normalized: true, ..default }, "must kass!", &["must kass !"]), 0.0);
        let asian = Ter { normalized: true, asian_support: true, ..default };
        assert_eq!(of(&asian, "日本。", &["日 本 。"]), 0.0);
    }

    #[test]
    fn the_least_edits_are_over_the_mean_length() {
        // One edit to the second reference; lengths 2 and 4.
        assert!((of(&Ter::default(), "a b c", &["x y", "a b c d"]) - 100.0 / 3.0).abs() < 1e-9);
        assert_eq!(of(&Ter::default(), "a", &[""]), 100.0);
        assert_eq!(of(&Ter::default(), "", &[""]), 0.0);
    }
}
