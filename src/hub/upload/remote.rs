//! What a repository is like before something is sent to it.

use std::collections::BTreeMap;

use hf_hub::repository::RepoTreeEntry;
use serde_json::json;

use super::content::OutFile;
use super::sending::{Sending, Step};
use crate::error::Error;
use crate::hub::failure::Failure;
use crate::hub::refusal::short;

/// The state of `main`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// The commit that it is at.
    pub commit: String,
    /// Whether only its owner sees the repository.
    pub private: bool,
    /// By path: Git's name for the file, or for the pointer that stands for a large one.
    pub files: BTreeMap<String, String>,
}

impl Remote {
    /// Whether a file is there as it is to be.
    pub fn has(&self, file: &OutFile) -> bool {
        self.files.get(&file.path).is_some_and(|id| *id == file.git || *id == file.pointer)
    }

    /// Paths that are not the same in both.
    pub fn changes(&self, other: &Self) -> Vec<String> {
        let differs = |path: &&String| self.files.get(*path) != other.files.get(*path);
        let mut paths: Vec<String> = self.files.keys().chain(other.files.keys()).filter(differs).cloned().collect();
        paths.sort();
        paths.dedup();
        paths
    }
}

impl Sending<'_> {
    /// The state of `main`, of a repository that is made if it is not there.
    pub(super) fn open(&self) -> Step<Remote> {
        let step = "looking at the repository";
        match self.tried(step, || self.main()) {
            Err((Failure::Refused(refusal), _)) if matches!(refusal.status, 401 | 404) => {
                self.make()?;
                self.told(step, self.tried(step, || self.main()))
            }
            state => self.told(step, state),
        }
    }

    /// The state of `main` of a repository that is there.
    pub(super) fn look_again(&self) -> Step<Remote> {
        let step = "looking at the repository again";
        self.told(step, self.tried(step, || self.main()))
    }

    fn main(&self) -> Result<Remote, Failure> {
        let model = self.web.api.model(self.name.owner(), self.name.name());
        let info = model.info().revision("main").send()?;
        let Some(commit) = info.sha else {
            return Err(Failure::Cut("the Hub does not say which commit main is at".to_owned()));
        };
        let files = match model.list_tree().revision(&commit).recursive(true).send() {
            Ok(entries) => entries.into_iter().filter_map(id_of).collect(),
            Err(error) => return Err(error.into()),
        };
        Ok(Remote { commit, private: info.private.unwrap_or(false), files })
    }

    fn make(&self) -> Step<()> {
        let step = "making the repository";
        let body = json!({
            "name": self.name.name(), "organization": self.name.owner(), "type": "model",
            "private": self.upload.private,
        });
        let address = format!("{}/api/repos/create", self.endpoint());
        match self.tried(step, || self.post(&address, &body)) {
            // Somebody was faster, or an earlier try arrived and its answer did not.
            Err((Failure::Refused(refusal), _)) if refusal.status == 409 => Ok(()),
            made => self.told(step, made).map(|_| ()),
        }
    }

    /// Refuses to send what is to be private to where everybody reads it.
    pub(super) fn check_privacy(&self, remote: &Remote) -> Step<()> {
        if !self.upload.private || remote.private {
            return Ok(());
        }
        Err(Error::new("the repository is there, and public, but what is to be sent is to be private")
            .at(format!("model {} at {}", self.name, short(&remote.commit)))
            .hint("make it private in its settings, give another name, or say --public"))
    }
}

fn id_of(entry: RepoTreeEntry) -> Option<(String, String)> {
    match entry {
        RepoTreeEntry::File { path, oid, .. } => Some((path, oid)),
        RepoTreeEntry::Directory { .. } => None,
    }
}
