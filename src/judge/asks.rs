//! Everything that the judge is to be asked: each question, each pair of candidates in both orders, each answer alone.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;

use super::endpoint::Message;
use super::material::{Material, Question};
use super::record::{Record, Records};
use super::wording::{self, AGAIN_PAIR, AGAIN_SINGLE, Verdict, Wording};
use crate::error::Result;
use crate::files;
use crate::random::Stream;
use crate::recipe::JudgeSettings;

/// One prompt for the judge.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) task: usize,
    /// The question's place in its task.
    pub(super) question: usize,
    pub(super) shown: Shown,
    pub(super) prompt: Arc<str>,
    /// The hash of the model, its settings and the prompt.
    pub(super) key: String,
}

/// What the judge sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The answers of two candidates, in this order.
    Pair(usize, usize),
    /// The answer of one.
    One(usize),
}

/// All prompts, and the pairs that need none because both answers are the same.
#[derive(Debug, Default)]
pub(super) struct Asks {
    pub(super) asks: Vec<Ask>,
    /// Task, question and the two candidates.
    pub(super) same: Vec<(usize, usize, usize, usize)>,
    /// Candidates that are left out, as they answer everything as another one does.
    pub(super) twins: Vec<String>,
}

impl Asks {
    /// What the settings ask of the material, question by question, so that a part of it is about all candidates.
    ///
    /// # Errors
    /// A task or candidate that the settings name is not there; the wording cannot be read.
    pub(super) fn new(settings: &JudgeSettings, material: &Material) -> Result<Self> {
        let wording = settings.prompt.as_deref().map_or_else(|| Ok(Wording::default()), Wording::open)?;
        let against = settings.against.as_ref().map(|name| material.candidate(name)).transpose()?;
        let tasks = match &settings.tasks {
            Some(words) => material.tasks_named(words)?,
            None => (0..material.tasks.len()).collect(),
        };
        // Nobody stands for the candidate that all are compared with.
        let mut candidates: Vec<usize> = (0..material.candidates.len()).collect();
        candidates.sort_by_key(|candidate| Some(*candidate) != against);
        let (mut candidates, twins) = material.without_twins(&tasks, candidates);
        candidates.sort_unstable();
        let mut made = Self { twins, ..Self::default() };
        let chosen: Vec<(usize, Vec<usize>)> = tasks
            .into_iter()
            .filter_map(|task| {
                let of = material.tasks.get(task)?;
                let stream = Stream::new(material.seed, &format!("questions for the judge in {}", of.name));
                let order = stream.permutation(of.questions.len());
                Some((task, order.into_iter().take(settings.questions).map(|number| number as usize).collect()))
            })
            .collect();
        let longest = chosen.iter().map(|(_, questions)| questions.len()).max().unwrap_or(0);
        for round in 0..longest {
            for (task, questions) in &chosen {
                let Some(&number) = questions.get(round) else { continue };
                let question = material.tasks.get(*task).and_then(|task| task.questions.get(number));
                if let Some(question) = question {
                    made.add(settings, &wording, *task, question, (&candidates, against));
                }
            }
        }
        Ok(made)
    }

    fn add(
        &mut self,
        settings: &JudgeSettings,
        wording: &Wording,
        task: usize,
        question: &Question,
        (candidates, against): (&[usize], Option<usize>),
    ) {
        let (text, reference) = (&question.text, &question.reference);
        let answer = |&candidate: &usize| Some((candidate, question.answers.get(candidate)?.as_ref()?.text.trim()));
        let answers: Vec<(usize, &str)> = candidates.iter().filter_map(answer).collect();
        let mut ask = |shown: Shown, prompt: String| {
            let key =
                files::sha256(json!([settings.model, settings.temperature, settings.max_tokens, prompt]).to_string());
            self.asks.push(Ask { task, question: question.number, shown, prompt: prompt.into(), key });
        };
        if settings.mode.singles() {
            for &(candidate, answer) in &answers {
                ask(Shown::One(candidate), wording.single(text, reference, answer));
            }
        }
        if !settings.mode.pairs() {
            return;
        }
        for (at, &(first, one)) in answers.iter().enumerate() {
            for &(second, other) in answers.iter().skip(at + 1) {
                if against.is_some_and(|against| against != first && against != second) {
                    continue;
                }
                if one == other {
                    self.same.push((task, question.number, first, second));
                    continue;
                }
                ask(Shown::Pair(first, second), wording.pair(text, reference, [one, other]));
                ask(Shown::Pair(second, first), wording.pair(text, reference, [other, one]));
            }
        }
    }

    /// The asks that no record answers, each prompt once.
    pub(super) fn missing(&self, records: &Records) -> Vec<Ask> {
        let mut seen = HashSet::new();
        let is_missing = |ask: &&Ask| ask.last_word(records).is_none() && seen.insert(ask.key.clone());
        self.asks.iter().filter(is_missing).cloned().collect()
    }
}

impl Ask {
    /// The key of an attempt.
    pub(super) fn key_of(&self, attempt: u8) -> String {
        if attempt == 1 { self.key.clone() } else { files::sha256(format!("{} {attempt}", self.key)) }
    }

    /// The record that settles the ask: one with a verdict, or the second without.
    pub(super) fn last_word<'a>(&self, records: &'a Records) -> Option<&'a Record> {
        let first = records.get(&self.key)?;
        if first.verdict.is_some() { Some(first) } else { records.get(&self.key_of(2)) }
    }

    /// What is sent; the second time with the first reply and a word about it.
    pub(super) fn messages(&self, reply_before: Option<&str>) -> Vec<Message> {
        let mut messages = vec![Message { role: "user", content: self.prompt.to_string() }];
        if let Some(reply) = reply_before {
            let again = if matches!(self.shown, Shown::Pair(..)) { AGAIN_PAIR } else { AGAIN_SINGLE };
            messages.push(Message { role: "assistant", content: reply.to_owned() });
            messages.push(Message { role: "user", content: again.to_owned() });
        }
        messages
    }

    /// What a reply means.
    pub(super) fn read(&self, reply: &str) -> Option<Verdict> {
        match self.shown {
            Shown::Pair(..) => wording::read_pair(reply),
            Shown::One(_) => wording::read_single(reply),
        }
    }
}
