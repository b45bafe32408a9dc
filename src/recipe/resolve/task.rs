//! One task of the comparison.

use std::path::PathBuf;

use super::super::count::Count;
use super::super::mismatch::one_of;
use super::super::places::Findings;
use super::super::shapes::Words;
use super::super::task::{
    BleuTokens, Choose, MetricSettings, MetricWord, PromptWords, ReadAnswer, TaskData, TaskKind, TaskSettings,
};
use super::super::written::{self, ReadWord, TaskWord};

/// The languages of the built-in world.
const WORLD_LANGUAGES: [&str; 3] = ["English", "Estonian", "Finnish"];

pub(super) fn task(path: &str, written: &written::Task, findings: &mut Findings<'_>) -> Option<TaskSettings> {
    let key = |key: &str| format!("{path}.{key}");
    let Some(word) = written.task else {
        findings.missing(&key("task"), "one of translation, choice, answer, correction, perplexity and conversation");
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
        _ if is_held_out(written) => {
            findings.no_effect(&key("language"), "the rows are those of a source, in its language");
            String::new()
        }
        _ => written.language.clone().unwrap_or_else(|| "Estonian".to_owned()),
    };
    let data = data(path, written, &kind, language, findings);
    let choose = written.choose.unwrap_or_default();
    if kind != TaskKind::Choice {
        findings.no_effect(&key("choose"), "only a choice is chosen");
    }
    let max_new_tokens = match default_length(word, choose) {
        Some(usual) => limit_of(path, written, usual, findings),
        None => {
            findings.no_effect(&key("max_new_tokens"), "the task is scored without writing an answer");
            0
        }
    };
    let (row, prompts) = own_words(path, word, written, &data, findings);
    Some(TaskSettings {
        max_new_tokens,
        metric: metric(&key("metric"), word, written.metric.as_ref(), findings),
        name: written.name.clone().filter(|name| !name.trim().is_empty()),
        row,
        prompts,
        choose,
        read: read(path, &kind, choose, written, findings),
        metrics: metrics(path, word, written, findings),
        kind,
        data,
    })
}

/// The most tokens of an answer, unless others are asked for; none where nothing is written.
fn default_length(word: TaskWord, choose: Choose) -> Option<u64> {
    match word {
        TaskWord::Perplexity => None,
        TaskWord::Choice => (choose == Choose::Letter).then_some(16),
        TaskWord::Answer => Some(64),
        TaskWord::Translation | TaskWord::Correction => Some(256),
        TaskWord::Conversation => Some(512),
    }
}

/// The parts that an example of a kind has: those that it must have, then the others.
fn parts(word: TaskWord) -> (&'static [&'static str], &'static [&'static str]) {
    match word {
        TaskWord::Translation | TaskWord::Correction => (&["source", "references"], &[]),
        TaskWord::Choice => (&["choices", "right"], &["context", "question"]),
        TaskWord::Answer => (&["question", "references"], &["context"]),
        TaskWord::Perplexity => (&["text"], &[]),
        TaskWord::Conversation => (&["turns"], &["references"]),
    }
}

/// How rows and prompts of the task's own are written.
#[allow(clippy::type_complexity)]
fn own_words(
    path: &str,
    word: TaskWord,
    written: &written::Task,
    data: &TaskData,
    findings: &mut Findings<'_>,
) -> (Vec<(String, String)>, Vec<(String, PromptWords)>) {
    let key = |key: &str| format!("{path}.{key}");
    let why = match data {
        TaskData::World { .. } => Some("the world words its own tests"),
        TaskData::HeldOut { .. } => Some("the rows are read as in training"),
        TaskData::File { .. } => None,
    };
    if let Some(why) = why {
        for name in ["row", "prompts"] {
            findings.no_effect(&key(name), why);
        }
        return Default::default();
    }
    if word == TaskWord::Perplexity {
        findings.no_effect(&key("prompts"), "a text to predict is not asked for");
    }
    let row = written.row.clone().unwrap_or_default().0;
    let (needed, others) = parts(word);
    let known: Vec<&str> = needed.iter().chain(others).copied().collect();
    for (part, expression) in &row {
        let place = format!("{path}.row.{part}");
        if !known.contains(&part.as_str()) {
            findings.wrong(&place, part, &one_of(&known), "these are the parts of such a task's examples");
        } else if expression.trim().is_empty() {
            findings.wrong(&place, "empty", "the name of a field, or an expression of Jinja", "");
        }
    }
    for part in needed.iter().filter(|_| written.row.is_some()) {
        if !row.iter().any(|(name, _)| name == part) {
            findings.missing(&format!("{path}.row.{part}"), "name the field of a row that has it");
        }
    }
    let prompts = written.prompts.clone().unwrap_or_default().0;
    if written.prompts.is_some() && prompts.is_empty() {
        findings.wrong(&key("prompts"), "empty", "a prompt for a language at least", "");
    }
    (row, prompts)
}

fn read(
    path: &str,
    kind: &TaskKind,
    choose: Choose,
    written: &written::Task,
    findings: &mut Findings<'_>,
) -> ReadAnswer {
    let key = |key: &str| format!("{path}.{key}");
    if !kind.is_written(choose) || *kind == TaskKind::Conversation {
        let why = if kind.is_written(choose) { "turns are kept whole" } else { "no answer is written" };
        findings.no_effect(&key("read"), why);
        findings.no_effect(&key("pattern"), why);
        return if *kind == TaskKind::Conversation { ReadAnswer::All } else { ReadAnswer::Line };
    }
    if let Some(pattern) = &written.pattern {
        findings.no_effect(&key("read"), "the pattern says what the answer is");
        if let Err(error) = fancy_regex::Regex::new(pattern) {
            findings.wrong(&key("pattern"), error, "a regular expression", "such as 'Answer: *(.*)'");
        }
        return ReadAnswer::Pattern(pattern.clone());
    }
    match written.read {
        Some(ReadWord::All) => ReadAnswer::All,
        // A letter may stand anywhere.
        None if *kind == TaskKind::Choice => ReadAnswer::All,
        Some(ReadWord::Line) | None => ReadAnswer::Line,
    }
}

fn metrics(path: &str, word: TaskWord, written: &written::Task, findings: &mut Findings<'_>) -> Vec<MetricWord> {
    let key = format!("{path}.metrics");
    if matches!(word, TaskWord::Choice | TaskWord::Perplexity) {
        findings.no_effect(&key, "its scores follow from likelihoods or from the choices made");
        return Vec::new();
    }
    let metrics = written.metrics.clone().unwrap_or_default();
    if written.metrics.is_some() && metrics.is_empty() {
        findings.wrong(&key, "empty", "one metric at least", "take the key out for the usual ones");
    }
    for (index, metric) in metrics.iter().enumerate() {
        if metrics.iter().take(index).any(|other| other == metric) {
            findings.wrong(&format!("{key}.{index}"), "a metric that is there already", "each once", "");
        }
    }
    metrics
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
        TaskWord::Conversation => TaskKind::Conversation,
    }
}

/// Whether the rows of sources are asked for that no stage trains on.
fn is_held_out(written: &written::Task) -> bool {
    written.data == Some(Words::One("held-out".to_owned()))
}

fn data(path: &str, task: &written::Task, kind: &TaskKind, language: String, findings: &mut Findings<'_>) -> TaskData {
    let (key, written) = (format!("{path}.data"), task.data.as_ref());
    if is_held_out(task) {
        if *kind != TaskKind::Perplexity {
            let hint = "rows that were kept out of training are texts to predict: task: perplexity";
            findings.wrong(&key, "held-out", "world or a file, for this kind of task", hint);
        }
        return TaskData::HeldOut { source: task.source.clone().unwrap_or_default() };
    }
    findings.no_effect(&format!("{path}.source"), "only data: held-out has a source");
    if written == Some(&Words::One("world".to_owned())) {
        world_languages(path, kind, &language, findings);
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

/// The world is asked in a language that it has; it is translated from English or into it.
fn world_languages(path: &str, kind: &TaskKind, language: &str, findings: &mut Findings<'_>) {
    let languages = match kind {
        TaskKind::Translation { from, to } => vec![("from", from.as_str()), ("to", to.as_str())],
        _ => vec![("language", language)],
    };
    let known = |language: &str| WORLD_LANGUAGES.contains(&language);
    for (name, language) in &languages {
        if !language.is_empty() && !known(language) {
            let hint = "the world inside the program has no other language";
            findings.wrong(&format!("{path}.{name}"), language, "English, Estonian or Finnish with data: world", hint);
        }
    }
    if let [(_, from), (_, to)] = languages[..]
        && from != to
        && [from, to].into_iter().all(|language| known(language) && language != "English")
    {
        let hint = "the world inside the program has no pairs of other languages";
        findings.wrong(&format!("{path}.from"), from, "English, or to: English, with data: world", hint);
    }
}
