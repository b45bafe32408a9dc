//! What was written → what is meant: defaults filled, names resolved, every mistake of meaning reported at once.
//!
//! Each function returns something even where it reports a mistake, so that the rest can be looked at too; what
//! comes out is used only if nothing was reported.

mod adapters;
mod base;
mod checks;
mod compare;
mod mixture;
mod source;
mod start;
mod training;

pub(super) use mixture::ratio;

use super::places::Findings;
use super::study::{BaseOrigin, Publish, Study};
use super::written;
use crate::device::DeviceChoice;
use crate::error::Error;

/// Resolves a recipe. The study means something only if there are no findings.
pub(crate) fn resolve(written: &written::Recipe, findings: &mut Findings<'_>) -> (Study, Option<Publish>) {
    let sources = source::sources(written.sources.as_ref(), findings);
    let pretrain = written.pretrain.as_ref().map(|pretrain| training::pretrain(pretrain, &sources, findings));
    let snapshots = pretrain.as_ref().map(|pretrain| pretrain.snapshots.as_slice());
    let adapters = adapters::adapters(written.adapters.as_ref(), snapshots, &sources, findings);
    let compare = written.compare.as_ref().map(|compare| compare::compare(compare, &adapters, findings));
    let publish = written.publish.as_ref().map(|publish| compare::publish(publish, &adapters, findings));
    let study = Study {
        name: name(written.name.as_deref(), findings),
        seed: written.seed.unwrap_or(42),
        device: device(written.device.as_deref(), findings),
        base: base::base(written.base.as_ref(), &sources, findings),
        sources,
        pretrain,
        adapters,
        compare,
    };
    longest_sequences(&study, findings);
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

/// A new model is not trained on sequences longer than those it is meant for.
fn longest_sequences(study: &Study, findings: &mut Findings<'_>) {
    let BaseOrigin::New(model) = &study.base.origin else { return };
    let longest = model.max_position_embeddings;
    let pretrain = study.pretrain.iter().map(|pretrain| ("pretrain".to_owned(), None, &pretrain.training));
    let defaults = Some("adapters.defaults");
    let adapters =
        study.adapters.iter().map(|adapter| (format!("adapters.{}", adapter.entry()), defaults, &adapter.training));
    for (path, inherits, training) in pretrain.chain(adapters) {
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
