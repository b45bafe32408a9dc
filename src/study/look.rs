//! What a recipe's sources hold and where every token would go, stage by stage.

use serde_json::{Value, json};

use crate::data::Ledger;
use crate::error::Result;
use crate::recipe::{Recipe, Training};
use crate::study::ground::{Ground, RunOptions};
use crate::study::{check, pins, pretrain, training};

/// The ledgers of all stages.
pub struct Look {
    study: String,
    stages: Vec<Ledger>,
}

/// Tokenizes the sources (into the run folder, where `run` finds them) and counts.
pub fn look(recipe: &Recipe, options: &RunOptions<'_>) -> Result<Look> {
    let recipe = &*pins::pinned(recipe, options)?;
    check::files_exist(recipe)?;
    let ground = Ground::prepare(recipe, options)?;
    let mut stages = Vec::new();
    for (name, training) in trainings(&ground) {
        stages.push(training::open_stream(&ground, training, name)?.ledger().clone());
    }
    Ok(Look { study: ground.study.name.clone(), stages })
}

/// Every stage that trains, by name.
pub(super) fn trainings<'a>(ground: &Ground<'a>) -> Vec<(&'a str, &'a Training)> {
    let study = ground.study;
    let pretrain = study.pretrain.iter().map(|plan| (pretrain::STAGE, &plan.training));
    pretrain.chain(study.adapters.iter().map(|plan| (plan.name.as_str(), &plan.training))).collect()
}

impl Look {
    /// A table for each stage.
    pub fn to_text(&self) -> String {
        let each = self.stages.iter().map(|ledger| format!("{}\n{}", ledger.stage, ledger.table().trim_end()));
        each.collect::<Vec<_>>().join("\n\n")
    }

    /// The same as one object.
    pub fn to_json(&self) -> Value {
        json!({ "study": self.study, "stages": self.stages })
    }
}
