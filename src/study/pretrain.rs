//! The pretrain stage: every parameter learns from text, and a snapshot is kept at each budget asked for.

use std::path::Path;

use serde_json::{Value, json};

use crate::error::Result;
use crate::files;
use crate::model::Llama;
use crate::recipe::{Foundation, Pretrain, Stage};
use crate::study::folder::StageRecord;
use crate::study::ground::Ground;
use crate::study::{stage, training};

/// The name of the stage in folders and logs.
pub const STAGE: &str = "pretrain";

/// Trains until every snapshot is there; goes on from the last checkpoint.
pub fn run(ground: &Ground<'_>) -> Result<()> {
    let Some(plan) = &ground.study.pretrain else { return Ok(()) };
    let inputs = inputs(ground, plan)?;
    let mut missing = false;
    for tokens in &plan.snapshots {
        let label = Foundation::Snapshot(*tokens).label();
        missing |= stage::finished(ground, &label, &ground.folder.snapshot(*tokens), &inputs)?.is_none();
    }
    if !missing {
        ground.progress.say("pretrain: done before");
        // A kill between the last snapshot and this leaves the checkpoints.
        return training::clean(&ground.folder.training(STAGE));
    }
    let checkpoints = stage::open_training(ground, STAGE, &inputs)?;
    let stream = training::open_stream(ground, &plan.training, STAGE)?;
    ground.progress.say(stream.ledger().table().trim_end());
    let (model, parameters) = ground.load_to_train(Foundation::Base)?;
    let work = training::Work {
        name: STAGE,
        training: &plan.training,
        stream: &stream,
        inputs: &inputs,
        snapshots: &plan.snapshots,
        checkpoints: &checkpoints,
    };
    let mut keep = |model: &Llama, tokens: u64| keep_snapshot(ground, model, tokens, &inputs);
    training::run(ground, &model, &parameters, &work, &mut keep)?;
    training::clean(&checkpoints)
}

/// Everything that the weights follow from.
fn inputs(ground: &Ground<'_>, plan: &Pretrain) -> Result<Value> {
    let inputs = json!({
        "stage": STAGE,
        "plan": ground.study.stage_inputs(Stage::Pretrain),
        "base": ground.origin("base"),
        "tokenizer": ground.origin("tokenizer"),
        "sources": training::source_origins(ground, &plan.training),
    });
    training::with_template(ground, &plan.training, inputs)
}

/// Writes a snapshot whole, unless it is there already.
fn keep_snapshot(ground: &Ground<'_>, model: &Llama, tokens: u64, inputs: &Value) -> Result<()> {
    let place = ground.folder.snapshot(tokens);
    if ground.folder.record(&place)?.is_some() {
        return Ok(());
    }
    let outcome = json!({ "tokens": tokens });
    save_model(ground, model, &place, &StageRecord { key: stage::key(inputs), inputs: inputs.clone(), outcome })
}

/// Writes a model folder with the tokenizer and the stage's record, then puts it in its place.
pub fn save_model(ground: &Ground<'_>, model: &Llama, place: &Path, record: &StageRecord) -> Result<()> {
    if let Some(above) = place.parent() {
        files::make_folder(above)?;
    }
    let partial = files::temporary_beside(place);
    files::remove_folder(&partial)?;
    model.save(&partial, ground.study.base.dtype)?;
    ground.tokenizer.save(&partial)?;
    ground.folder.write_record(&partial, record)?;
    files::rename_folder(&partial, place)
}
