//! The keys of `compare.judge`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::count::Count;
use super::super::judge::JudgeMode;
use super::super::shapes::Words;

/// A model behind an OpenAI-compatible endpoint that judges the answers. Its key comes from OPENAI_API_KEY.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Judge {
    /// The model, by the endpoint's name for it. Required.
    #[schemars(with = "String")]
    pub(crate) model: Option<String>,
    /// Where it answers, up to `/chat/completions`. Default: OPENAI_BASE_URL, else the address of OpenAI's own.
    pub(crate) endpoint: Option<String>,
    /// The tasks judged, by kind (`answer`) or by their names in the table. Default: all in which something is written.
    pub(crate) tasks: Option<Words>,
    /// Whether two answers are compared, each is given a score, or both. Default: pairwise.
    pub(crate) mode: Option<JudgeMode>,
    /// Compare each candidate with this one only. Default: every pair of candidates.
    pub(crate) against: Option<String>,
    /// At most this many questions of each task, a seeded choice. Default: 100.
    pub(crate) questions: Option<Count>,
    /// The judge's temperature. Default: 0.
    pub(crate) temperature: Option<f64>,
    /// The most tokens a verdict may have. Default: 512.
    pub(crate) max_tokens: Option<Count>,
    /// At most this many requests a minute. Default: no limit.
    pub(crate) requests_per_minute: Option<Count>,
    /// Requests under way at the same time. Default: 4.
    pub(crate) parallel: Option<Count>,
    /// Seconds after which a request without an answer is tried again. Default: 120.
    pub(crate) timeout: Option<f64>,
    /// What the endpoint charges.
    pub(crate) price: Option<Price>,
    /// Dollars that all verdicts of the run folder may cost together; needs a price. Default: no limit.
    pub(crate) budget: Option<f64>,
    /// A file with another wording; see docs/compare.md. Default: the program's own.
    pub(crate) prompt: Option<String>,
}

/// What an endpoint charges.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Price {
    /// Dollars for a million tokens read. Required.
    #[schemars(with = "f64")]
    pub(crate) input: Option<f64>,
    /// Dollars for a million tokens written. Required.
    #[schemars(with = "f64")]
    pub(crate) output: Option<f64>,
}
