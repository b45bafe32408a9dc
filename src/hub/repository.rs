//! A data set or a model at one commit: which files it has.

use hf_hub::repository::RepoTreeEntry;

use super::cache::{self, Cache};
use super::client::{Client, Web};
use super::failure::Failure;
use super::refusal::{Asked, explain};
use super::retry::retry;
use super::{Name, refusal};
use crate::error::{Error, Result};

/// What a repository holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Rows.
    Dataset,
    /// Weights, a config and a tokenizer.
    Model,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the repository.
    pub path: String,
    /// Bytes, if they are known.
    pub size: Option<u64>,
    /// Git's object id; empty if it is not known.
    pub(super) id: String,
}

/// A repository at one commit.
#[derive(Debug, Clone)]
pub struct Repository {
    pub(super) client: Client,
    pub(super) cache: Cache,
    kind: Kind,
    name: Name,
    commit: String,
    files: Vec<Entry>,
    listed: bool,
}

impl Kind {
    /// `dataset` or `model`.
    pub(super) fn singular(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Model => "model",
        }
    }

    /// As people call it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Dataset => "data set",
            Self::Model => "model",
        }
    }

    /// What stands before its name in addresses.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Dataset => "datasets/",
            Self::Model => "",
        }
    }
}

/// The commit that a revision (a branch, a tag, or a commit) is at.
///
/// # Errors
/// The repository or the revision is not there or not for everyone; offline, it was never asked for before.
pub fn commit_of(client: &Client, kind: Kind, name: &Name, revision: &str) -> Result<String> {
    if !cache::is_inside(revision) {
        return Err(Error::new("the revision").got(format!("{revision:?}")).expected("a branch, a tag or a commit"));
    }
    if cache::is_commit(revision) {
        return Ok(revision.to_ascii_lowercase());
    }
    let cache = Cache::new(&client.environment().cache, kind, name);
    if client.environment().offline {
        return cache.read_ref(revision).ok_or_else(|| offline(client, kind, name, &format!("revision {revision}")));
    }
    let web = client.web()?;
    let asked = Asked { kind, name, revision, path: None };
    let answer = retry(client.environment().patience, || sha(web, kind, name, revision));
    let commit = answer.map_err(|(failure, tries)| explain(client, asked, failure, tries))?;
    if !cache::is_commit(&commit) {
        return Err(Error::new("the Hub's answer has no commit").got(format!("{commit:?}")).at(name.to_string()));
    }
    cache.write_ref(revision, &commit)?;
    Ok(commit)
}

fn sha(web: &Web, kind: Kind, name: &Name, revision: &str) -> Result<String, Failure> {
    let sha = match kind {
        Kind::Dataset => web.api.dataset(name.owner(), name.name()).info().revision(revision).send()?.sha,
        Kind::Model => web.api.model(name.owner(), name.name()).info().revision(revision).send()?.sha,
    };
    Ok(sha.unwrap_or_default())
}

impl Repository {
    /// Opens a repository at a commit; its files are listed once and the list is kept.
    ///
    /// # Errors
    /// As of [`commit_of`].
    pub fn open(client: &Client, kind: Kind, name: &Name, commit: &str) -> Result<Self> {
        let cache = Cache::new(&client.environment().cache, kind, name);
        let (files, listed) = match cache.read_tree(commit) {
            Some(files) => (files, true),
            None if client.environment().offline => (cache.walk(commit), false),
            None => {
                let files = list(client, kind, name, commit)?;
                cache.write_tree(commit, &files)?;
                (files, true)
            }
        };
        if files.is_empty() && !listed {
            return Err(offline(client, kind, name, &format!("commit {}", refusal::short(commit))));
        }
        if let Some(bad) = files.iter().find(|file| !cache::is_inside(&file.path)) {
            return Err(Error::new("a path that leaves its folder")
                .got(format!("{:?}", bad.path))
                .at(name.to_string()));
        }
        let (client, name, commit) = (client.clone(), name.clone(), commit.to_owned());
        Ok(Self { client, cache, kind, name, commit, files, listed })
    }

    /// The commit.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Whether all files of the commit are known; offline they may only be those in the cache.
    pub fn is_listed(&self) -> bool {
        self.listed
    }

    /// All files, in the order of their paths.
    pub fn entries(&self) -> &[Entry] {
        &self.files
    }

    /// The file of that path, if there is one.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.files.iter().find(|entry| entry.path == path)
    }

    /// What people see in messages: `data set a/b at 0123456789`.
    pub fn place(&self) -> String {
        format!("{} {} at {}", self.kind.word(), self.name, refusal::short(&self.commit))
    }

    /// Where a file is on the Hub.
    pub(super) fn address(&self, path: &str) -> String {
        let (endpoint, prefix) = (&self.client.environment().endpoint, self.kind.prefix());
        format!("{endpoint}/{prefix}{}/resolve/{}/{}", self.name, self.commit, percent_encoded(path))
    }

    pub(super) fn asked<'a>(&'a self, path: &'a str) -> Asked<'a> {
        Asked { kind: self.kind, name: &self.name, revision: &self.commit, path: Some(path) }
    }
}

fn list(client: &Client, kind: Kind, name: &Name, commit: &str) -> Result<Vec<Entry>> {
    let web = client.web()?;
    let listing = || -> Result<Vec<RepoTreeEntry>, Failure> {
        Ok(match kind {
            Kind::Dataset => {
                web.api.dataset(name.owner(), name.name()).list_tree().revision(commit).recursive(true).send()?
            }
            Kind::Model => {
                web.api.model(name.owner(), name.name()).list_tree().revision(commit).recursive(true).send()?
            }
        })
    };
    let asked = Asked { kind, name, revision: commit, path: None };
    let answer = retry(client.environment().patience, listing);
    let entries = answer.map_err(|(failure, tries)| explain(client, asked, failure, tries))?;
    let mut files: Vec<Entry> = entries
        .into_iter()
        .filter_map(|entry| match entry {
            RepoTreeEntry::File { path, size, oid, .. } => Some(Entry { path, size: Some(size), id: oid }),
            RepoTreeEntry::Directory { .. } => None,
        })
        .collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The error of something that is not in the cache while nothing may be asked.
pub(super) fn offline(client: &Client, kind: Kind, name: &Name, what: &str) -> Error {
    Error::new(format!("{what} is not in the cache, and HF_HUB_OFFLINE says that the Hub must not be asked"))
        .at(format!("{} {name}", kind.word()))
        .hint(format!("run once without HF_HUB_OFFLINE; the cache is {}", client.environment().cache.display()))
}

/// A path as it stands in an address: all but letters, digits and a few signs written by their bytes.
fn percent_encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_byte_by_byte() {
        assert_eq!(percent_encoded("data/üks #1%.txt"), "data/%C3%BCks%20%231%25.txt");
    }
}
