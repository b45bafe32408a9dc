//! The scores that tasks report, each a function of sums over the examples.

use serde::{Serialize, Serializer};

use crate::data::clean::language_of;

use super::bleu::{self, Bleu};
use super::bootstrap::{self, Interval, Resampled, Rows};
use super::chrf::Chrf;
use super::language::Language;
use super::maxmatch;
use super::prediction::{Likelihood, Prediction};
use super::ter::{self, Ter};
use super::{edits, matching, words};

/// A score.
#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    /// BLEU of sacreBLEU.
    Bleu(Bleu),
    /// chrF2, or chrF2++ with word 1- and 2-grams.
    Chrf(Chrf),
    /// TER of sacreBLEU.
    Ter(Ter),
    /// Share of answers that equal a reference after normalisation.
    ExactMatch,
    /// Share of answers that equal a reference, case and punctuation included; only whitespace may differ.
    SameText,
    /// Mean F1 over words after normalisation.
    F1,
    /// F0.5 of word edits from the source sentence to the answer, against those to the best reference.
    EditF05,
    /// F0.5 of the M2 scorer, against annotators' edits.
    MaxMatchF05,
    /// Precision of the M2 scorer.
    MaxMatchPrecision,
    /// Recall of the M2 scorer.
    MaxMatchRecall,
    /// Share of right choices by log-likelihood per token.
    Accuracy,
    /// Share of right choices by the sum of log-likelihoods, which favours short choices.
    AccuracyUnnormalised,
    /// Share of right choices by log-likelihood per UTF-8 byte: comparable between tokenizers.
    AccuracyPerByte,
    /// Share of right choices by how much more likely the question makes them: the log-likelihood less that of the same
    /// answer to a prompt that asks nothing.
    AccuracyGain,
    /// Share of right choices among those written.
    AccuracyWritten,
    /// Share of written answers in which a choice was found.
    Readable,
    /// Share of answers that are told to be in the language of the task; answers too short to tell are not.
    InLanguage,
    /// e to the mean negative log-likelihood of a token; comparable between models of one tokenizer only.
    Perplexity,
    /// e to the negative log-likelihood for each word of the text; comparable between tokenizers.
    PerplexityPerWord,
    /// e to the negative log-likelihood for each UTF-8 byte of the text; comparable between tokenizers.
    PerplexityPerByte,
    /// Negative log₂-likelihood per UTF-8 byte; comparable between tokenizers.
    BitsPerByte,
}

impl Metric {
    /// BLEU, chrF and chrF++ as sacreBLEU computes them by default.
    pub fn of_translation() -> Vec<Self> {
        vec![Self::Bleu(Bleu::default()), Self::Chrf(Chrf::default()), Self::Chrf(Chrf::plus_plus())]
    }

    /// What kind of score it is, in one word: its name in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Bleu(_) => "bleu",
            Self::Chrf(chrf) if chrf.word_order > 0 => "chrf++",
            Self::Chrf(_) => "chrf",
            Self::Ter(_) => "ter",
            Self::ExactMatch => "exact-match",
            Self::SameText => "same-text",
            Self::F1 => "f1",
            Self::EditF05 => "edit-f05",
            Self::MaxMatchF05 => "max-match-f05",
            Self::MaxMatchPrecision => "max-match-precision",
            Self::MaxMatchRecall => "max-match-recall",
            Self::Accuracy => "accuracy",
            Self::AccuracyUnnormalised => "accuracy-unnormalised",
            Self::AccuracyPerByte => "accuracy-per-byte",
            Self::AccuracyGain => "accuracy-gain",
            Self::AccuracyWritten => "accuracy-written",
            Self::Readable => "readable",
            Self::InLanguage => "in-language",
            Self::Perplexity => "perplexity",
            Self::PerplexityPerWord => "perplexity-per-word",
            Self::PerplexityPerByte => "perplexity-per-byte",
            Self::BitsPerByte => "bits-per-byte",
        }
    }

    /// Its name in tables.
    pub fn name(&self) -> String {
        let name = match self {
            Self::Bleu(bleu) => return bleu.name(),
            Self::Chrf(chrf) => return chrf.name(),
            Self::Ter(_) => "TER",
            Self::ExactMatch | Self::SameText => "exact match",
            Self::F1 => "F1",
            Self::EditF05 => "edit F0.5",
            Self::MaxMatchF05 => "M² F0.5",
            Self::MaxMatchPrecision => "M² precision",
            Self::MaxMatchRecall => "M² recall",
            Self::Accuracy => "accuracy",
            Self::AccuracyUnnormalised => "accuracy, unnormalised",
            Self::AccuracyPerByte => "accuracy, per byte",
            Self::AccuracyGain => "accuracy, by gain",
            Self::AccuracyWritten => "accuracy, written",
            Self::Readable => "choice made",
            Self::InLanguage => "in the language",
            Self::Perplexity => "perplexity",
            Self::PerplexityPerWord => "word perplexity",
            Self::PerplexityPerByte => "byte perplexity",
            Self::BitsPerByte => "bits per byte",
        };
        name.to_owned()
    }

    /// Its unit in words.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Bleu(_) | Self::Chrf(_) => "0–100",
            Self::Ter(_)
            | Self::ExactMatch
            | Self::SameText
            | Self::F1
            | Self::EditF05
            | Self::MaxMatchF05
            | Self::MaxMatchPrecision
            | Self::MaxMatchRecall
            | Self::Accuracy
            | Self::AccuracyUnnormalised
            | Self::AccuracyPerByte
            | Self::AccuracyGain
            | Self::AccuracyWritten
            | Self::Readable
            | Self::InLanguage => "%",
            Self::Perplexity => "per token",
            Self::PerplexityPerWord => "per word",
            Self::PerplexityPerByte => "per byte",
            Self::BitsPerByte => "bits",
        }
    }

    /// Whether more is better.
    pub fn higher_is_better(&self) -> bool {
        !matches!(
            self,
            Self::Ter(_) | Self::Perplexity | Self::PerplexityPerWord | Self::PerplexityPerByte | Self::BitsPerByte
        )
    }

    /// Digits behind the point in tables.
    pub fn digits(&self) -> usize {
        match self {
            Self::Perplexity | Self::PerplexityPerWord => 2,
            Self::PerplexityPerByte | Self::BitsPerByte => 3,
            _ => 1,
        }
    }

    /// Numbers in a row of [`Metric::row`].
    pub fn width(&self) -> usize {
        match self {
            Self::Bleu(_) => bleu::WIDTH,
            Self::Chrf(chrf) => chrf.width(),
            Self::Ter(_) => ter::WIDTH,
            Self::EditF05 => edits::WIDTH,
            Self::MaxMatchF05 | Self::MaxMatchPrecision | Self::MaxMatchRecall => maxmatch::WIDTH,
            _ => 2,
        }
    }

    /// The numbers that the score needs of one example; where the M2 scorer chooses between annotators, by this example
    /// alone.
    pub fn row(&self, prediction: &Prediction, language: &Language) -> Vec<f64> {
        let (answer, references) = (prediction.said(), prediction.references.as_slice());
        match self {
            Self::Bleu(bleu) => bleu.statistics(answer, references).to_vec(),
            Self::Chrf(chrf) => chrf.statistics(answer, references),
            Self::Ter(ter) => ter.statistics(answer, references).to_vec(),
            Self::ExactMatch => vec![matching::exact_match(answer, references, language), 1.0],
            Self::SameText => vec![f64::from(is_same_text(answer, references)), 1.0],
            Self::F1 => vec![matching::f1(answer, references, language), 1.0],
            Self::EditF05 => edits::statistics(&prediction.source, answer, references).to_vec(),
            Self::MaxMatchF05 | Self::MaxMatchPrecision | Self::MaxMatchRecall => {
                let rows = maxmatch::rows_of_annotators(answer, prediction.gold.as_ref());
                maxmatch::chosen(&[0.0; maxmatch::WIDTH], &rows).to_vec()
            }
            Self::Accuracy => vec![right(prediction, Likelihood::per_token), 1.0],
            Self::AccuracyUnnormalised => vec![right(prediction, |l| l.log_likelihood), 1.0],
            Self::AccuracyPerByte => vec![right(prediction, Likelihood::per_byte), 1.0],
            Self::AccuracyGain => vec![right(prediction, Likelihood::gain), 1.0],
            Self::AccuracyWritten => vec![f64::from(is_same_text(answer, references)), 1.0],
            Self::Readable => vec![f64::from(!answer.is_empty()), 1.0],
            Self::InLanguage => {
                vec![f64::from(language_of(answer).is_some_and(|(name, _)| language.is_called(name))), 1.0]
            }
            Self::Perplexity => sums(prediction, |l| l.tokens as f64),
            Self::PerplexityPerWord => sums(prediction, |l| words::split(&l.text).count() as f64),
            Self::PerplexityPerByte => sums(prediction, |l| l.bytes as f64),
            Self::BitsPerByte => sums(prediction, |l| l.bytes as f64 * std::f64::consts::LN_2),
        }
    }

    /// The rows of many examples.
    pub fn rows(&self, predictions: &[Prediction], language: &Language) -> Rows {
        use rayon::prelude::*;
        if matches!(self, Self::MaxMatchF05 | Self::MaxMatchPrecision | Self::MaxMatchRecall) {
            let rows = predictions.par_iter().map(|p| maxmatch::rows_of_annotators(p.said(), p.gold.as_ref()));
            return Rows::new(self.width(), maxmatch::chosen_in_turn(&rows.collect::<Vec<_>>()));
        }
        let rows: Vec<Vec<f64>> = predictions.par_iter().map(|p| self.row(p, language)).collect();
        Rows::new(self.width(), rows)
    }

    /// The score, in its unit, from the sum of the examples' rows.
    pub fn score(&self, sums: &[f64]) -> f64 {
        let ratio = || match sums {
            &[above, below, ..] if below != 0.0 => above / below,
            _ => f64::NAN,
        };
        match self {
            Self::Bleu(bleu) => bleu.score(sums),
            Self::Chrf(chrf) => chrf.score(sums),
            Self::Ter(ter) => ter.score(sums),
            Self::EditF05 => edits::score(sums),
            Self::MaxMatchF05 => 100.0 * maxmatch::f05(sums),
            Self::MaxMatchPrecision => 100.0 * maxmatch::precision(sums),
            Self::MaxMatchRecall => 100.0 * maxmatch::recall(sums),
            Self::Perplexity | Self::PerplexityPerWord | Self::PerplexityPerByte => ratio().exp(),
            Self::BitsPerByte => ratio(),
            _ => 100.0 * ratio(),
        }
    }

    /// The 95 % interval of the score; none for fewer than two examples.
    pub fn interval(&self, rows: &Rows, resampled: &Resampled) -> Option<Interval> {
        let interval = resampled.interval()?;
        match rows.sum().as_slice() {
            &[hits, count] if self.is_share() && (hits == 0.0 || hits == count) => {
                Some(bootstrap::share_interval(hits, count))
            }
            _ => Some(interval),
        }
    }

    /// Whether it is a mean of numbers between 0 and 1; F1 of an example is one, and spreads no more than a share.
    fn is_share(&self) -> bool {
        matches!(
            self,
            Self::ExactMatch
                | Self::SameText
                | Self::F1
                | Self::Accuracy
                | Self::AccuracyUnnormalised
                | Self::AccuracyPerByte
                | Self::AccuracyGain
                | Self::AccuracyWritten
                | Self::Readable
                | Self::InLanguage
        )
    }

    /// The score of one example, for people who read predictions; BLEU then leaves out the orders
    /// that the answer is too short for.
    pub fn example_score(&self, row: &[f64]) -> f64 {
        match self {
            Self::Bleu(bleu) => bleu.sentence_score(row),
            _ => self.score(row),
        }
    }

    /// The signature by which others can reproduce the score, where it has one.
    pub fn signature(&self, predictions: &[Prediction]) -> Option<String> {
        let mut counts = predictions.iter().map(|p| p.references.len());
        let first = counts.next();
        let references = first.filter(|first| counts.all(|count| count == *first));
        match self {
            Self::Bleu(bleu) => Some(bleu.signature(references)),
            Self::Chrf(chrf) => Some(chrf.signature(references)),
            Self::Ter(ter) => Some(ter.signature(references)),
            _ => None,
        }
    }
}

impl Serialize for Metric {
    /// As its [`Metric::word`]; its options are in the signature.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

fn is_same_text(answer: &str, references: &[String]) -> bool {
    let answer = words::single_spaced(answer);
    references.iter().any(|reference| words::single_spaced(reference) == answer)
}

/// 1 if the likeliest choice is the reference; NaN where a choice has no such score.
fn right(prediction: &Prediction, score: impl Fn(&Likelihood) -> f64) -> f64 {
    if prediction.likelihoods.iter().any(|likelihood| score(likelihood).is_nan()) {
        return f64::NAN;
    }
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
