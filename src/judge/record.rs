//! What the judge said, kept line by line in `verdicts.jsonl`: what is there is not asked again.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::wording::Verdict;
use crate::error::{Error, Result};
use crate::files;

/// One reply of a judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The hash of the model, its settings and every word that it was sent.
    pub key: String,
    /// The judge.
    pub model: String,
    /// The task, as its file of answers is named.
    pub task: String,
    /// The number of the question in the task.
    pub question: usize,
    /// The candidate whose answer was shown first, or alone.
    pub a: String,
    /// The candidate whose answer was shown second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub b: Option<String>,
    /// 1, or 2 where the first reply had no verdict.
    pub attempt: u8,
    /// What the judge wrote.
    pub reply: String,
    /// What it means; none if it cannot be read.
    pub verdict: Option<Verdict>,
    /// Whether the reply was cut at `max_tokens`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Tokens read.
    pub input_tokens: f64,
    /// Tokens written.
    pub output_tokens: f64,
    /// Whether the server counted the tokens; else they are a fourth of the characters.
    pub counted: bool,
    /// What it cost, in dollars, where the recipe says the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// The file of records, open for more.
#[derive(Debug)]
pub(super) struct Records {
    path: PathBuf,
    by_key: HashMap<String, Record>,
    file: Option<File>,
}

impl Records {
    /// Reads what is there; half a line at the end, of a process that was killed, does not count.
    ///
    /// # Errors
    /// Names a line that is no record.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let mut by_key = HashMap::new();
        if path.exists() {
            let bytes = files::read(path)?;
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()).into_owned();
            for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
                let record: Record = serde_json::from_str(line).map_err(|e| {
                    Error::new(format!("not a verdict: {e}"))
                        .at(format!("{}:{number}", path.display()))
                        .hint("remove the line; that verdict is then asked for again")
                })?;
                by_key.insert(record.key.clone(), record);
            }
        }
        Ok(Self { path: path.to_owned(), by_key, file: None })
    }

    pub(super) fn get(&self, key: &str) -> Option<&Record> {
        self.by_key.get(key)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Record> {
        self.by_key.values()
    }

    /// Dollars for all replies together, those of other models and wordings too.
    pub(super) fn spent(&self) -> f64 {
        // Sorted: the sum is then the same whatever the order of the map.
        let mut costs: Vec<f64> = self.all().filter_map(|record| record.cost).collect();
        costs.sort_by(f64::total_cmp);
        costs.iter().sum()
    }

    /// Writes a reply at once, so that it is kept whatever happens next.
    pub(super) fn add(&mut self, record: Record) -> Result<()> {
        let failed = |e| Error::io(&self.path, "write the verdict", &e);
        let mut file = match self.file.take() {
            Some(file) => file,
            None => open_at_whole_lines(&self.path).map_err(failed)?,
        };
        let mut line = serde_json::to_string(&record).map_err(|e| Error::new(format!("cannot write JSON: {e}")))?;
        line.push('\n');
        file.write_all(line.as_bytes()).map_err(failed)?;
        self.file = Some(file);
        self.by_key.insert(record.key.clone(), record);
        Ok(())
    }
}

/// Opens the file behind its last whole line.
fn open_at_whole_lines(path: &Path) -> std::io::Result<File> {
    let bytes = if path.exists() { std::fs::read(path)? } else { Vec::new() };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.set_len(whole as u64)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::super::wording::Winner;
    use super::*;

    fn record(key: &str) -> Record {
        Record {
            key: key.into(),
            model: "m".into(),
            task: "answer-estonian".into(),
            question: 3,
            a: "base".into(),
            b: Some("general".into()),
            attempt: 1,
            reply: "Nii.\nVerdict: A".into(),
            verdict: Some(Verdict::Pair(Winner::A)),
            cut: false,
            input_tokens: 10.0,
            output_tokens: 2.0,
            counted: true,
            cost: Some(0.25),
        }
    }

    #[test]
    fn half_a_line_of_a_killed_process_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("verdicts.jsonl");
        Records::read(&path).unwrap().add(record("a")).unwrap();
        let whole = files::read_text(&path).unwrap();
        files::write(&path, format!("{whole}{}", whole.get(..20).unwrap())).unwrap();
        let mut records = Records::read(&path).unwrap();
        assert_eq!(records.get("a"), Some(&record("a")));
        records.add(record("b")).unwrap();
        assert_eq!(Records::read(&path).unwrap().spent(), 0.5);
        files::write(&path, "{\"key\": 1}\n").unwrap();
        let error = Records::read(&path).unwrap_err().to_string();
        assert!(error.contains("verdicts.jsonl:1  not a verdict"), "{error}");
    }
}
