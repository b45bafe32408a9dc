//! The flags of `emakeel score`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `emakeel score`.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// What systems wrote: text files with one segment a line. The others are compared with the first.
    #[arg(required = true, value_name = "OUTPUT")]
    pub outputs: Vec<PathBuf>,
    /// What is right: text files with one segment a line; of several, each line has several references.
    #[arg(long = "ref", short, num_args = 1.., value_name = "FILE", required_unless_present = "m2")]
    pub references: Vec<PathBuf>,
    /// What is computed, several with commas between them.
    #[arg(long, short, value_enum, value_delimiter = ',', default_value = "bleu,chrf,ter")]
    pub metric: Vec<MetricWord>,
    /// Annotators' edits in M2 format, for --metric m2; the outputs are tokenized as the file is.
    #[arg(long, value_name = "FILE")]
    pub m2: Option<PathBuf>,
    /// BLEU: what n-grams are of, 13a, intl, char, none, or flores200 (spBLEU), which needs --model.
    #[arg(long, value_name = "NAME", default_value = "13a")]
    pub tokenize: String,
    /// BLEU: the SentencePiece model of flores200.
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// BLEU: what stands in for orders of which nothing is right.
    #[arg(long, value_enum, default_value = "exp")]
    pub smooth: SmoothWord,
    /// BLEU: the value of --smooth floor (0.1 if not given) or add-k (1 if not given).
    #[arg(long, value_name = "VALUE")]
    pub smooth_value: Option<f64>,
    /// BLEU: leave out orders that no output is long enough for.
    #[arg(long)]
    pub effective_order: bool,
    /// BLEU and chrF: ignore case.
    #[arg(long)]
    pub lowercase: bool,
    /// chrF: spaces are characters too.
    #[arg(long)]
    pub chrf_whitespace: bool,
    /// chrF: average the F of each order, with a tiny number for nothing.
    #[arg(long)]
    pub chrf_eps_smoothing: bool,
    /// TER: make punctuation words of its own first.
    #[arg(long)]
    pub ter_normalized: bool,
    /// TER: remove punctuation.
    #[arg(long)]
    pub ter_no_punct: bool,
    /// TER: Chinese and Japanese characters are words.
    #[arg(long)]
    pub ter_asian_support: bool,
    /// TER: case counts.
    #[arg(long)]
    pub ter_case_sensitive: bool,
    /// Exact match and F1: the language whose articles are left out, where it has some.
    #[arg(long, value_name = "NAME", default_value = "Estonian")]
    pub language: String,
    /// How others are compared with the first.
    #[arg(long, value_enum, default_value = "bootstrap")]
    pub test: TestWord,
    /// Resamples of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(40..=1_000_000))]
    pub resamples: u64,
    /// Trials of --test randomisation.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub trials: u64,
    /// The draws follow from it.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// What can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MetricWord {
    /// BLEU.
    Bleu,
    /// chrF2.
    Chrf,
    /// chrF2++, with word 1- and 2-grams.
    #[value(name = "chrf++")]
    ChrfPlusPlus,
    /// Translation edit rate.
    Ter,
    /// Share of answers equal to a reference after normalisation.
    ExactMatch,
    /// F1 over words after normalisation.
    F1,
    /// Precision, recall and F0.5 of the M2 scorer.
    M2,
}

/// What stands in for BLEU's orders of which nothing is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SmoothWord {
    /// A half, a quarter, … of a right n-gram.
    Exp,
    /// A small count of right n-grams.
    Floor,
    /// So many right n-grams more in every order but the first.
    AddK,
    /// Nothing.
    None,
}

/// How two systems are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TestWord {
    /// Paired bootstrap, as sacreBLEU's --paired-bs.
    Bootstrap,
    /// Approximate randomisation, as sacreBLEU's --paired-ar.
    Randomisation,
}
