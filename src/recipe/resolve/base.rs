//! The base model: a folder, a built-in one, or a new one.

use candle_core::DType;

use super::super::count::Count;
use super::super::nearest;
use super::super::places::Findings;
use super::super::study::{Base, BaseOrigin, NewModel, Source, TokenizerOrigin};
use super::super::written::{self, Dtype, ExtendTokenizer, MadeTokenizer, Tokenizer, TrainTokenizer};
use super::hub;
use crate::error::Error;

/// The models inside the program.
const BUILT_IN: [&str; 2] = ["tiny-english", "tiny-estonian"];

/// The 256 bytes, the three special pieces, and one that is learned.
const SMALLEST_VOCABULARY: u64 = 260;

pub(super) fn base(written: Option<&written::Base>, sources: &[Source], findings: &mut Findings<'_>) -> Base {
    let nothing = Base { origin: BaseOrigin::BuiltIn(String::new()), tokenizer: None, dtype: DType::F32, tf32: false };
    let Some(written) = written else {
        findings.missing("base", "name the model that learns, such as base: { model: models/Llama-2-7b-hf }");
        return nothing;
    };
    let dtype = match written.dtype {
        None | Some(Dtype::F32) => DType::F32,
        Some(Dtype::Bf16) => DType::BF16,
        Some(Dtype::F16) => DType::F16,
        Some(Dtype::F64) => DType::F64,
    };
    let origin = origin(written, findings).unwrap_or(nothing.origin);
    let tokenizer = tokenizer(written, sources, findings);
    if written.tf32 == Some(true) && dtype != DType::F32 {
        findings.no_effect("base.tf32", "base.dtype is not f32");
    }
    Base { origin, tokenizer, dtype, tf32: written.tf32.unwrap_or(false) }
}

fn origin(written: &written::Base, findings: &mut Findings<'_>) -> Option<BaseOrigin> {
    if written.model.is_none() {
        findings.no_effect("base.revision", "it is that of a model on the Hub");
    }
    match (&written.model, &written.builtin, &written.new) {
        (Some(model), None, None) => {
            if model.trim().is_empty() {
                findings.wrong("base.model", "\"\"", "the path of a model folder", "");
            }
            if written.revision.is_none() {
                return Some(BaseOrigin::Folder(model.into()));
            }
            let revision = hub::revision("base.revision", written.revision.as_deref(), findings);
            if !hub::is_name(model) {
                findings.no_effect("base.revision", "base.model is no owner/name of a model on the Hub");
            }
            Some(BaseOrigin::Hub { name: model.clone(), revision, commit: None })
        }
        (None, Some(name), None) => {
            if !BUILT_IN.contains(&name.as_str()) {
                let hint = nearest::hint(name, "models inside the program", &BUILT_IN);
                findings.wrong("base.builtin", format!("{name:?}"), "a model inside the program", &hint);
            }
            Some(BaseOrigin::BuiltIn(name.clone()))
        }
        (None, None, Some(new)) => Some(BaseOrigin::New(new_model(new, findings))),
        (None, None, None) => {
            let broken = ["model", "builtin", "new"].iter().any(|key| findings.is_broken(&format!("base.{key}")));
            if !broken {
                let error = Error::new("base has no model").hint("give it one of model, builtin and new");
                findings.report_key("base", error);
            }
            None
        }
        _ => {
            let error = Error::new("base has more than one of model, builtin and new");
            findings.report_key("base", error.hint("keep the one that is meant"));
            None
        }
    }
}

fn new_model(written: &written::NewModel, findings: &mut Findings<'_>) -> NewModel {
    let size = |key: &str, value: Option<Count>, default: Option<u64>, findings: &mut Findings<'_>| {
        let path = format!("base.new.{key}");
        match (value, default) {
            (Some(count), _) => findings.count(&path, count, 1..=1 << 24, ""),
            (None, Some(default)) => usize::try_from(default).unwrap_or(usize::MAX),
            (None, None) => {
                findings.missing(&path, "a small model has hidden_size: 64, layers: 2, heads: 4");
                0
            }
        }
    };
    let hidden_size = size("hidden_size", written.hidden_size, None, findings);
    let heads = size("heads", written.heads, None, findings);
    let intermediate = (hidden_size as u64).saturating_mul(8).div_ceil(3).next_multiple_of(64);
    let model = NewModel {
        hidden_size,
        intermediate_size: size("intermediate_size", written.intermediate_size, Some(intermediate), findings),
        layers: size("layers", written.layers, None, findings),
        heads,
        key_value_heads: size("key_value_heads", written.key_value_heads, Some(heads as u64), findings),
        max_position_embeddings: size("max_position_embeddings", written.max_position_embeddings, Some(4096), findings),
        tie_word_embeddings: written.tie_word_embeddings.unwrap_or(false),
        rope_theta: written.rope_theta.unwrap_or(10_000.0),
        initializer_range: written.initializer_range.unwrap_or(0.02),
    };
    let (theta, range) = (model.rope_theta, model.initializer_range);
    findings.number("base.new.rope_theta", theta, theta > 1.0, "more than 1", "Llama 2 has 10000");
    findings.number("base.new.initializer_range", range, range > 0.0, "more than 0", "Llama 2 has 0.02");
    heads_fit(&model, findings);
    model
}

fn heads_fit(model: &NewModel, findings: &mut Findings<'_>) {
    let (hidden, heads, key_value) = (model.hidden_size, model.heads, model.key_value_heads);
    if hidden == 0 || heads == 0 || key_value == 0 {
        return;
    }
    if !hidden.is_multiple_of(heads) || !(hidden / heads).is_multiple_of(2) {
        let expected = format!("a number that divides hidden_size, {hidden}, into even parts");
        findings.wrong("base.new.heads", heads, &expected, "a head is a width of 64 or 128 in most models");
    }
    if !heads.is_multiple_of(key_value) {
        let expected = format!("a number that divides heads, {heads}");
        findings.wrong("base.new.key_value_heads", key_value, &expected, "");
    }
}

fn tokenizer(written: &written::Base, sources: &[Source], findings: &mut Findings<'_>) -> Option<TokenizerOrigin> {
    match &written.tokenizer {
        Some(Tokenizer::Made(MadeTokenizer { train: Some(_), extend: Some(_) })) => {
            let error = Error::new("base.tokenizer has both train and extend").hint("keep the one that is meant");
            findings.report_key("base.tokenizer", error);
            None
        }
        Some(Tokenizer::Made(MadeTokenizer { extend: Some(extend), .. })) => {
            if written.new.is_some() {
                let error = Error::new("base.tokenizer.extend adds to a model's tokenizer, and a new model has none");
                let hint = "say train: { sources: [NAME], vocabulary: 1024 }";
                findings.report_key("base.tokenizer.extend", error.hint(hint));
            }
            extended(extend, sources, findings)
        }
        Some(_) if written.builtin.is_some() => {
            findings.no_effect("base.tokenizer", "a model inside the program brings its own");
            None
        }
        Some(Tokenizer::Path(path)) => Some(TokenizerOrigin::Path(path.into())),
        Some(Tokenizer::Made(made)) => {
            if written.model.is_some() && made.train.is_some() {
                let error = Error::new("base.tokenizer.train makes other pieces than base.model was trained with");
                let hint =
                    "take it out, give the path of its tokenizer, or extend that: extend: { source: NAME, tokens: 8K }";
                findings.report_key("base.tokenizer", error.hint(hint));
            }
            match &made.train {
                Some(train) => trained(train, sources, findings),
                None => {
                    let (key, hint) = match written.model {
                        Some(_) => ("base.tokenizer.extend", "say extend: { source: NAME, tokens: 8K }"),
                        None => ("base.tokenizer.train", "say train: { sources: [NAME], vocabulary: 1024 }"),
                    };
                    findings.missing(key, hint);
                    None
                }
            }
        }
        None if written.new.is_some() => {
            let hint = "a new model needs one: a path, or { train: { sources: [NAME], vocabulary: 1024 } }";
            findings.missing("base.tokenizer", hint);
            None
        }
        None => None,
    }
}

fn trained(train: &TrainTokenizer, sources: &[Source], findings: &mut Findings<'_>) -> Option<TokenizerOrigin> {
    let key = |key: &str| format!("base.tokenizer.train.{key}");
    let names = train.sources.clone().unwrap_or_default();
    if names.is_empty() {
        findings.missing(&key("sources"), "name the sources whose text it learns from");
    }
    let written = names.iter().enumerate().map(|(index, name)| (key(&format!("sources.{index}")), name.as_str()));
    known_sources(written, sources, findings);
    let Some(vocabulary) = train.vocabulary else {
        findings.missing(&key("vocabulary"), "1024 suits a small model; Llama 2 has 32000");
        return None;
    };
    let hint = "the 256 bytes and three special pieces are always there; 1024 suits a small model";
    let vocabulary = findings.count(&key("vocabulary"), vocabulary, SMALLEST_VOCABULARY..=1 << 24, hint);
    Some(TokenizerOrigin::Trained { sources: names, vocabulary })
}

fn extended(extend: &ExtendTokenizer, sources: &[Source], findings: &mut Findings<'_>) -> Option<TokenizerOrigin> {
    let key = |key: &str| format!("base.tokenizer.extend.{key}");
    let path = key("source");
    let written: Vec<(String, &str)> = extend.source.iter().flat_map(|names| names.at(&path)).collect();
    if written.is_empty() {
        findings.missing(&path, "name the source whose text the new pieces are learned from, or several");
    }
    let names = written.iter().map(|(_, name)| (*name).to_owned()).collect();
    known_sources(written.into_iter(), sources, findings);
    let Some(tokens) = extend.tokens else {
        findings.missing(&key("tokens"), "say how many pieces are added; 8000 suits Llama 2 and one language");
        return None;
    };
    let tokens = findings.count(&key("tokens"), tokens, 1..=1 << 20, "8000 suits Llama 2 and one language");
    Some(TokenizerOrigin::Extended { sources: names, tokens })
}

/// Notes each name that no source has.
fn known_sources<'n>(names: impl Iterator<Item = (String, &'n str)>, sources: &[Source], findings: &mut Findings<'_>) {
    let known: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    for (key, name) in names {
        if !known.contains(&name) && !findings.is_broken(&format!("sources.{name}")) {
            findings.unknown_name(&key, name, "a source", &known);
        }
    }
}
