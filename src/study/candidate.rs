//! What is compared: the base, its snapshots, and every adapter, swapped onto its base or merged into it.

use serde_json::json;

use crate::adapter::Adapter;
use crate::error::Result;
use crate::files;
use crate::model::Llama;
use crate::recipe::{Foundation, Method};
use crate::study::ground::Ground;

/// How a candidate differs from the model it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Not at all.
    Foundation,
    /// An adapter is swapped onto it.
    Adapter(String),
    /// An adapter is merged into it.
    Merged(String),
    /// All its weights were tuned.
    Full(String),
}

/// One thing that answers the tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name in the table and in the run folder.
    pub name: String,
    /// The model it stands on.
    pub on: Foundation,
    /// What is added.
    pub form: Form,
}

impl Candidate {
    /// The hash of its weights, from the records of the stages that made them; `None` if it is not finished.
    pub fn key(&self, ground: &Ground<'_>) -> Result<Option<String>> {
        let place = match &self.form {
            Form::Foundation if self.on == Foundation::Base => {
                return Ok(Some(files::sha256(ground.origin("base").to_string())));
            }
            Form::Foundation => ground.foundation_folder(self.on),
            Form::Adapter(name) | Form::Merged(name) | Form::Full(name) => ground.folder.adapter(name),
        };
        let record = ground.folder.record(&place)?;
        Ok(record.map(|record| files::sha256(json!([record.key, format!("{:?}", self.form)]).to_string())))
    }

    /// Whether its weights are the foundation's, so that it can answer in one batch with others on it.
    pub fn shares_foundation(&self) -> bool {
        matches!(self.form, Form::Foundation | Form::Adapter(_))
    }

    /// The candidate's model. It shares all tensors of the foundation that it does not change.
    pub fn model(&self, ground: &Ground<'_>, foundation: &Llama) -> Result<Llama> {
        let folder = |name: &String| ground.folder.adapter(name);
        let mut model = match &self.form {
            Form::Full(name) => return Llama::load(&folder(name), ground.study.base.dtype, &ground.device),
            _ => foundation.clone(),
        };
        match &self.form {
            Form::Foundation | Form::Full(_) => {}
            Form::Adapter(name) => Adapter::load(&folder(name))?.attach(&mut model)?,
            Form::Merged(name) => Adapter::load(&folder(name))?.merge(&mut model)?,
        }
        Ok(model)
    }
}

/// How many candidates answer in their own way: a merged adapter answers as the swapped one does.
pub fn distinct(ground: &Ground<'_>) -> usize {
    all(ground).iter().filter(|candidate| !matches!(candidate.form, Form::Merged(_))).count()
}

/// Every candidate of a study, each after the model it stands on.
pub fn all(ground: &Ground<'_>) -> Vec<Candidate> {
    let study = ground.study;
    let mut foundations = vec![Foundation::Base];
    foundations.extend(study.pretrain.iter().flat_map(|p| p.snapshots.iter().map(|t| Foundation::Snapshot(*t))));
    let merged = study.compare.as_ref().is_some_and(|compare| compare.merged);
    let mut candidates = Vec::new();
    for on in foundations {
        candidates.push(Candidate { name: on.label(), on, form: Form::Foundation });
        for plan in study.adapters.iter().filter(|plan| plan.on == on) {
            let name = plan.name.clone();
            match plan.method {
                Method::Full => candidates.push(Candidate { form: Form::Full(name.clone()), name, on }),
                Method::Lora(_) => {
                    candidates.push(Candidate { form: Form::Adapter(name.clone()), name: name.clone(), on });
                    if merged {
                        let form = Form::Merged(name.clone());
                        candidates.push(Candidate { name: format!("{name}+merged"), on, form });
                    }
                }
            }
        }
    }
    candidates
}
