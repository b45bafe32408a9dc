//! Training steps, as a run does them: forward, backward, clipping, AdamW.

use super::Place;
use super::figures::{Figures, Steps};
use super::flops::{self, Amount, Trained};
use super::model::{self, SEED};
use super::rows::Rows;
use super::timing::Timing;
use crate::adapter;
use crate::cli::BenchArgs;
use crate::device::{self, Laps};
use crate::error::Result;
use crate::model::Llama;
use crate::progress::Progress;
use crate::random::Stream;
use crate::recipe::{
    AdapterKind, AllLinear, Budget, ChatTemplate, LoraSettings, Mixture, MixtureUnit, NoTarget, OptimizerSettings,
    Packing, Quantization, Recompute, Schedule, ScheduleKind, Targets, TooLong, TrainOn, Training,
};
use crate::train::{self, Plan, Setup, Trainer};

/// Steps, if neither the flags nor the rows say how many.
const STEPS: usize = 6;

const LEARNING_RATE: f64 = 1e-4;

/// Times training steps.
///
/// # Errors
/// The model or the rows cannot be read; a step fails.
pub fn run(args: &BenchArgs, place: &Place, trained: Trained, figures: &mut Figures, progress: Progress) -> Result<()> {
    // A device is filled; how much of a processor's memory is free says nothing about how fast it is.
    let free = if place.device.is_cpu() { None } else { device::free_memory(&place.device) };
    let (model, parameters) = match trained {
        Trained::All => model::open_to_train(args, place, args.sequence_length)?,
        Trained::Lora { rank } => {
            let mut model = model::open(args, place, args.sequence_length)?;
            let (parameters, _) = adapter::create(&mut model, &adapter_of(rank), SEED)?;
            (model, parameters)
        }
    };
    figures.parameters = model.config.parameter_count();
    let rows = Rows::open(args, model.config.vocabulary)?;
    figures.trainable = Some(parameters.elements());
    let settings = settings(args);
    let plan = plan(&model, place, trained, &settings, free);
    figures.record_plan(&plan);
    let mut trainer = Trainer::new(&parameters, &settings, Stream::new(SEED, "dropout"))?.recomputing(plan.recomputed);
    let count = args.steps.or_else(|| rows.steps()).unwrap_or(STEPS);
    let mut bar = progress.bar("bench", "steps", 0, count as u64);
    let mut steps = Steps { timing: Timing::default(), alike: rows.are_alike(), amount: Amount::default(), rows: 0 };
    for index in 0..count {
        // Given rows start again when they are used up.
        let turn = index % rows.steps().unwrap_or(usize::MAX);
        let sequences = rows.step(turn);
        let report = steps.timing.time(|| trainer.step(&model, index as u64, &sequences, LEARNING_RATE))?;
        if index > 0 {
            steps.amount += Amount::of(&sequences);
            steps.rows += rows.rows(turn);
        }
        figures.loss = Some(report.loss);
        bar.advance(1, format!("loss {:.4}", report.loss));
    }
    // One step more, in which the device is waited for after each part; it is not among the times.
    let mut laps = Laps::on(&place.device)?;
    let sequences = rows.step(count % rows.steps().unwrap_or(usize::MAX));
    trainer.step_timed(&model, count as u64, &sequences, LEARNING_RATE, &mut laps)?;
    figures.record_parts(laps.parts());
    bar.finish(format!("loss {:.4}", figures.loss.unwrap_or(f64::NAN)));
    let operations = flops::training(&model.config, trained, steps.amount);
    figures.record_steps(&steps, operations);
    Ok(())
}

/// What the steps need, and how many layers are computed again.
fn plan(model: &Llama, place: &Place, trained: Trained, settings: &Training, free: Option<u64>) -> Plan {
    let modules: Vec<_> = model.config.module_shapes().into_iter().filter(|(path, _)| path != "lm_head").collect();
    let trained = match trained {
        Trained::All => train::Trained::All,
        Trained::Lora { rank } => train::Trained::Lora {
            modules: &modules,
            rank,
            kind: AdapterKind::Lora,
            quantization: place.quantization,
            beside: &[],
        },
    };
    let (config, dtype, on_gpu) = (&model.config, model.dtype(), !model.device().is_cpu());
    Plan::new(Setup { config, dtype, on_gpu, trained, training: settings }, None, free)
}

/// An adapter on all linear modules but the head.
fn adapter_of(rank: usize) -> LoraSettings {
    let targets = Targets::AllLinear(AllLinear::AllLinear);
    LoraSettings {
        rank,
        alpha: 2.0 * rank as f64,
        dropout: 0.0,
        targets,
        rslora: false,
        quantization: Quantization::None,
        ..LoraSettings::default()
    }
}

/// A run of training as a recipe would describe it.
fn settings(args: &BenchArgs) -> Training {
    Training {
        sequence_length: args.sequence_length,
        batch: args.batch,
        micro_batch: args.micro_batch.unwrap_or(args.batch),
        budget: Budget::Epochs(1.0),
        packing: Packing::BestFit,
        too_long: TooLong::Error,
        no_target: NoTarget::Error,
        optimizer: OptimizerSettings {
            learning_rate: LEARNING_RATE,
            weight_decay: 0.01,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip: (args.clip > 0.0).then_some(args.clip),
            kind: args.optimizer,
            rounding: args.rounding,
            offload: args.offload,
        },
        schedule: Schedule { kind: ScheduleKind::Constant, warmup: 0.0, final_learning_rate: LEARNING_RATE },
        template: ChatTemplate::Plain,
        train_on: TrainOn::Assistant,
        mixture: Mixture { parts: Vec::new(), by: MixtureUnit::Tokens, stopping: Default::default() },
        checkpoint_every: u64::MAX,
        evaluate_every: 0,
        held_out: 0.0,
        neftune_alpha: 0.0,
        recompute: match (args.recompute, args.memory) {
            (_, Some(memory)) => Recompute::ToFit(Some(memory.0)),
            (true, None) => Recompute::All,
            (false, None) => Recompute::ToFit(None),
        },
    }
}
