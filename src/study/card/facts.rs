//! What a card is written from, read from the run folder.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::adapter;
use crate::error::Result;
use crate::files;
use crate::recipe::{AdapterKind, AdapterPlan, BaseOrigin, Foundation, Method, Study, Training};

/// What the card is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Subject<'a> {
    /// A LoRA adapter.
    Adapter(&'a AdapterPlan),
    /// A LoRA adapter, merged into the model that it stands on.
    Merged(&'a AdapterPlan),
    /// A model of which all weights were tuned.
    Full(&'a AdapterPlan),
    /// A snapshot of pretraining, after so many tokens.
    Snapshot(u64),
}

impl<'a> Subject<'a> {
    /// What an entry of the recipe made.
    pub fn of(plan: &'a AdapterPlan) -> Self {
        match plan.method {
            Method::Lora(_) => Self::Adapter(plan),
            Method::Full => Self::Full(plan),
        }
    }

    /// Its name among the candidates of the comparison.
    pub fn candidate(self) -> String {
        match self {
            Self::Adapter(plan) | Self::Full(plan) => plan.name.clone(),
            Self::Merged(plan) => format!("{}+merged", plan.name),
            Self::Snapshot(tokens) => Foundation::Snapshot(tokens).label(),
        }
    }

    /// The model that it was trained on.
    pub fn on(self) -> Foundation {
        match self {
            Self::Adapter(plan) | Self::Merged(plan) | Self::Full(plan) => plan.on,
            Self::Snapshot(_) => Foundation::Base,
        }
    }

    /// The recipe's entry that it comes from, if it is no snapshot.
    pub fn plan(self) -> Option<&'a AdapterPlan> {
        match self {
            Self::Adapter(plan) | Self::Merged(plan) | Self::Full(plan) => Some(plan),
            Self::Snapshot(_) => None,
        }
    }

    /// Where its files are in a run folder.
    pub fn folder(self, run: &Path) -> PathBuf {
        match self {
            Self::Adapter(plan) | Self::Merged(plan) | Self::Full(plan) => run.join("adapters").join(&plan.name),
            Self::Snapshot(tokens) => run.join("pretrain/snapshots").join(tokens.to_string()),
        }
    }
}

/// The model that it needs, or was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseFacts {
    /// Its `owner/name` on the Hub; `None` if it is only here.
    pub id: Option<String>,
    /// The commit of it that was used, if it came from the Hub.
    pub commit: Option<String>,
    /// What people call it; no path.
    pub name: String,
    /// The SHA-256 of its weights, if it is recorded.
    pub hash: Option<String>,
}

/// What a card is written from.
#[derive(Debug)]
pub struct CardFacts<'a> {
    /// The study.
    pub study: &'a Study,
    /// What the card is of.
    pub subject: Subject<'a>,
    /// The model that it needs, or was made from.
    pub base: BaseFacts,
    /// The stage's `outcome`.
    pub outcome: Value,
    /// Where every row and token went.
    pub ledger: Value,
    /// The comparison; null if there is none yet.
    pub comparison: Value,
    /// The recipe as resolved.
    pub recipe: String,
    /// The licence, if it is said.
    pub license: Option<String>,
    /// Where it is published, if it is.
    pub repository: Option<String>,
    /// The others of the study that are published with it: names and where they are.
    pub siblings: Vec<(String, String)>,
}

impl<'a> CardFacts<'a> {
    /// Reads the records of a run; those that are not there yet are left out.
    ///
    /// # Errors
    /// A record is there and cannot be read.
    pub fn read(run: &Path, study: &'a Study, subject: Subject<'a>) -> Result<Self> {
        let optional =
            |path: PathBuf| -> Result<Value> { if path.exists() { files::read_json(&path) } else { Ok(Value::Null) } };
        let stage = match subject.plan() {
            Some(plan) => plan.name.clone(),
            None => "pretrain".to_owned(),
        };
        let record = optional(subject.folder(run).join("stage.json"))?;
        let recipe = run.join("recipe.yaml");
        let recipe = if recipe.exists() { files::read_text(&recipe)? } else { String::new() };
        let mut base = BaseFacts::of(study, subject, &optional(run.join("lock.json"))?);
        // What is there without a record is half of something.
        if let (Subject::Adapter(_) | Subject::Merged(_), false) = (subject, record.is_null()) {
            base.hash = adapter::recorded_base(&subject.folder(run))?.or(base.hash);
        }
        Ok(Self {
            study,
            subject,
            base,
            outcome: record.get("outcome").cloned().unwrap_or_default(),
            ledger: optional(run.join("data").join(format!("{stage}.ledger.json")))?,
            comparison: optional(run.join("comparison.json"))?,
            recipe,
            license: None,
            repository: None,
            siblings: Vec::new(),
        })
    }

    /// How it was trained; `None` for a snapshot of a recipe that has no pretraining any more.
    pub fn training(&self) -> Option<&'a Training> {
        match self.subject.plan() {
            Some(plan) => Some(&plan.training),
            None => self.study.pretrain.as_ref().map(|pretrain| &pretrain.training),
        }
    }

    /// The heading: where it is, or what it is called.
    pub fn title(&self) -> String {
        match &self.repository {
            Some(repository) => repository.rsplit('/').next().unwrap_or(repository).to_owned(),
            None => self.subject.candidate(),
        }
    }

    /// One sentence that says what it is.
    pub fn sentence(&self) -> String {
        let on = match (&self.base.id, self.subject.on()) {
            (Some(id), _) => format!("[{id}](https://huggingface.co/{id})"),
            (None, _) => self.base.name.clone(),
        };
        let (study, version) = (&self.study.name, env!("CARGO_PKG_VERSION"));
        let by = format!("of the study `{study}`, by [emakeel](https://github.com/emakeel/emakeel) {version}");
        let lora = |plan: &AdapterPlan| match &plan.method {
            Method::Lora(lora) if lora.kind == AdapterKind::Ia3 => format!("(IA)³ adapter `{}`", plan.name),
            Method::Lora(lora) if lora.kind == AdapterKind::Vera => {
                format!("VeRA adapter `{}` of rank {}", plan.name, lora.rank)
            }
            Method::Lora(lora) if lora.kind == AdapterKind::Dora => {
                format!("DoRA adapter `{}` of rank {} (alpha {})", plan.name, lora.rank, lora.alpha)
            }
            Method::Lora(lora) => format!("LoRA adapter `{}` of rank {} (alpha {})", plan.name, lora.rank, lora.alpha),
            Method::Full => format!("adapter `{}`", plan.name),
        };
        match self.subject {
            Subject::Adapter(plan) => format!("The {} {by}. It stands on {on}.", lora(plan)),
            Subject::Merged(plan) => format!("{on} with the {} merged into it, {by}.", lora(plan)),
            Subject::Full(plan) => format!("The full tune `{}` of {on}, {by}.", plan.name),
            Subject::Snapshot(tokens) => format!("{on} after {tokens} more tokens of pretraining, {by}."),
        }
    }
}

impl BaseFacts {
    fn of(study: &Study, subject: Subject<'_>, lock: &Value) -> Self {
        let hash = || Some(lock.get("origins")?.get("base")?.as_str()?.to_owned());
        let local = |name: String| Self { id: None, commit: None, name, hash: hash() };
        match (subject.on(), &study.base.origin) {
            (Foundation::Snapshot(tokens), _) => {
                Self { hash: None, ..local(format!("the study's own snapshot after {tokens} tokens of pretraining")) }
            }
            (Foundation::Base, _) if study.base.new_pieces() > 0 => {
                local("the study's base with more pieces in its tokenizer".to_owned())
            }
            (Foundation::Base, BaseOrigin::Hub { name, .. }) => {
                let commit = lock.get("hub").and_then(|hub| hub.get("base")?.get("commit")?.as_str());
                let commit = commit.map(str::to_owned);
                Self { id: Some(name.clone()), commit, name: name.clone(), hash: hash() }
            }
            (Foundation::Base, BaseOrigin::BuiltIn(name)) => local(format!("`{name}`, which comes with emakeel")),
            (Foundation::Base, BaseOrigin::New(_)) => local("random weights".to_owned()),
            (Foundation::Base, BaseOrigin::Folder(folder)) => {
                let name = folder.file_name().map_or("a model".into(), |name| name.to_string_lossy());
                local(format!("`{name}`, a model of its author's"))
            }
        }
    }
}
