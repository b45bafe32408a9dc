//! What is trained: low-rank adapters, or everything.

use std::fmt;

use serde::Serialize;

use super::training::Quantization;

/// What is trained.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// Low-rank adapters.
    Lora(LoraSettings),
    /// All parameters.
    Full,
}

/// LoRA as PEFT means it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoraSettings {
    /// Rank of the update.
    pub rank: usize,
    /// The update is multiplied by alpha / rank, or alpha / √rank for rsLoRA.
    pub alpha: f64,
    /// Probability that an input of A is set to zero while training.
    pub dropout: f64,
    /// Which modules.
    pub targets: Targets,
    /// Scale by alpha / √rank.
    pub rslora: bool,
    /// How the model that the adapter is trained on is kept in memory.
    pub quantization: Quantization,
}

/// Which modules get an adapter, by PEFT's rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Targets {
    /// Every linear module but the head: `all-linear`.
    AllLinear(AllLinear),
    /// Modules whose path equals a name or ends in `.name`.
    Names(Vec<String>),
    /// Modules whose whole path matches a regular expression.
    Pattern(String),
}

/// The word `all-linear`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllLinear {
    /// `all-linear`.
    AllLinear,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lora(_) => "lora",
            Self::Full => "full",
        })
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllLinear(_) => f.write_str("all-linear"),
            Self::Names(names) => write!(f, "[{}]", names.join(", ")),
            Self::Pattern(pattern) => f.write_str(pattern),
        }
    }
}
