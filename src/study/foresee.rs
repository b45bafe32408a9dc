//! The memory that a study would take on a GPU that is not here: from the recipe and the shape of its base alone.

use serde::Serialize;

use super::check::{self, MemoryParts};
use super::pretrain;
use crate::error::Result;
use crate::model::Config;
use crate::progress::{short_bytes, short_count};
use crate::recipe::Recipe;
use crate::train::{Plan, Setup, Trained};

/// The memory that each stage of a study would take.
#[derive(Debug, Serialize)]
pub struct Foreseen {
    /// The name of the study.
    pub study: String,
    /// Parameters of the base.
    pub parameters: u64,
    /// Bytes that the GPU has.
    pub gpu_memory_bytes: u64,
    /// The stages that train; adapters that differ only in what they stand on are one.
    pub stages: Vec<ForeseenStage>,
}

/// The memory of one stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForeseenStage {
    /// `pretrain`, or the name of the entry in `adapters`.
    pub stage: String,
    /// Parameters trained.
    pub parameters_trained: u64,
    /// Bytes at the fullest moment.
    pub memory_bytes: u64,
    /// The same by part.
    pub memory_parts: MemoryParts,
    /// Bytes of the host's memory.
    pub host_bytes: u64,
    /// Layers that are computed again in the backward pass.
    pub layers_recomputed: usize,
    /// Bytes of one checkpoint.
    pub checkpoint_bytes: u64,
}

/// Plans every stage for a GPU of so many bytes, a twelfth of which is left to its driver and libraries.
///
/// # Errors
/// A stage does not fit: says what would; a target matches no module.
pub fn foresee(recipe: &Recipe, config: &Config, gpu_memory: u64) -> Result<Foreseen> {
    let study = &recipe.study;
    let vocabulary = config.vocabulary + study.base.new_pieces();
    let config = &Config { vocabulary, ..config.clone() };
    let mut foreseen = Foreseen {
        study: study.name.clone(),
        parameters: config.parameter_count() as u64,
        gpu_memory_bytes: gpu_memory,
        stages: Vec::new(),
    };
    let whole = |training| Setup { config, dtype: study.base.dtype, on_gpu: true, trained: Trained::All, training };
    if let Some(pretrain) = &study.pretrain {
        foreseen.add(pretrain::STAGE, whole(&pretrain.training))?;
    }
    for adapter in &study.adapters {
        if foreseen.stages.iter().any(|stage| stage.stage == adapter.entry()) {
            continue;
        }
        let modules = check::modules(recipe, adapter, config)?;
        let beside = check::beside(recipe, adapter, config)?;
        let trained = check::trained(adapter, &modules, &beside);
        foreseen.add(adapter.entry(), Setup { trained, ..whole(&adapter.training) })?;
    }
    Ok(foreseen)
}

impl ForeseenStage {
    /// Whether the other differs in nothing but its name.
    fn is_like(&self, other: &Self) -> bool {
        Self { stage: String::new(), ..self.clone() } == Self { stage: String::new(), ..other.clone() }
    }
}

impl Foreseen {
    fn add(&mut self, stage: &str, setup: Setup<'_>) -> Result<()> {
        let free = Some(self.gpu_memory_bytes);
        let plan = Plan::new(setup, None, free);
        check::within(stage, setup, &plan, free)?;
        self.stages.push(ForeseenStage {
            stage: stage.to_owned(),
            parameters_trained: plan.trained,
            memory_bytes: plan.memory.total(),
            memory_parts: MemoryParts::of(&plan.memory),
            host_bytes: plan.host,
            layers_recomputed: plan.recomputed,
            checkpoint_bytes: plan.checkpoint,
        });
        Ok(())
    }

    /// The plan as a table for a person.
    pub fn to_text(&self) -> String {
        let row = |cells: [&str; 10]| {
            let [stage, numbers @ ..] = cells;
            let numbers: Vec<String> = numbers.iter().map(|cell| format!("{cell:>11}")).collect();
            format!("{stage:<20}{}", numbers.concat()).trim_end().to_owned() + "\n"
        };
        let (parameters, memory) = (short_count(self.parameters), short_bytes(self.gpu_memory_bytes));
        let mut text = format!("{}: a Llama of {parameters} parameters on a GPU of {memory}\n\n", self.study);
        text.push_str(&row([
            "stage",
            "trained",
            "weights",
            "gradients",
            "optimizer",
            "kept",
            "a layer",
            "the head",
            "in all",
            "host",
        ]));
        let mut notes = String::new();
        for stages in self.stages.chunk_by(ForeseenStage::is_like) {
            let Some(stage) = stages.first() else { continue };
            let name = match stages.len() {
                1 => stage.stage.clone(),
                all => format!("{} and {} alike", stage.stage, all - 1),
            };
            if stage.layers_recomputed > 0 {
                notes.push_str(&format!("\n{name}: {} layers are computed again", stage.layers_recomputed));
            }
            let parts = &stage.memory_parts;
            let host = if stage.host_bytes > 0 { short_bytes(stage.host_bytes) } else { "-".to_owned() };
            text.push_str(&row([
                &name,
                &short_count(stage.parameters_trained),
                &short_bytes(parts.weights),
                &short_bytes(parts.gradients),
                &short_bytes(parts.optimizer),
                &short_bytes(parts.activations),
                &short_bytes(parts.layer),
                &short_bytes(parts.logits),
                &short_bytes(stage.memory_bytes),
                &host,
            ]));
        }
        text.push_str("\n\"in all\" is the fullest moment: a layer and the head come one after the other");
        text + &notes
    }
}
