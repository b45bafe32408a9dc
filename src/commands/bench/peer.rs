//! Another program's figures beside ours.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value};

use super::figures::{Figures, significant};
use crate::error::{Error, Result};
use crate::files;

/// What decides the work: where both say it, both must say the same.
const WORK: [&str; 8] =
    ["method", "rank", "batch", "sequence_length", "prompts", "prompt_tokens", "new_tokens", "threads"];

/// What is compared: key, name, and whether more is better.
const COMPARED: [(&str, &str, bool); 10] = [
    ("tokens_per_s", "tokens/s", true),
    ("rows_per_s", "rows/s", true),
    ("new_tokens_per_s", "new tokens/s", true),
    ("step_s", "step, s", false),
    ("seconds", "whole, s", false),
    ("load_s", "reading adapters, s", false),
    ("gflops", "GFLOP/s", true),
    ("matmul_share", "share in matmul", true),
    ("peak_mb", "peak memory, MiB", false),
    ("trainable", "parameters trained", false),
];

/// Another program's figures.
#[derive(Debug, Clone)]
pub struct Peer {
    figures: Map<String, Value>,
}

impl Peer {
    /// Reads them.
    ///
    /// # Errors
    /// The file is not a JSON object; it has no figure with a key of ours.
    pub fn open(path: &Path) -> Result<Self> {
        let figures: Map<String, Value> = files::read_json(path)?;
        if !COMPARED.iter().any(|(key, ..)| figures.get(*key).is_some_and(Value::is_number)) {
            return Err(Error::new("there is nothing to compare with").at(path.display().to_string()).hint(
                "it takes an object with keys of --json, for example {\"tokens_per_s\": 800, \"peak_mb\": 2600}",
            ));
        }
        Ok(Self { figures })
    }

    /// Refuses figures of other work.
    ///
    /// # Errors
    /// Names each key that differs.
    pub fn check(&self, ours: &Figures) -> Result<()> {
        let ours = as_object(ours);
        let errors = WORK.iter().filter_map(|key| {
            let (ours, theirs) = (ours.get(*key)?, self.figures.get(*key)?);
            let differ = ours != theirs && ours.as_f64().zip(theirs.as_f64()).is_none_or(|(a, b)| a != b);
            let error = || Error::usage(format!("the peer's {key}")).got(theirs).expected(format!("{ours}, as here"));
            differ.then(error)
        });
        match Error::all(errors.collect()) {
            Some(error) => Err(error.at("--peer")),
            None => Ok(()),
        }
    }

    /// Ours, theirs and ours ÷ theirs of each figure that both have.
    pub fn ratios<'a>(&'a self, ours: &Figures) -> impl Iterator<Item = Compared> + 'a {
        let ours = as_object(ours);
        COMPARED.iter().filter_map(move |(key, name, more_is_better)| {
            let [ours, theirs] = [&ours, &self.figures].map(|figures| figures.get(*key).and_then(Value::as_f64));
            let (ours, theirs) = (ours?, theirs?);
            Some(Compared { key, name, ours, theirs, ratio: ours / theirs, more_is_better: *more_is_better })
        })
    }

    /// A table for people.
    pub fn to_text(&self, ours: &Figures) -> String {
        let mut text = format!("{:<22}{:>12}{:>12}{:>12}", "", "ours", "theirs", "ratio");
        for compared in self.ratios(ours) {
            let [ours, theirs, ratio] = [compared.ours, compared.theirs, compared.ratio].map(significant);
            let arrow = if compared.more_is_better { '↑' } else { '↓' };
            let name =
                if compared.key == "trainable" { compared.name.into() } else { format!("{} {arrow}", compared.name) };
            // Writing to a string does not fail.
            let _ = write!(text, "\n{name:<22}{ours:>12}{theirs:>12}{:>12}", format!("{ratio}×"));
        }
        text
    }

    /// What goes beside our figures in JSON: theirs, and the ratios.
    pub fn to_json(&self, ours: &Figures) -> [(String, Value); 2] {
        let ratios = self.ratios(ours).map(|compared| (compared.key.to_owned(), compared.ratio.into()));
        [("peer".into(), self.figures.clone().into()), ("ratios".into(), Value::Object(ratios.collect()))]
    }
}

/// One figure of both.
#[derive(Debug, Clone)]
pub struct Compared {
    key: &'static str,
    name: &'static str,
    ours: f64,
    theirs: f64,
    ratio: f64,
    more_is_better: bool,
}

/// Figures as JSON has them.
pub fn as_object(figures: &Figures) -> Map<String, Value> {
    // Numbers and texts only, which always become JSON.
    match serde_json::to_value(figures) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn peer(figures: Value) -> Peer {
        Peer { figures: figures.as_object().cloned().unwrap() }
    }

    fn ours() -> Figures {
        let mut ours = Figures { method: "lora".into(), threads: 2, tokens_per_s: Some(1500.0), ..Figures::default() };
        ours.peak_mb = Some(500.0);
        ours.work.batch = Some(4);
        ours
    }

    #[test]
    fn the_table_has_what_both_have() {
        let peer = peer(json!({ "tokens_per_s": 1000, "peak_mb": 2000.0, "step_s": 2.5 }));
        let table = peer.to_text(&ours());
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["ours", "theirs", "ratio"]);
        assert_eq!(rows[1], ["tokens/s", "↑", "1500", "1000", "1.50×"]);
        assert_eq!(rows[2], ["peak", "memory,", "MiB", "↓", "500", "2000", "0.250×"]);
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn figures_of_other_work_are_refused_all_at_once() {
        assert!(peer(json!({ "method": "lora", "batch": 4.0, "threads": 2, "rank": 8 })).check(&ours()).is_ok());
        let error = peer(json!({ "method": "full", "batch": 8 })).check(&ours()).unwrap_err().to_string();
        assert_eq!(
            error,
            "--peer  the peer's method is \"full\", must be \"lora\", as here\nthe peer's batch is 8, must be 4, as here"
        );
    }
}
