//! What is trained on, to the token: what a recipe's sources hold and where every token of them would go, how long
//! their documents are, and sequences as the model gets them.
//!
//! | module | concept |
//! |---|---|
//! | `cells` | a source in words and figures |
//! | `lengths` | rows by their length |
//! | `excerpt` | a sequence as documents and pieces of text |
//! | `signs` | characters as they may be shown |
//! | `terminal` | all of it on a terminal |
//! | `page`, `page_parts` | all of it as a page for a browser |

mod cells;
mod excerpt;
mod lengths;
mod page;
mod page_parts;
mod signs;
mod terminal;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use crate::data::{Ledger, Spread, Stream};
use crate::error::{Error, Place, Result};
use crate::recipe::{Packing, Recipe, Training};
use crate::study::ground::{Ground, RunOptions};
use crate::study::{named_files, pins, pretrain, training};

use excerpt::Excerpt;
use lengths::Lengths;

pub use terminal::Marks;

/// What is looked at.
#[derive(Debug, Clone, Default)]
pub struct LookOptions {
    /// One stage only, by its name; all if not given.
    pub stage: Option<String>,
    /// Sequences of each stage that are shown.
    pub sequences: usize,
    /// The step, from 0, whose sequences come first.
    pub step: u64,
}

/// What is trained on, stage by stage, and what new pieces do to the length of texts.
#[derive(Debug)]
pub struct Look {
    study: String,
    stages: Vec<StageLook>,
    new_pieces: usize,
    vocabulary: Vec<Spread>,
}

/// One stage.
#[derive(Debug)]
struct StageLook {
    ledger: Ledger,
    lengths: Lengths,
    excerpts: Vec<Excerpt>,
}

/// Tokenizes the sources (into the cache, where `run` finds them), counts, and takes the sequences to show.
///
/// # Errors
/// A file is missing or cannot be read; there is no stage of that name, or no such step in one.
pub fn look(recipe: &Recipe, options: &RunOptions<'_>, wanted: &LookOptions) -> Result<Look> {
    let recipe = &*pins::pinned(recipe, options)?;
    named_files::exist(recipe)?;
    let ground = Ground::prepare(recipe, options)?;
    let mut stages = Vec::new();
    for (name, training) in chosen(&ground, wanted.stage.as_deref())? {
        stages.push(StageLook::open(&ground, (name, training), wanted)?);
    }
    let mut vocabulary = Vec::new();
    if let Some(before) = &ground.before {
        for source in &ground.study.sources {
            vocabulary.push(Spread::of(source, ground.study.seed, before, &ground.tokenizer)?);
        }
    }
    Ok(Look { study: ground.study.name.clone(), stages, new_pieces: ground.study.base.new_pieces(), vocabulary })
}

/// Every stage that trains, by name.
pub(super) fn trainings<'a>(ground: &Ground<'a>) -> Vec<(&'a str, &'a Training)> {
    let study = ground.study;
    let pretrain = study.pretrain.iter().map(|plan| (pretrain::STAGE, &plan.training));
    pretrain.chain(study.adapters.iter().map(|plan| (plan.name.as_str(), &plan.training))).collect()
}

fn chosen<'a>(ground: &Ground<'a>, stage: Option<&str>) -> Result<Vec<(&'a str, &'a Training)>> {
    let all = trainings(ground);
    let Some(stage) = stage else { return Ok(all) };
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let hint = format!("the stages that train: {}", names.join(", "));
    let found: Vec<_> = all.into_iter().filter(|(name, _)| *name == stage).collect();
    if found.is_empty() { Err(Error::usage(format!("no stage is named {stage}")).hint(hint)) } else { Ok(found) }
}

impl StageLook {
    fn open(ground: &Ground<'_>, (name, training): (&str, &Training), wanted: &LookOptions) -> Result<Self> {
        let stream = training::open_stream(ground, training, name)?;
        let ledger = stream.ledger().clone();
        let mut lengths = Lengths::default();
        for source in 0..ledger.sources.len() {
            stream.row_lengths(source).for_each(|tokens| lengths.add(tokens));
        }
        let excerpts = excerpts(ground, training, &stream, wanted).at(name)?;
        Ok(Self { ledger, lengths, excerpts })
    }

    fn to_json(&self) -> Value {
        let mut object = json!(self.ledger);
        if let Some(fields) = object.as_object_mut() {
            fields.insert("lengths".into(), self.lengths.to_json(self.ledger.sequence_length));
            if !self.excerpts.is_empty() {
                fields.insert("shown".into(), json!(self.excerpts));
            }
        }
        object
    }
}

/// The first sequences from the wanted step on.
fn excerpts(ground: &Ground<'_>, training: &Training, stream: &Stream, wanted: &LookOptions) -> Result<Vec<Excerpt>> {
    if wanted.step >= stream.steps() && wanted.sequences > 0 {
        return Err(Error::new("--step").got(wanted.step + 1).expected(format!("at most {}", stream.steps())));
    }
    let joined = training.packing == Packing::Concat;
    let mut excerpts = Vec::new();
    for step in wanted.step..stream.steps() {
        if excerpts.len() >= wanted.sequences {
            break;
        }
        let sequences = stream.step(step)?;
        let of = sequences.len();
        let pairs = sequences.into_iter().zip(stream.spans(step)?).enumerate();
        for (index, (sequence, spans)) in pairs.take(wanted.sequences - excerpts.len()) {
            let place = excerpt::Place { step: step + 1, steps: stream.steps(), sequence: index + 1, of };
            excerpts.push(Excerpt::new(place, &sequence, &spans, joined, &ground.tokenizer));
        }
    }
    Ok(excerpts)
}

impl Look {
    /// Leaves the sequences out of what comes after.
    pub fn forget_sequences(&mut self) {
        self.stages.iter_mut().for_each(|stage| stage.excerpts.clear());
    }

    /// For a terminal, with colours; print it through `anstream`, which drops them where they do not belong.
    pub fn to_text(&self, marks: Marks) -> String {
        let mut parts: Vec<String> = self.stages.iter().map(|stage| terminal::stage(stage, marks)).collect();
        if !self.vocabulary.is_empty() {
            parts.push(terminal::vocabulary(self.new_pieces, &self.vocabulary));
        }
        parts.join("\n\n")
    }

    /// A page for a browser, all in one file, without scripts.
    pub fn to_html(&self) -> String {
        page::page(&self.study, &self.stages)
    }

    /// The same as one object.
    pub fn to_json(&self) -> Value {
        let stages: Vec<Value> = self.stages.iter().map(StageLook::to_json).collect();
        let mut value = json!({ "study": self.study, "stages": stages });
        if let (false, Some(object)) = (self.vocabulary.is_empty(), value.as_object_mut()) {
            let vocabulary = json!({ "new_pieces": self.new_pieces, "sources": self.vocabulary });
            object.insert("vocabulary".to_owned(), vocabulary);
        }
        value
    }
}
