//! A page on which people say which of two answers is better, without knowing whose they are.
//!
//! The page is one file that needs no network. It has the questions and answers and for each pair a name that says nothing:
//! a hash with a secret, which stays in `judge/blind.json` with the key to the page. Every pair of candidates is shown
//! about as often as any other, and either of them about as often on the left.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, Hasher};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::material::Material;
use super::place;
use crate::error::{Error, Result};
use crate::files;
use crate::markup;
use crate::random::Stream;
use crate::recipe::Recipe;

/// What a page is to show.
#[derive(Debug, Clone)]
pub struct BlindOptions {
    /// Candidates by name; all if there is none.
    pub candidates: Vec<String>,
    /// Tasks by kind or name; all if there is none.
    pub tasks: Vec<String>,
    /// Pairs of answers.
    pub pairs: usize,
    /// What chooses them.
    pub seed: u64,
}

/// `blind.json`: whose answers the pages show.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Key {
    /// What makes the names of pairs impossible to guess.
    secret: String,
    pub(super) pages: BTreeMap<String, Vec<Shown>>,
}

/// A pair on a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) id: String,
    /// The task, as its file of answers is named.
    pub(super) task: String,
    pub(super) question: usize,
    pub(super) left: Side,
    pub(super) right: Side,
}

/// One answer of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Side {
    pub(super) candidate: String,
    /// The hash of the answer, which may be another one later.
    pub(super) answer: String,
}

/// A pair that was chosen: task, question, and the candidates on the left and on the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Chosen {
    task: usize,
    question: usize,
    left: usize,
    right: usize,
}

/// Writes the page to a file; what it shows is said.
///
/// # Errors
/// There is no comparison; a name is not known; no two answers differ; a file cannot be written.
pub fn write(folder: &Path, recipe: &Recipe, options: &BlindOptions, file: &Path) -> Result<String> {
    let material = Material::read(folder, recipe)?;
    let candidates = match options.candidates.as_slice() {
        [] => (0..material.candidates.len()).collect(),
        names => {
            let mut numbers = names.iter().map(|name| material.candidate(name)).collect::<Result<Vec<_>>>()?;
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        }
    };
    let tasks = match options.tasks.as_slice() {
        [] => (0..material.tasks.len()).collect(),
        words => material.tasks_named(words)?,
    };
    let (candidates, twins) = material.without_twins(&tasks, candidates);
    let chosen = choose(&material, &tasks, &candidates, options);
    if chosen.is_empty() {
        return Err(Error::new("there are no two different answers to compare")
            .at(folder.display().to_string())
            .hint("it needs a task in which something is written, and two candidates that answer it"));
    }
    let path = place(folder).join("blind.json");
    let mut key: Key = if path.exists() { files::read_json(&path)? } else { Key::default() };
    if key.secret.is_empty() {
        key.secret = secret();
    }
    let shown: Vec<Shown> = chosen.iter().filter_map(|chosen| shown(&material, &key.secret, *chosen)).collect();
    let ids: Vec<&str> = shown.iter().map(|pair| pair.id.as_str()).collect();
    let page: String = files::sha256(json!([key.secret, ids]).to_string()).chars().take(16).collect();
    let html = html(&material, &page, &chosen, &ids);
    key.pages.insert(page.clone(), shown);
    // The key first: without it the page is worth nothing.
    files::make_folder(&place(folder))?;
    files::write_json(&path, &key)?;
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), files::make_folder)?;
    files::write(file, html)?;
    let twins = match twins.as_slice() {
        [] => String::new(),
        twins => format!("left out, as they answer the same as another: {}\n", twins.join(", ")),
    };
    Ok(format!(
        "{} pairs of answers by {} candidates in {}\n{twins}ratings come back with: emakeel compare {} --ratings FILE",
        chosen.len(),
        candidates.len(),
        file.display(),
        folder.display()
    ))
}

/// Chooses pairs, question by question in a random order: each time those two candidates whose answers differ that were
/// shown together least often.
fn choose(material: &Material, tasks: &[usize], candidates: &[usize], options: &BlindOptions) -> Vec<Chosen> {
    let stream = Stream::new(options.seed, "pairs of a blind page");
    let questions: Vec<(usize, usize)> = tasks
        .iter()
        .flat_map(|&task| {
            let count = material.tasks.get(task).map_or(0, |task| task.questions.len());
            (0..count).map(move |question| (task, question))
        })
        .collect();
    let order: Vec<(usize, usize)> =
        stream.permutation(questions.len()).into_iter().filter_map(|at| questions.get(at as usize).copied()).collect();
    let pairs: Vec<(usize, usize)> = candidates
        .iter()
        .enumerate()
        .flat_map(|(at, &first)| candidates.iter().skip(at + 1).map(move |&second| (first, second)))
        .collect();
    let mut times: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    let mut used: HashSet<(usize, usize, usize, usize)> = HashSet::new();
    let mut chosen: Vec<Chosen> = Vec::new();
    loop {
        let before = chosen.len();
        for &(task, question) in &order {
            if chosen.len() >= options.pairs {
                return chosen;
            }
            let differ = |&&(first, second): &&(usize, usize)| {
                let text = |candidate| material.answer(task, question, candidate).map(|answer| answer.text.trim());
                let both = text(first).zip(text(second)).is_some_and(|(one, other)| one != other);
                both && !used.contains(&(task, question, first, second))
            };
            let draw = stream.child(chosen.len() as u64);
            let rank = |pair: &&(usize, usize)| {
                let number = pair.0 * material.candidates.len() + pair.1;
                (times.get(*pair).copied().unwrap_or(0), draw.at(number as u64))
            };
            let Some(&(first, second)) = pairs.iter().filter(differ).min_by_key(rank) else { continue };
            let shown = times.entry((first, second)).or_insert(0);
            let number = (first * material.candidates.len() + second) as u64;
            // The first time a coin decides who is on the left, then they take turns.
            let turned = (*shown + stream.at(number)) % 2 == 1;
            *shown += 1;
            used.insert((task, question, first, second));
            let (left, right) = if turned { (second, first) } else { (first, second) };
            chosen.push(Chosen { task, question, left, right });
        }
        if chosen.len() == before {
            return chosen;
        }
    }
}

fn shown(material: &Material, secret: &str, chosen: Chosen) -> Option<Shown> {
    let Chosen { task, question, left, right } = chosen;
    let side = |candidate: usize| {
        let answer = material.answer(task, question, candidate)?.hash();
        Some(Side { candidate: material.candidates.get(candidate)?.clone(), answer })
    };
    let (left, right) = (side(left)?, side(right)?);
    let task = material.tasks.get(task)?.file.clone();
    let id = files::sha256(json!([secret, task, question, left, right]).to_string()).chars().take(16).collect();
    Some(Shown { id, task, question, left, right })
}

fn html(material: &Material, page: &str, chosen: &[Chosen], ids: &[&str]) -> String {
    let pairs = chosen.iter().zip(ids).map(|(of, id)| {
        let text = |candidate| material.answer(of.task, of.question, candidate).map(|answer| answer.text.as_str());
        let question = material.tasks.get(of.task).and_then(|task| task.questions.get(of.question));
        json!({
            "id": id, "question": question.map(|question| question.text.as_str()),
            "left": text(of.left), "right": text(of.right),
        })
    });
    // No answer can end the element that it is in.
    let data = markup::json(&json!({ "page": page, "pairs": pairs.collect::<Vec<_>>() }));
    // The data last: what stands in it is not looked at again.
    include_str!("page.html")
        .replacen("{css}", include_str!("page.css"), 1)
        .replacen("{js}", include_str!("page.js"), 1)
        .replacen("{data}", &data, 1)
}

/// 256 bits that nobody can guess: the keys that the standard library's hash maps get from the operating system.
fn secret() -> String {
    let draws: Vec<u64> =
        (0..4).map(|_| std::collections::hash_map::RandomState::new().build_hasher().finish()).collect();
    files::sha256(json!([draws, std::process::id(), jiff::Timestamp::now().as_nanosecond().to_string()]).to_string())
}

#[cfg(test)]
mod tests;
