//! What a run made to the Hub: a folder with exactly what will be sent, a gate that it must pass, and one commit.
//!
//! | file | what |
//! |---|---|
//! | `wanted` | what is asked for: which candidates, where they go, under which licence |
//! | `folder` | `publish/<candidate>/` in the run folder: the files, as they will be sent |
//! | `gate` | licence, base, card, finite weights |
//! | `secrets` | no token, key or path of this machine in any file |
//! | `reload` | what is read back from the folder answers as what was trained |
//!
//! Every candidate passes the gate before the first one is sent.

mod folder;
mod gate;
mod reload;
mod secrets;
mod wanted;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::{Place, Result};
use crate::hub::upload::{OutFile, Sent, Upload, send};
use crate::hub::{Client, Name};
use crate::progress::{Progress, short_bytes};
use crate::recipe::Recipe;
use crate::study::card::{CardFacts, Subject};
use crate::study::folder::RunFolder;
use crate::study::ground::RunOptions;
use crate::study::pins;

pub use wanted::Wanted;

/// A candidate that has passed the gate.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Its name in the study.
    pub candidate: String,
    /// Where it goes.
    pub repository: Name,
    /// The folder with what is sent.
    pub folder: PathBuf,
    /// What is sent.
    pub upload: Upload,
}

/// Writes the folders of what is wanted and lets them through the gate; nothing is sent.
///
/// # Errors
/// What does not pass, and why; all that is wrong with a candidate at once.
pub fn prepare(recipe: &Recipe, options: &RunOptions<'_>, wanted: &Wanted, client: &Client) -> Result<Vec<Prepared>> {
    let recipe = &*pins::pinned(recipe, options)?;
    let chosen = wanted.choose(recipe)?;
    let license = wanted.license(recipe)?;
    let run = RunFolder::open(options.folder)?;
    let siblings: Vec<(String, String)> = match chosen.as_slice() {
        [_] => Vec::new(),
        several => several.iter().map(|(subject, name)| (subject.candidate(), name.to_string())).collect(),
    };
    let mut reload = reload::Reload::new(recipe, &run, options);
    let mut prepared = Vec::new();
    for (subject, repository) in chosen {
        let candidate = subject.candidate();
        let place = format!("publish {candidate}");
        wanted::check_finished(&run, subject).at(&place)?;
        let mut facts = CardFacts::read(run.root(), &recipe.study, subject)?;
        facts.license = Some(license.clone());
        facts.repository = Some(repository.to_string());
        facts.siblings = siblings.clone();
        wanted.name_base(&mut facts.base)?;
        let folder = folder::write(&run, &facts, &mut reload).at(&place)?;
        options.progress.say(format!("{candidate}: looking through {}", folder.display()));
        gate::check(&folder, &facts, options.folder, client).at(&place)?;
        reload.check(&folder, subject, &facts.outcome).at(&place)?;
        let upload = Upload {
            files: files_of(&folder)?,
            summary: format!(
                "Add {candidate} of the study {}, by emakeel {}",
                recipe.study.name,
                env!("CARGO_PKG_VERSION")
            ),
            private: wanted.private(recipe),
            create_pr: wanted.create_pr,
        };
        prepared.push(Prepared { candidate, repository, folder, upload });
    }
    Ok(prepared)
}

/// The files of a folder, by name, with their hashes.
fn files_of(folder: &Path) -> Result<Vec<OutFile>> {
    folder::names(folder)?.iter().map(|name| OutFile::read(name, &folder.join(name))).collect()
}

impl Prepared {
    /// Sends it in one commit.
    ///
    /// # Errors
    /// As of [`send`].
    pub fn send(&self, client: &Client, progress: Progress, stop: &dyn Fn() -> bool) -> Result<Sent> {
        send(client, &self.repository, &self.upload, progress, stop).at(format!("publish {}", self.candidate))
    }

    /// What would be sent, for a person.
    pub fn to_text(&self, endpoint: &str) -> String {
        let seen = match (self.upload.private, self.upload.create_pr) {
            (_, true) => "as a pull request",
            (true, false) => "private if it is new",
            (false, false) => "public if it is new",
        };
        let mut text = format!("{} → {endpoint}/{} ({seen})\n", self.candidate, self.repository);
        for file in &self.upload.files {
            text.push_str(&format!("  {:>10}  {}  {}\n", short_bytes(file.size), file.sha256, file.path));
        }
        text + &format!("  card: {}", self.folder.join("README.md").display())
    }

    /// The same as one object; with what became of it, if it was sent.
    pub fn to_json(&self, sent: Option<&Sent>) -> Value {
        let file = |file: &OutFile| json!({ "path": file.path, "bytes": file.size, "sha256": file.sha256 });
        json!({
            "candidate": self.candidate,
            "repository": self.repository.to_string(),
            "private": self.upload.private,
            "create_pr": self.upload.create_pr,
            "folder": self.folder.display().to_string(),
            "card": self.folder.join("README.md").display().to_string(),
            "files": self.upload.files.iter().map(file).collect::<Vec<_>>(),
            "commit": sent.map(|sent| &sent.commit),
            "page": sent.map(|sent| &sent.page),
            "changed": sent.map(|sent| &sent.changed),
            "large_bytes_sent": sent.map(|sent| sent.bytes),
        })
    }
}

/// Whether it is an adapter in PEFT's format, and no model.
fn is_adapter(subject: Subject<'_>) -> bool {
    matches!(subject, Subject::Adapter(_))
}
