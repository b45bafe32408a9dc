//! The adapters stage: one adapter, or full tune, for each instruction mix.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::adapter::{self, Adapter, PeftConfig};
use crate::data::Stream;
use crate::error::Result;
use crate::files;
use crate::model::{Llama, Parameters};
use crate::recipe::{AdapterKind, AdapterPlan, LoraSettings, Method, Recompute, Stage, Targets};
use crate::study::card::{self, CardFacts, Subject, write_card};
use crate::study::folder::StageRecord;
use crate::study::ground::Ground;
use crate::study::{base, pretrain, probe, stage, training};

/// Trains every adapter of the study that is not finished, some of them together where that is asked for.
pub fn run(ground: &Ground<'_>) -> Result<()> {
    let mut left: Vec<&AdapterPlan> = ground.study.adapters.iter().collect();
    while !left.is_empty() {
        let plan = left.remove(0);
        let Some(inputs) = unfinished(ground, plan)? else { continue };
        let mut group = vec![(plan, inputs)];
        if is_plain(plan) {
            // What those start from is finished: plans stand behind those that they start from.
            let waits = |other: &AdapterPlan| {
                other
                    .start_from
                    .as_ref()
                    .is_some_and(|name| left.iter().any(|it| it.name == *name) || *name == plan.name)
            };
            let fits = |other: &&AdapterPlan| goes_with(plan, other) && !waits(other);
            let others: Vec<&AdapterPlan> = left.iter().copied().filter(fits).collect();
            for other in others {
                if group.len() >= ground.together {
                    break;
                }
                left.retain(|it| it.name != other.name);
                if let Some(inputs) = unfinished(ground, other)? {
                    group.push((other, inputs));
                }
            }
        }
        match group.as_slice() {
            [(plan, inputs)] => train_one(ground, plan, inputs)?,
            several => train_several(ground, several)?,
        }
    }
    Ok(())
}

/// What an adapter follows from, unless it is finished.
fn unfinished(ground: &Ground<'_>, plan: &AdapterPlan) -> Result<Option<Value>> {
    let inputs = inputs(ground, plan)?;
    let label = format!("adapters.{}", plan.name);
    if stage::finished(ground, &label, &ground.folder.adapter(&plan.name), &inputs)?.is_none() {
        return Ok(Some(inputs));
    }
    ground.progress.say(format!("{}: done before", plan.name));
    // A kill between the result and this leaves the checkpoints.
    training::clean(&ground.folder.training(&plan.name))?;
    Ok(None)
}

/// Whether an adapter is a plain low-rank update of the layers and the head, which can be trained beside others.
fn is_plain(plan: &AdapterPlan) -> bool {
    let Method::Lora(settings) = &plan.method else { return false };
    let kind = matches!(settings.kind, AdapterKind::Lora | AdapterKind::LoraFa);
    // An expression may mean the embedding, too.
    let layers = match &settings.targets {
        Targets::AllLinear(_) => true,
        Targets::Names(names) => !names.iter().any(|name| "model.embed_tokens".ends_with(name.as_str())),
        Targets::Pattern(pattern) => !pattern.contains("embed"),
    };
    let beside = !settings.modules_to_save.is_empty() || !settings.trainable_tokens.is_empty();
    kind && layers
        && !beside
        && !settings.init.changes_base()
        && plan.training.neftune_alpha == 0.0
        && !matches!(plan.training.recompute, Recompute::ToFit(Some(_)))
}

/// Whether two adapters stand on the same weights in memory.
fn goes_with(plan: &AdapterPlan, other: &AdapterPlan) -> bool {
    match (&plan.method, &other.method) {
        (Method::Lora(one), Method::Lora(two)) => {
            is_plain(other) && plan.on == other.on && one.quantization == two.quantization
        }
        _ => false,
    }
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
    let (checkpoints, stream) = open(ground, plan, inputs)?;
    let (model, parameters, config) = load(ground, plan)?;
    let work = work(plan, inputs, &stream, &checkpoints);
    let outcome = training::run(ground, &model, &parameters, &work, &mut |_, _| Ok(()))?;
    save(ground, plan, &model, config, inputs, outcome)?;
    training::clean(&checkpoints)
}

/// Trains several adapters that stand on the same weights, which are loaded once.
fn train_several(ground: &Ground<'_>, group: &[(&AdapterPlan, Value)]) -> Result<()> {
    let Some((AdapterPlan { method: Method::Lora(settings), on, .. }, _)) = group.first() else { return Ok(()) };
    let foundation = ground.load_in(*on, settings.quantization)?;
    let mut opened = Vec::with_capacity(group.len());
    for (plan, inputs) in group {
        let Method::Lora(settings) = &plan.method else { continue };
        let (checkpoints, stream) = open(ground, plan, inputs)?;
        let mut model = foundation.clone();
        let (parameters, config) = make_trainable(ground, plan, settings, &mut model)?;
        opened.push((checkpoints, stream, model, parameters, config));
    }
    let all = group.iter().zip(&opened).map(|((plan, inputs), (checkpoints, stream, model, parameters, _))| {
        (model, parameters, work(plan, inputs, stream, checkpoints))
    });
    let outcomes = training::run_together(ground, &all.collect::<Vec<_>>())?;
    for (((plan, inputs), (checkpoints, _, model, _, config)), outcome) in group.iter().zip(opened).zip(outcomes) {
        save(ground, plan, &model, Some(config), inputs, outcome)?;
        training::clean(&checkpoints)?;
    }
    Ok(())
}

/// Where an adapter's checkpoints are, and what it is trained on.
fn open(ground: &Ground<'_>, plan: &AdapterPlan, inputs: &Value) -> Result<(PathBuf, Stream)> {
    let checkpoints = stage::open_training(ground, &plan.name, inputs)?;
    let stream = training::open_stream(ground, &plan.training, &plan.name)?;
    ground.progress.say(stream.ledger().table().trim_end());
    Ok((checkpoints, stream))
}

fn work<'a>(plan: &'a AdapterPlan, inputs: &'a Value, stream: &'a Stream, checkpoints: &'a Path) -> training::Work<'a> {
    training::Work { name: &plan.name, training: &plan.training, stream, inputs, snapshots: &[], checkpoints }
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
