//! A task of the comparison as a recipe writes it.

use super::super::shapes::{Named, Words};
use super::super::task::{Choose, MetricSettings, ReadAnswer, TaskData, TaskKind, TaskSettings};
use super::super::written::{self, ReadWord, TaskWord};
use super::{count, text, words};

pub(super) fn task(settings: &TaskSettings) -> written::Task {
    let word = match &settings.kind {
        TaskKind::Translation { .. } => TaskWord::Translation,
        TaskKind::Choice => TaskWord::Choice,
        TaskKind::Answer => TaskWord::Answer,
        TaskKind::Correction => TaskWord::Correction,
        TaskKind::Perplexity => TaskWord::Perplexity,
        TaskKind::Conversation => TaskWord::Conversation,
    };
    let (data, source) = match &settings.data {
        TaskData::World { .. } => (Words::One("world".to_owned()), None),
        TaskData::HeldOut { source } => (Words::One("held-out".to_owned()), Some(source.clone())),
        TaskData::File { paths, .. } => (words(paths), None),
    };
    let mut written = written::Task { task: Some(word), data: Some(data), source, ..written::Task::default() };
    match &settings.kind {
        TaskKind::Translation { from, to } => {
            written.from = Some(from.clone());
            written.to = Some(to.clone());
            written.metric = Some(metric(&settings.metric)).filter(|_| settings.metric != MetricSettings::default());
        }
        _ if written.source.is_some() => {}
        _ => written.language = Some(settings.data.language().to_owned()),
    }
    if settings.kind.is_written(settings.choose) {
        written.max_new_tokens = Some(count(settings.max_new_tokens));
    }
    words_of_its_own(settings, &mut written);
    written
}

/// What stands in a recipe only where it is not the usual.
fn words_of_its_own(settings: &TaskSettings, written: &mut written::Task) {
    written.name = settings.name.clone();
    written.row = Some(Named(settings.row.clone())).filter(|row| !row.0.is_empty());
    written.prompts = Some(Named(settings.prompts.clone())).filter(|prompts| !prompts.0.is_empty());
    written.choose = Some(settings.choose).filter(|choose| *choose != Choose::default());
    written.metrics = Some(settings.metrics.clone()).filter(|metrics| !metrics.is_empty());
    let is_usual = matches!(settings.kind, TaskKind::Choice | TaskKind::Conversation);
    match &settings.read {
        ReadAnswer::Pattern(pattern) => written.pattern = Some(pattern.clone()),
        ReadAnswer::All if !is_usual => written.read = Some(ReadWord::All),
        ReadAnswer::Line if is_usual && settings.kind.is_written(settings.choose) => {
            written.read = Some(ReadWord::Line);
        }
        ReadAnswer::All | ReadAnswer::Line => {}
    }
}

fn metric(settings: &MetricSettings) -> written::Metric {
    let bleu = written::Bleu {
        tokenize: Some(settings.tokenize),
        model: settings.model.as_deref().map(text),
        lowercase: Some(settings.lowercase),
    };
    written::Metric { bleu: Some(bleu), ter: Some(settings.ter) }
}
