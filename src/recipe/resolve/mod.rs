//! What was written → what is meant: defaults filled, names resolved, every mistake of meaning reported at once.
//!
//! Each function returns something even where it reports a mistake, so that the rest can be looked at too; what
//! comes out is used only if nothing was reported.

mod adapters;
mod base;
mod beside;
mod checks;
mod clean;
mod compare;
mod held_out;
mod hub;
mod judge;
mod lora;
mod mixture;
mod reading;
mod source;
mod start;
mod task;
mod training;

pub(super) use mixture::ratio;

use candle_core::DType;

use super::method::Method;
use super::places::Findings;
use super::study::{AdapterPlan, BaseOrigin, Publish, Study};
use super::training::{Rounding, Training};
use super::written;
use crate::device::DeviceChoice;
use crate::error::Error;

/// Resolves a recipe. The study means something only if there are no findings.
pub(crate) fn resolve(written: &written::Recipe, findings: &mut Findings<'_>) -> (Study, Option<Publish>) {
    let sources = source::sources(written.sources.as_ref(), findings);
    let pretrain = written.pretrain.as_ref().map(|pretrain| training::pretrain(pretrain, &sources, findings));
    let snapshots = pretrain.as_ref().map(|pretrain| pretrain.snapshots.as_slice());
    let adapters = adapters::adapters(written.adapters.as_ref(), snapshots, &sources, findings);
    let publish = written.publish.as_ref().map(|publish| compare::publish(publish, &adapters, findings));
    let mut study = Study {
        name: name(written.name.as_deref(), findings),
        seed: written.seed.unwrap_or(42),
        device: device(written.device.as_deref(), findings),
        base: base::base(written.base.as_ref(), &sources, findings),
        sources,
        pretrain,
        adapters,
        compare: None,
    };
    study.compare = written.compare.as_ref().map(|compare| compare::compare(compare, &study, findings));
    longest_sequences(&study, findings);
    rounding_by_chance(&study, findings);
    new_pieces_are_trained(&study, findings);
    something_to_do(written, findings);
    (study, publish)
}

fn something_to_do(written: &written::Recipe, findings: &mut Findings<'_>) {
    let adapters =
        written.adapters.as_ref().is_some_and(|adapters| adapters.0.iter().any(|(name, _)| name != "defaults"));
    let broken = ["pretrain", "adapters", "compare"].iter().any(|key| findings.is_broken(key));
    if written.pretrain.is_none() && !adapters && written.compare.is_none() && !broken {
        let error = Error::new("the recipe has nothing to do");
        findings.report_key("", error.hint("give it pretrain, adapters or compare, or more of them"));
    }
}

fn name(written: Option<&str>, findings: &mut Findings<'_>) -> String {
    match written {
        Some(name) => checks::folder_name("name", name, true, findings),
        None => {
            findings.missing("name", "name the run folder, such as name: my-study");
            String::new()
        }
    }
}

fn device(written: Option<&str>, findings: &mut Findings<'_>) -> DeviceChoice {
    let Some(text) = written else { return DeviceChoice::Auto };
    text.parse().unwrap_or_else(|_| {
        let error = Error::new("device").got(format!("{text:?}")).expected("auto, cpu, cuda or cuda:N");
        findings.report("device", error);
        DeviceChoice::Auto
    })
}

/// Every run of training: its key, the key that it inherits from, how it goes, and whether all parameters are trained.
fn trainings(study: &Study) -> Vec<(String, Option<&'static str>, &Training, bool)> {
    let pretrain = study.pretrain.iter().map(|pretrain| ("pretrain".to_owned(), None, &pretrain.training, true));
    let adapters = study.adapters.iter().map(|adapter| {
        let path = format!("adapters.{}", adapter.entry());
        (path, Some("adapters.defaults"), &adapter.training, adapter.method == Method::Full)
    });
    pretrain.chain(adapters).collect()
}

/// The rows of new pieces are means of others: a start, which only training of these rows makes anything of.
fn new_pieces_are_trained(study: &Study, findings: &mut Findings<'_>) {
    let trainings = trainings(study);
    let beside = |adapter: &AdapterPlan| matches!(&adapter.method, Method::Lora(lora) if lora.trains_embedding());
    let trained = trainings.iter().any(|(.., whole)| *whole) || study.adapters.iter().any(beside);
    if study.base.new_pieces() > 0 && !trainings.is_empty() && !trained {
        let error = Error::new("base.tokenizer.extend adds pieces whose rows in the embedding nothing trains");
        let hint = "LoRA leaves the embedding as it is: add a pretrain stage, modules_to_save: [embed_tokens, lm_head] or \
                    method: full, or take it out";
        findings.report_key("base.tokenizer.extend", error.hint(hint));
    }
}

/// f16 parameters cannot be rounded by chance.
fn rounding_by_chance(study: &Study, findings: &mut Findings<'_>) {
    for (path, inherits, training, all) in trainings(study) {
        if all && study.base.dtype == DType::F16 && training.optimizer.rounding == Rounding::Stochastic {
            let key = checks::Scope { path: &path, inherits }.key(findings.places, "optimizer.rounding");
            findings.wrong(
                &key,
                "stochastic",
                "master, with a base of f16",
                "bf16 parameters can be rounded by chance",
            );
        }
    }
}

/// A new model is not trained on sequences longer than those it is meant for.
fn longest_sequences(study: &Study, findings: &mut Findings<'_>) {
    let BaseOrigin::New(model) = &study.base.origin else { return };
    let longest = model.max_position_embeddings;
    for (path, inherits, training, _) in trainings(study) {
        if training.sequence_length > longest {
            let scope = checks::Scope { path: &path, inherits };
            let key = scope.key(findings.places, "sequence_length");
            let error = Error::new(&key)
                .got(training.sequence_length)
                .expected(format!("at most {longest}, the max_position_embeddings of base.new"));
            findings.report(&key, error);
        }
    }
}
