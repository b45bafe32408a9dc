//! Texts that other programs wrote, scored against references and compared with each other.
//!
//! The first system is the one that the others are compared with, as in sacreBLEU.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::bootstrap::{self, Interval};
use super::holm::holm;
use super::language::Language;
use super::maxmatch::Gold;
use super::metric::Metric;
use super::prediction::Prediction;
use super::randomisation;
use super::read;
use super::result::{self, Column};
use super::rows::Rows;
use crate::error::{Error, Result};
use crate::files;

/// What is right, line by line.
#[derive(Debug, Clone, PartialEq)]
pub struct References {
    /// The references of each line.
    lines: Vec<Vec<String>>,
    /// The annotators' edits of each line, for the M2 scorer's measures.
    golds: Vec<Gold>,
}

impl References {
    /// Reads files with a reference on each line, and an M2 file with annotators' edits.
    ///
    /// # Errors
    /// A file that cannot be read; files of different lengths; nothing at all.
    pub fn read(files: &[impl AsRef<Path>], m2: Option<&Path>) -> Result<Self> {
        let mut golds = m2.map(read::golds).transpose()?.unwrap_or_default();
        golds.iter_mut().for_each(|gold| gold.tokenized = true);
        let mut count = Some(golds.len()).filter(|_| m2.is_some());
        let mut references: Vec<Vec<String>> = vec![Vec::new(); golds.len()];
        for file in files {
            let lines = lines_of(file.as_ref())?;
            let expected = *count.get_or_insert(lines.len());
            check_count(file.as_ref(), lines.len(), expected)?;
            references.resize(expected, Vec::new());
            references.iter_mut().zip(lines).for_each(|(references, line)| references.push(line));
        }
        if references.is_empty() {
            return Err(Error::new("there are no references"));
        }
        Ok(Self { lines: references, golds })
    }

    /// Reads a system's output and sets it beside the references.
    ///
    /// # Errors
    /// The file cannot be read, or has another number of lines.
    pub fn beside(&self, output: &Path) -> Result<Vec<Prediction>> {
        let lines = lines_of(output)?;
        check_count(output, lines.len(), self.lines.len())?;
        let prediction = |(example, (answer, references)): (usize, (String, &Vec<String>))| Prediction {
            read: None,
            example,
            prompt: String::new(),
            source: String::new(),
            answer,
            references: references.clone(),
            likelihoods: Vec::new(),
            gold: self.golds.get(example).cloned(),
            scores: BTreeMap::new(),
        };
        Ok(lines.into_iter().zip(&self.lines).enumerate().map(prediction).collect())
    }
}

/// The lines of a file as Python reads them; an empty one behind the last line end is none.
fn lines_of(path: &Path) -> Result<Vec<String>> {
    let text = files::read_text(path)?;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = text.strip_suffix('\n').unwrap_or(&text);
    if lines.is_empty() {
        return Err(Error::new("the file is empty").at(path.display().to_string()));
    }
    Ok(lines.split('\n').map(str::to_owned).collect())
}

fn check_count(path: &Path, got: usize, expected: usize) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    let error = Error::new("number of lines").got(got).expected(expected).at(path.display().to_string());
    Err(error.hint("outputs and references belong together line by line"))
}

/// The rows of each metric.
pub fn rows(predictions: &[Prediction], metrics: &[Metric], language: &Language) -> Vec<Rows> {
    metrics.iter().map(|metric| metric.rows(predictions, language)).collect()
}

/// The scores of each metric with their intervals, from so many resamples.
pub fn columns(
    predictions: &[Prediction],
    metrics: &[Metric],
    rows: Vec<Rows>,
    resamples: u64,
    seed: u64,
) -> Vec<Column> {
    result::columns("outputs", metrics, rows, (resamples, seed), predictions)
}

/// How two systems are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// Paired bootstrap, with the resamples that the intervals are from.
    Bootstrap,
    /// Approximate randomisation, by so many trials.
    Randomisation(u64),
}

/// How a system differs from the first one in a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// This system's score minus that of the first.
    pub difference: f64,
    /// The 95 % interval of the difference, by paired bootstrap.
    pub interval: Option<Interval>,
    /// The p-value by the test asked for.
    pub p_value: Option<f64>,
    /// The same after Holm's correction for all systems and metrics.
    pub p_holm: Option<f64>,
}

/// Each system but the first compared with the first, metric by metric.
pub fn compare(systems: &[Vec<Column>], test: Test) -> Vec<Vec<Comparison>> {
    let Some((first, others)) = systems.split_first() else { return Vec::new() };
    let one = |(column, base): (&Column, &Column)| {
        let difference = bootstrap::difference(&column.resampled, &base.resampled);
        let p_value = match test {
            Test::Bootstrap => difference.map(|difference| difference.p_value),
            Test::Randomisation(trials) => {
                let score = |sums: &[f64]| column.metric.score(sums);
                randomisation::p_value(&column.rows, &base.rows, score, trials, column.draws)
            }
        };
        let interval = difference.map(|difference| difference.interval);
        Comparison { difference: column.value - base.value, interval, p_value, p_holm: None }
    };
    let mut comparisons: Vec<Vec<Comparison>> =
        others.iter().map(|columns| columns.iter().zip(first).map(one).collect()).collect();
    let p_values: Vec<Option<f64>> = comparisons.iter().flatten().map(|comparison| comparison.p_value).collect();
    for (comparison, p_holm) in comparisons.iter_mut().flatten().zip(holm(&p_values)) {
        comparison.p_holm = p_holm;
    }
    comparisons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(references: &References, path: &Path) -> Vec<Column> {
        let metrics = Metric::of_translation();
        let predictions = references.beside(path).unwrap();
        let rows = rows(&predictions, &metrics, &Language::English);
        columns(&predictions, &metrics, rows, 1000, 1)
    }

    #[test]
    fn systems_are_compared_with_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, lines: &[String]| {
            let path = folder.path().join(name);
            files::write(&path, lines.join("\n") + "\n").unwrap();
            path
        };
        let right: Vec<String> =
            (0..40).map(|i| format!("the cat number {i} sat on the mat of house {}", i * 7)).collect();
        let wrong: Vec<String> = right.iter().map(|line| line.replace("sat on", "is not behind")).collect();
        let reference = write("ref", &right);
        let references = References::read(&[&reference], None).unwrap();
        let systems =
            [write("bad", &wrong), reference.clone(), write("same", &wrong)].map(|path| scored(&references, &path));
        for test in [Test::Bootstrap, Test::Randomisation(1000)] {
            let compared = compare(&systems, test);
            let (better, same) = (&compared[0], &compared[1]);
            assert!(better.iter().all(|c| c.difference > 1.0 && c.p_value.unwrap() < 0.002), "{better:?}");
            assert!(better.iter().all(|c| c.p_holm.unwrap() >= 3.0 * c.p_value.unwrap()), "{better:?}");
            assert!(same.iter().all(|c| c.difference == 0.0 && c.p_value == Some(1.0)), "{same:?}");
        }
        let short = write("short", &right[1..]);
        let error = references.beside(&short).unwrap_err().to_string();
        assert!(error.contains("number of lines is 39, must be 40"), "{error}");
    }
}
