//! How tasks go by name.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::recipe::{TaskData, TaskKind, TaskSettings};

/// A task's name as a file name.
pub(super) fn file_name(name: &str) -> String {
    let words = name.to_lowercase();
    let words = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// A name for each task: with the folder where two would be alike, and with a number where they still are.
pub(super) fn distinct_names(tasks: &[TaskSettings]) -> Vec<String> {
    let short: Vec<String> = tasks.iter().map(|settings| name_of(settings, false)).collect();
    let alike = |name: &String| short.iter().filter(|other| *other == name).count() > 1;
    let mut names: Vec<String> = Vec::new();
    for (settings, short_name) in tasks.iter().zip(&short) {
        let plain = if alike(short_name) { name_of(settings, true) } else { short_name.clone() };
        let mut numbered = (2..).map(|number| format!("{plain} {number}"));
        let mut name = plain.clone();
        while names.contains(&name) {
            name = numbered.next().unwrap_or_default();
        }
        names.push(name);
    }
    names
}

/// The place of the task that a person means.
pub(super) fn meant(names: &[String], asked: &str) -> Result<usize> {
    let word = file_name(asked);
    let files: Vec<String> = names.iter().map(|name| file_name(name)).collect();
    let begin: Vec<usize> = (0..).zip(&files).filter(|(_, file)| file.starts_with(&word)).map(|(at, _)| at).collect();
    match (files.iter().position(|file| *file == word), begin.as_slice()) {
        (Some(place), _) => Ok(place),
        (None, [place]) if !word.is_empty() => Ok(*place),
        _ => Err(Error::usage("the task")
            .got(format!("{asked:?}"))
            .expected(format!("one of {}", files.join(", ")))
            .hint("the first words are enough where no other task begins so")),
    }
}

/// Words for a task's kind, languages and data; with the folder of its file where two would be alike.
pub(super) fn name_of(settings: &TaskSettings, with_folder: bool) -> String {
    let (data, language) = match &settings.data {
        TaskData::World { language } => ("world".to_owned(), language),
        TaskData::File { paths, language } => {
            let names: Vec<String> = paths.iter().map(|path| file_words(path, with_folder)).collect();
            (names.join(" + "), language)
        }
        TaskData::HeldOut { source } => {
            return format!("{} {source}", settings.name.as_deref().unwrap_or("held-out"));
        }
    };
    let kind = match &settings.kind {
        TaskKind::Translation { .. } => "translation",
        TaskKind::Choice => "choice",
        TaskKind::Answer => "answer",
        TaskKind::Correction => "correction",
        TaskKind::Perplexity => "text",
        TaskKind::Conversation => "conversation",
    };
    let called = settings.name.as_deref().unwrap_or(kind);
    match &settings.kind {
        TaskKind::Translation { from, to } => format!("{called} {from}→{to}, {data}"),
        _ => format!("{called} {language}, {data}"),
    }
}

fn file_words(path: &Path, with_folder: bool) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).filter(|_| with_folder);
    folder.map_or(stem.clone(), |folder| PathBuf::from(folder).join(stem).display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_meant_by_its_name_or_by_its_first_words() {
        let names =
            ["translation English→Estonian, world", "translation English→Finnish, world", "choice Finnish, world"];
        let names = names.map(str::to_owned);
        for (asked, place) in [
            ("translation-english-finnish-world", 1),
            ("translation English→Estonian, world", 0),
            ("translation-english-e", 0),
            ("choice", 2),
        ] {
            assert_eq!(meant(&names, asked).unwrap(), place, "{asked}");
        }
        for asked in ["translation", "answer", "", "…"] {
            let text = meant(&names, asked).unwrap_err().to_string();
            assert!(
                text.contains("must be one of translation-english-estonian-world, translation-english-f"),
                "{text}"
            );
        }
    }
}
