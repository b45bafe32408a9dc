//! chrF and chrF++, equal to sacreBLEU's: character n-grams up to 6, beta 2.
//!
//! chrF++ counts word 1- and 2-grams too. Several references: the one that fits the answer best counts.

use super::bleu::{VERSION, yes_or_no};
use super::ngrams::Texts;
use super::words;

/// The longest character n-gram.
const CHARACTER_ORDER: usize = 6;

/// Recall weighs beta² times precision.
const BETA_SQUARED: f64 = 4.0;

/// What sacreBLEU (and NLTK and Moses) take for nothing, if smoothing is asked for.
const EPSILON: f64 = 1e-16;

/// chrF as it is to be computed; by default as sacreBLEU's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chrf {
    /// The longest word n-gram: 0 for chrF, 2 for chrF++.
    pub word_order: usize,
    /// Whether case is ignored.
    pub lowercase: bool,
    /// Whether spaces are characters too.
    pub whitespace: bool,
    /// Whether the F of each order is averaged, with a tiny number for nothing, instead of precision and recall of the
    /// orders that there are.
    pub smoothing: bool,
}

impl Chrf {
    /// chrF2++: with word 1- and 2-grams.
    pub fn plus_plus() -> Self {
        Self { word_order: 2, ..Self::default() }
    }

    /// Numbers in a row of [`Chrf::statistics`]: three for each order.
    pub fn width(&self) -> usize {
        3 * (CHARACTER_ORDER + self.word_order)
    }

    /// The counts that chrF needs of one example: for each order n-grams of the answer, of the best
    /// reference, and of both.
    ///
    /// # Source
    /// Popović 2015 and 2017; counts as in sacreBLEU 2.6.
    pub fn statistics(&self, answer: &str, references: &[String]) -> Vec<f64> {
        let texts: Vec<String> = std::iter::once(answer)
            .chain(references.iter().map(String::as_str))
            .map(|text| if self.lowercase { text.to_lowercase() } else { text.to_owned() })
            .collect();
        let kept = |c: &char| self.whitespace || !words::is_space(*c);
        let characters = Texts::of_characters(texts.iter().map(|text| text.chars().filter(kept)));
        let mut rows = vec![Vec::with_capacity(self.width()); references.len()];
        let mut add = |_: usize, counts: &[Vec<u32>]| {
            let Some((answer, references)) = counts.split_first() else { return };
            for (row, reference) in rows.iter_mut().zip(references) {
                row.extend(matched(answer, reference));
            }
        };
        characters.count(CHARACTER_ORDER, &mut add);
        if self.word_order > 0 {
            Texts::of_words(texts.iter().map(|text| words_of(text))).count(self.word_order, &mut add);
        }
        let mut best = (-1.0, vec![0.0; self.width()]);
        for row in rows {
            let score = self.score(&row);
            if score > best.0 {
                best = (score, row);
            }
        }
        best.1
    }

    /// chrF (or chrF++) in `[0, 100]` from one row or from the sum of many.
    pub fn score(&self, sums: &[f64]) -> f64 {
        let (mut precisions, mut recalls, mut orders, mut smoothed) = (0.0, 0.0, 0.0, 0.0);
        for triple in sums.chunks_exact(3) {
            let &[answer, reference, both] = triple else { continue };
            let precision = if answer > 0.0 { both / answer } else { EPSILON };
            let recall = if reference > 0.0 { both / reference } else { EPSILON };
            let below = BETA_SQUARED * precision + recall;
            smoothed += if below > 0.0 { (1.0 + BETA_SQUARED) * precision * recall / below } else { EPSILON };
            if answer > 0.0 && reference > 0.0 {
                precisions += precision;
                recalls += recall;
                orders += 1.0;
            }
        }
        if self.smoothing {
            return 100.0 * smoothed / (CHARACTER_ORDER + self.word_order) as f64;
        }
        if orders == 0.0 || precisions + recalls == 0.0 {
            return 0.0;
        }
        let (precision, recall) = (precisions / orders, recalls / orders);
        let product = (1.0 + BETA_SQUARED) * precision * recall;
        100.0 * (product / (BETA_SQUARED * precision + recall))
    }

    /// What sacreBLEU would call this score; `None` means that examples differ in their number of references.
    pub fn signature(&self, references: Option<usize>) -> String {
        let count = references.map_or_else(|| "var".to_owned(), |n| n.to_string());
        let case = if self.lowercase { "lc" } else { "mixed" };
        let (effective, space) = (yes_or_no(!self.smoothing), yes_or_no(self.whitespace));
        let order = self.word_order;
        format!("nrefs:{count}|case:{case}|eff:{effective}|nc:6|nw:{order}|space:{space}|version:{VERSION}")
    }

    /// Its name in tables.
    pub fn name(&self) -> String {
        let mut name = format!("chrF{}", "+".repeat(self.word_order));
        if self.lowercase {
            name.push_str(" (lower case)");
        }
        name
    }
}

/// N-grams of the answer (none if the reference has none of that order), of the reference, of both.
fn matched(answer: &[u32], reference: &[u32]) -> [f64; 3] {
    let of_reference: u32 = reference.iter().sum();
    if of_reference == 0 {
        return [0.0; 3];
    }
    let both: u32 = answer.iter().zip(reference).map(|(a, r)| a.min(r)).sum();
    [answer.iter().sum(), of_reference, both].map(f64::from)
}

/// Words with one punctuation mark split off: the last character if it is one, else the first.
fn words_of(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for word in words::split(text) {
        let (first, last) = (word.chars().next(), word.chars().next_back());
        let more_than_one = word.chars().nth(1).is_some();
        match (first, last) {
            (_, Some(last)) if more_than_one && last.is_ascii_punctuation() => {
                let (head, tail) = word.split_at(word.len() - last.len_utf8());
                out.extend([head, tail]);
            }
            (Some(first), _) if more_than_one && first.is_ascii_punctuation() => {
                let (head, tail) = word.split_at(first.len_utf8());
                out.extend([head, tail]);
            }
            _ => out.push(word),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_punctuation_mark_is_split_off_a_word() {
        assert_eq!(words_of("(tere) \"ahoi õ . nii!?"), ["(tere", ")", "\"", "ahoi", "õ", ".", "nii!", "?"]);
    }

    #[test]
    fn the_best_of_several_references_counts() {
        let references = ["midagi muud".to_owned(), "vana maja".to_owned()];
        let chrf = Chrf::plus_plus();
        assert_eq!(chrf.score(&chrf.statistics("vana maja", &references)), 100.0);
        assert_eq!(Chrf::default().score(&Chrf::default().statistics("", &references)), 0.0);
    }

    #[test]
    fn a_space_counts_only_where_it_is_asked_for() {
        let score = |whitespace| {
            let chrf = Chrf { whitespace, ..Chrf::default() };
            chrf.score(&chrf.statistics("va na", &["vana".to_owned()]))
        };
        assert_eq!(score(false), 100.0);
        assert!(score(true) < 100.0);
        assert_eq!(
            Chrf { smoothing: true, ..Chrf::plus_plus() }.signature(None),
            "nrefs:var|case:mixed|eff:no|nc:6|nw:2|space:no|version:2.6.0"
        );
    }
}
