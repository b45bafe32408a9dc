//! How a study's answers are judged by another model.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::count::Count;
use super::shapes::Words;
use super::written;

/// The judge of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgeSettings {
    /// The endpoint's name for the model.
    pub model: String,
    /// Where it answers; `None` for what the environment says.
    pub endpoint: Option<String>,
    /// Kinds and names of tasks; `None` for all in which something is written.
    pub tasks: Option<Vec<String>>,
    /// What is asked.
    pub mode: JudgeMode,
    /// The candidate that each other one is compared with; `None` for every pair.
    pub against: Option<String>,
    /// At most this many questions of each task.
    pub questions: usize,
    /// The judge's temperature.
    pub temperature: f64,
    /// The most tokens a verdict may have.
    pub max_tokens: usize,
    /// At most this many requests a minute.
    pub requests_per_minute: Option<usize>,
    /// Requests under way at the same time.
    pub parallel: usize,
    /// Seconds that a request may take.
    pub timeout: f64,
    /// What the endpoint charges.
    pub price: Option<Price>,
    /// Dollars that all verdicts of the run folder may cost together.
    pub budget: Option<f64>,
    /// A file with another wording.
    pub prompt: Option<PathBuf>,
}

/// What a judge is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JudgeMode {
    /// Which of two answers is better, in both orders.
    #[default]
    Pairwise,
    /// A score from 1 to 10 for each answer alone.
    Single,
    /// Both of these.
    Both,
}

impl JudgeMode {
    /// Whether answers are compared two by two.
    pub fn pairs(self) -> bool {
        self != Self::Single
    }

    /// Whether each answer gets a score of its own.
    pub fn singles(self) -> bool {
        self != Self::Pairwise
    }
}

/// What an endpoint charges, in dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// For tokens read.
    pub input: f64,
    /// For tokens written.
    pub output: f64,
}

impl Price {
    /// Dollars for so many tokens.
    pub fn of(&self, input: f64, output: f64) -> f64 {
        (input * self.input + output * self.output) / 1e6
    }
}

impl JudgeSettings {
    /// The keys that say the same, every default written out.
    pub(super) fn written(&self) -> written::Judge {
        let count = |number: usize| Count(number as u64);
        written::Judge {
            model: Some(self.model.clone()),
            endpoint: self.endpoint.clone(),
            tasks: self.tasks.clone().map(Words::from_list),
            mode: Some(self.mode),
            against: self.against.clone(),
            questions: Some(count(self.questions)),
            temperature: Some(self.temperature),
            max_tokens: Some(count(self.max_tokens)),
            requests_per_minute: self.requests_per_minute.map(count),
            parallel: Some(count(self.parallel)),
            timeout: Some(self.timeout),
            price: self.price.map(|price| written::Price { input: Some(price.input), output: Some(price.output) }),
            budget: self.budget,
            prompt: self.prompt.as_deref().map(|path| path.to_string_lossy().into_owned()),
        }
    }
}
