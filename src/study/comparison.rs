//! `comparison.json`: the table, what each task asks, and what each candidate is made of, so that a report can set
//! scores against tokens and ratios without the recipe.

use serde_json::{Value, json};

use crate::eval::Table;
use crate::eval::anew::KeptTask;
use crate::files;
use crate::recipe::{AdapterPlan, Compare, Foundation, Study, TaskKind};
use crate::study::candidate::{Candidate, Form};

/// The table as JSON, with the tasks and the candidates described.
pub fn described(study: &Study, compare: &Compare, candidates: &[&Candidate], table: &Table) -> Value {
    let mut value = table.to_json();
    if let Some(rows) = value.get_mut("candidates").and_then(Value::as_array_mut) {
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            let name = row.get("candidate").and_then(Value::as_str);
            if let Some(candidate) = candidates.iter().find(|candidate| name == Some(&candidate.name)) {
                row.insert("made_of".to_owned(), made_of(study, candidate));
            }
        }
    }
    if let Some(object) = value.as_object_mut() {
        object.insert("tasks".to_owned(), KeptTask::all(compare).iter().map(task).collect());
    }
    value
}

fn task(task: &KeptTask) -> Value {
    let (kind, from) = match task.kind() {
        TaskKind::Translation { from, .. } => ("translation", Some(from)),
        TaskKind::Choice => ("choice", None),
        TaskKind::Answer => ("answer", None),
        TaskKind::Correction => ("correction", None),
        TaskKind::Perplexity => ("perplexity", None),
        TaskKind::Conversation => ("conversation", None),
    };
    json!({ "task": task.name, "file": task.file_name, "kind": kind, "from": from, "language": task.language().name() })
}

/// What a candidate stands on, how it was made, and the ratio of its translations.
fn made_of(study: &Study, candidate: &Candidate) -> Value {
    let tokens = match candidate.on {
        Foundation::Base => 0,
        Foundation::Snapshot(tokens) => tokens,
    };
    let (form, adapter) = match &candidate.form {
        Form::Foundation => ("foundation", None),
        Form::Adapter(name) => ("adapter", Some(name)),
        Form::Merged(name) => ("merged", Some(name)),
        Form::Full(name) => ("full", Some(name)),
    };
    let plan = adapter.and_then(|name| study.adapters.iter().find(|plan| plan.name == *name));
    json!({
        "on": candidate.on.label(),
        "pretrain_tokens": tokens,
        "form": form,
        "adapter": adapter,
        "ratio": plan.and_then(|plan| ratio(study, plan)),
    })
}

/// The share of the first direction among an adapter's translations. Adapters of one `group` differ in nothing else.
fn ratio(study: &Study, plan: &AdapterPlan) -> Option<Value> {
    let languages = |source: &str| study.sources.iter().find(|it| it.name == source)?.languages.as_ref();
    let pairs = plan.training.mixture.parts.iter().filter_map(|part| Some((part, languages(&part.source)?)));
    let pairs: Vec<_> = pairs.collect();
    let (first, [from, to]) = pairs.first()?;
    if pairs.iter().any(|(part, of)| part.forward_share != first.forward_share || *of != &[from.clone(), to.clone()]) {
        return None;
    }
    let share = first.forward_share;
    let mut plan = plan.clone();
    plan.name.clear();
    plan.training.mixture.parts.iter_mut().for_each(|part| part.forward_share = 0.5);
    let group = files::sha256(format!("{plan:?}"));
    Some(json!({ "from": from, "to": to, "share": share, "group": group.get(..12) }))
}
