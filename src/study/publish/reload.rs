//! Whether what is read back from the folder answers as what was trained.
//!
//! When an adapter or a full tune is written, some logits of the model in memory are noted in its record (see `probe`).
//! Here the folder that is to be sent is loaded as anybody would, and must give the same.

use std::path::{Path, PathBuf};

use candle_core::Device;
use serde_json::Value;

use super::folder;
use crate::adapter::{Adapter, detach};
use crate::data::Tokenizer;
use crate::device;
use crate::error::{Error, Place, Result};
use crate::files;
use crate::model::Llama;
use crate::recipe::{Foundation, Method, Quantization, Recipe, Study};
use crate::study::base::{self, OpenedBase};
use crate::study::card::Subject;
use crate::study::folder::RunFolder;
use crate::study::ground::RunOptions;
use crate::study::probe;

/// How much logits may differ that were computed in another order or on another device: a part of the largest one.
const IN_F32: f32 = 2e-3;
/// The same with 8 bits or fewer behind the point.
const IN_LESS: f32 = 6e-2;

/// Models for the checks, loaded when they are needed; one at a time.
pub struct Reload<'a> {
    study: &'a Study,
    run: &'a RunFolder,
    options: &'a RunOptions<'a>,
    opened: Option<(OpenedBase, Device)>,
    loaded: Option<(Foundation, Quantization, Llama)>,
}

impl<'a> Reload<'a> {
    pub fn new(recipe: &'a Recipe, run: &'a RunFolder, options: &'a RunOptions<'a>) -> Self {
        Self { study: &recipe.study, run, options, opened: None, loaded: None }
    }

    /// Compares what the folder has with what was trained.
    ///
    /// # Errors
    /// They differ; the base is not here any more; the folder cannot be loaded.
    pub fn check(&mut self, staged: &Path, subject: Subject<'_>, outcome: &Value) -> Result<()> {
        if !matches!(subject, Subject::Merged(_)) {
            folder::same_weights(subject, self.run.root(), staged)?;
        }
        let again = match subject {
            Subject::Adapter(_) => {
                let own = self.of_adapter(&subject.folder(self.run.root()), subject)?;
                let again = self.of_adapter(staged, subject)?;
                self.compare("the adapter of the run folder", &own, &again, 0.0)?;
                again
            }
            Subject::Merged(_) => {
                let own = self.of_adapter(&subject.folder(self.run.root()), subject)?;
                let again = self.of_model(staged)?;
                let narrow = Llama::load(staged, self.study.base.dtype, &Device::Cpu)?.config.dtype;
                let allowed =
                    if narrow.is_none_or(|it| it == candle_core::DType::F32) { self.allowed() } else { IN_LESS };
                return self.compare("the adapter on its base", &own, &again, allowed);
            }
            Subject::Full(_) | Subject::Snapshot(_) => self.of_model(staged)?,
        };
        let noted: Option<Vec<f32>> = outcome.get("probe").and_then(|noted| serde_json::from_value(noted.clone()).ok());
        match noted {
            Some(noted) => self.compare("what was trained", &noted, &again, self.allowed()),
            // Runs of before logits were noted.
            None => Ok(()),
        }
    }

    /// Writes the model with the adapter merged into it.
    pub fn merge_into(&mut self, place: &Path, subject: Subject<'_>) -> Result<()> {
        let adapter = Adapter::load(&subject.folder(self.run.root()))?;
        let foundation = self.foundation_folder(subject.on())?;
        let mut model = Llama::load(&foundation, candle_core::DType::F32, &Device::Cpu)?;
        adapter.merge(&mut model)?;
        let dtype = model.config.dtype.unwrap_or(candle_core::DType::F32);
        model.save(place, dtype)?;
        self.opened()?.0.tokenizer.save(place)?;
        for name in ["generation_config.json", "chat_template.jinja"] {
            if foundation.join(name).is_file() && !place.join(name).exists() {
                files::write(&place.join(name), files::read(&foundation.join(name))?)?;
            }
        }
        Ok(())
    }

    fn allowed(&self) -> f32 {
        if self.study.base.dtype == candle_core::DType::F32 { IN_F32 } else { IN_LESS }
    }

    fn compare(&self, what: &str, one: &[f32], other: &[f32], allowed: f32) -> Result<()> {
        let difference = probe::difference(one, other);
        if difference <= allowed {
            return Ok(());
        }
        Err(Error::new(format!(
            "the largest difference between the logits of the folder that is to be sent and of {what}"
        ))
        .got(difference)
        .expected(format!("at most {allowed}"))
        .hint("the files of the run folder, or of its base, are not those that were trained"))
    }

    /// The probe of an adapter on the model that it stands on.
    fn of_adapter(&mut self, place: &Path, subject: Subject<'_>) -> Result<Vec<f32>> {
        let quantization = match subject {
            Subject::Adapter(plan) => match &plan.method {
                Method::Lora(lora) => lora.quantization,
                Method::Full => Quantization::None,
            },
            _ => Quantization::None,
        };
        self.load(subject.on(), quantization)?;
        self.opened()?;
        let (Some((opened, _)), Some((_, _, model))) = (&self.opened, &mut self.loaded) else { return Ok(Vec::new()) };
        Adapter::load_for(place, model)?.attach(model)?;
        let noted = probe::of(model, &opened.tokenizer);
        detach(model)?;
        noted
    }

    /// The probe of a model folder.
    fn of_model(&mut self, place: &Path) -> Result<Vec<f32>> {
        self.loaded = None;
        let dtype = self.study.base.dtype;
        let (_, device) = self.opened()?;
        let model = Llama::load(place, dtype, device)?;
        probe::of(&model, &Tokenizer::open(place)?)
    }

    fn load(&mut self, on: Foundation, quantization: Quantization) -> Result<()> {
        if self.loaded.as_ref().is_some_and(|(of, how, _)| (*of, *how) == (on, quantization)) {
            return Ok(());
        }
        self.loaded = None;
        let (folder, dtype) = (self.foundation_folder(on)?, self.study.base.dtype);
        let (_, device) = self.opened()?;
        let model = Llama::load_in(&folder, (dtype, quantization), device)?;
        self.loaded = Some((on, quantization, model));
        Ok(())
    }

    fn foundation_folder(&mut self, on: Foundation) -> Result<PathBuf> {
        match on {
            Foundation::Base => Ok(self.opened()?.0.folder.clone()),
            Foundation::Snapshot(tokens) => Ok(self.run.snapshot(tokens)),
        }
    }

    fn opened(&mut self) -> Result<&(OpenedBase, Device)> {
        if self.opened.is_none() {
            let device = device::open(self.study.device)?;
            device::allow_tf32(self.study.base.tf32);
            let opened = base::open(self.study, self.run, self.options.cache, self.options.progress);
            self.opened = Some((opened.at("the base, which the check of what was trained needs")?, device));
        }
        self.opened.as_ref().ok_or_else(|| Error::new("the base is not open"))
    }
}
