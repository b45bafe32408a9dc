//! The scores that tasks report, each a function of sums over the examples.

use serde::{Deserialize, Serialize};

use crate::random::Stream;

use super::bootstrap::{self, Interval, Rows};
use super::language::Language;
use super::prediction::{Likelihood, Prediction};
use super::{bleu, chrf, edits, matching, words};

/// A score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// BLEU of sacreBLEU (13a).
    Bleu,
    /// chrF2.
    Chrf,
    /// chrF2++: chrF with word 1- and 2-grams.
    #[serde(rename = "chrf++")]
    ChrfPlusPlus,
    /// Share of answers that equal a reference after normalisation.
    ExactMatch,
    /// Share of answers that equal a reference, case and punctuation included; only whitespace may differ.
    SameText,
    /// Mean F1 over words after normalisation.
    F1,
    /// F0.5 of word edits from the source sentence to the answer, against those to the best reference.
    EditF05,
    /// Share of right choices by log-likelihood per token.
    Accuracy,
    /// Share of right choices by the sum of log-likelihoods, which favours short choices.
    AccuracyUnnormalised,
    /// e to the mean negative log-likelihood of a token; comparable between models of one tokenizer only.
    Perplexity,
    /// Negative log₂-likelihood per UTF-8 byte; comparable between tokenizers.
    BitsPerByte,
}

impl Metric {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bleu => "BLEU",
            Self::Chrf => "chrF",
            Self::ChrfPlusPlus => "chrF++",
            Self::ExactMatch | Self::SameText => "exact match",
            Self::F1 => "F1",
            Self::EditF05 => "edit F0.5",
            Self::Accuracy => "accuracy",
            Self::AccuracyUnnormalised => "accuracy, unnormalised",
            Self::Perplexity => "perplexity",
            Self::BitsPerByte => "bits per byte",
        }
    }

    /// Its unit in words.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Bleu | Self::Chrf | Self::ChrfPlusPlus => "0–100",
            Self::ExactMatch
            | Self::SameText
            | Self::F1
            | Self::EditF05
            | Self::Accuracy
            | Self::AccuracyUnnormalised => "%",
            Self::Perplexity => "per token",
            Self::BitsPerByte => "bits",
        }
    }

    /// Whether more is better.
    pub fn higher_is_better(self) -> bool {
        !matches!(self, Self::Perplexity | Self::BitsPerByte)
    }

    /// Digits behind the point in tables.
    pub fn digits(self) -> usize {
        match self {
            Self::Perplexity => 2,
            Self::BitsPerByte => 3,
            _ => 1,
        }
    }

    /// Numbers in a row of [`Metric::row`].
    pub fn width(self) -> usize {
        match self {
            Self::Bleu => bleu::WIDTH,
            Self::Chrf => chrf::width(0),
            Self::ChrfPlusPlus => chrf::width(2),
            Self::ExactMatch | Self::SameText | Self::F1 | Self::Accuracy | Self::AccuracyUnnormalised => 2,
            Self::EditF05 => edits::WIDTH,
            Self::Perplexity | Self::BitsPerByte => 2,
        }
    }

    /// The numbers that the score needs of one example.
    pub fn row(self, prediction: &Prediction, language: &Language) -> Vec<f64> {
        let (answer, references) = (prediction.answer.as_str(), prediction.references.as_slice());
        match self {
            Self::Bleu => bleu::statistics(answer, references).to_vec(),
            Self::Chrf => chrf::statistics(answer, references, 0),
            Self::ChrfPlusPlus => chrf::statistics(answer, references, 2),
            Self::ExactMatch => vec![matching::exact_match(answer, references, language), 1.0],
            Self::SameText => vec![f64::from(is_same_text(answer, references)), 1.0],
            Self::F1 => vec![matching::f1(answer, references, language), 1.0],
            Self::EditF05 => edits::statistics(&prediction.source, answer, references).to_vec(),
            Self::Accuracy => vec![right(prediction, Likelihood::per_token), 1.0],
            Self::AccuracyUnnormalised => vec![right(prediction, |l| l.log_likelihood), 1.0],
            Self::Perplexity => sums(prediction, |l| l.tokens as f64),
            Self::BitsPerByte => sums(prediction, |l| l.bytes as f64 * std::f64::consts::LN_2),
        }
    }

    /// The rows of many examples.
    pub fn rows(self, predictions: &[Prediction], language: &Language) -> Rows {
        use rayon::prelude::*;
        let rows: Vec<Vec<f64>> = predictions.par_iter().map(|p| self.row(p, language)).collect();
        Rows::new(self.width(), rows)
    }

    /// The score, in its unit, from the sum of the examples' rows.
    pub fn score(self, sums: &[f64]) -> f64 {
        let ratio = || match sums {
            &[above, below, ..] if below != 0.0 => above / below,
            _ => f64::NAN,
        };
        match self {
            Self::Bleu => bleu::score(sums),
            Self::Chrf | Self::ChrfPlusPlus => chrf::score(sums),
            Self::EditF05 => edits::score(sums),
            Self::ExactMatch | Self::SameText | Self::F1 | Self::Accuracy | Self::AccuracyUnnormalised => {
                100.0 * ratio()
            }
            Self::Perplexity => ratio().exp(),
            Self::BitsPerByte => ratio(),
        }
    }

    /// The 95 % interval of the score; none for fewer than two examples.
    pub fn interval(self, rows: &Rows, draws: Stream) -> Option<Interval> {
        let interval = bootstrap::interval(rows, |sums| self.score(sums), draws)?;
        // F1 of an example lies between 0 and 1 too, so that a share spreads at least as much.
        let is_share =
            matches!(self, Self::ExactMatch | Self::SameText | Self::F1 | Self::Accuracy | Self::AccuracyUnnormalised);
        match rows.sum().as_slice() {
            &[hits, count] if is_share && (hits == 0.0 || hits == count) => {
                Some(bootstrap::share_interval(hits, count))
            }
            _ => Some(interval),
        }
    }

    /// The score of one example, for people who read predictions; BLEU then leaves out the orders
    /// that the answer is too short for.
    pub fn example_score(self, row: &[f64]) -> f64 {
        match self {
            Self::Bleu => bleu::sentence_score(row),
            _ => self.score(row),
        }
    }

    /// The signature by which others can reproduce the score, where it has one.
    pub fn signature(self, predictions: &[Prediction]) -> Option<String> {
        let mut counts = predictions.iter().map(|p| p.references.len());
        let first = counts.next();
        let references = first.filter(|first| counts.all(|count| count == *first));
        match self {
            Self::Bleu => Some(bleu::signature(references)),
            Self::Chrf => Some(chrf::signature(references, 0)),
            Self::ChrfPlusPlus => Some(chrf::signature(references, 2)),
            _ => None,
        }
    }
}

fn is_same_text(answer: &str, references: &[String]) -> bool {
    let answer = words::single_spaced(answer);
    references.iter().any(|reference| words::single_spaced(reference) == answer)
}

/// 1 if the likeliest choice is the reference.
fn right(prediction: &Prediction, score: impl Fn(&Likelihood) -> f64) -> f64 {
    let chosen = likeliest(&prediction.likelihoods, score);
    f64::from(chosen.is_some_and(|chosen| prediction.references.contains(&chosen.text)))
}

/// The likeliest of some texts by a score; the first of equals.
pub(crate) fn likeliest(choices: &[Likelihood], score: impl Fn(&Likelihood) -> f64) -> Option<&Likelihood> {
    let better = |best: &'_ &Likelihood, other: &'_ &Likelihood| score(other) > score(best);
    choices.iter().reduce(|best, other| if better(&best, &other) { other } else { best })
}

/// Negative log-likelihood in nats over all texts of an example, and what it is divided by.
fn sums(prediction: &Prediction, below: impl Fn(&Likelihood) -> f64) -> Vec<f64> {
    let texts = &prediction.likelihoods;
    vec![texts.iter().fold(0.0, |sum, l| sum - l.log_likelihood), texts.iter().fold(0.0, |sum, l| sum + below(l))]
}
