//! chrF and chrF++, equal to sacreBLEU's: character n-grams up to 6, beta 2, effective order.
//!
//! chrF++ counts word 1- and 2-grams too. Several references: the one that fits the answer best counts.

use std::collections::HashMap;
use std::hash::Hash;

use super::words;

/// The longest character n-gram.
const CHARACTER_ORDER: usize = 6;

/// Recall weighs beta² times precision.
const BETA_SQUARED: f64 = 4.0;

/// Numbers in a row of [`statistics`]: three for each order.
pub const fn width(word_order: usize) -> usize {
    3 * (CHARACTER_ORDER + word_order)
}

/// The counts that chrF needs of one example: for each order n-grams of the answer, of the best
/// reference, and of both. `word_order` is 0 for chrF and 2 for chrF++.
///
/// # Source
/// Popović 2015 and 2017; counts as in sacreBLEU 2.6.
pub fn statistics(answer: &str, references: &[String], word_order: usize) -> Vec<f64> {
    let answer = Text::of(answer);
    let answer = Ngrams::of(&answer, word_order);
    let mut best = (-1.0, vec![0.0; width(word_order)]);
    for reference in references {
        let row = answer.matched_with(&Ngrams::of(&Text::of(reference), word_order));
        let score = score(&row);
        if score > best.0 {
            best = (score, row);
        }
    }
    best.1
}

/// chrF (or chrF++) in `[0, 100]` from one row or from the sum of many.
pub fn score(sums: &[f64]) -> f64 {
    let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
    for triple in sums.chunks_exact(3) {
        let &[answer, reference, both] = triple else { continue };
        if answer > 0.0 && reference > 0.0 {
            precision += both / answer;
            recall += both / reference;
            orders += 1.0;
        }
    }
    if orders == 0.0 || precision + recall == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (precision / orders, recall / orders);
    let product = (1.0 + BETA_SQUARED) * precision * recall;
    100.0 * (product / (BETA_SQUARED * precision + recall))
}

/// What sacreBLEU would call this score; `None` means that examples differ in their number of references.
pub fn signature(references: Option<usize>, word_order: usize) -> String {
    let count = references.map_or_else(|| "var".to_owned(), |n| n.to_string());
    format!("nrefs:{count}|case:mixed|eff:yes|nc:6|nw:{word_order}|space:no|version:2.6.0")
}

/// A text as its characters without whitespace, and as its words.
struct Text<'t> {
    letters: String,
    /// Where each character of `letters` begins, and where the last one ends.
    bounds: Vec<usize>,
    words: Vec<&'t str>,
}

impl<'t> Text<'t> {
    fn of(text: &'t str) -> Self {
        let letters: String = text.chars().filter(|&c| !words::is_space(c)).collect();
        let bounds = letters.char_indices().map(|(at, _)| at).chain([letters.len()]).collect();
        Self { letters, bounds, words: words_of(text) }
    }
}

/// The counted n-grams of one text, by order.
struct Ngrams<'t> {
    characters: Vec<HashMap<&'t str, u32>>,
    words: Vec<HashMap<&'t [&'t str], u32>>,
}

impl<'t> Ngrams<'t> {
    fn of(text: &'t Text<'t>, word_order: usize) -> Self {
        let characters = |n: usize| {
            let spans = text.bounds.windows(n + 1).filter_map(|bounds| Some(*bounds.first()?..*bounds.last()?));
            count(spans.filter_map(|span| text.letters.get(span)))
        };
        Self {
            characters: (1..=CHARACTER_ORDER).map(characters).collect(),
            words: (1..=word_order).map(|n| count(text.words.windows(n))).collect(),
        }
    }

    fn matched_with(&self, reference: &Ngrams<'_>) -> Vec<f64> {
        let characters = self.characters.iter().zip(&reference.characters).map(|(a, r)| matched(a, r));
        let words = self.words.iter().zip(&reference.words).map(|(a, r)| matched(a, r));
        characters.chain(words).flatten().collect()
    }
}

fn count<T: Eq + Hash>(ngrams: impl Iterator<Item = T>) -> HashMap<T, u32> {
    let mut counts = HashMap::new();
    for ngram in ngrams {
        *counts.entry(ngram).or_default() += 1;
    }
    counts
}

/// N-grams of the answer (none if the reference has none of that order), of the reference, of both.
fn matched<T: Eq + Hash>(answer: &HashMap<T, u32>, reference: &HashMap<T, u32>) -> [f64; 3] {
    if reference.is_empty() {
        return [0.0; 3];
    }
    let both: u32 = answer.iter().map(|(ngram, &n)| reference.get(ngram).copied().unwrap_or(0).min(n)).sum();
    let total = |counts: &HashMap<T, u32>| f64::from(counts.values().sum::<u32>());
    [total(answer), total(reference), f64::from(both)]
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
        assert_eq!(score(&statistics("vana maja", &references, 2)), 100.0);
        assert_eq!(score(&statistics("", &references, 0)), 0.0);
    }
}
