//! The weights of adapters, and the density of a method that prunes, found on held-out rows or on tasks.
//!
//! Each trial combines the adapters, puts the result on the base and measures it (`measure`). The first trials are the base alone and
//! each adapter alone, which say what there is to gain; from them a simplex walks downhill (`simplex`). Every trial is kept
//! in a file as soon as it is known, under the hash of all that it follows from (`trials`), so a search that was stopped
//! takes the same way again at once and goes on from there.

mod measure;
mod simplex;
#[cfg(test)]
mod tests;
mod trials;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::adapter::Adapter;
use crate::adapter::combine::{Combined, Method, Part, Settings, combine};
use crate::error::{Error, Place, Result};
use crate::files;
use crate::model::Llama;
pub use measure::Measure;
use measure::Measured;
pub use trials::Trial;
use trials::Trials;

/// Weights are looked for between minus this and this.
const WIDEST: f64 = 3.0;

/// The least density that is tried.
const THINNEST: f64 = 0.02;

/// The density at which the search begins, and one that is tried beside it.
const DENSITIES: [f64; 2] = [0.5, 0.8];

/// Digits after the point of what is tried, as a factor.
const DIGITS: f64 = 1e4;

/// What is searched for, and on what.
pub struct Search<'a> {
    /// The adapters by their names.
    pub adapters: &'a [(String, Adapter)],
    /// The method; a density in it stays as it is, and is searched for if there is none.
    pub settings: Settings,
    /// What a combination is measured by.
    pub measure: Measure<'a>,
    /// What base, adapters and measure are: a hash of all that they follow from.
    pub identity: String,
    /// How many trials there are at most.
    pub steps: usize,
    /// The file in which trials are kept.
    pub kept: PathBuf,
}

/// What came of it.
#[derive(Debug)]
pub struct Found {
    /// All trials in the order of the search.
    pub trials: Vec<Trial>,
    /// The place of the best one among them.
    pub best: usize,
    /// The adapters combined as it says.
    pub combined: Combined,
}

impl Search<'_> {
    /// Searches; `stop` is asked between trials, and `tried` hears of each.
    ///
    /// # Errors
    /// The adapters do not fit the model or each other; `stop` said yes (an error of kind `Interrupted`; trials are kept).
    pub fn run(&self, model: &mut Llama, stop: &dyn Fn() -> bool, tried: &mut dyn FnMut(&Trial)) -> Result<Found> {
        let mut known = Trials::open(&self.kept)?;
        let mut trials: Vec<Trial> = Vec::new();
        simplex::descend(self.start(), &mut |point| {
            if trials.len() >= self.steps {
                return Ok(None);
            }
            let (weights, density) = self.meaning(point);
            let key = self.key(&weights, density);
            let trial = match known.find(&key) {
                Some(trial) => trial.clone(),
                None if stop() => {
                    let error = Error::interrupted("the search was stopped");
                    return Err(error.hint("the same command goes on: what was tried is kept"));
                }
                None => {
                    let Measured { loss, scores } = self.measured(model, &weights, density, stop)?;
                    let trial = Trial { key, weights, density, loss, scores };
                    known.add(trial.clone())?;
                    trial
                }
            };
            tried(&trial);
            let loss = trial.loss;
            trials.push(trial);
            Ok(Some(loss))
        })?;
        let places = trials.iter().zip(0usize..);
        let best = places.min_by(|left, right| left.0.loss.total_cmp(&right.0.loss));
        let Some((trial, best)) = best else { return Err(Error::usage("--steps").got(0).expected("at least 1")) };
        let combined = self.combined(&trial.weights, trial.density)?;
        Ok(Found { trials, best, combined })
    }

    /// Nothing, and each adapter alone; for the density one point more.
    fn start(&self) -> Vec<Vec<f64>> {
        if self.settings.method == Method::Slerp {
            return vec![vec![0.0], vec![1.0]];
        }
        let count = self.adapters.len();
        let searched = self.searches_density();
        let point = |weights: Vec<f64>, density: f64| [weights, if searched { vec![density] } else { vec![] }].concat();
        let alone = |which: usize| (0..count).map(|index| f64::from(u8::from(index == which))).collect();
        let mut points = vec![point(vec![0.0; count], DENSITIES[0])];
        points.extend((0..count).map(|which| point(alone(which), DENSITIES[0])));
        if searched {
            points.push(point(vec![1.0 / count as f64; count], DENSITIES[1]));
        }
        points
    }

    fn searches_density(&self) -> bool {
        self.settings.method.has_density() && self.settings.density.is_none()
    }

    /// The weights and the density of a point.
    fn meaning(&self, point: &[f64]) -> (Vec<f64>, Option<f64>) {
        let short = |value: f64| (value * DIGITS).round() / DIGITS;
        if self.settings.method == Method::Slerp {
            let far = short(point.first().copied().unwrap_or(0.0).clamp(0.0, 1.0));
            return (vec![short(1.0 - far), far], None);
        }
        let (weights, density) = point.split_at(self.adapters.len().min(point.len()));
        let weights = weights.iter().map(|weight| short(weight.clamp(-WIDEST, WIDEST))).collect();
        let searched = density.first().map(|density| short(density.clamp(THINNEST, 1.0)));
        (weights, searched.or(self.settings.density))
    }

    fn combined(&self, weights: &[f64], density: Option<f64>) -> Result<Combined> {
        let parts = self.adapters.iter().zip(weights);
        let parts: Vec<Part<'_>> =
            parts.map(|((name, adapter), weight)| Part { name, adapter, weight: *weight }).collect();
        combine(&parts, &Settings { density, ..self.settings })
    }

    fn measured(
        &self,
        model: &mut Llama,
        weights: &[f64],
        density: Option<f64>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Measured> {
        let adapter = self.combined(weights, density)?.adapter;
        adapter.prepare(model.dtype(), model.device())?.attach(model)?;
        self.measure.of(model, stop).at(format!("weights {weights:?}"))
    }

    /// The hash of all that a trial follows from.
    fn key(&self, weights: &[f64], density: Option<f64>) -> String {
        let Settings { method, sign, rank, seed, .. } = self.settings;
        let what = json!([self.identity, format!("{method:?} {sign:?}"), rank, seed, weights, density]);
        files::sha256(what.to_string())
    }
}

/// Where the trials of a search are kept: beside the folder that it writes.
pub fn trials_beside(out: &Path) -> PathBuf {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    out.with_file_name(format!("{name}.trials.json"))
}
