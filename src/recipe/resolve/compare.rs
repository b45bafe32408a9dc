//! The comparison, and what is published.

use super::super::count::Count;
use super::super::places::Findings;
use super::super::study::{AdapterPlan, Compare, Publish, Study};
use super::super::task::TaskSettings;
use super::super::training::ChatTemplate;
use super::super::written;
use super::{held_out, judge, task};
use crate::error::Error;

/// The comparison of a study, which is whole but for it.
pub(super) fn compare(written: &written::Compare, study: &Study, findings: &mut Findings<'_>) -> Compare {
    let tasks = written.tasks.as_deref().unwrap_or_default();
    match &written.tasks {
        None => findings.missing("compare.tasks", "such as tasks: [{ task: choice, data: world }]"),
        Some(tasks) if tasks.is_empty() => {
            findings.wrong("compare.tasks", "empty", "a list of tasks", "such as [{ task: choice, data: world }]");
        }
        Some(_) => {}
    }
    // With the entries that they come from.
    let mut settings: Vec<(TaskSettings, usize)> = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let path = format!("compare.tasks.{index}");
        let Some(task) = task::task(&path, task, findings) else { continue };
        for task in held_out::each_source(&path, task, study, findings) {
            if let Some((_, same)) = settings.iter().find(|(other, _)| *other == task) {
                let error = Error::new(format!("{path} is the same as compare.tasks.{same}"));
                findings.report_key(&path, error.hint("take one of them out"));
            }
            settings.push((task, index));
        }
    }
    let batch = findings.count("compare.batch", written.batch.unwrap_or(Count(16)), 1..=1 << 16, "");
    let limit = written.limit.map(|limit| findings.count("compare.limit", limit, 1..=u64::MAX, ""));
    Compare {
        tasks: settings.into_iter().map(|(task, _)| task).collect(),
        merged: written.merged.unwrap_or(false),
        batch,
        limit,
        template: template(written.template.clone(), &study.adapters, findings),
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
    let license = written.license.clone();
    let is_word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
    };
    if let Some(word) = license.as_ref().filter(|word| !is_word(word)) {
        let hint = "see huggingface.co/docs/hub/repositories-licenses";
        findings.wrong(
            "publish.license",
            format!("{word:?}"),
            "the Hub's word for a licence, such as apache-2.0",
            hint,
        );
    }
    Publish { to, adapters: chosen, private: written.private.unwrap_or(true), license }
}
