//! Everything that can be known before training: files, shapes, templates, steps, memory, disk, time.

use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use serde::Serialize;

use crate::adapter;
use crate::data::Stream;
use crate::device;
use crate::error::{Error, Place, Result};
use crate::eval::Task;
use crate::judge;
use crate::kernels::matmul;
use crate::model::Config;
use crate::progress::{short_bytes, short_count, short_time};
use crate::recipe::{AdapterPlan, Foundation, LoraSettings, Method, Recipe, Training};
use crate::study::ground::{Ground, RunOptions};
use crate::study::{named_files, pins, pretrain, training};
use crate::train::{Memory, Plan as StageNeeds, Setup, Trained, smaller};

/// The share of the measured matmul rate that a training step reaches; see `docs/benchmarks.md`.
const STEP_EFFICIENCY: f64 = 0.5;

/// What a study is going to do and need.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// The name of the study.
    pub study: String,
    /// The base, as people know it.
    pub base: String,
    /// The stages that train, in order.
    pub stages: Vec<StagePlan>,
    /// Candidates to compare, and tasks.
    pub candidates: usize,
    /// Columns of the comparison come from these.
    pub tasks: Vec<String>,
    /// What a judge will be asked, if the study has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<judge::Foreseen>,
    /// Bytes that the run folder will take at most.
    pub disk_bytes: u64,
    /// Bytes free where the run folder is.
    pub disk_free_bytes: u64,
    /// Bytes of memory free, if the system says so.
    pub memory_free_bytes: Option<u64>,
    /// Sentences about what is likely not meant.
    pub warnings: Vec<String>,
}

/// One stage of the plan.
#[derive(Debug, Serialize)]
pub struct StagePlan {
    /// `pretrain`, or the adapter's name.
    pub stage: String,
    /// The model it stands on.
    pub on: String,
    /// Steps.
    pub steps: u64,
    /// Tokens read.
    pub tokens: u64,
    /// Parameters of the model.
    pub parameters: u64,
    /// Parameters trained.
    pub parameters_trained: u64,
    /// Bytes of memory at the fullest moment.
    pub memory_bytes: u64,
    /// The same by part.
    pub memory_parts: MemoryParts,
    /// Bytes of the host's memory beside those of a device.
    pub host_bytes: u64,
    /// Bytes that the recipe allows, if it says so.
    pub memory_limit_bytes: Option<u64>,
    /// Layers that are computed again in the backward pass.
    pub layers_recomputed: usize,
    /// Estimated from this machine's matmul rate.
    pub seconds: f64,
}

/// Bytes of memory by what they hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemoryParts {
    pub(super) weights: u64,
    pub(super) gradients: u64,
    pub(super) optimizer: u64,
    pub(super) activations: u64,
    pub(super) layer: u64,
    pub(super) logits: u64,
    packed: u64,
    program: u64,
}

impl MemoryParts {
    pub(super) fn of(memory: &Memory) -> Self {
        let Memory { weights, gradients, optimizer, activations, layer, logits, packed, program, .. } = *memory;
        Self { weights, gradients, optimizer, activations, layer, logits, packed, program }
    }
}

/// Validates a recipe and everything that it names, and plans the study.
///
/// # Errors
/// Anything that would stop the study: a file that is missing or wrong, a row that cannot be used, a
/// target that matches nothing, a disk or memory that is too small.
pub fn check(recipe: &Recipe, options: &RunOptions<'_>) -> Result<Plan> {
    let recipe = &*pins::pinned(recipe, options)?;
    named_files::exist(recipe)?;
    let ground = Ground::prepare(recipe, options)?;
    let study = ground.study;
    let config = Config::read(&ground.base)?;
    let rate = measure_matmul(&config, &ground.device)? * STEP_EFFICIENCY;
    let mut plan = Plan {
        study: study.name.clone(),
        base: ground.base_name.clone(),
        stages: Vec::new(),
        candidates: super::candidate::all(&ground).len(),
        tasks: Vec::new(),
        judge: None,
        disk_bytes: 0,
        disk_free_bytes: fs4::available_space(ground.folder.root())
            .map_err(|e| Error::io(ground.folder.root(), "read the free space", &e))?,
        memory_free_bytes: device::free_memory(&ground.device),
        warnings: Vec::new(),
    };
    let mut checkpoints = 0;
    if let Some(pretrain) = &study.pretrain {
        let stream = training::open_stream(&ground, &pretrain.training, pretrain::STAGE)?;
        let snapshots = pretrain.snapshots.len() as u64;
        let setup = setup(&ground, &config, Trained::All, &pretrain.training);
        let needs = needs(&ground, pretrain::STAGE, setup, &stream)?;
        plan.disk_bytes += snapshots * config.parameter_count() as u64 * study.base.dtype.size_in_bytes() as u64;
        checkpoints = checkpoints.max(needs.disk);
        plan.add(pretrain::STAGE, "base".to_owned(), &needs, rate);
    }
    for adapter in &study.adapters {
        let stream = training::open_stream(&ground, &adapter.training, &adapter.name)?;
        let needs = adapter_needs(&ground, recipe, adapter, &config, &stream)?;
        plan.disk_bytes += needs.trained * 4;
        checkpoints = checkpoints.max(needs.disk);
        plan.add(&adapter.name, adapter.on.label(), &needs, rate);
        let trains_rows = match &adapter.method {
            Method::Full => true,
            Method::Lora(lora) => lora.trains_embedding(),
        };
        if ground.before.is_some() && adapter.on == Foundation::Base && !trains_rows {
            let pieces = study.base.new_pieces();
            plan.warnings.push(format!(
                "{}: on the base, the rows of the {pieces} new pieces are means that nothing was trained on yet",
                adapter.name
            ));
        }
    }
    // Results stay; checkpoints go when their stage is finished, so only the largest counts.
    plan.disk_bytes += checkpoints;
    let tasks = Task::load_all(study)?;
    for task in &tasks {
        task.check_lengths(&ground.tokenizer, &config)?;
        plan.tasks.push(task.name().to_owned());
    }
    if let Some(settings) = study.compare.as_ref().and_then(|compare| compare.judge.as_ref()) {
        plan.judge = Some(judge::foresee(settings, &tasks, super::candidate::distinct(&ground))?);
    }
    plan.refuse_what_does_not_fit(&ground)?;
    Ok(plan)
}

fn adapter_needs(
    ground: &Ground<'_>,
    recipe: &Recipe,
    adapter: &AdapterPlan,
    config: &Config,
    stream: &Stream,
) -> Result<StageNeeds> {
    let (modules, beside) = (modules(recipe, adapter, config)?, beside(recipe, adapter, config)?);
    let trained = trained(adapter, &modules, &beside);
    needs(ground, &adapter.name, setup(ground, config, trained, &adapter.training), stream)
}

fn setup<'a>(ground: &Ground<'_>, config: &'a Config, trained: Trained<'a>, training: &'a Training) -> Setup<'a> {
    Setup { config, dtype: ground.study.base.dtype, on_gpu: ground.device.is_cuda(), trained, training }
}

/// The modules of a model that an adapter is for; none where all parameters are trained.
pub fn modules(recipe: &Recipe, adapter: &AdapterPlan, config: &Config) -> Result<Vec<(String, [usize; 2])>> {
    let Method::Lora(settings) = &adapter.method else { return Ok(Vec::new()) };
    let shapes = adapter::target_shapes(settings.kind, config);
    let paths: Vec<String> = shapes.iter().map(|(path, _)| path.clone()).collect();
    let (chosen, _) =
        adapter::choose(settings, &paths).at(recipe.places.of(&format!("adapters.{}.targets", adapter.entry())))?;
    let merged = recipe.study.compare.as_ref().is_some_and(|compare| compare.merged);
    if merged && config.tie_word_embeddings && chosen.iter().any(|path| path == "model.embed_tokens") {
        return Err(Error::new("an update of embed_tokens alone cannot be merged where the head is the embedding")
            .at(recipe.places.of("compare.merged"))
            .hint("take compare.merged out, or embed_tokens out of the targets"));
    }
    Ok(shapes.into_iter().filter(|(path, _)| chosen.contains(path)).collect())
}

/// The whole weights and the rows that an adapter trains with its factors.
pub fn beside(recipe: &Recipe, adapter: &AdapterPlan, config: &Config) -> Result<Vec<(String, Vec<usize>)>> {
    let Method::Lora(settings) = &adapter.method else { return Ok(Vec::new()) };
    let key = if settings.modules_to_save.is_empty() { "trainable_tokens" } else { "modules_to_save" };
    let found = adapter::trained_beside(settings, config);
    found.at(recipe.places.of(&format!("adapters.{}.{key}", adapter.entry())))
}

/// What an adapter trains, given its modules, and the weights that are trained with them.
pub fn trained<'a>(
    adapter: &AdapterPlan,
    modules: &'a [(String, [usize; 2])],
    beside: &'a [(String, Vec<usize>)],
) -> Trained<'a> {
    match adapter.method {
        Method::Full => Trained::All,
        Method::Lora(LoraSettings { kind, rank, ref rank_pattern, quantization, .. }) => {
            let rank = rank_pattern.iter().map(|(_, rank)| *rank).fold(rank, usize::max);
            Trained::Lora { modules, rank, kind, quantization, beside }
        }
    }
}

/// What a stage needs; refused where that is more than it may take.
fn needs(ground: &Ground<'_>, stage: &str, setup: Setup<'_>, stream: &Stream) -> Result<StageNeeds> {
    let length = Some((stream.steps(), stream.tokens_after(stream.steps())));
    let free = device::free_memory(&ground.device);
    let needs = StageNeeds::new(setup, length, free);
    within(stage, setup, &needs, free)?;
    Ok(needs)
}

impl Plan {
    fn add(&mut self, stage: &str, on: String, needs: &StageNeeds, operations_per_s: f64) {
        self.warnings.extend(needs.warnings.iter().map(|warning| format!("{stage}: {warning}")));
        self.stages.push(StagePlan {
            stage: stage.to_owned(),
            on,
            steps: needs.steps.unwrap_or(0),
            tokens: needs.tokens.unwrap_or(0),
            parameters: needs.parameters,
            parameters_trained: needs.trained,
            memory_bytes: needs.memory.total(),
            memory_parts: MemoryParts::of(&needs.memory),
            host_bytes: needs.host,
            memory_limit_bytes: needs.limit,
            layers_recomputed: needs.recomputed,
            seconds: needs.operations().unwrap_or(0.0) / operations_per_s.max(1.0),
        });
    }

    fn refuse_what_does_not_fit(&self, ground: &Ground<'_>) -> Result<()> {
        if self.disk_bytes > self.disk_free_bytes {
            return Err(Error::new("free disk space")
                .at(ground.folder.root().display().to_string())
                .got(short_bytes(self.disk_free_bytes))
                .expected(format!("at least {}", short_bytes(self.disk_bytes)))
                .hint("keep fewer snapshots, or choose another disk with --runs"));
        }
        let largest = self.stages.iter().max_by_key(|stage| stage.memory_bytes);
        match (largest, self.memory_free_bytes, ground.device.is_cpu()) {
            (Some(stage), Some(free), true) if stage.memory_bytes > free => Err(Error::new("free memory")
                .at(stage.stage.clone())
                .got(short_bytes(free))
                .expected(format!("at least {}", short_bytes(stage.memory_bytes)))
                .hint("lower micro_batch or sequence_length, or leave recompute out")),
            _ => Ok(()),
        }
    }

    /// The plan as a table for a person.
    pub fn to_text(&self) -> String {
        let mut text = format!("{} on {}\n\n", self.study, self.base);
        text.push_str(&format!(
            "{:<20} {:<14} {:>8} {:>9} {:>22} {:>10} {:>10} {:>9}\n",
            "stage", "on", "steps", "tokens", "parameters trained", "memory", "recomputed", "time"
        ));
        for stage in &self.stages {
            let share = 100.0 * stage.parameters_trained as f64 / stage.parameters.max(1) as f64;
            text.push_str(&format!(
                "{:<20} {:<14} {:>8} {:>9} {:>22} {:>10} {:>10} {:>9}\n",
                stage.stage,
                stage.on,
                stage.steps,
                short_count(stage.tokens),
                format!("{} ({share:.1} %)", short_count(stage.parameters_trained)),
                short_bytes(stage.memory_bytes),
                layers(stage.layers_recomputed),
                format!("~{}", short_time(Duration::from_secs_f64(stage.seconds))),
            ));
        }
        let all: f64 = self.stages.iter().map(|stage| stage.seconds).sum();
        text.push_str(&format!(
            "\ntraining in all      ~{} (estimated from this machine's matmul rate)\n",
            short_time(Duration::from_secs_f64(all))
        ));
        text.push_str(&format!("compared             {} candidates on {}\n", self.candidates, self.tasks.join(", ")));
        if let Some(judge) = &self.judge {
            text.push_str(&format!("judge                {judge}\n"));
        }
        text.push_str(&format!(
            "disk                 {} of {} free",
            short_bytes(self.disk_bytes),
            short_bytes(self.disk_free_bytes)
        ));
        for warning in &self.warnings {
            text.push_str(&format!("\nwarning: {warning}"));
        }
        text
    }
}

/// So many layers, in words.
fn layers(count: usize) -> String {
    match count {
        0 => "-".to_owned(),
        1 => "1 layer".to_owned(),
        _ => format!("{count} layers"),
    }
}

/// Refuses a stage that needs more than its recipe allows, or than a device has free, even with every layer computed
/// again; says what would fit.
pub fn within(stage: &str, setup: Setup<'_>, needs: &StageNeeds, free: Option<u64>) -> Result<()> {
    let needed = needs.memory.safely();
    // What the processor's memory holds beside this study changes all the time; `check` looks at it by itself.
    let Some(allowed) = needs.limit.or(free.filter(|_| setup.on_gpu)) else { return Ok(()) };
    if needed <= allowed {
        return Ok(());
    }
    let recomputed = if needs.recomputed > 0 { ", with every layer computed again" } else { "" };
    let error = Error::new("memory")
        .at(stage.to_owned())
        .got(short_bytes(allowed))
        .expected(format!("at least {}{recomputed}", short_bytes(needed)));
    let length = needs.steps.zip(needs.tokens);
    Err(match smaller(setup, length, allowed) {
        Some(smaller) => {
            let takes = short_bytes(smaller.plan.memory.safely());
            error.hint(format!("{} would take {takes}", smaller.changes.join(", ")))
        }
        None => error.hint("lower micro_batch or sequence_length, or allow more"),
    })
}

/// Operations a second of a matmul of the model's own shape, the best of a fifth of a second.
fn measure_matmul(config: &Config, device: &Device) -> Result<f64> {
    let (rows, inner, columns) = (512, config.hidden_size, config.intermediate_size);
    let x = Tensor::zeros((rows, inner), DType::F32, device)?;
    let weight = Tensor::zeros((columns, inner), DType::F32, device)?;
    let operations = 2.0 * rows as f64 * inner as f64 * columns as f64;
    let (mut best, begin) = (0.0f64, Instant::now());
    while begin.elapsed() < Duration::from_millis(200) {
        let start = Instant::now();
        matmul::linear(&x, &weight)?;
        device.synchronize()?;
        best = best.max(operations / start.elapsed().as_secs_f64().max(1e-9));
    }
    Ok(best)
}
