//! The adapters stage: one adapter, or full tune, for each instruction mix.

use serde_json::{Value, json};

use crate::adapter::{self, Adapter, PeftConfig};
use crate::error::Result;
use crate::files;
use crate::model::{Llama, Parameters};
use crate::recipe::{AdapterPlan, LoraSettings, Method, Stage};
use crate::study::card::{self, CardFacts, Subject, write_card};
use crate::study::folder::StageRecord;
use crate::study::ground::Ground;
use crate::study::{base, pretrain, probe, stage, training};

/// Trains every adapter of the study that is not finished.
pub fn run(ground: &Ground<'_>) -> Result<()> {
    for plan in &ground.study.adapters {
        let inputs = inputs(ground, plan)?;
        let label = format!("adapters.{}", plan.name);
        if stage::finished(ground, &label, &ground.folder.adapter(&plan.name), &inputs)?.is_some() {
            ground.progress.say(format!("{}: done before", plan.name));
            // A kill between the result and this leaves the checkpoints.
            training::clean(&ground.folder.training(&plan.name))?;
            continue;
        }
        train_one(ground, plan, &inputs)?;
    }
    Ok(())
}

/// Everything that the adapter follows from; what it stands on and starts from by their own keys.
fn inputs(ground: &Ground<'_>, plan: &AdapterPlan) -> Result<Value> {
    let foundation = ground.folder.record(&ground.foundation_folder(plan.on))?.map(|record| record.key);
    let start = match &plan.start_from {
        Some(name) => ground.folder.record(&ground.folder.adapter(name))?.map(|record| record.key),
        None => None,
    };
    let inputs = json!({
        "stage": "adapter",
        "plan": ground.study.stage_inputs(Stage::Adapter(&plan.name)),
        "base": ground.origin("base"),
        "tokenizer": ground.origin("tokenizer"),
        "sources": training::source_origins(ground, &plan.training),
        "foundation": foundation,
        "start_from": start,
    });
    training::with_template(ground, &plan.training, inputs)
}

fn train_one(ground: &Ground<'_>, plan: &AdapterPlan, inputs: &Value) -> Result<()> {
    let checkpoints = stage::open_training(ground, &plan.name, inputs)?;
    let stream = training::open_stream(ground, &plan.training, &plan.name)?;
    ground.progress.say(stream.ledger().table().trim_end());
    let (model, parameters, config) = load(ground, plan)?;
    let work = training::Work {
        name: &plan.name,
        training: &plan.training,
        stream: &stream,
        inputs,
        snapshots: &[],
        checkpoints: &checkpoints,
    };
    let outcome = training::run(ground, &model, &parameters, &work, &mut |_, _| Ok(()))?;
    save(ground, plan, &model, config, inputs, outcome)?;
    training::clean(&checkpoints)
}

/// The model that training starts from, what of it is trained, and an adapter's config.
fn load(ground: &Ground<'_>, plan: &AdapterPlan) -> Result<(Llama, Parameters, Option<PeftConfig>)> {
    match (&plan.method, &plan.start_from) {
        (Method::Lora(settings), _) => {
            let mut model = ground.load_in(plan.on, settings.loaded_as())?;
            let (parameters, config) = make_trainable(ground, plan, settings, &mut model)?;
            Ok((model, parameters, Some(config)))
        }
        (Method::Full, Some(start)) => {
            let folder = ground.folder.adapter(start);
            let (model, parameters) = Llama::load_to_train(&folder, ground.study.base.dtype, &ground.device)?;
            Ok((model, parameters, None))
        }
        (Method::Full, None) => {
            let (model, parameters) = ground.load_to_train(plan.on)?;
            Ok((model, parameters, None))
        }
    }
}

fn make_trainable(
    ground: &Ground<'_>,
    plan: &AdapterPlan,
    settings: &LoraSettings,
    model: &mut Llama,
) -> Result<(Parameters, PeftConfig)> {
    match &plan.start_from {
        Some(start) => Adapter::load(&ground.folder.adapter(start))?.start_from(model, settings),
        None => adapter::create(model, settings, ground.study.seed),
    }
}

/// Writes the adapter's folder whole: weights, config, card, record.
fn save(
    ground: &Ground<'_>,
    plan: &AdapterPlan,
    model: &Llama,
    config: Option<PeftConfig>,
    inputs: &Value,
    mut outcome: Value,
) -> Result<()> {
    if let Some(outcome) = outcome.as_object_mut() {
        outcome.insert("probe".to_owned(), json!(probe::of(model, &ground.tokenizer)?));
    }
    let place = ground.folder.adapter(&plan.name);
    let record = StageRecord { key: stage::key(inputs), inputs: inputs.clone(), outcome };
    let Some(mut config) = config else {
        return pretrain::save_model(ground, model, &place, &record);
    };
    let base_hash = base::weights_hash(&ground.foundation_folder(plan.on))?;
    let base_name = ground.foundation_name(plan.on);
    config.base_model = Some(base_name);
    let mut adapter = Adapter::take(model, &config)?;
    adapter.base_hash = Some(base_hash.clone());
    let mut facts = CardFacts::read(ground.folder.root(), ground.study, Subject::of(plan))?;
    facts.outcome = record.outcome.clone();
    facts.comparison = Value::Null;
    facts.base.hash = Some(base_hash);
    adapter.save_with(&place, |folder| {
        files::write(&folder.join(card::FILE), write_card(&facts))?;
        ground.folder.write_record(folder, &record)
    })
}
