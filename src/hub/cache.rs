//! The Hub's cache on the disk, laid out as `huggingface_hub` does, so that both use each other's files.
//!
//! ```text
//! <cache>/datasets--owner--name/
//!   blobs/<etag>                     contents, by their hash
//!   blobs/<etag>.incomplete          what has arrived of one
//!   snapshots/<commit>/<path>        links to contents
//!   refs/<branch>                    the commit that a branch was at
//!   trees/<commit>.json              a commit's files and their sizes
//! <cache>/.locks/datasets--owner--name/<etag>.lock
//! ```

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::repository::{Entry, Kind};
use super::{Name, retry};
use crate::error::{Error, Result};
use crate::files;

/// The cache of one repository.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    root: PathBuf,
    folder: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Tree {
    format_version: u32,
    files: BTreeMap<String, TreeFile>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TreeFile {
    size: u64,
    blob_id: String,
}

impl Cache {
    pub fn new(root: &Path, kind: Kind, name: &Name) -> Self {
        let folder = format!("{}s--{}--{}", kind.singular(), name.owner(), name.name());
        Self { root: root.to_owned(), folder }
    }

    fn inside(&self, kind: &str, name: &str) -> PathBuf {
        self.root.join(&self.folder).join(kind).join(name)
    }

    pub fn blob(&self, etag: &str) -> PathBuf {
        self.inside("blobs", etag)
    }

    pub fn partial(&self, etag: &str) -> PathBuf {
        self.inside("blobs", &format!("{etag}.incomplete"))
    }

    /// The folder of a commit.
    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.inside("snapshots", commit)
    }

    /// The commit that a branch or tag was at when it was last asked for.
    pub fn read_ref(&self, revision: &str) -> Option<String> {
        let commit = std::fs::read_to_string(self.inside("refs", revision)).ok()?.trim().to_owned();
        is_commit(&commit).then_some(commit)
    }

    pub fn write_ref(&self, revision: &str, commit: &str) -> Result<()> {
        let path = self.inside("refs", revision);
        if std::fs::read_to_string(&path).is_ok_and(|known| known.trim() == commit) {
            return Ok(());
        }
        files::make_folder(path.parent().unwrap_or(&path))?;
        put(&path, commit)
    }

    /// The files of a commit, if they were listed before; a list that cannot be read is none.
    pub fn read_tree(&self, commit: &str) -> Option<Vec<Entry>> {
        let text = std::fs::read_to_string(self.inside("trees", &format!("{commit}.json"))).ok()?;
        let tree: Tree = serde_json::from_str(&text).ok()?;
        let entry = |(path, file): (String, TreeFile)| Entry { path, size: Some(file.size), id: file.blob_id };
        (tree.format_version == 1).then(|| tree.files.into_iter().map(entry).collect())
    }

    /// Keeps the files of a commit. `huggingface_hub` reads from it which files there are.
    pub fn write_tree(&self, commit: &str, entries: &[Entry]) -> Result<()> {
        let file = |entry: &Entry| {
            let size = entry.size.unwrap_or(0);
            (entry.path.clone(), TreeFile { size, blob_id: entry.id.clone() })
        };
        let path = self.inside("trees", &format!("{commit}.json"));
        files::make_folder(path.parent().unwrap_or(&path))?;
        let tree = Tree { format_version: 1, files: entries.iter().map(file).collect() };
        put(&path, serde_json::to_vec(&tree).map_err(|e| Error::new(format!("cannot write the list of files: {e}")))?)
    }

    /// The files that lie in a commit's folder, in the order of their names.
    pub fn walk(&self, commit: &str) -> Vec<Entry> {
        let root = self.snapshot(commit);
        let mut folders = vec![root.clone()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let (Ok(inside), Ok(data)) = (path.strip_prefix(&root), path.metadata()) {
                    let path = inside.to_string_lossy().replace('\\', "/");
                    found.push(Entry { path, size: Some(data.len()), id: String::new() });
                }
            }
        }
        found.sort_by(|one, other| one.path.cmp(&other.path));
        found
    }

    /// Links a content into a commit's folder.
    pub fn link(&self, commit: &str, path: &str, etag: &str) -> Result<PathBuf> {
        let place = self.snapshot(commit).join(path);
        files::make_folder(place.parent().unwrap_or(&place))?;
        let failed = |e| Error::io(&place, "link the file", &e);
        let _ = std::fs::remove_file(&place);
        #[cfg(unix)]
        {
            let up = "../".repeat(path.split('/').count() + 1);
            match std::os::unix::fs::symlink(format!("{up}blobs/{etag}"), &place) {
                // Another process was faster.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                made => made.map_err(failed)?,
            }
        }
        #[cfg(not(unix))]
        std::fs::copy(self.blob(etag), &place).map(|_| ()).map_err(failed)?;
        Ok(place)
    }

    /// Waits until no other process fetches this content; freed when the value is dropped.
    pub fn lock(&self, etag: &str, stop: &AtomicBool) -> Result<File, Failure> {
        let path = self.root.join(".locks").join(&self.folder).join(format!("{etag}.lock"));
        files::make_folder(path.parent().unwrap_or(&path))?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|e| Error::io(&path, "write in the cache of the Hub", &e))?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) if stop.load(Ordering::Relaxed) => return Err(retry::stopped()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(100)),
                Err(TryLockError::Error(e)) => return Err(Error::io(&path, "lock the file", &e).into()),
            }
        }
    }
}

/// Whether a revision is a commit in full.
pub(super) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a path from the Hub stays inside the folder that it is meant for.
pub(super) fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0', ':'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Whether the name of a content can be the name of a file.
pub(super) fn is_etag(etag: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=200).contains(&etag.len()) && etag.bytes().all(allowed)
}

/// Writes a small file that others may write at the same moment: each under a name of its own until it is whole.
fn put(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let own = format!(".{name}.{}-{:?}", std::process::id(), std::thread::current().id());
    let own = path.with_file_name(own);
    files::write(&own, content)?;
    std::fs::rename(&own, path).map_err(|e| Error::io(path, "write the file", &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(root: &Path) -> Cache {
        Cache::new(root, Kind::Dataset, &Name::new("a/b").unwrap())
    }

    #[test]
    fn a_link_leads_from_any_depth_to_its_content() {
        let root = tempfile::tempdir().unwrap();
        let cache = cache(root.path());
        std::fs::create_dir_all(root.path().join("datasets--a--b/blobs")).unwrap();
        std::fs::write(cache.blob("e1"), "content").unwrap();
        let commit = "1".repeat(40);
        for path in ["a.txt", "data/train/a.txt", "a.txt"] {
            let link = cache.link(&commit, path, "e1").unwrap();
            assert_eq!(std::fs::read_to_string(link).unwrap(), "content");
        }
        let walked: Vec<String> = cache.walk(&commit).into_iter().map(|entry| entry.path).collect();
        assert_eq!(walked, ["a.txt", "data/train/a.txt"]);
    }

    #[test]
    fn refs_and_trees_come_back_as_written() {
        let root = tempfile::tempdir().unwrap();
        let cache = cache(root.path());
        let commit = "a".repeat(40);
        assert_eq!(cache.read_ref("main"), None);
        cache.write_ref("refs/convert/parquet", &commit).unwrap();
        assert_eq!(cache.read_ref("refs/convert/parquet"), Some(commit.clone()));
        let entries = vec![Entry { path: "data/a.jsonl".into(), size: Some(5), id: "0".repeat(40) }];
        cache.write_tree(&commit, &entries).unwrap();
        assert_eq!(cache.read_tree(&commit), Some(entries));
        std::fs::write(cache.inside("trees", &format!("{commit}.json")), "{").unwrap();
        assert_eq!(cache.read_tree(&commit), None);
    }

    #[test]
    fn paths_of_the_hub_cannot_leave_the_cache() {
        assert!(is_inside("data/train-00000-of-00001.parquet") && is_inside(".gitattributes"));
        for bad in ["", "/etc/passwd", "../a", "a/../../b", "a//b", "a\\..\\b", "C:a"] {
            assert!(!is_inside(bad), "{bad}");
        }
        assert!(is_etag("5891b5b522d5df086d0ff0b110fbd9d21bb4fc71") && is_etag("abc-12"));
        assert!(!is_etag("../a") && !is_etag("") && !is_etag("a b"));
    }
}
