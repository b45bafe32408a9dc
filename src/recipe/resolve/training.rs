//! Runs of training: defaults, ranges, and what must fit together.

use super::super::count::Count;
use super::super::mismatch::number;
use super::super::places::Findings;
use super::super::study::{Pretrain, Source};
use super::super::training::{
    Budget, ChatTemplate, Mixture, MixtureUnit, NoTarget, OptimizerSettings, Packing, Recompute, Schedule,
    ScheduleKind, TooLong, Training,
};
use super::super::written;
use super::checks::Scope;
use super::mixture;
use crate::error::Error;

/// The defaults that differ between kinds of training.
#[derive(Debug, Clone)]
pub(super) struct Defaults {
    batch: u64,
    learning_rate: f64,
    weight_decay: f64,
    beta2: f64,
    /// Of the learning rate, at the last step.
    final_share: f64,
    packing: Packing,
    template: ChatTemplate,
}

/// Pretraining.
const PRETRAIN: Defaults = Defaults {
    batch: 256,
    learning_rate: 2e-5,
    weight_decay: 0.1,
    beta2: 0.95,
    final_share: 0.1,
    packing: Packing::Concat,
    template: ChatTemplate::Plain,
};

/// LoRA on instructions, as the LLAMMAS scripts have it.
pub(super) const LORA: Defaults = Defaults {
    batch: 128,
    learning_rate: 2e-4,
    weight_decay: 0.0,
    beta2: 0.999,
    final_share: 0.0,
    packing: Packing::BestFit,
    template: ChatTemplate::LlammasChat,
};

/// All parameters on instructions.
pub(super) const FULL: Defaults = Defaults { learning_rate: 2e-5, ..LORA };

/// The most tokens in a micro-step whose size the recipe leaves open.
const MICRO_STEP_TOKENS: usize = 8192;

/// The most sequences or tokens that are no slip of the fingers.
const MOST: u64 = 1 << 20;

pub(super) fn pretrain(written: &written::Pretrain, sources: &[Source], findings: &mut Findings<'_>) -> Pretrain {
    let scope = Scope { path: "pretrain", inherits: None };
    let tokens = match written.tokens {
        Some(tokens) => findings.count("pretrain.tokens", tokens, 1..=u64::MAX, "LLAMMAS trains on 5B") as u64,
        None => {
            findings.missing("pretrain.tokens", "say how many tokens to read, such as tokens: 5B");
            0
        }
    };
    let training = training(scope, &written.training(), PRETRAIN, Budget::Tokens(tokens), sources, findings);
    let step = training.batch.saturating_mul(training.sequence_length) as u64;
    let mut snapshots: Vec<u64> = written.snapshots.iter().flatten().map(|count| count.0).collect();
    if written.tokens.is_some() {
        ascending(&snapshots, tokens, step, findings);
        if snapshots.last() != Some(&tokens) {
            snapshots.push(tokens);
        }
    }
    Pretrain { training, snapshots }
}

/// Snapshots are in order, within the budget, and in different steps.
fn ascending(snapshots: &[u64], tokens: u64, step: u64, findings: &mut Findings<'_>) {
    let step_known = !["pretrain.batch", "pretrain.sequence_length"].iter().any(|key| findings.is_doubtful(key));
    let mut before = 0;
    for (index, &snapshot) in snapshots.iter().enumerate() {
        let key = format!("pretrain.snapshots.{index}");
        let label = Count(snapshot).label();
        if snapshot > tokens {
            let expected = format!("at most {}, the tokens of pretrain", Count(tokens).label());
            findings.wrong(&key, label, &expected, "");
        } else if snapshot <= before {
            let expected = format!("more than {}", Count(before).label());
            findings.wrong(&key, label, &expected, "snapshots ascend, and each is named once");
        } else if step_known && snapshot - before < step && !(index == 0 && snapshot == tokens) {
            let after = if before > 0 { format!(" after {}", Count(before).label()) } else { String::new() };
            let expected = format!("at least a step ({step} tokens){after}");
            findings.wrong(&key, label, &expected, "snapshots in one step would be the same model");
        }
        before = snapshot;
    }
}

/// Everything about a run of training that does not say what is trained.
pub(super) fn training(
    scope: Scope<'_>,
    written: &written::Training,
    defaults: Defaults,
    budget: Budget,
    sources: &[Source],
    findings: &mut Findings<'_>,
) -> Training {
    let key = |name: &str, findings: &Findings<'_>| scope.key(findings.places, name);
    let count = |name: &str, value: Option<Count>, default: u64, range, hint: &str, findings: &mut Findings<'_>| {
        let key = key(name, findings);
        findings.count(&key, value.unwrap_or(Count(default)), range, hint)
    };
    let sequence_length =
        count("sequence_length", written.sequence_length, 1024, 2..=MOST, "1024 is what LLAMMAS uses", findings);
    let batch = count("batch", written.batch, defaults.batch, 1..=MOST, "it counts sequences, not tokens", findings);
    let packing = written.packing.unwrap_or(defaults.packing);
    let by = written.mixture_by.unwrap_or(MixtureUnit::Tokens);
    let mixture = Mixture {
        parts: mixture::parts(scope, written.mixture.as_ref(), sources, findings),
        by,
        stopping: written.stopping_strategy.unwrap_or_default(),
    };
    mixture::fits_packing(scope, &mixture, packing, sources, findings);
    let optimizer = optimizer(scope, written.optimizer.as_ref(), &defaults, findings);
    let (held_out, evaluate_every) = evaluation(scope, written, findings);
    let (noise, noise_key) = (written.neftune_alpha.unwrap_or(0.0), key("neftune_alpha", findings));
    findings.number(&noise_key, noise, noise >= 0.0, "at least 0", "5 to 15 are common; 0 is none");
    Training {
        sequence_length,
        batch,
        neftune_alpha: noise,
        micro_batch: micro_batch(scope, written, batch, sequence_length, findings),
        budget,
        packing,
        too_long: written.too_long.unwrap_or(TooLong::Drop),
        no_target: written.no_target.unwrap_or(NoTarget::Error),
        schedule: schedule(scope, written.schedule.as_ref(), &optimizer, &defaults, findings),
        optimizer,
        template: written.template.clone().unwrap_or(defaults.template),
        train_on: written.train_on.unwrap_or_default(),
        mixture,
        checkpoint_every: count("checkpoint_every", written.checkpoint_every, 100, 1..=u64::MAX, "", findings) as u64,
        evaluate_every,
        held_out,
        recompute: recompute(scope, written, findings),
    }
}

fn micro_batch(
    scope: Scope<'_>,
    written: &written::Training,
    batch: usize,
    sequence_length: usize,
    findings: &mut Findings<'_>,
) -> usize {
    let Some(count) = written.micro_batch else {
        let most = (MICRO_STEP_TOKENS / sequence_length.max(1)).clamp(1, batch.max(1));
        return (1..=most).rev().find(|&size| batch.is_multiple_of(size)).unwrap_or(1);
    };
    let key = scope.key(findings.places, "micro_batch");
    let size = findings.count(&key, count, 1..=MOST, "");
    let batch_key = scope.key(findings.places, "batch");
    if size > 0 && !batch.is_multiple_of(size) && !findings.is_doubtful(&batch_key) {
        findings.wrong(&key, size, &format!("a number that divides batch, {batch}"), "a step is whole micro-steps");
    }
    size
}

/// What is computed again: said by hand, or by the memory that there is.
fn recompute(scope: Scope<'_>, written: &written::Training, findings: &mut Findings<'_>) -> Recompute {
    let key = scope.key(findings.places, "memory");
    match (written.recompute, written.memory) {
        (None, memory) => Recompute::ToFit(memory.map(|memory| findings.count(&key, memory, 1..=u64::MAX, "") as u64)),
        (Some(recompute), memory) => {
            if memory.is_some() {
                let error = Error::new(format!("{key} has no effect beside recompute: {recompute}"));
                findings.report(
                    &key,
                    error.hint("memory decides itself how many layers are computed again: leave recompute out"),
                );
            }
            if recompute { Recompute::All } else { Recompute::Nothing }
        }
    }
}

/// The share held out and the steps between evaluations: each by itself asks for the other.
fn evaluation(scope: Scope<'_>, written: &written::Training, findings: &mut Findings<'_>) -> (f64, u64) {
    let held_key = scope.key(findings.places, "held_out");
    let every_key = scope.key(findings.places, "evaluate_every");
    let every = written.evaluate_every.map(|count| count.0);
    let held_out = match written.held_out {
        Some(share) => {
            let fits = (0.0..=0.5).contains(&share);
            findings.number(&held_key, share, fits, "from 0 to 0.5", "0.01 is enough to see the curve")
        }
        None if every.is_some_and(|every| every > 0) => 0.01,
        None => 0.0,
    };
    let every = every.unwrap_or(if held_out > 0.0 { 100 } else { 0 });
    if every > 0 && held_out == 0.0 && !findings.is_doubtful(&held_key) {
        let error = Error::new(format!("{every_key} has no effect: held_out is 0"));
        findings.report(&every_key, error.hint("held_out: 0.01 keeps one row in a hundred for it"));
    }
    (held_out, every)
}

fn optimizer(
    scope: Scope<'_>,
    written: Option<&written::Optimizer>,
    defaults: &Defaults,
    findings: &mut Findings<'_>,
) -> OptimizerSettings {
    let written = written.cloned().unwrap_or_default();
    let key = |name: &str, findings: &Findings<'_>| scope.key(findings.places, &format!("optimizer.{name}"));
    let rate = written.learning_rate.unwrap_or(defaults.learning_rate);
    let weight_decay = written.weight_decay.unwrap_or(defaults.weight_decay);
    let (beta1, beta2) = (written.beta1.unwrap_or(0.9), written.beta2.unwrap_or(defaults.beta2));
    let epsilon = written.epsilon.unwrap_or(1e-8);
    let clip = written.clip.unwrap_or(1.0);
    let hint = "2e-4 is common for LoRA, 2e-5 for all parameters";
    let checks = [
        ("learning_rate", rate, rate > 0.0 && rate <= 1.0, "more than 0 and at most 1", hint),
        ("weight_decay", weight_decay, (0.0..=1.0).contains(&weight_decay), "from 0 to 1", ""),
        ("beta1", beta1, (0.0..1.0).contains(&beta1), "at least 0 and less than 1", "0.9 is usual"),
        ("beta2", beta2, (0.0..1.0).contains(&beta2), "at least 0 and less than 1", "0.95 to 0.999 are usual"),
        ("epsilon", epsilon, epsilon > 0.0 && epsilon < 1.0, "more than 0 and less than 1", "1e-8 is usual"),
        ("clip", clip, clip >= 0.0, "at least 0", "1 is usual; 0 does not clip"),
    ];
    for (name, value, fits, expected, hint) in checks {
        let key = key(name, findings);
        findings.number(&key, value, fits, expected, hint);
    }
    let clip = (clip != 0.0).then_some(clip);
    let (kind, rounding) = (written.kind.unwrap_or_default(), written.rounding.unwrap_or_default());
    let offload = written.offload.unwrap_or(false);
    OptimizerSettings { kind, rounding, offload, learning_rate: rate, weight_decay, beta1, beta2, epsilon, clip }
}

fn schedule(
    scope: Scope<'_>,
    written: Option<&written::Schedule>,
    optimizer: &OptimizerSettings,
    defaults: &Defaults,
    findings: &mut Findings<'_>,
) -> Schedule {
    let written = written.cloned().unwrap_or_default();
    let kind = written.kind.unwrap_or(ScheduleKind::Linear);
    let rate = optimizer.learning_rate;
    let warmup = written.warmup.unwrap_or(0.03);
    let warmup_key = scope.key(findings.places, "schedule.warmup");
    let hint = "it is a share of all steps: 0.03 is three in a hundred";
    findings.number(&warmup_key, warmup, (0.0..1.0).contains(&warmup), "at least 0 and less than 1", hint);
    let last = match (written.final_learning_rate, kind) {
        (Some(last), _) => last,
        (None, ScheduleKind::Constant) => rate,
        (None, _) => rate * defaults.final_share,
    };
    let key = scope.key(findings.places, "schedule.final_learning_rate");
    let rate_known = !findings.is_doubtful(&scope.key(findings.places, "optimizer.learning_rate"));
    if rate_known && kind == ScheduleKind::Constant {
        let expected = format!("the learning rate, {}, with kind: constant", number(rate));
        findings.number(&key, last, last == rate, &expected, "take it out, or choose linear or cosine");
    } else if rate_known {
        let expected = format!("from 0 to the learning rate, {}", number(rate));
        findings.number(&key, last, (0.0..=rate).contains(&last), &expected, "the rate falls to it");
    }
    Schedule { kind, warmup, final_learning_rate: last }
}
