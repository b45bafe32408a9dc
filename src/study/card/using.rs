//! How to load it, what it cannot do, what else there is, and the recipe.

use super::facts::{CardFacts, Subject};
use super::trained::{dropped, ledger_of};
use super::words;
use crate::eval::anew::KeptTask;

/// The section with what to keep in mind; only what the run's own records say.
pub fn limits(facts: &CardFacts<'_>) -> String {
    let mut points = Vec::new();
    match facts.study.compare.as_ref().map(KeptTask::all) {
        Some(tasks) if !tasks.is_empty() => {
            let mut languages: Vec<String> = tasks.iter().map(|task| task.language().name().to_owned()).collect();
            languages.sort();
            languages.dedup();
            points.push(format!("Scores are on {} tasks in {} only.", tasks.len(), languages.join(" and ")));
        }
        _ => points.push("The study has no tasks, so nothing is known of how well it does.".to_owned()),
    }
    points.push(
        "It was not examined for harmful, biased or wrong answers; like any language model it writes things that are \
         not true."
            .to_owned(),
    );
    if let Some(training) = facts.training() {
        let named = |source: &str| facts.study.sources.iter().find(|it| it.name == source);
        let parts = training.mixture.parts.iter().map(|part| part.source.as_str());
        let unclean: Vec<&str> =
            parts.clone().filter(|source| named(source).is_some_and(|it| !it.clean.decontaminate)).collect();
        if !unclean.is_empty() {
            points.push(format!("Examples of the tasks were not taken out of: {}.", unclean.join(", ")));
        }
        let lost: u64 = parts.filter_map(|source| Some(dropped(ledger_of(facts, source)?))).sum();
        if lost > 0 {
            points.push(format!("{lost} rows of the sources were left out; the table above says of which."));
        }
        points.push(format!("Prompts must be written with the template `{}`.", training.template.name()));
    }
    match (&facts.base.id, &facts.base.hash, facts.subject) {
        (None, hash, Subject::Adapter(_)) => points.push(format!(
            "The base is not on the Hub under a name that is known here: it is {}. The adapter fits only weights whose \
             files hash to {}.",
            facts.base.name,
            hash.as_deref().map_or_else(|| "what the run folder has".to_owned(), |hash| format!("`{hash}`")),
        )),
        (Some(id), _, _) => {
            if let Some(license) = words::license_of(id) {
                points.push(format!("The licence of {id} (`{license}`) holds for what is made from it too."));
            }
        }
        _ => {}
    }
    format!("## Limits\n\n{}\n\n", points.iter().map(|point| format!("- {point}\n")).collect::<String>().trim_end())
}

/// The section with how to load it, in emakeel and in Python.
pub fn usage(facts: &CardFacts<'_>) -> String {
    let name = facts.repository.clone().unwrap_or_else(|| facts.subject.candidate());
    let short = name.rsplit('/').next().unwrap_or(&name).to_owned();
    let fetch = |flags: &str| match &facts.repository {
        Some(repository) => format!("emakeel fetch {repository} --to {short}{flags}\n"),
        None => String::new(),
    };
    let template = facts.training().map(|training| training.template.name().into_owned());
    let template = template.map(|name| format!(" --template {name}")).unwrap_or_default();
    let (shell, python) = match facts.subject {
        Subject::Adapter(_) => {
            let base = facts.base.id.clone().unwrap_or_else(|| "FOLDER-OF-THE-BASE".to_owned());
            let folder = facts.base.id.as_ref().map_or("FOLDER-OF-THE-BASE", |_| "base");
            let fetch_base = facts.base.id.as_ref().map(|id| format!("emakeel fetch {id} --to base\n"));
            (
                format!(
                    "{}{}emakeel chat --model {folder} --adapter {short}{template}\n",
                    fetch(""),
                    fetch_base.unwrap_or_default()
                ),
                format!(
                    "from peft import PeftModel\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n\
                     tokenizer = AutoTokenizer.from_pretrained(\"{base}\")\n\
                     base = AutoModelForCausalLM.from_pretrained(\"{base}\")\n\
                     model = PeftModel.from_pretrained(base, \"{name}\")\n"
                ),
            )
        }
        Subject::Merged(_) | Subject::Full(_) | Subject::Snapshot(_) => (
            format!("{}emakeel chat --model {short}{template}\n", fetch("")),
            format!(
                "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n\
                 tokenizer = AutoTokenizer.from_pretrained(\"{name}\")\n\
                 model = AutoModelForCausalLM.from_pretrained(\"{name}\")\n"
            ),
        ),
    };
    format!("## Use\n\n```sh\n{shell}```\n\n```python\n{python}```\n\n")
}

/// The others that are published with it; nothing if there are none.
pub fn siblings(facts: &CardFacts<'_>) -> String {
    if facts.siblings.is_empty() {
        return String::new();
    }
    let mut text = format!("## The others of the study `{}`\n\n| | |\n|---|---|\n", facts.study.name);
    for (name, repository) in &facts.siblings {
        let own = facts.repository.as_deref() == Some(repository);
        let note = if own { "this one" } else { "" };
        text.push_str(&format!("| {name} | [{repository}](https://huggingface.co/{repository}) {note} |\n"));
    }
    text + "\n"
}

/// The section with the recipe, without paths of this machine.
pub fn recipe(facts: &CardFacts<'_>) -> String {
    format!(
        "## Recipe\n\n`emakeel run` makes this and what it was compared with from one recipe, here with every default \
         written out; of paths only the last part is left.\n\n```yaml\n{}```\n",
        without_paths(&facts.recipe)
    )
}

/// A text in which of every absolute path only the last part is left.
pub fn without_paths(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
        let (key, value) = match body.split_once(": ") {
            Some((key, value)) => (format!("{key}: "), value),
            None => match body.trim_start().strip_prefix("- ") {
                Some(value) => (format!("{}- ", " ".repeat(body.len() - body.trim_start().len())), value),
                None => (String::new(), body),
            },
        };
        let bare = value.trim_matches(['"', '\'']);
        let windows = bare.get(1..3).is_some_and(|it| it == ":\\" || it == ":/");
        let last = bare.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(bare);
        match bare.starts_with('/') || bare.starts_with("~/") || windows {
            true => out.push_str(&format!("{key}{}", serde_json::Value::from(last))),
            false => out.push_str(body),
        }
        out.push_str(end);
    }
    out
}
