//! The comparison's tasks, and what is published.

use std::path::PathBuf;

use super::super::count::Count;
use super::super::places::Findings;
use super::super::shapes::Words;
use super::super::study::{
    AdapterPlan, BleuTokens, Compare, MetricSettings, Publish, TaskData, TaskKind, TaskSettings,
};
use super::super::training::ChatTemplate;
use super::super::written::{self, TaskWord};
use super::judge;
use crate::error::Error;

/// The languages of the built-in world.
const WORLD_LANGUAGES: [&str; 2] = ["English", "Estonian"];

pub(super) fn compare(written: &written::Compare, adapters: &[AdapterPlan], findings: &mut Findings<'_>) -> Compare {
    let tasks = written.tasks.as_deref().unwrap_or_default();
    match &written.tasks {
        None => findings.missing("compare.tasks", "such as tasks: [{ task: choice, data: world }]"),
        Some(tasks) if tasks.is_empty() => {
            findings.wrong("compare.tasks", "empty", "a list of tasks", "such as [{ task: choice, data: world }]");
        }
        Some(_) => {}
    }
    let mut settings: Vec<TaskSettings> = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let path = format!("compare.tasks.{index}");
        let Some(task) = self::task(&path, task, findings) else { continue };
        if let Some(same) = settings.iter().position(|other| *other == task) {
            let error = Error::new(format!("{path} is the same as compare.tasks.{same}"));
            findings.report_key(&path, error.hint("take one of them out"));
        }
        settings.push(task);
    }
    let batch = findings.count("compare.batch", written.batch.unwrap_or(Count(16)), 1..=1 << 16, "");
    let limit = written.limit.map(|limit| findings.count("compare.limit", limit, 1..=u64::MAX, ""));
    Compare {
        tasks: settings,
        merged: written.merged.unwrap_or(false),
        batch,
        limit,
        template: template(written.template.clone(), adapters, findings),
        judge: written.judge.as_ref().map(|judge| judge::judge(judge, findings)),
    }
}

/// The template that is written, or else the one that all adapters are trained with.
fn template(written: Option<ChatTemplate>, adapters: &[AdapterPlan], findings: &mut Findings<'_>) -> ChatTemplate {
    let mut templates = adapters.iter().map(|adapter| &adapter.training.template);
    let first = templates.next().unwrap_or(&ChatTemplate::LlammasChat);
    if written.is_none() && templates.any(|other| other != first) {
        let hint = "the adapters have different ones; every candidate is asked in the same words";
        findings.missing("compare.template", hint);
    }
    written.unwrap_or_else(|| first.clone())
}

fn task(path: &str, written: &written::Task, findings: &mut Findings<'_>) -> Option<TaskSettings> {
    let key = |key: &str| format!("{path}.{key}");
    let Some(word) = written.task else {
        findings.missing(&key("task"), "one of translation, choice, answer, correction and perplexity");
        return None;
    };
    let kind = kind(path, word, written, findings);
    if written.data.is_none() {
        findings.missing(&key("data"), "world, or the path of a file with the examples");
    }
    let language = match &kind {
        TaskKind::Translation { to, .. } => {
            findings.no_effect(&key("language"), "a translation has from and to");
            to.clone()
        }
        _ => written.language.clone().unwrap_or_else(|| "Estonian".to_owned()),
    };
    let data = data(path, written.data.as_ref(), &kind, language, findings);
    let max_new_tokens = match word {
        TaskWord::Choice | TaskWord::Perplexity => {
            findings.no_effect(&key("max_new_tokens"), "the task is scored without writing an answer");
            0
        }
        TaskWord::Answer => limit_of(path, written, 64, findings),
        TaskWord::Translation | TaskWord::Correction => limit_of(path, written, 256, findings),
    };
    let metric = metric(&key("metric"), word, written.metric.as_ref(), findings);
    Some(TaskSettings { kind, data, max_new_tokens, metric })
}

fn metric(
    path: &str,
    word: TaskWord,
    written: Option<&written::Metric>,
    findings: &mut Findings<'_>,
) -> MetricSettings {
    if word != TaskWord::Translation {
        findings.no_effect(path, "only translations can be scored in several ways");
        return MetricSettings::default();
    }
    let Some(written) = written else { return MetricSettings::default() };
    let bleu = written.bleu.clone().unwrap_or_default();
    let tokenize = bleu.tokenize.unwrap_or_default();
    let model = format!("{path}.bleu.model");
    if tokenize != BleuTokens::Flores200 {
        findings.no_effect(&model, "only tokenize: flores200 needs a model");
    } else if bleu.model.as_ref().is_none_or(|model| model.is_empty()) {
        findings
            .missing(&model, "the path of flores200's SentencePiece model, https://tinyurl.com/flores200sacrebleuspm");
    }
    MetricSettings {
        tokenize,
        model: bleu.model.filter(|_| tokenize == BleuTokens::Flores200).map(PathBuf::from),
        lowercase: bleu.lowercase.unwrap_or(false),
        ter: written.ter.unwrap_or(false),
    }
}

fn limit_of(path: &str, written: &written::Task, default: u64, findings: &mut Findings<'_>) -> usize {
    let count = written.max_new_tokens.unwrap_or(Count(default));
    findings.count(&format!("{path}.max_new_tokens"), count, 1..=1 << 20, "")
}

fn kind(path: &str, word: TaskWord, written: &written::Task, findings: &mut Findings<'_>) -> TaskKind {
    let key = |key: &str| format!("{path}.{key}");
    if word != TaskWord::Translation {
        for name in ["from", "to"] {
            findings.no_effect(&key(name), "only a translation has two languages; see language");
        }
    }
    match word {
        TaskWord::Translation => {
            for (name, language) in [("from", &written.from), ("to", &written.to)] {
                if language.as_ref().is_none_or(|language| language.trim().is_empty()) {
                    findings.missing(&key(name), "name the language in English, such as from: English, to: Estonian");
                }
            }
            if written.from.is_some() && written.from == written.to {
                let got = written.to.clone().unwrap_or_default();
                findings.wrong(&key("to"), got, "another language than from", "");
            }
            let [from, to] = [&written.from, &written.to].map(|language| language.clone().unwrap_or_default());
            TaskKind::Translation { from, to }
        }
        TaskWord::Choice => TaskKind::Choice,
        TaskWord::Answer => TaskKind::Answer,
        TaskWord::Correction => TaskKind::Correction,
        TaskWord::Perplexity => TaskKind::Perplexity,
    }
}

fn data(
    path: &str,
    written: Option<&Words>,
    kind: &TaskKind,
    language: String,
    findings: &mut Findings<'_>,
) -> TaskData {
    let key = format!("{path}.data");
    if written == Some(&Words::One("world".to_owned())) {
        let languages = match kind {
            TaskKind::Translation { from, to } => vec![("from", from.as_str()), ("to", to.as_str())],
            _ => vec![("language", language.as_str())],
        };
        for (name, language) in languages {
            if !language.is_empty() && !WORLD_LANGUAGES.contains(&language) {
                let hint = "the world inside the program has no other language";
                findings.wrong(&format!("{path}.{name}"), language, "English or Estonian with data: world", hint);
            }
        }
        return TaskData::World { language };
    }
    let paths: Vec<PathBuf> = written.iter().flat_map(|words| words.at(&key)).map(|(_, file)| file.into()).collect();
    if written.is_some() && (paths.is_empty() || paths.iter().any(|file| file.as_os_str().is_empty())) {
        findings.wrong(&key, "empty", "world, a file, or a list of files", "");
    }
    if matches!(kind, TaskKind::Translation { .. }) && paths.len() > 2 {
        let expected = "one file, or two: the sentences given and the sentences wanted";
        findings.wrong(&key, format!("{} files", paths.len()), expected, "");
    }
    TaskData::File { paths, language }
}

pub(super) fn publish(written: &written::Publish, adapters: &[AdapterPlan], findings: &mut Findings<'_>) -> Publish {
    let to = match &written.to {
        Some(to) => {
            if to.is_empty() || !to.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
                let hint = "each adapter becomes a repository of its own there";
                findings.wrong("publish.to", format!("{to:?}"), "the name of a user or an organisation", hint);
            }
            to.clone()
        }
        None => {
            findings.missing("publish.to", "name the user or the organisation on the Hub");
            String::new()
        }
    };
    let mut chosen = Vec::new();
    for (index, name) in written.adapters.iter().flatten().enumerate() {
        let named = adapters.iter().filter(|adapter| adapter.name == *name || adapter.entry() == name);
        let before = chosen.len();
        chosen.extend(named.map(|adapter| adapter.name.clone()));
        if chosen.len() == before && !findings.is_broken("adapters") {
            let known: Vec<&str> = adapters.iter().map(|adapter| adapter.name.as_str()).collect();
            findings.unknown_name(&format!("publish.adapters.{index}"), name, "an adapter", &known);
        }
    }
    if written.adapters.is_none() {
        chosen = adapters.iter().map(|adapter| adapter.name.clone()).collect();
    }
    Publish { to, adapters: chosen, private: written.private.unwrap_or(true) }
}
