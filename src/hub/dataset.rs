//! A data set: one subset and split of a repository, at one commit.

use std::sync::Arc;

use super::ahead::Files;
use super::download::{self, Transfer};
use super::repository::{Entry, Kind, Repository, commit_of};
use super::selection::{self, Card};
use super::{Client, Name};
use crate::error::{Error, Place, Result};
use crate::files;
use crate::progress::Progress;

/// What is wanted of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: Name,
    /// A part of it, such as a language; `None` for the only or default one.
    pub subset: Option<String>,
    /// `train`, `validation`, `test`, or another that it has.
    pub split: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// The commit that the revision is taken for; `None` asks the Hub.
    pub commit: Option<String>,
}

impl Wanted {
    /// The train split of the default subset on `main`.
    pub fn of(name: Name) -> Self {
        Self { name, subset: None, split: "train".to_owned(), revision: "main".to_owned(), commit: None }
    }
}

/// The files of one subset and split at one commit.
#[derive(Debug, Clone)]
pub struct Dataset {
    repository: Arc<Repository>,
    chosen: selection::Chosen,
    split: String,
}

impl Dataset {
    /// Finds the files of a data set; nothing but its README is fetched.
    ///
    /// # Errors
    /// It is not there or not for everyone; there is no such subset or split: says which there are; it is a program;
    /// offline, what is needed is not in the cache.
    pub fn open(client: &Client, wanted: &Wanted) -> Result<Self> {
        let commit = match &wanted.commit {
            Some(commit) => commit.clone(),
            None => commit_of(client, Kind::Dataset, &wanted.name, &wanted.revision)?,
        };
        let repository = Repository::open(client, Kind::Dataset, &wanted.name, &commit)?;
        let cards = cards(&repository)?;
        let (subset, split) = (wanted.subset.as_deref(), wanted.split.as_str());
        let own = wanted.name.name();
        let chosen = selection::choose(repository.entries(), &cards, own, &wanted.revision, subset, split)
            .at(repository.place())?;
        if !repository.is_listed() {
            refuse_gaps(&repository, &chosen.files)?;
        }
        Ok(Self { repository: Arc::new(repository), chosen, split: wanted.split.clone() })
    }

    /// The commit.
    pub fn commit(&self) -> &str {
        self.repository.commit()
    }

    /// Its files in the order in which they are read.
    pub fn entries(&self) -> &[Entry] {
        &self.chosen.files
    }

    /// Files of the split that are in another format than most, and are not read.
    pub fn left_out(&self) -> &[String] {
        &self.chosen.left_out
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.chosen.files.iter().filter_map(|entry| entry.size).sum()
    }

    /// A file as people know it: `hf://datasets/owner/name@commit/path`.
    pub fn address(&self, entry: &Entry) -> String {
        format!("hf://datasets/{}@{}/{}", self.repository.name(), self.commit(), entry.path)
    }

    /// A hash of what the rows follow from: the commit, the subset and split, and the files.
    pub fn fingerprint(&self) -> String {
        let mut lines = vec![
            format!("hub dataset {}", self.repository.name()),
            format!("commit {}", self.commit()),
            format!("subset {:?} split {:?}", self.chosen.subset, self.split),
        ];
        lines.extend(self.chosen.files.iter().map(|entry| entry.path.clone()));
        files::sha256(lines.join("\n"))
    }

    /// The files, each fetched when it is wanted; with `ahead` also the next one meanwhile.
    pub fn files(&self, ahead: bool, progress: Progress) -> Files {
        Files::new(Arc::clone(&self.repository), self.chosen.files.clone(), ahead, progress)
    }
}

/// The headers that say which files a subset has; the one of its own file comes first.
fn cards(repository: &Repository) -> Result<Vec<Card>> {
    let mut cards = Vec::new();
    for (path, is_yaml) in [(".huggingface.yaml", true), ("README.md", false)] {
        if let Some(entry) = repository.entry(path) {
            let place = download::fetch(repository, entry, &Transfer::default())?;
            let bytes = files::read(&place)?;
            let card = selection::read_card(&String::from_utf8_lossy(&bytes), is_yaml);
            cards.push(card.at(format!("{}: {path}", repository.place()))?);
        }
    }
    Ok(cards)
}

/// Refuses a part of a data set in place of the whole, where names say how many files there are:
/// `train-00000-of-00003.parquet`.
fn refuse_gaps(repository: &Repository, files: &[Entry]) -> Result<()> {
    for entry in files {
        let Some((start, end)) = entry.path.split_once("-of-") else { continue };
        let (digits, rest) = end.split_at(end.find(|c: char| !c.is_ascii_digit()).unwrap_or(end.len()));
        let (Some(stem), Ok(count)) = (start.strip_suffix(|c: char| c.is_ascii_digit()), digits.parse::<u32>()) else {
            continue;
        };
        let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit());
        for index in 0..count.min(100_000) {
            let width = start.len() - stem.len();
            let path = format!("{stem}{index:0width$}-of-{digits}{rest}");
            if !files.iter().any(|file| file.path == path) {
                return Err(Error::new(format!("file {path} is not in the cache, and HF_HUB_OFFLINE is set"))
                    .at(repository.place())
                    .hint("run once without HF_HUB_OFFLINE"));
            }
        }
    }
    Ok(())
}
