//! Exact match and F1 of short answers, as SQuAD's script computes them, for English and for Estonian.
//!
//! English is normalised exactly as there: lower case, ASCII punctuation removed, the articles *a*, *an*
//! and *the* removed. Estonian has no articles, and an Estonian word may well be spelled like one; there
//! no word is removed, but typographic quotation marks and dashes are, since Estonian text uses them.

use std::collections::HashMap;

use super::language::Language;
use super::words;

/// The text that two answers are compared by.
///
/// # Source
/// Rajpurkar et al. 2016, `evaluate-v1.1.py` (English).
pub fn normalise(text: &str, language: &Language) -> String {
    let lower = text.to_lowercase();
    if *language == Language::English {
        let kept: String = lower.chars().filter(|&c| !words::is_ascii_punctuation(c)).collect();
        return words::single_spaced(&without_articles(&kept));
    }
    let kept: String =
        lower.chars().filter(|&c| !words::is_ascii_punctuation(c) && !words::is_typographic_punctuation(c)).collect();
    words::single_spaced(&kept)
}

/// 1 if the answer equals a reference after normalisation, else 0.
pub fn exact_match(answer: &str, references: &[String], language: &Language) -> f64 {
    let answer = normalise(answer, language);
    f64::from(references.iter().any(|reference| normalise(reference, language) == answer))
}

/// Harmonic mean of precision and recall over words, in `[0, 1]`; the best over the references.
///
/// Where answer or reference has no word at all, it is 1 if neither has one, else 0 (SQuAD 2.0's rule).
pub fn f1(answer: &str, references: &[String], language: &Language) -> f64 {
    let answer = normalise(answer, language);
    references.iter().map(|reference| f1_of_one(&answer, &normalise(reference, language))).fold(0.0, f64::max)
}

fn f1_of_one(answer: &str, reference: &str) -> f64 {
    let (answer, reference): (Vec<&str>, Vec<&str>) =
        (words::split(answer).collect(), words::split(reference).collect());
    if answer.is_empty() || reference.is_empty() {
        return f64::from(answer.is_empty() && reference.is_empty());
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in &reference {
        *left.entry(word).or_default() += 1;
    }
    let mut shared = 0usize;
    for word in &answer {
        if let Some(count) = left.get_mut(word).filter(|count| **count > 0) {
            *count -= 1;
            shared += 1;
        }
    }
    if shared == 0 {
        return 0.0;
    }
    let precision = shared as f64 / answer.len() as f64;
    let recall = shared as f64 / reference.len() as f64;
    2.0 * precision * recall / (precision + recall)
}

/// Replaces each whole word *a*, *an*, *the* by a space; a word is a run of letters, digits and `_`.
fn without_articles(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let inside = is_word(first);
        let end = rest.find(|c: char| is_word(c) != inside).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        out.push_str(if matches!(run, "a" | "an" | "the") { " " } else { run });
        rest = behind;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    #[test]
    fn articles_are_dropped_in_english_only() {
        assert_eq!(normalise("The cat, an  “a” THEM!", &Language::English), "cat “ ” them");
        assert_eq!(normalise("An ta „The“ – a...", &Language::Estonian), "an ta the a");
        assert_eq!(exact_match("a cat", &one("the Cat."), &Language::English), 1.0);
        assert_eq!(exact_match("a kass", &one("kass"), &Language::Estonian), 0.0);
    }

    #[test]
    fn f1_counts_each_word_once_and_takes_the_best_reference() {
        let references = ["must kass".to_owned(), "kass kass".to_owned()];
        // "kass kass kass": two of three words found, all of the reference's two.
        assert!((f1("kass kass kass", &references, &Language::Estonian) - 0.8).abs() < 1e-15);
        assert_eq!(f1("", &one("kass"), &Language::Estonian), 0.0);
        assert_eq!(f1("…", &one("–"), &Language::Estonian), 1.0);
        assert_eq!(f1("the", &one("a"), &Language::English), 1.0);
    }
}
