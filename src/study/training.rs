//! What pretraining and adapters share: opening the stream of steps, running the job, and its outcome.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::data::Stream;
use crate::data::template::Template;
use crate::device;
use crate::error::{Error, Place, Result};
use crate::files;
use crate::model::{FrozenWeight, Llama, Parameters, Projection, Rows, Weight};
use crate::progress::short_bytes;
use crate::recipe::{AdapterKind, ChatTemplate, Quantization, Training};
use crate::study::check;
use crate::study::ground::Ground;
use crate::train::{self, Companion, Job, Outcome, Plan, Setup, Trained};

/// Tokenizes the sources of a stage (into the cache), plans its steps, and writes its ledger into the run folder.
pub fn open_stream(ground: &Ground<'_>, training: &Training, stage: &str) -> Result<Stream> {
    let folder = ground.folder.data();
    files::make_folder(&folder)?;
    let stream = Stream::open(
        ground.study,
        training,
        &ground.tokenizer,
        stage,
        ground.cache,
        &ground.protected,
        &ground.progress,
    )
    .at(stage)?;
    files::write_json(&folder.join(format!("{stage}.ledger.json")), stream.ledger())?;
    Ok(stream)
}

/// The content of a stage's template where the recipe names only its place: a file, or the base's own.
pub fn template_origin(ground: &Ground<'_>, template: &ChatTemplate) -> Result<Option<String>> {
    match template {
        ChatTemplate::Model | ChatTemplate::File(_) => {
            Template::open(template, &ground.tokenizer).map(|template| Some(files::sha256(template.fingerprint())))
        }
        _ => Ok(None),
    }
}

/// Adds the content of a stage's template to what the stage follows from, where its recipe does not say it.
pub fn with_template(ground: &Ground<'_>, training: &Training, mut inputs: Value) -> Result<Value> {
    if let (Some(hash), Some(inputs)) = (template_origin(ground, &training.template)?, inputs.as_object_mut()) {
        inputs.insert("template".to_owned(), hash.into());
    }
    Ok(inputs)
}

/// A stage that is about to train.
pub struct Work<'a> {
    /// Its name.
    pub name: &'a str,
    /// How.
    pub training: &'a Training,
    /// On what.
    pub stream: &'a Stream,
    /// Everything that the result follows from.
    pub inputs: &'a Value,
    /// Token counts at which a snapshot is made.
    pub snapshots: &'a [u64],
    /// Where it keeps its checkpoints.
    pub checkpoints: &'a Path,
}

/// Trains to the end; returns what the stage's record says of the outcome.
///
/// # Errors
/// A person asked to stop: the error says how to go on.
pub fn run(
    ground: &Ground<'_>,
    model: &Llama,
    parameters: &Parameters,
    work: &Work<'_>,
    at_snapshot: &mut dyn FnMut(&Llama, u64) -> Result<()>,
) -> Result<Value> {
    let (log, events) = places(ground, work)?;
    let job = job(ground, model, work, (&log, &events), 1)?;
    let outcome = train::run(model, parameters, &job, at_snapshot, ground.stop, ground.progress)?;
    said(outcome, parameters, work, &log)
}

/// Trains several adapters on one base at a time, each on the model that it is on; as [`run`], in their order.
///
/// # Errors
/// As [`run`].
pub fn run_together(ground: &Ground<'_>, all: &[(&Llama, &Parameters, Work<'_>)]) -> Result<Vec<Value>> {
    let places = all.iter().map(|(.., work)| places(ground, work)).collect::<Result<Vec<_>>>()?;
    let pairs = all.iter().zip(&places);
    let jobs = pairs.map(|((model, _, work), (log, events))| job(ground, model, work, (log, events), all.len()));
    let jobs = jobs.collect::<Result<Vec<_>>>()?;
    let companions: Vec<Companion<'_>> =
        all.iter().zip(&jobs).map(|((model, parameters, _), job)| (*model, *parameters, job)).collect();
    let outcomes = train::run_together(&companions, ground.stop, ground.progress)?;
    let ends = outcomes.into_iter().zip(all).zip(&places);
    ends.map(|((outcome, (_, parameters, work)), (log, _))| said(outcome, parameters, work, log)).collect()
}

/// The log, and the folder of a stage's event files.
fn places(ground: &Ground<'_>, work: &Work<'_>) -> Result<(PathBuf, PathBuf)> {
    let events = ground.folder.events(work.name);
    files::make_folder(&events)?;
    Ok((ground.folder.log(), events))
}

fn job<'a>(
    ground: &Ground<'_>,
    model: &Llama,
    work: &Work<'a>,
    (log, events): (&'a Path, &'a Path),
    companions: usize,
) -> Result<Job<'a>> {
    let needs = needs(ground, model, work, companions)?;
    if needs.recomputed > 0 && needs.limit.is_some() {
        let (some, all) = (needs.recomputed, model.config.layers);
        let memory = short_bytes(needs.limit.unwrap_or_default());
        ground
            .progress
            .say(format!("{}: {some} of {all} layers are computed again, to stay within {memory}", work.name));
    }
    Ok(Job {
        name: work.name,
        seed: ground.study.seed,
        training: work.training,
        recompute: needs.recomputed,
        data: work.stream,
        snapshots: work.snapshots,
        inputs: work.inputs,
        checkpoints: work.checkpoints,
        log,
        events,
    })
}

/// What the record of a stage says of how its job ended.
fn said(outcome: Outcome, parameters: &Parameters, work: &Work<'_>, log: &Path) -> Result<Value> {
    match outcome {
        Outcome::Interrupted(summary) => Err(Error::interrupted(format!(
            "{}: stopped after step {} of {}; its checkpoint is written",
            work.name, summary.step, summary.steps
        ))
        .hint("run the same command again: it goes on from there")),
        Outcome::Done(summary) => {
            // From the log, not from this process: the same after any number of restarts.
            let last = train::read_log(log, work.name)?.pop();
            Ok(json!({
                "steps": summary.steps,
                "tokens": summary.tokens,
                "parameters_trained": parameters.elements(),
                "final_loss": last.as_ref().map(|line| line.loss),
                "evaluation_loss": summary.evaluation_loss,
                "ledger": work.stream.ledger(),
            }))
        }
    }
}

/// The path of the embedding.
const EMBEDDING: &str = "model.embed_tokens";

/// What the work needs, on the model as it is loaded and with the memory that is free now, which so many companions share.
fn needs(ground: &Ground<'_>, model: &Llama, work: &Work<'_>, companions: usize) -> Result<Plan> {
    let (mut rank, mut kind, mut quantization) = (0, AdapterKind::Lora, Quantization::None);
    let mut modules = Vec::new();
    for (path, shape) in model.config.module_shapes() {
        let projection = model.projection(&path);
        match projection {
            Some(Projection::Lora(lora)) => {
                rank = rank.max(lora.a.value().dims().first().copied().unwrap_or(0));
                kind = match (&lora.magnitude, lora.a.trained()) {
                    (Some(_), _) => AdapterKind::Dora,
                    (None, None) => AdapterKind::LoraFa,
                    (None, Some(_)) => AdapterKind::Lora,
                };
            }
            Some(Projection::Scaled(_)) => kind = AdapterKind::Ia3,
            Some(Projection::Vera(vera)) => (rank, kind) = (vera.a.dim(0)?, AdapterKind::Vera),
            _ => continue,
        }
        // The head is plain in any case.
        let kept = projection.and_then(Projection::frozen).map(FrozenWeight::quantization);
        if let Some(kept @ (Quantization::Nf4 | Quantization::Int8)) = kept {
            quantization = kept;
        }
        modules.push((path, shape));
    }
    let beside = beside(model)?;
    if let Some(Weight::Lora { lora, .. }) = model.weight(EMBEDDING) {
        rank = rank.max(lora.a.value().dim(0)?);
        modules.push((EMBEDDING.to_owned(), [model.config.hidden_size, model.config.vocabulary]));
    }
    let trained = match modules.is_empty() && beside.is_empty() {
        true => Trained::All,
        false => Trained::Lora { modules: &modules, rank, kind, quantization, beside: &beside },
    };
    let (config, dtype, on_gpu) = (&model.config, model.dtype(), ground.device.is_cuda());
    let setup = Setup { config, dtype, on_gpu, trained, training: work.training };
    // The weights are loaded already, so they are not part of what is free.
    let weights = Plan::new(setup, None, None).memory.weights;
    let free = device::free_memory(&ground.device).map(|free| free / companions.max(1) as u64 + weights);
    let plan = Plan::new(setup, None, free);
    check::within(work.name, setup, &plan, free)?;
    Ok(plan)
}

/// Path and shape of the whole weights and the rows that an adapter on a model has beside its factors.
fn beside(model: &Llama) -> Result<Vec<(String, Vec<usize>)>> {
    let mut found = Vec::new();
    for (name, _) in model.config.tensor_shapes() {
        let path = name.strip_suffix(".weight").unwrap_or(&name);
        let own = match (model.weight(path), model.projection(path)) {
            (Some(Weight::Replaced { own, .. } | Weight::Rows { rows: Rows { own, .. }, .. }), _)
            | (_, Some(Projection::Replaced { own, .. } | Projection::Rows { rows: Rows { own, .. }, .. })) => own,
            _ => continue,
        };
        found.push((path.to_owned(), own.value().dims().to_vec()));
    }
    Ok(found)
}

/// Removes the checkpoints of a stage that is finished; its log stays.
pub fn clean(checkpoints: &Path) -> Result<()> {
    files::remove_folder(checkpoints)
}

/// The hashes of the sources in a stage's mixture.
pub fn source_origins(ground: &Ground<'_>, training: &Training) -> Value {
    let each = training.mixture.parts.iter().map(|part| (part.source.clone(), ground.origin(&part.source)));
    json!(each.collect::<serde_json::Map<String, Value>>())
}
