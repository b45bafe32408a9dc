//! What a recipe's sources hold and where every token would go, stage by stage.

use serde_json::{Value, json};

use crate::data::{Ledger, Spread};
use crate::error::Result;
use crate::recipe::{Recipe, Training};
use crate::study::ground::{Ground, RunOptions};
use crate::study::{check, pins, pretrain, training};

/// The ledgers of all stages, and what new pieces do to the length of texts.
pub struct Look {
    study: String,
    stages: Vec<Ledger>,
    new_pieces: usize,
    vocabulary: Vec<Spread>,
}

/// Tokenizes the sources (into the cache, where `run` finds them) and counts.
pub fn look(recipe: &Recipe, options: &RunOptions<'_>) -> Result<Look> {
    let recipe = &*pins::pinned(recipe, options)?;
    check::files_exist(recipe)?;
    let ground = Ground::prepare(recipe, options)?;
    let mut stages = Vec::new();
    for (name, training) in trainings(&ground) {
        stages.push(training::open_stream(&ground, training, name)?.ledger().clone());
    }
    let mut vocabulary = Vec::new();
    if let Some(before) = &ground.before {
        for source in &ground.study.sources {
            vocabulary.push(Spread::of(source, ground.study.seed, before, &ground.tokenizer)?);
        }
    }
    Ok(Look { study: ground.study.name.clone(), stages, new_pieces: ground.study.base.new_pieces(), vocabulary })
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
        let stages = each.collect::<Vec<_>>().join("\n\n");
        if self.vocabulary.is_empty() { stages } else { format!("{stages}\n\n{}", self.vocabulary_table()) }
    }

    /// What the new pieces do, source by source.
    fn vocabulary_table(&self) -> String {
        let mut text = format!("characters a token, without and with the {} new pieces\n", self.new_pieces);
        text.push_str(&format!("{:<20} {:>10} {:>10} {:>16}", "source", "without", "with", "new pieces used"));
        for spread in &self.vocabulary {
            let Spread { source, characters_per_token_before: before, characters_per_token_after: after, .. } = spread;
            let used = spread.new_pieces_used;
            text.push_str(&format!("\n{source:<20} {before:>10.2} {after:>10.2} {used:>16}"));
        }
        text
    }

    /// The same as one object.
    pub fn to_json(&self) -> Value {
        let mut value = json!({ "study": self.study, "stages": self.stages });
        if let (false, Some(object)) = (self.vocabulary.is_empty(), value.as_object_mut()) {
            let vocabulary = json!({ "new_pieces": self.new_pieces, "sources": self.vocabulary });
            object.insert("vocabulary".to_owned(), vocabulary);
        }
        value
    }
}
