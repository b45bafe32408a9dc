//! What is trained: low-rank adapters, or everything.

use std::fmt;

use serde::Serialize;

use super::training::Quantization;

/// What is trained.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // A study has a handful of them.
pub enum Method {
    /// Low-rank adapters.
    Lora(LoraSettings),
    /// All parameters.
    Full,
}

/// An adapter as PEFT means it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoraSettings {
    /// What is trained of each module.
    pub kind: AdapterKind,
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
    /// What the factors begin as.
    pub init: Initial,
    /// Modules that get no adapter, though `targets` has them.
    pub exclude: Option<Targets>,
    /// Only in these layers, numbered from 0.
    pub layers: Option<Vec<usize>>,
    /// Of (IA)³, the modules whose inputs are scaled instead of their outputs, by name.
    pub feedforward: Vec<String>,
    /// Ranks of single modules, by regular expressions on the end of the path; the first that matches counts.
    pub rank_pattern: Vec<(String, usize)>,
    /// Alphas of single modules, likewise.
    pub alpha_pattern: Vec<(String, f64)>,
    /// The learning rate of the factors B is this times that of the factors A (LoRA+).
    pub lora_plus_ratio: f64,
    /// Modules that are trained whole and saved with the adapter, by the ends of their paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules_to_save: Vec<String>,
    /// Rows that are trained of some modules, by the ends of their paths: `embed_tokens`, `lm_head`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trainable_tokens: Vec<(String, Vec<u32>)>,
}

impl Default for LoraSettings {
    /// What a recipe that says nothing gets.
    fn default() -> Self {
        Self {
            kind: AdapterKind::Lora,
            rank: 64,
            alpha: 16.0,
            dropout: 0.1,
            targets: Targets::AllLinear(AllLinear::AllLinear),
            rslora: false,
            quantization: Quantization::None,
            init: Initial::Kaiming,
            exclude: None,
            layers: None,
            feedforward: vec!["down_proj".to_owned()],
            rank_pattern: Vec::new(),
            alpha_pattern: Vec::new(),
            lora_plus_ratio: 1.0,
            modules_to_save: Vec::new(),
            trainable_tokens: Vec::new(),
        }
    }
}

impl LoraSettings {
    /// How the model must be loaded that the adapter is made on: a start that takes a part of the weights quantizes the
    /// rest itself.
    pub fn loaded_as(&self) -> Quantization {
        if self.init.changes_base() { Quantization::None } else { self.quantization }
    }

    /// Whether anything of the embedding is trained: whole, some rows, or a low-rank update.
    pub fn trains_embedding(&self) -> bool {
        const EMBEDDING: &str = "model.embed_tokens";
        let names_it =
            |names: &[String]| names.iter().any(|name| !name.is_empty() && EMBEDDING.ends_with(name.as_str()));
        let targeted = match &self.targets {
            Targets::AllLinear(_) => false,
            Targets::Names(names) => names_it(names),
            Targets::Pattern(pattern) => pattern.contains("embed_tokens"),
        };
        targeted || names_it(&self.modules_to_save) || !self.trainable_tokens.is_empty()
    }

    /// Rank and alpha of the adapter that is written at the end.
    ///
    /// Where the frozen weight was another one in training, the adapter takes back what was taken from the weight: its
    /// rank is twice as high, and its scale the same.
    pub fn saved(&self) -> (usize, f64) {
        match (self.init.changes_base(), self.rslora) {
            (false, _) => (self.rank, self.alpha),
            (true, false) => (2 * self.rank, 2.0 * self.alpha),
            (true, true) => (2 * self.rank, std::f64::consts::SQRT_2 * self.alpha),
        }
    }
}

/// What an adapter trains of each module that it is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterKind {
    /// Both factors of a low-rank update.
    #[default]
    Lora,
    /// The factor B alone; A stays as it was drawn.
    LoraFa,
    /// Both factors, and the length of each row of the weight.
    Dora,
    /// A factor for each output, or for each input: (IA)³.
    Ia3,
    /// Two vectors, of an update whose random factors all modules share.
    Vera,
}

impl AdapterKind {
    /// Its name in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lora => "lora",
            Self::LoraFa => "lora-fa",
            Self::Dora => "dora",
            Self::Ia3 => "ia3",
            Self::Vera => "vera",
        }
    }
}

/// What the factors of an adapter begin as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Initial {
    /// A uniform in ±1/√in, B zero.
    #[default]
    Kaiming,
    /// A normal with deviation 1/rank, B zero.
    Gaussian,
    /// The largest singular vectors of the weight, of which the rest stays frozen.
    Pissa,
    /// As [`Initial::Pissa`], by so many rounds of an approximation that is much faster.
    PissaRounds(usize),
    /// The first rows and columns of the weight's QR decomposition, of which the rest stays frozen.
    Olora,
    /// What 4 or 8 bits lose of the weight, found in so many rounds.
    Loftq(usize),
}

impl Initial {
    /// Reads the word of a recipe: PEFT's, and `loftq_iter_N` for more than one round.
    pub fn parse(word: &str) -> Option<Self> {
        let rounds = |text: &str| text.parse::<usize>().ok().filter(|rounds| (1..=1000).contains(rounds));
        Some(match word {
            "kaiming" => Self::Kaiming,
            "gaussian" => Self::Gaussian,
            "pissa" => Self::Pissa,
            "olora" => Self::Olora,
            "loftq" => Self::Loftq(1),
            word => match (word.strip_prefix("pissa_niter_"), word.strip_prefix("loftq_iter_")) {
                (Some(number), _) => Self::PissaRounds(rounds(number)?),
                (_, Some(number)) => Self::Loftq(rounds(number)?),
                _ => return None,
            },
        })
    }

    /// Whether the frozen weight is another one while it is trained on.
    pub fn changes_base(self) -> bool {
        !matches!(self, Self::Kaiming | Self::Gaussian)
    }
}

impl fmt::Display for Initial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kaiming => f.write_str("kaiming"),
            Self::Gaussian => f.write_str("gaussian"),
            Self::Pissa => f.write_str("pissa"),
            Self::PissaRounds(rounds) => write!(f, "pissa_niter_{rounds}"),
            Self::Olora => f.write_str("olora"),
            Self::Loftq(1) => f.write_str("loftq"),
            Self::Loftq(rounds) => write!(f, "loftq_iter_{rounds}"),
        }
    }
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
            Self::Lora(settings) => settings.kind.name(),
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
