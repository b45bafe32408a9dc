//! Kept answers scored again, without the files of their tasks: what a recipe says and what candidates answered is
//! enough.

use crate::error::{Place, Result};
use crate::recipe::{Compare, TaskKind, TaskSettings};

use super::language::Language;
use super::prediction::Prediction;
use super::result::TaskResult;
use super::{naming, task};

/// What is known of a task of a recipe without its examples.
#[derive(Debug, Clone)]
pub struct KeptTask {
    /// How tables name it.
    pub name: String,
    /// The name of the files that keep its answers, without their ending.
    pub file_name: String,
    settings: TaskSettings,
}

impl KeptTask {
    /// The tasks of a comparison, in order, named as [`Task::load_all`](super::Task::load_all) names them.
    pub fn all(compare: &Compare) -> Vec<Self> {
        let names = naming::distinct_names(&compare.tasks);
        let pairs = names.into_iter().zip(&compare.tasks);
        pairs
            .map(|(name, settings)| Self { file_name: naming::file_name(&name), name, settings: settings.clone() })
            .collect()
    }

    /// What is asked.
    pub fn kind(&self) -> &TaskKind {
        &self.settings.kind
    }

    /// The language of the answers, or of the text.
    pub fn language(&self) -> Language {
        match &self.settings.kind {
            TaskKind::Translation { to, .. } => Language::named(to),
            _ => Language::named(self.settings.data.language()),
        }
    }

    /// How its answers are scored; the same for two tasks whose scores compare.
    pub fn scoring(&self) -> String {
        let TaskSettings { kind, metric, metrics, choose, .. } = &self.settings;
        format!("{kind:?} {metric:?} {metrics:?} {choose:?} {}", self.language())
    }

    /// The scores of a candidate's answers. The same seed and the same name give draws that can be compared.
    ///
    /// # Errors
    /// The model of a BLEU tokenizer is not there.
    pub fn score(&self, predictions: Vec<Prediction>, seed: u64) -> Result<TaskResult> {
        let annotated = predictions.iter().all(|prediction| prediction.gold.is_some());
        let metrics = task::metrics(&self.settings, annotated).at(&self.name)?;
        Ok(TaskResult::of(&self.name, &metrics, &self.language(), seed, predictions))
    }
}
