//! What an adapter trains beside low-rank factors, as far as a plan follows from it.

use super::Trained;
use crate::model::Config;

const EMBEDDING: &str = "model.embed_tokens";

impl<'a> Trained<'a> {
    /// Path and shape of the weights, or of the rows of weights, that are trained beside factors.
    pub(super) fn beside(self) -> &'a [(String, Vec<usize>)] {
        match self {
            Self::All => &[],
            Self::Lora { beside, .. } => beside,
        }
    }

    /// Whether the whole weight at a path is trained.
    pub(super) fn is_whole(self, path: &str, shape: &[usize]) -> bool {
        matches!(self, Self::All) || self.beside().iter().any(|(known, own)| known == path && own == shape)
    }

    /// Whether the head has a gradient of all its rows.
    pub(super) fn has_head_gradient(self, config: &Config) -> bool {
        let path = if config.tie_word_embeddings { EMBEDDING } else { "lm_head" };
        self.is_whole(path, &[config.vocabulary, config.hidden_size])
    }

    /// The lowest layer through which the backward pass goes.
    pub(super) fn lowest_layer(self, config: &Config) -> usize {
        let Self::Lora { modules, beside, .. } = self else { return 0 };
        let layer = |path: &str| match path.strip_prefix("model.layers.") {
            Some(rest) => rest.split('.').next().and_then(|number| number.parse().ok()).unwrap_or(0),
            None if path == EMBEDDING => 0,
            None => config.layers,
        };
        let paths = modules.iter().map(|(path, _)| path).chain(beside.iter().map(|(path, _)| path));
        paths.map(|path| layer(path)).min().unwrap_or(config.layers)
    }

    /// Operations for each token of the gradients of whole weights.
    pub(super) fn whole_operations(self, config: &Config) -> f64 {
        let modules = config.module_shapes();
        let linear = modules.iter().filter(|(path, shape)| path != "lm_head" && self.is_whole(path, shape));
        let area = linear.map(|(_, [rows, columns])| rows * columns).sum::<usize>();
        let head = if self.has_head_gradient(config) { config.vocabulary * config.hidden_size } else { 0 };
        2.0 * (area + head) as f64
    }
}
