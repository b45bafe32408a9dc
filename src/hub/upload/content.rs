//! A file that is to be sent: its size and hashes, read once and in small pieces.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::hub::cache::is_inside;
use crate::hub::sha1::Sha1;

/// Bytes from the beginning by which the Hub tells text from other things.
const SAMPLE: usize = 512;

/// A file on the disk, and where it goes.
#[derive(Debug, Clone)]
pub struct OutFile {
    /// Its path in the repository.
    pub path: String,
    /// Where it lies here.
    pub place: PathBuf,
    /// Bytes.
    pub size: u64,
    /// The SHA-256 of its bytes, by which a large file is named.
    pub sha256: String,
    /// Git's name for it, by which a small file is named.
    pub(super) git: String,
    /// Git's name for the pointer that stands for it if it is large.
    pub(super) pointer: String,
    /// Its first bytes.
    pub(super) sample: Vec<u8>,
}

impl OutFile {
    /// Reads a file's size and hashes; memory does not grow with its size.
    ///
    /// # Errors
    /// It cannot be read; its path would leave the repository.
    pub fn read(path: &str, place: &Path) -> Result<Self> {
        if !is_inside(path) {
            return Err(Error::new("a path that leaves the repository").got(format!("{path:?}")));
        }
        let failed = |e| Error::io(place, "read the file", &e);
        let mut file = File::open(place).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let (mut sha256, mut git) = (Sha256::new(), Sha1::new());
        git.update(format!("blob {size}\0").as_bytes());
        let (mut buffer, mut sample, mut read) = (vec![0; 1 << 20], Vec::new(), 0);
        loop {
            let count = file.read(&mut buffer).map_err(failed)?;
            let bytes = buffer.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            let missing = SAMPLE.saturating_sub(sample.len());
            sample.extend(bytes.iter().take(missing));
            sha256.update(bytes);
            git.update(bytes);
            read += count as u64;
        }
        if read != size {
            return Err(Error::new("the file changes while it is read").at(place.display().to_string()));
        }
        let sha256: String = sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let pointer = pointer(&sha256, size);
        Ok(Self { path: path.to_owned(), place: place.to_owned(), size, sha256, git: git.finish(), pointer, sample })
    }
}

/// Git's name for a pointer of Git LFS.
///
/// # Source  the specification of Git LFS, "The Pointer"
fn pointer(sha256: &str, size: u64) -> String {
    let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n");
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0{text}", text.len()).as_bytes());
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_names_that_git_and_the_hub_give_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a");
        std::fs::write(&place, "hello\n").unwrap();
        let file = OutFile::read("deep/a", &place).unwrap();
        assert_eq!((file.size, file.sample.as_slice()), (6, b"hello\n".as_slice()));
        assert_eq!(file.git, "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(file.sha256, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
        assert!(OutFile::read("../a", &place).is_err());
    }
}
