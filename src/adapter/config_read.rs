//! The content of `adapter_config.json` to [`PeftConfig`], checked key by key; every wrong key is found in one go.

use serde_json::{Map, Value};

use super::config::PeftConfig;
use super::config_keys::{Key, is_off, keys_of, meaning, reason};
use super::targets::ModuleRules;
use super::vera_files::IN_THE_FILE;
use crate::error::{Error, Result};
use crate::recipe::{AdapterKind, AllLinear, Targets};

/// No rank is larger than this; keeps products of shapes far from overflow.
const LARGEST_RANK: usize = 1 << 20;

/// Reads the content of the file; `place` names it in errors.
pub(super) fn parse(value: &Value, place: &str) -> Result<PeftConfig> {
    let Some(object) = value.as_object() else {
        return Err(Error::new("the content").got("not a JSON object").expected("one").at(place));
    };
    let mut keys = Keys { object, errors: Vec::new() };
    let kind = match object.get("peft_type").and_then(Value::as_str) {
        Some("IA3") => AdapterKind::Ia3,
        Some("VERA") => AdapterKind::Vera,
        _ if keys.flag("use_dora") => AdapterKind::Dora,
        _ => AdapterKind::Lora,
    };
    keys.check_kind();
    keys.check_refused(kind);
    keys.check_start();
    let vera = kind == AdapterKind::Vera;
    let rank = keys.rank("r", object.get("r"), if vera { 256 } else { 8 });
    let config = PeftConfig {
        kind,
        rank,
        // VeRA has no scale.
        alpha: if vera { rank as f64 } else { keys.number("lora_alpha", 8.0) },
        dropout: keys.number(if vera { "vera_dropout" } else { "lora_dropout" }, 0.0),
        rslora: keys.flag("use_rslora"),
        rules: keys.rules(),
        rank_pattern: keys.rank_pattern(),
        alpha_pattern: keys.alpha_pattern(),
        feedforward: keys.names("feedforward_modules"),
        modules_to_save: keys.modules_to_save(),
        trainable_tokens: keys.trainable_tokens(),
        ensure_weight_tying: keys.flag("ensure_weight_tying"),
        base_model: keys.text("base_model_name_or_path"),
        other: object
            .iter()
            .filter(|(key, _)| meaning(key) != Some(Key::Field))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    };
    if vera && object.get("save_projection") == Some(&Value::Bool(false)) {
        keys.wrong(Error::new("save_projection").got(false).expected(true).hint(IN_THE_FILE));
    }
    if !(0.0..1.0).contains(&config.dropout) {
        keys.wrong(
            Error::new(if vera { "vera_dropout" } else { "lora_dropout" })
                .got(config.dropout)
                .expected("at least 0 and below 1"),
        );
    }
    let errors = keys.errors.into_iter().map(|error| error.at(place)).collect();
    Error::all(errors).map_or(Ok(config), Err)
}

/// The keys of a file, and what is wrong with them so far.
struct Keys<'a> {
    object: &'a Map<String, Value>,
    errors: Vec<Error>,
}

impl<'a> Keys<'a> {
    fn wrong(&mut self, error: Error) {
        self.errors.push(error);
    }

    /// A key's value; a null is as good as none.
    fn value(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn check_kind(&mut self) {
        match self.value("peft_type") {
            Some(kind) if kind == "LORA" || kind == "IA3" || kind == "VERA" => {}
            Some(kind) => {
                let error = Error::new("peft_type").got(kind).expected("\"LORA\", \"IA3\" or \"VERA\"");
                let error = error.hint("adapters of other kinds are not read");
                self.wrong(error);
            }
            None if self.value("lora_parameters").is_some() => self.wrong(
                Error::new("the file is an MLX adapter's, not PEFT's")
                    .hint("MLX stores the factors transposed; convert the adapter to PEFT's format first"),
            ),
            None if self.value("r").is_none() => {
                self.wrong(
                    Error::new("peft_type is missing")
                        .expected("\"LORA\"")
                        .hint("the folder must be one that PEFT wrote"),
                );
            }
            None => {}
        }
        if let Some(task) = self.value("task_type").filter(|task| *task != "CAUSAL_LM") {
            let error = Error::new("task_type").got(task).expected("\"CAUSAL_LM\"");
            self.wrong(error.hint("adapters for classification carry a head of their own, which is not read here"));
        }
    }

    fn check_refused(&mut self, kind: AdapterKind) {
        for (key, _, default) in keys_of(kind).iter().filter(|(_, meaning, _)| *meaning == Key::Refused) {
            if let Some(value) = self.value(key).filter(|value| !is_off(value)) {
                let error = Error::new(*key).got(value).expected(default).hint(reason(key));
                self.wrong(error);
            }
        }
    }

    /// Some ways to start an adapter change the base model's weights; what they leave is not a plain LoRA adapter.
    fn check_start(&mut self) {
        let Some(start) = self.value("init_lora_weights") else { return };
        let plain = match start {
            Value::Bool(_) => true,
            Value::String(name) => matches!(name.as_str(), "gaussian" | "eva" | "orthogonal"),
            _ => false,
        };
        if !plain {
            let error = Error::new("init_lora_weights")
                .got(start)
                .expected("true, false, \"gaussian\", \"eva\" or \"orthogonal\"");
            self.wrong(error.hint(
                "this start changes the base weights too; let PEFT convert the adapter: \
                 save_pretrained(…, path_initial_model_for_weight_conversion=…)",
            ));
        }
    }

    fn rank(&mut self, key: &str, value: Option<&Value>, default: usize) -> usize {
        match value {
            None | Some(Value::Null) => default,
            Some(value) => match value.as_u64().and_then(|rank| usize::try_from(rank).ok()) {
                Some(rank) if (1..=LARGEST_RANK).contains(&rank) => rank,
                _ => {
                    self.wrong(Error::new(key).got(value).expected("a whole number of at least 1"));
                    default
                }
            },
        }
    }

    fn number(&mut self, key: &str, default: f64) -> f64 {
        let Some(value) = self.value(key) else { return default };
        value.as_f64().unwrap_or_else(|| {
            self.wrong(Error::new(key).got(value).expected("a number"));
            default
        })
    }

    fn flag(&mut self, key: &str) -> bool {
        let Some(value) = self.value(key) else { return false };
        value.as_bool().unwrap_or_else(|| {
            self.wrong(Error::new(key).got(value).expected("true or false"));
            false
        })
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let value = self.value(key)?;
        if value.as_str().is_none() {
            self.wrong(Error::new(key).got(value).expected("text"));
        }
        value.as_str().filter(|text| !text.is_empty()).map(str::to_string)
    }

    fn rules(&mut self) -> ModuleRules {
        let targets = self.names("target_modules").unwrap_or_else(|| {
            let error = Error::new("target_modules is missing");
            self.wrong(error.hint("add the names of the modules: [\"q_proj\", \"v_proj\"], or \"all-linear\""));
            Targets::AllLinear(AllLinear::AllLinear)
        });
        let layers = match self.value("layers_to_transform") {
            None => None,
            Some(Value::Array(items)) if items.is_empty() => None,
            Some(Value::Array(items)) => Some(items.iter().filter_map(|item| self.layer(item)).collect()),
            Some(value) => self.layer(value).map(|layer| vec![layer]),
        };
        let layers_pattern = match self.value("layers_pattern").filter(|value| !is_off(value)) {
            None => None,
            Some(Value::String(name)) => Some(vec![name.clone()]),
            Some(value) => self.list("layers_pattern", value),
        };
        ModuleRules { targets, exclude: self.names("exclude_modules"), layers, layers_pattern }
    }

    fn layer(&mut self, value: &Value) -> Option<usize> {
        let layer = value.as_u64().and_then(|layer| usize::try_from(layer).ok());
        if layer.is_none() {
            self.wrong(Error::new("layers_to_transform").got(value).expected("layer numbers from 0"));
        }
        layer
    }

    fn names(&mut self, key: &str) -> Option<Targets> {
        match self.value(key)? {
            Value::String(word) if word.eq_ignore_ascii_case("all-linear") => {
                Some(Targets::AllLinear(AllLinear::AllLinear))
            }
            Value::String(pattern) => Some(Targets::Pattern(pattern.clone())),
            value => self.list(key, value).map(Targets::Names),
        }
    }

    fn list(&mut self, key: &str, value: &Value) -> Option<Vec<String>> {
        let names = value.as_array().map(|items| items.iter().filter_map(|i| i.as_str().map(str::to_string)).collect());
        if names.as_ref().map(Vec::len) != value.as_array().map(Vec::len) || names.is_none() {
            self.wrong(Error::new(key).got(value).expected("text or a list of names"));
        }
        names
    }

    fn modules_to_save(&mut self) -> Vec<String> {
        match self.value("modules_to_save") {
            None => Vec::new(),
            Some(value) => self.list("modules_to_save", value).unwrap_or_default(),
        }
    }

    /// A bare list is for the embedding.
    fn trainable_tokens(&mut self) -> Vec<(String, Vec<u32>)> {
        let key = "trainable_token_indices";
        match self.value(key) {
            Some(Value::Object(entries)) => {
                entries.iter().map(|(name, ids)| (name.clone(), self.ids(&format!("{key}.{name}"), ids))).collect()
            }
            Some(value) if !is_off(value) => vec![("embed_tokens".to_owned(), self.ids(key, value))],
            _ => Vec::new(),
        }
    }

    fn ids(&mut self, key: &str, value: &Value) -> Vec<u32> {
        let id = |item: &Value| item.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids: Option<Vec<u32>> = value.as_array().and_then(|items| items.iter().map(id).collect());
        let differ = |ids: &Vec<u32>| ids.iter().collect::<std::collections::HashSet<_>>().len() == ids.len();
        ids.filter(differ).unwrap_or_else(|| {
            self.wrong(Error::new(key).got(value).expected("a list of token ids, each once"));
            Vec::new()
        })
    }

    fn entries(&mut self, key: &str) -> Vec<(&'a String, &'a Value)> {
        match self.value(key) {
            None => Vec::new(),
            Some(Value::Object(entries)) => entries.iter().collect(),
            Some(value) => {
                self.wrong(Error::new(key).got(value).expected("an object of patterns and numbers"));
                Vec::new()
            }
        }
    }

    fn rank_pattern(&mut self) -> Vec<(String, usize)> {
        let entries = self.entries("rank_pattern");
        entries.into_iter().map(|(k, v)| (k.clone(), self.rank(&format!("rank_pattern.{k}"), Some(v), 1))).collect()
    }

    fn alpha_pattern(&mut self) -> Vec<(String, f64)> {
        let mut found = Vec::new();
        for (key, value) in self.entries("alpha_pattern") {
            match value.as_f64() {
                Some(alpha) => found.push((key.clone(), alpha)),
                None => self.wrong(Error::new(format!("alpha_pattern.{key}")).got(value).expected("a number")),
            }
        }
        found
    }
}
