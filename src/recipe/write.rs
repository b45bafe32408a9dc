//! A study as the recipe that says everything: every default written out.
//!
//! Run folders keep it as `recipe.yaml`; read again, it means the same study.

mod lora;
mod task;

use std::path::Path;

use candle_core::DType;
use serde::Serialize;
use serde_json::Value;

use super::count::Count;
use super::method::Method;
use super::resolve::ratio;
use super::shapes::{Named, Words};
use super::study::{
    AdapterPlan, Base, BaseOrigin, Compare, NewModel, Pretrain, Publish, RowTemplate, Source, SourceOrigin, Study,
    TokenizerOrigin,
};
use super::training::{Amount, Budget, Mixture, MixturePart, OptimizerSettings, Recompute, Schedule, Training};
use super::written::{self, Dtype, MethodWord, Part, Tokenizer};
use crate::device::DeviceChoice;
use crate::error::{Error, Result};

/// The recipe that means this study, as YAML.
pub(super) fn yaml(study: &Study, publish: Option<&Publish>) -> Result<String> {
    let options = serde_yaml::ser_options! { yaml_12: true, no_lang_directive: true };
    serde_yaml::to_string_with_options(&plain(&recipe(study, publish)), options)
        .map_err(|source| Error::new(format!("cannot write the recipe as YAML: {source}")))
}

/// The JSON of what is written, without the keys that are not.
pub(super) fn plain(written: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(written).unwrap_or_default();
    drop_nulls(&mut value);
    value
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn recipe(study: &Study, publish: Option<&Publish>) -> written::Recipe {
    written::Recipe {
        name: Some(study.name.clone()),
        seed: Some(study.seed),
        device: Some(match study.device {
            DeviceChoice::Auto => "auto".to_owned(),
            DeviceChoice::Cpu => "cpu".to_owned(),
            DeviceChoice::Cuda(ordinal) => format!("cuda:{ordinal}"),
        }),
        base: Some(base(&study.base)),
        sources: (!study.sources.is_empty())
            .then(|| Named(study.sources.iter().map(|one| (one.name.clone(), source(one))).collect())),
        pretrain: study.pretrain.as_ref().map(pretrain),
        adapters: (!study.adapters.is_empty()).then(|| adapters(&study.adapters)),
        compare: study.compare.as_ref().map(compare),
        publish: publish.map(|publish| written::Publish {
            to: Some(publish.to.clone()),
            adapters: Some(publish.adapters.clone()),
            private: Some(publish.private),
            license: publish.license.clone(),
        }),
    }
}

pub(super) fn base(base: &Base) -> written::Base {
    let mut written = written::Base::default();
    match &base.origin {
        BaseOrigin::Folder(path) => written.model = Some(text(path)),
        BaseOrigin::Hub { name, revision, commit: _ } => {
            written.model = Some(name.clone());
            written.revision = Some(revision.clone());
        }
        BaseOrigin::BuiltIn(name) => written.builtin = Some(name.clone()),
        BaseOrigin::New(model) => written.new = Some(new_model(model)),
    }
    written.dtype = Some(match base.dtype {
        DType::BF16 => Dtype::Bf16,
        DType::F16 => Dtype::F16,
        DType::F64 => Dtype::F64,
        _ => Dtype::F32,
    });
    written.tf32 = base.tf32.then_some(true);
    written.tokenizer = base.tokenizer.as_ref().map(|tokenizer| match tokenizer {
        TokenizerOrigin::Path(path) => Tokenizer::Path(text(path)),
        TokenizerOrigin::Trained { sources, vocabulary } => Tokenizer::Made(written::MadeTokenizer {
            train: Some(written::TrainTokenizer {
                sources: Some(sources.clone()),
                vocabulary: Some(count(*vocabulary)),
            }),
            extend: None,
        }),
        TokenizerOrigin::Extended { sources, tokens } => Tokenizer::Made(written::MadeTokenizer {
            train: None,
            extend: Some(written::ExtendTokenizer {
                source: Some(Words::from_list(sources.clone())),
                tokens: Some(count(*tokens)),
            }),
        }),
    });
    written
}

fn new_model(model: &NewModel) -> written::NewModel {
    written::NewModel {
        hidden_size: Some(count(model.hidden_size)),
        intermediate_size: Some(count(model.intermediate_size)),
        layers: Some(count(model.layers)),
        heads: Some(count(model.heads)),
        key_value_heads: Some(count(model.key_value_heads)),
        max_position_embeddings: Some(count(model.max_position_embeddings)),
        tie_word_embeddings: Some(model.tie_word_embeddings),
        rope_theta: Some(model.rope_theta),
        initializer_range: Some(model.initializer_range),
    }
}

pub(super) fn source(source: &Source) -> written::Source {
    let clean = Some(source.clean.written());
    let mut written = written::Source { limit: source.limit.map(Count), clean, ..written::Source::default() };
    match &source.origin {
        SourceOrigin::World { generator, rows } => {
            written.builtin = Some(generator.clone());
            written.rows = Some(Count(*rows));
        }
        SourceOrigin::Files(files) => written.path = Some(words(files)),
        SourceOrigin::Hub(dataset) => {
            written.hub = Some(dataset.name.clone());
            written.subset = dataset.subset.clone();
            written.split = Some(dataset.split.clone());
            written.revision = Some(dataset.revision.clone());
        }
    }
    if written.builtin.is_none() {
        written.template = Some(source.template);
        reading(source, &mut written);
        written.languages = source.languages.clone().map(Vec::from);
    }
    written
}

/// How files are read; the name of a plain row's field in its short form.
fn reading(source: &Source, written: &mut written::Source) {
    let reading = &source.reading;
    if source.template == RowTemplate::Plain {
        written.text = Some(reading.field("text").to_owned());
    } else if !reading.fields.is_empty() {
        written.fields = Some(Named(reading.fields.clone()));
    }
    written.format = reading.format;
    written.documents = reading.documents;
    written.header = (!reading.header).then_some(false);
    written.quotes = (!reading.quotes).then_some(false);
    written.on_bad_row = Some(reading.on_bad_row);
}

pub(super) fn pretrain(pretrain: &Pretrain) -> written::Pretrain {
    let tokens = match pretrain.training.budget {
        Budget::Tokens(tokens) => Some(Count(tokens)),
        Budget::Epochs(_) => None,
    };
    let snapshots = Some(pretrain.snapshots.iter().copied().map(Count).collect());
    written::Pretrain { tokens, snapshots, ..written::Pretrain::default() }.with_training(training(&pretrain.training))
}

/// The entries that become these adapters: adapters of one entry differ in what they stand on, and in nothing else.
fn adapters(plans: &[AdapterPlan]) -> Named<written::Adapter> {
    let mut entries: Vec<(String, written::Adapter)> = Vec::new();
    let mut on: Vec<Vec<String>> = Vec::new();
    for plan in plans {
        match entries.iter().position(|(name, _)| name == plan.entry()) {
            Some(index) => on[index].push(plan.on.label()),
            None => {
                entries.push((plan.entry().to_owned(), adapter(plan)));
                on.push(vec![plan.on.label()]);
            }
        }
    }
    for ((_, entry), on) in entries.iter_mut().zip(on) {
        entry.on = Some(Words::from_list(on));
    }
    Named(entries)
}

/// One adapter's entry, without `on`.
pub(super) fn adapter(plan: &AdapterPlan) -> written::Adapter {
    let (epochs, tokens) = match plan.training.budget {
        Budget::Epochs(epochs) => (Some(epochs), None),
        Budget::Tokens(tokens) => (None, Some(Count(tokens))),
    };
    let start_from = plan.start_from.as_ref();
    let mut written = written::Adapter {
        start_from: start_from.map(|name| name.split('@').next().unwrap_or(name).to_owned()),
        method: Some(MethodWord::Full),
        epochs,
        tokens,
        ..written::Adapter::default()
    };
    if let Method::Lora(lora) = &plan.method {
        lora::keys(lora, &mut written);
    }
    written.with_training(training(&plan.training))
}

fn training(training: &Training) -> written::Training {
    let shares = training.mixture.parts.iter().any(|part| matches!(part.amount, Amount::Share(_)));
    written::Training {
        mixture: Some(mixture(&training.mixture)),
        mixture_by: Some(training.mixture.by),
        // Amounts say themselves when a round ends.
        stopping_strategy: shares.then_some(training.mixture.stopping),
        sequence_length: Some(count(training.sequence_length)),
        batch: Some(count(training.batch)),
        micro_batch: Some(count(training.micro_batch)),
        packing: Some(training.packing),
        too_long: Some(training.too_long),
        no_target: Some(training.no_target),
        template: Some(training.template.clone()),
        train_on: Some(training.train_on),
        optimizer: Some(optimizer(&training.optimizer)),
        schedule: Some(schedule(&training.schedule)),
        checkpoint_every: Some(Count(training.checkpoint_every)),
        held_out: Some(training.held_out),
        evaluate_every: Some(Count(training.evaluate_every)),
        neftune_alpha: (training.neftune_alpha != 0.0).then_some(training.neftune_alpha),
        recompute: match training.recompute {
            Recompute::All => Some(true),
            Recompute::Nothing => Some(false),
            Recompute::ToFit(_) => None,
        },
        memory: match training.recompute {
            Recompute::ToFit(memory) => memory.map(Count),
            Recompute::All | Recompute::Nothing => None,
        },
    }
}

/// A ratio is written where it is not the default: only bitext can have one.
fn mixture(mixture: &Mixture) -> Named<Part> {
    let part = |one: &MixturePart| {
        let ratio = (one.forward_share != 0.5).then(|| ratio(one.forward_share));
        let keys = written::PartKeys { ratio, ..written::PartKeys::default() };
        match one.amount {
            Amount::Share(weight) if keys.ratio.is_none() => Part::Weight(weight),
            Amount::Share(weight) => Part::Keys(written::PartKeys { weight: Some(weight), ..keys }),
            Amount::Rows(rows) => Part::Keys(written::PartKeys { rows: Some(Count(rows)), ..keys }),
            Amount::Tokens(tokens) => Part::Keys(written::PartKeys { tokens: Some(Count(tokens)), ..keys }),
            Amount::Epochs(epochs) => Part::Keys(written::PartKeys { epochs: Some(epochs), ..keys }),
        }
    };
    Named(mixture.parts.iter().map(|one| (one.source.clone(), part(one))).collect())
}

fn optimizer(settings: &OptimizerSettings) -> written::Optimizer {
    written::Optimizer {
        kind: Some(settings.kind),
        rounding: Some(settings.rounding),
        offload: Some(settings.offload),
        learning_rate: Some(settings.learning_rate),
        weight_decay: Some(settings.weight_decay),
        beta1: Some(settings.beta1),
        beta2: Some(settings.beta2),
        epsilon: Some(settings.epsilon),
        clip: Some(settings.clip.unwrap_or(0.0)),
    }
}

fn schedule(schedule: &Schedule) -> written::Schedule {
    written::Schedule {
        kind: Some(schedule.kind),
        warmup: Some(schedule.warmup),
        final_learning_rate: Some(schedule.final_learning_rate),
    }
}

fn compare(compare: &Compare) -> written::Compare {
    written::Compare {
        tasks: Some(compare.tasks.iter().map(task::task).collect()),
        merged: Some(compare.merged),
        batch: Some(count(compare.batch)),
        limit: compare.limit.map(count),
        template: Some(compare.template.clone()),
        judge: compare.judge.as_ref().map(|judge| judge.written()),
    }
}

fn count(number: usize) -> Count {
    Count(number as u64)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn words(paths: &[impl AsRef<Path>]) -> Words {
    Words::from_list(paths.iter().map(|path| text(path.as_ref())).collect())
}
