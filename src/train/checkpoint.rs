//! Checkpoints that survive a kill at any moment.
//!
//! A checkpoint is a folder `checkpoint/<step>/` that appears whole: it is written under another name,
//! waited for until it is on the disk, and renamed. Older ones go only after that. When a job starts
//! again it takes the newest one that is complete and intact, and says which ones it passed over. A
//! checkpoint remembers the inputs that led to it; under other inputs it is not used.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::flat_file::{FlatFile, Seal};
use crate::error::{Error, Result};
use crate::files;
use crate::progress::Progress;

/// Where a run of training stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Steps done.
    pub step: u64,
    /// Tokens read.
    pub tokens: u64,
    /// Loss on the held-out sequences at this step, where it was measured.
    pub evaluation_loss: Option<f64>,
    /// The checkpoint with the lowest evaluation loss up to here.
    pub best: Option<Best>,
}

/// A checkpoint that did better on held-out sequences than those before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its step.
    pub step: u64,
    /// Its loss on the held-out sequences.
    pub loss: f64,
}

/// The content of `state.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    state: State,
    fingerprint: String,
    inputs: Value,
    files: BTreeMap<String, Seal>,
}

/// The checkpoint folder of one job.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    inputs: Value,
}

impl Checkpoints {
    /// The checkpoints in `folder` of a job with these inputs: everything that decides the bytes that come out.
    pub fn new(folder: &Path, inputs: &Value) -> Self {
        Self { folder: folder.to_owned(), inputs: inputs.clone() }
    }

    /// The newest complete and intact checkpoint, if there is one; leftovers of a killed process are removed.
    ///
    /// # Errors
    /// The newest one was made from other inputs: names the first that differ.
    pub fn newest(&self, progress: Progress) -> Result<Option<State>> {
        self.remove_leftovers()?;
        for step in self.steps()?.into_iter().rev() {
            match self.intact(step) {
                Ok(record) => {
                    self.same_inputs(&record)?;
                    return Ok(Some(record.state));
                }
                Err(error) => progress.say(format!("checkpoint {step} is passed over, it is not complete: {error}")),
            }
        }
        Ok(None)
    }

    /// Writes a checkpoint, then removes older ones but the best.
    ///
    /// # Errors
    /// The disk is full, say. What was there before is then still there.
    pub(crate) fn save(&self, state: &State, tensors: &[FlatFile]) -> Result<()> {
        let unfinished = self.folder.join(format!(".{}.unfinished", state.step));
        files::remove_folder(&unfinished)?;
        let written = self.write(&unfinished, state, tensors);
        if let Err(error) = written {
            // Gives back the space; a failure here changes nothing about the first one.
            let _ = files::remove_folder(&unfinished);
            return Err(error);
        }
        files::rename_folder(&unfinished, &self.place(state.step))?;
        let best = state.best.map(|best| best.step);
        for step in self.steps()? {
            if step != state.step && Some(step) != best {
                self.remove(step)?;
            }
        }
        Ok(())
    }

    /// Makes sure that a checkpoint is complete and intact.
    ///
    /// # Errors
    /// It is not, or it is not there: names the file.
    pub fn verify(&self, step: u64) -> Result<()> {
        self.intact(step).map(|_| ())
    }

    /// Reads the tensors of a checkpoint, in place; whether it is intact was checked before.
    ///
    /// # Errors
    /// There is no such checkpoint, or it holds other tensors.
    pub(crate) fn load(&self, step: u64, tensors: &[FlatFile]) -> Result<()> {
        tensors.iter().try_for_each(|tensor| tensor.read(&self.place(step)))
    }

    fn write(&self, folder: &Path, state: &State, tensors: &[FlatFile]) -> Result<()> {
        files::make_folder(folder)?;
        let seals = tensors.iter().map(|tensor| Ok((tensor.name.to_owned(), tensor.write(folder)?)));
        let record = Record {
            state: state.clone(),
            fingerprint: fingerprint(&self.inputs),
            inputs: self.inputs.clone(),
            files: seals.collect::<Result<_>>()?,
        };
        // Last, so that a folder with a state has all the rest; the write syncs the folder too.
        files::write_json(&folder.join("state.json"), &record)
    }

    /// The record of a checkpoint all of whose files are as they were written.
    fn intact(&self, step: u64) -> Result<Record> {
        let place = self.place(step);
        let record: Record = files::read_json(&place.join("state.json"))?;
        if record.state.step != step {
            return Err(Error::new("the step in state.json").got(record.state.step).expected(step));
        }
        record.files.iter().try_for_each(|(name, seal)| seal.check(&place.join(name)))?;
        Ok(record)
    }

    fn same_inputs(&self, record: &Record) -> Result<()> {
        if record.fingerprint == fingerprint(&self.inputs) {
            return Ok(());
        }
        let mut changes = Vec::new();
        list_changes("", &record.inputs, &self.inputs, &mut changes);
        changes.truncate(3);
        let changes = if changes.is_empty() { "its inputs differ".to_owned() } else { changes.join("; ") };
        Err(Error::new(format!("the recipe changed under a running stage: {changes}"))
            .at(self.folder.display().to_string())
            .hint(format!(
                "undo the change to go on from step {}, or remove this folder to train from the start",
                record.state.step
            )))
    }

    /// The steps of all checkpoints, complete or not, ascending.
    fn steps(&self) -> Result<Vec<u64>> {
        let mut steps: Vec<u64> = self.names()?.iter().filter_map(|name| name.parse().ok()).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    fn names(&self) -> Result<Vec<String>> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let failed = |e| Error::io(&self.folder, "read the folder", &e);
        let entries = fs::read_dir(&self.folder).map_err(failed)?;
        entries.map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn remove_leftovers(&self) -> Result<()> {
        let names = self.names()?;
        let hidden = names.iter().filter(|name| name.starts_with('.'));
        hidden
            .map(|name| self.folder.join(name))
            .filter(|path| path.is_dir())
            .try_for_each(|path| files::remove_folder(&path))
    }

    /// Removes a checkpoint; under its own name it is never seen half gone.
    fn remove(&self, step: u64) -> Result<()> {
        let leaving = self.folder.join(format!(".{step}.removed"));
        let place = self.place(step);
        files::remove_folder(&leaving)?;
        fs::rename(&place, &leaving).map_err(|e| Error::io(&place, "remove the folder", &e))?;
        files::remove_folder(&leaving)
    }

    fn place(&self, step: u64) -> PathBuf {
        self.folder.join(step.to_string())
    }
}

fn fingerprint(inputs: &Value) -> String {
    files::sha256(inputs.to_string())
}

/// Lists the keys whose values differ, as `path.to.key was 8, is now 16`.
fn list_changes(path: &str, before: &Value, now: &Value, changes: &mut Vec<String>) {
    if let (Value::Object(before), Value::Object(now)) = (before, now) {
        let keys = before.keys().chain(now.keys().filter(|key| !before.contains_key(*key)));
        for key in keys {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
            list_changes(&path, &of(before), &of(now), changes);
        }
        return;
    }
    // As text: the number that was read back from JSON may differ from the one written by its last bit.
    let (before, now) = (before.to_string(), now.to_string());
    if before != now {
        changes.push(format!("{path} was {before}, is now {now}"));
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};
    use serde_json::json;

    use super::*;

    fn tensors(value: f64) -> Vec<FlatFile> {
        let flat = Tensor::full(value as f32, 6, &Device::Cpu).unwrap();
        vec![FlatFile { name: "parameters.safetensors", flat, parts: vec![("w".into(), vec![2, 3])] }]
    }

    fn state(step: u64, best: Option<u64>) -> State {
        let best = best.map(|step| Best { step, loss: 2.5 });
        State { step, tokens: 64 * step, evaluation_loss: Some(2.75), best }
    }

    fn step_of(checkpoints: &Checkpoints) -> Option<u64> {
        checkpoints.newest(Progress::silent()).unwrap().map(|state| state.step)
    }

    #[test]
    fn the_newest_and_the_best_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(&folder.path().join("checkpoint"), &json!({}));
        assert_eq!(step_of(&checkpoints), None);
        for step in 1..=4 {
            checkpoints.save(&state(step, (step >= 2).then_some(2)), &tensors(step as f64)).unwrap();
        }
        assert_eq!(checkpoints.steps().unwrap(), [2, 4]);
        assert_eq!(checkpoints.names().unwrap().len(), 2, "nothing else is left in the folder");
        assert_eq!(checkpoints.newest(Progress::silent()).unwrap(), Some(state(4, Some(2))));
        let target = tensors(0.0);
        checkpoints.load(2, &target).unwrap();
        assert_eq!(target[0].flat.to_vec1::<f32>().unwrap(), [2.0; 6]);
    }

    #[test]
    fn a_damaged_or_half_written_checkpoint_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path(), &json!({}));
        let damage: [fn(&Path); 4] = [
            |place| fs::remove_file(place.join("state.json")).unwrap(),
            |place| fs::remove_file(place.join("parameters.safetensors")).unwrap(),
            |place| fs::write(place.join("state.json"), "{\"step\": 2, \"tok").unwrap(),
            |place| {
                let path = place.join("parameters.safetensors");
                let mut bytes = fs::read(&path).unwrap();
                *bytes.last_mut().unwrap() ^= 4;
                fs::write(path, bytes).unwrap();
            },
        ];
        for damage in damage {
            checkpoints.save(&state(1, None), &tensors(1.0)).unwrap();
            // Both stay only because the older one counts as the best.
            checkpoints.save(&state(2, Some(1)), &tensors(2.0)).unwrap();
            assert_eq!(step_of(&checkpoints), Some(2));
            damage(&folder.path().join("2"));
            assert_eq!(step_of(&checkpoints), Some(1));
            // Written again at the same step, the damaged one is replaced.
            checkpoints.save(&state(2, Some(1)), &tensors(2.0)).unwrap();
            assert_eq!(step_of(&checkpoints), Some(2));
        }
    }

    #[test]
    fn leftovers_of_a_killed_process_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path(), &json!({}));
        checkpoints.save(&state(1, None), &tensors(1.0)).unwrap();
        for name in [".2.unfinished", ".0.removed", ".1.partial"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        assert_eq!(step_of(&checkpoints), Some(1));
        assert_eq!(checkpoints.names().unwrap(), ["1"]);
    }

    #[test]
    fn a_failed_write_leaves_the_previous_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path(), &json!({}));
        checkpoints.save(&state(1, None), &tensors(1.0)).unwrap();
        let mut broken = tensors(2.0);
        // The second file cannot be written: its folder does not exist.
        broken.push(FlatFile { name: "absent/optimizer.safetensors", ..tensors(2.0).remove(0) });
        let text = checkpoints.save(&state(2, None), &broken).unwrap_err().to_string();
        assert!(text.contains("cannot write the checkpoint"), "{text}");
        assert_eq!(checkpoints.names().unwrap(), ["1"]);
        assert_eq!(step_of(&checkpoints), Some(1));
    }

    #[test]
    fn other_inputs_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let before = json!({ "training": { "batch": 8, "seed": 1 }, "base": "abc" });
        Checkpoints::new(folder.path(), &before).save(&state(3, None), &tensors(1.0)).unwrap();
        let now = json!({ "training": { "batch": 16, "seed": 1 }, "base": "abc" });
        let text = Checkpoints::new(folder.path(), &now).newest(Progress::silent()).unwrap_err().to_string();
        assert!(text.contains("the recipe changed under a running stage: training.batch was 8, is now 16"), "{text}");
        assert!(text.contains("hint: undo the change to go on from step 3"), "{text}");
    }

    #[test]
    fn a_checkpoint_of_other_tensors_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path(), &json!({}));
        checkpoints.save(&state(1, None), &tensors(1.0)).unwrap();
        let flat = Tensor::zeros(6, DType::F64, &Device::Cpu).unwrap();
        let other = [FlatFile { flat, ..tensors(0.0).remove(0) }];
        assert!(checkpoints.load(1, &other).is_err());
    }
}
