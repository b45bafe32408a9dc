//! What every stage of a study stands on: the locked run folder, the device, the base and its
//! tokenizer, and the hashes of all that came from outside.

use std::path::{Path, PathBuf};

use candle_core::Device;
use serde_json::{Value, json};

use crate::data::Tokenizer;
use crate::data::clean::Protected;
use crate::data::stream::{CacheFolder, source_fingerprint};
use crate::device;
use crate::error::{Place, Result};
use crate::eval::{Example, Task};
use crate::files;
use crate::model::{Llama, Parameters};
use crate::progress::Progress;
use crate::recipe::{Foundation, Quantization, Recipe, Study, TaskData};
use crate::study::folder::RunFolder;
use crate::study::{base, pins};

/// How a study is run: where, and how it speaks and listens.
pub struct RunOptions<'a> {
    /// The run folder.
    pub folder: &'a Path,
    /// Where tokenized sources are kept.
    pub cache: &'a CacheFolder,
    /// Bars and lines.
    pub progress: Progress,
    /// Whether a person asked to stop.
    pub stop: &'a dyn Fn() -> bool,
    /// How many adapters may be trained at a time.
    pub together: usize,
}

/// What every stage stands on.
pub struct Ground<'a> {
    /// The study.
    pub study: &'a Study,
    /// Its folder, locked.
    pub folder: RunFolder,
    /// Where tokenized sources are kept.
    pub cache: &'a CacheFolder,
    /// Where the work runs.
    pub device: Device,
    /// The tokenizer of all models of the study.
    pub tokenizer: Tokenizer,
    /// The tokenizer that the base had before the study added pieces to it.
    pub before: Option<Tokenizer>,
    /// The folder of the base model, in Hugging Face format.
    pub base: PathBuf,
    /// How people know the base: its path, or its name in the program.
    pub base_name: String,
    /// What sources that are decontaminated must not have: the texts of the study's own tasks.
    pub protected: Protected,
    /// Hashes of what came from outside.
    pub origins: Value,
    /// Bars and lines.
    pub progress: Progress,
    /// Whether a person asked to stop.
    pub stop: &'a dyn Fn() -> bool,
    /// How many adapters may be trained at a time.
    pub together: usize,
}

impl<'a> Ground<'a> {
    /// Opens everything that the stages need; nothing is written but a base that is made here.
    pub fn prepare(recipe: &'a Recipe, options: &RunOptions<'a>) -> Result<Self> {
        let study = &recipe.study;
        let folder = RunFolder::open(options.folder)?;
        let device = device::open(study.device)?;
        device::allow_tf32(study.base.tf32);
        let opened = base::open(study, &folder, options.cache, options.progress)?;
        let sources = source_hashes(study, options)?;
        let origins = json!({ "base": opened.hash, "tokenizer": opened.tokenizer.fingerprint(), "sources": sources });
        Ok(Self {
            study,
            folder,
            cache: options.cache,
            device,
            tokenizer: opened.tokenizer,
            before: opened.before,
            base: opened.folder,
            base_name: opened.name,
            protected: protected(study)?,
            origins,
            progress: options.progress,
            stop: options.stop,
            together: options.together,
        })
    }

    /// Writes `recipe.yaml` and `lock.json`: what this run is about to do, and with what.
    pub fn write_down(&self, recipe: &Recipe) -> Result<()> {
        files::write(&self.folder.path("recipe.yaml"), recipe.resolved_yaml()?)?;
        files::write_json(&self.folder.path("lock.json"), &lock(self.study, &self.origins, &self.device))
    }

    /// The folder of the model that a stage or a candidate stands on.
    pub fn foundation_folder(&self, foundation: Foundation) -> PathBuf {
        match foundation {
            Foundation::Base => self.base.clone(),
            Foundation::Snapshot(tokens) => self.folder.snapshot(tokens),
        }
    }

    /// How people know that model: the base's own name, or its place in this study if it is a snapshot or has new
    /// pieces. No path of this machine: the name goes into files that are shared.
    pub fn foundation_name(&self, foundation: Foundation) -> String {
        match foundation {
            Foundation::Base if self.before.is_some() => format!("{}/base", self.study.name),
            Foundation::Base => self.base_name.clone(),
            Foundation::Snapshot(tokens) => format!("{}/pretrain/snapshots/{tokens}", self.study.name),
        }
    }

    /// Loads the model that a stage or a candidate stands on.
    pub fn load(&self, foundation: Foundation) -> Result<Llama> {
        self.load_in(foundation, Quantization::None)
    }

    /// [`Ground::load`], with the weights of linear modules kept as the quantisation says.
    pub fn load_in(&self, foundation: Foundation, quantization: Quantization) -> Result<Llama> {
        let precision = (self.study.base.dtype, quantization);
        Llama::load_in(&self.foundation_folder(foundation), precision, &self.device)
    }

    /// Loads the model that a stage stands on, to be trained whole.
    pub fn load_to_train(&self, foundation: Foundation) -> Result<(Llama, Parameters)> {
        Llama::load_to_train(&self.foundation_folder(foundation), self.study.base.dtype, &self.device)
    }

    /// The hash of one thing that came from outside: `base`, `tokenizer`, or a source by name.
    pub fn origin(&self, name: &str) -> Value {
        let top = self.origins.get(name);
        let source = || self.origins.get("sources").and_then(|s| s.get(name));
        top.or_else(source).cloned().unwrap_or(Value::Null)
    }
}

/// What `lock.json` says: what this study was made from, and by what.
fn lock(study: &Study, origins: &Value, device: &Device) -> Value {
    json!({
        "emakeel": env!("CARGO_PKG_VERSION"),
        "device": device::describe(device),
        "threads": rayon::current_num_threads(),
        "origins": origins,
        "hub": pins::notes(study),
    })
}

fn source_hashes(study: &Study, options: &RunOptions<'_>) -> Result<Value> {
    let mut hashes = serde_json::Map::new();
    for source in &study.sources {
        let hash = source_fingerprint(source, study.seed, options.cache, &options.progress);
        let hash = hash.at(format!("sources.{}", source.name))?;
        hashes.insert(source.name.clone(), json!(hash));
    }
    Ok(Value::Object(hashes))
}

/// The texts of the study's tasks, if a source is to have none of them.
fn protected(study: &Study) -> Result<Protected> {
    let mut protected = Protected::default();
    if study.sources.iter().any(|source| source.clean.decontaminate) {
        for task in Task::load_some(study, |settings| !matches!(settings.data, TaskData::HeldOut { .. }))? {
            protected.add(task.name(), task.examples().map(Example::telling));
        }
    }
    Ok(protected)
}
