//! Tasks over the rows of sources that no stage trains on.

use super::super::places::Findings;
use super::super::study::{RowTemplate, Study};
use super::super::task::{TaskData, TaskSettings};
use crate::error::Error;

/// A task for the source that it names, or for each source that has such rows; any other task as it is.
pub(super) fn each_source(
    path: &str,
    task: TaskSettings,
    study: &Study,
    findings: &mut Findings<'_>,
) -> Vec<TaskSettings> {
    let TaskData::HeldOut { source } = &task.data else { return vec![task] };
    if findings.is_broken("sources") || findings.is_broken("pretrain") || findings.is_broken("adapters") {
        return Vec::new();
    }
    if source.is_empty() {
        let has_rows = |name: &&str| study.held_out(name) > 0.0 && !is_of_tokens(study, name);
        let names: Vec<&str> = study.sources.iter().map(|source| source.name.as_str()).filter(has_rows).collect();
        if names.is_empty() {
            let error = Error::new(format!("{path}.data: no source has rows that are kept out of training"));
            let hint =
                "held_out: 0.01, in pretrain and in each adapter that trains on the source, keeps one in a hundred out";
            findings.report(&format!("{path}.data"), error.hint(hint));
        }
        let of = |name: &str| TaskSettings { data: TaskData::HeldOut { source: name.to_owned() }, ..task.clone() };
        return names.into_iter().map(of).collect();
    }
    let key = format!("{path}.source");
    let known: Vec<&str> = study.sources.iter().map(|source| source.name.as_str()).collect();
    if !known.contains(&source.as_str()) {
        findings.unknown_name(&key, source, "a source", &known);
    } else if is_of_tokens(study, source) {
        findings.wrong(&key, "a source of tokens", "one of texts", "how well a text is predicted is told by its bytes");
    } else if study.held_out(source) == 0.0 {
        let trainings = super::trainings(study);
        let whole = trainings.iter().filter(|(.., training, _)| training.reads(source) && training.held_out == 0.0);
        let whole: Vec<&str> = whole.map(|(path, ..)| path.as_str()).collect();
        let got = match whole.is_empty() {
            true => format!("{source}, which no stage trains on"),
            false => format!("{source}, which is trained on whole by {}", whole.join(", ")),
        };
        findings.wrong(
            &key,
            got,
            "a source of which every stage keeps rows out",
            "set held_out where all is trained on",
        );
    }
    vec![task]
}

fn is_of_tokens(study: &Study, name: &str) -> bool {
    study.sources.iter().any(|source| source.name == name && source.template == RowTemplate::Tokens)
}
