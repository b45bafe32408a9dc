//! What a stage's result follows from: two recipes whose inputs of a stage are equal share that stage's result.
//!
//! Left out is what changes memory and speed only: the device, the size of a micro-step, recomputing, and how often
//! there is a checkpoint or an evaluation.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::study::{AdapterPlan, Foundation, Pretrain, Study, TokenizerOrigin};
use super::training::Mixture;
use super::write::{self, plain};

/// Keys of a run of training that do not change what comes out of it.
const WITHOUT_EFFECT: [&str; 5] = ["micro_batch", "recompute", "memory", "checkpoint_every", "evaluate_every"];

/// A stage that leaves a model or an adapter behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage<'a> {
    /// Continued pretraining.
    Pretrain,
    /// The adapter of that (expanded) name.
    Adapter(&'a str),
}

impl Study {
    /// Everything in the recipe that the result of a stage follows from, as JSON with keys in a fixed order.
    ///
    /// An adapter's inputs contain those of what it stands on and of what it starts from. The contents of files are
    /// not in it. `Value::Null` if the study does not have the stage.
    pub fn stage_inputs(&self, stage: Stage<'_>) -> Value {
        match stage {
            Stage::Pretrain => self.pretrain.as_ref().map_or(Value::Null, |pretrain| self.pretrain_inputs(pretrain)),
            Stage::Adapter(name) => self.adapter_inputs(name, self.adapters.len()),
        }
    }

    /// The SHA-256 of [`Study::stage_inputs`] in hexadecimal; equal exactly where the inputs are.
    pub fn stage_fingerprint(&self, stage: Stage<'_>) -> String {
        let digest = Sha256::digest(self.stage_inputs(stage).to_string());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn pretrain_inputs(&self, pretrain: &Pretrain) -> Value {
        let mut inputs = self.common(&pretrain.training.mixture);
        inputs.insert("pretrain".to_owned(), training_inputs(plain(&write::pretrain(pretrain))));
        Value::Object(inputs)
    }

    /// `depth` bounds the chain of starts, which a resolved study has no cycle in.
    fn adapter_inputs(&self, name: &str, depth: usize) -> Value {
        let Some(plan) = self.adapters.iter().find(|plan| plan.name == name) else { return Value::Null };
        let mut inputs = self.common(&plan.training.mixture);
        let mut adapter = training_inputs(plain(&write::adapter(plan)));
        if let Value::Object(keys) = &mut adapter {
            keys.shift_remove("start_from");
        }
        inputs.insert("adapter".to_owned(), adapter);
        inputs.insert("on".to_owned(), self.foundation_inputs(plan));
        if let Some(start) = plan.start_from.as_deref().filter(|_| depth > 0) {
            inputs.insert("start_from".to_owned(), self.adapter_inputs(start, depth - 1));
        }
        Value::Object(inputs)
    }

    fn foundation_inputs(&self, plan: &AdapterPlan) -> Value {
        match (plan.on, &self.pretrain) {
            (Foundation::Snapshot(tokens), Some(pretrain)) => {
                let mut inputs = self.pretrain_inputs(pretrain);
                // Other snapshots of the same training do not change this one.
                if let Some(Value::Object(keys)) = inputs.get_mut("pretrain") {
                    keys.shift_remove("snapshots");
                }
                json!({ "snapshot": tokens, "of": inputs })
            }
            _ => json!("base"),
        }
    }

    /// The seed, the base, and the sources that a mixture or the tokenizer takes from.
    fn common(&self, mixture: &Mixture) -> Map<String, Value> {
        let trained_on: &[String] = match &self.base.tokenizer {
            Some(TokenizerOrigin::Trained { sources, .. } | TokenizerOrigin::Extended { sources, .. }) => sources,
            _ => &[],
        };
        let used = |name: &String| mixture.parts.iter().any(|part| part.source == *name) || trained_on.contains(name);
        let sources = self.sources.iter().filter(|source| used(&source.name));
        let sources = sources.map(|source| (source.name.clone(), plain(&write::source(source))));
        let mut inputs = Map::new();
        inputs.insert("seed".to_owned(), self.seed.into());
        inputs.insert("base".to_owned(), plain(&write::base(&self.base)));
        inputs.insert("sources".to_owned(), Value::Object(sources.collect()));
        inputs
    }
}

fn training_inputs(mut keys: Value) -> Value {
    if let Value::Object(keys) = &mut keys {
        if let Some(Value::Object(optimizer)) = keys.get_mut("optimizer") {
            optimizer.shift_remove("offload");
        }
        keys.retain(|key, _| !WITHOUT_EFFECT.contains(&key.as_str()));
    }
    keys
}
