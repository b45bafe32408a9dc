//! `adapter_config.json`, as PEFT reads and writes it.
//!
//! A file written here has every key that PEFT writes, in its order. A file read here may be of any
//! release: missing keys take PEFT's defaults, unknown ones are kept, and a key whose value changes what
//! the adapter computes in a way that is not done here is refused by name, never ignored.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::config_keys::{keys_of, meaning};
use super::config_read;
use super::targets::{Matcher, ModuleRules, named, pattern_entry};
use crate::error::Result;
use crate::files;
use crate::model::Side;
use crate::recipe::{AdapterKind, Initial, LoraSettings, Targets};

/// The name of the file.
pub const CONFIG_FILE: &str = "adapter_config.json";

/// What an adapter is: its shape, its scale, and the modules it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct PeftConfig {
    /// What it changes of a module.
    pub kind: AdapterKind,
    /// Rank of the update, where [`PeftConfig::rank_pattern`] has no other for the module.
    pub rank: usize,
    /// The update is multiplied by alpha / rank, or alpha / √rank for rsLoRA.
    pub alpha: f64,
    /// Probability that an input of A is set to zero while training.
    pub dropout: f64,
    /// Scale by alpha / √rank.
    pub rslora: bool,
    /// Which modules it is for.
    pub rules: ModuleRules,
    /// Ranks of single modules, by regular expressions on the end of the path.
    pub rank_pattern: Vec<(String, usize)>,
    /// Alphas of single modules, likewise.
    pub alpha_pattern: Vec<(String, f64)>,
    /// Of (IA)³, the modules whose inputs are scaled instead of their outputs.
    pub feedforward: Option<Targets>,
    /// Modules whose whole weights the adapter has, by the ends of their paths.
    pub modules_to_save: Vec<String>,
    /// Token ids whose rows the adapter has, by the ends of the paths of their modules.
    pub trainable_tokens: Vec<(String, Vec<u32>)>,
    /// Whether a head that is the embedding stays it where one of them is trained.
    pub ensure_weight_tying: bool,
    /// The name or path of the base model.
    pub base_model: Option<String>,
    /// Everything else in the file.
    pub other: Map<String, Value>,
}

impl PeftConfig {
    /// The config of an adapter that a recipe asks for; the rules are resolved by the caller.
    pub fn new(settings: &LoraSettings, rules: impl Into<ModuleRules>) -> Self {
        let rules = rules.into();
        let mut other = Map::new();
        if settings.init == Initial::Gaussian {
            other.insert("init_lora_weights".into(), json!("gaussian"));
        }
        let feedforward = (settings.kind == AdapterKind::Ia3).then(|| {
            let named = match &rules.targets {
                Targets::Names(names) => named(&settings.feedforward, names),
                _ => Vec::new(),
            };
            Targets::Names(if named.is_empty() { settings.feedforward.clone() } else { named })
        });
        Self {
            kind: settings.kind,
            rank: settings.rank,
            // VeRA has no scale.
            alpha: if settings.kind == AdapterKind::Vera { settings.rank as f64 } else { settings.alpha },
            dropout: settings.dropout,
            rslora: settings.rslora,
            rules,
            rank_pattern: settings.rank_pattern.clone(),
            alpha_pattern: settings.alpha_pattern.clone(),
            feedforward,
            modules_to_save: settings.modules_to_save.clone(),
            trainable_tokens: settings.trainable_tokens.clone(),
            ensure_weight_tying: false,
            base_model: None,
            other,
        }
    }

    /// Reads the file in an adapter's folder.
    ///
    /// # Errors
    /// The file is missing or not JSON; it is not for LoRA; keys have impossible values or ask for what is not done
    /// here. All wrong keys are reported together.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(CONFIG_FILE);
        let value: Value = files::read_json(&path)?;
        Self::parse(&value, &path.display().to_string())
    }

    /// Reads the content of the file; `place` names it in errors.
    ///
    /// # Errors
    /// As [`PeftConfig::read`].
    pub fn parse(value: &Value, place: &str) -> Result<Self> {
        config_read::parse(value, place)
    }

    /// The content of the file.
    pub fn to_json(&self) -> Value {
        let keys = keys_of(self.kind);
        let mut entries: Vec<(String, Value)> = Vec::with_capacity(keys.len() + self.other.len());
        for (key, _, default) in keys {
            let value = self
                .field(key)
                .or_else(|| self.other.get(*key).cloned())
                .or_else(|| serde_json::from_str(default).ok())
                .unwrap_or_default();
            entries.push(((*key).into(), value));
        }
        let unknown = self.other.iter().filter(|(key, _)| keys.iter().all(|(known, ..)| known != key));
        entries.extend(unknown.map(|(key, value)| (key.clone(), value.clone())));
        entries.sort_by(|left, right| left.0.cmp(&right.0));
        Value::Object(entries.into_iter().collect())
    }

    fn field(&self, key: &str) -> Option<Value> {
        let pattern = |entries: Vec<(String, Value)>| Value::Object(entries.into_iter().collect());
        Some(match key {
            "r" => json!(self.rank),
            "lora_alpha" => whole(self.alpha),
            "lora_dropout" | "vera_dropout" => json!(self.dropout),
            "use_rslora" => json!(self.rslora),
            "use_dora" => json!(self.kind == AdapterKind::Dora),
            "feedforward_modules" => json!(self.feedforward),
            "rank_pattern" => pattern(self.rank_pattern.iter().map(|(k, v)| (k.clone(), json!(v))).collect()),
            "alpha_pattern" => pattern(self.alpha_pattern.iter().map(|(k, v)| (k.clone(), whole(*v))).collect()),
            "base_model_name_or_path" => json!(self.base_model),
            "target_modules" => json!(self.rules.targets),
            "exclude_modules" => json!(self.rules.exclude),
            "layers_to_transform" => json!(self.rules.layers),
            "layers_pattern" => json!(self.rules.layers_pattern),
            "modules_to_save" => json!((!self.modules_to_save.is_empty()).then_some(&self.modules_to_save)),
            "ensure_weight_tying" => json!(self.ensure_weight_tying),
            "trainable_token_indices" => match self.trainable_tokens.as_slice() {
                [] => Value::Null,
                [(name, ids)] if name == "embed_tokens" => json!(ids),
                several => Value::Object(several.iter().map(|(name, ids)| (name.clone(), json!(ids))).collect()),
            },
            _ => return None,
        })
    }

    /// The keys that this program does not know; they are kept, but nothing is done with them.
    pub fn unknown_keys(&self) -> Vec<&str> {
        self.other.keys().map(String::as_str).filter(|key| meaning(key).is_none()).collect()
    }

    /// The rank of the update of a module.
    ///
    /// # Errors
    /// A key of `rank_pattern` is not a regular expression.
    pub fn rank_of(&self, path: &str) -> Result<usize> {
        Ok(pattern_entry(&self.rank_pattern, path)?.copied().unwrap_or(self.rank))
    }

    /// Which side of a module (IA)³ scales.
    ///
    /// # Errors
    /// `feedforward_modules` is not a regular expression.
    pub fn side_of(&self, path: &str) -> Result<Side> {
        let feedforward = match &self.feedforward {
            Some(targets) => Matcher::new(targets)?.how(path)?.is_some(),
            None => false,
        };
        Ok(if feedforward { Side::Inputs } else { Side::Outputs })
    }

    /// The config of the adapter which has the factors that another one began with beside its own, to take them back: the
    /// rank is twice as high, and the scale the same.
    pub(super) fn doubled(&self) -> Self {
        let alpha = |alpha: f64| alpha * if self.rslora { std::f64::consts::SQRT_2 } else { 2.0 };
        Self {
            rank: 2 * self.rank,
            alpha: alpha(self.alpha),
            rank_pattern: self.rank_pattern.iter().map(|(name, rank)| (name.clone(), 2 * rank)).collect(),
            alpha_pattern: self.alpha_pattern.iter().map(|(name, value)| (name.clone(), alpha(*value))).collect(),
            ..self.clone()
        }
    }

    /// What the update of a module is multiplied by: alpha / rank, or alpha / √rank for rsLoRA.
    ///
    /// # Errors
    /// A key of `rank_pattern` or `alpha_pattern` is not a regular expression.
    pub fn scale_of(&self, path: &str) -> Result<f64> {
        let rank = self.rank_of(path)? as f64;
        let alpha = pattern_entry(&self.alpha_pattern, path)?.copied().unwrap_or(self.alpha);
        Ok(alpha / if self.rslora { rank.sqrt() } else { rank })
    }
}

/// A number as PEFT writes it: `16`, not `16.0`.
fn whole(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 { json!(number as i64) } else { json!(number) }
}
