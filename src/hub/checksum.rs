//! Whether a file's bytes are those that its name in the cache stands for.
//!
//! The Hub names a large file by the SHA-256 of its bytes and a small one by Git's object id: the SHA-1 of `blob`, the
//! length and the bytes. A mirror may name files in ways of its own; of those only the size is compared.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::sha1::Sha1;
use crate::error::{Error, Result};
use crate::files;

/// Whether the bytes are those of that name; true for a name that is no hash.
pub(super) fn matches(path: &Path, etag: &str) -> Result<bool> {
    let is_hash = etag.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(match etag.len() {
        64 if is_hash => files::sha256_of_file(path)? == etag.to_ascii_lowercase(),
        40 if is_hash => git_blob(path)? == etag.to_ascii_lowercase(),
        _ => true,
    })
}

fn git_blob(path: &Path) -> Result<String> {
    let failed = |e| Error::io(path, "read the file", &e);
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", file.metadata().map_err(failed)?.len()).as_bytes());
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            return Ok(hash.finish());
        }
        hash.update(buffer.get(..count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_names_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "hello\n").unwrap();
        // `git hash-object` and `sha256sum` of the same file.
        assert!(matches(&path, "ce013625030ba8dba906f756967f9e9ca394464a").unwrap());
        assert!(matches(&path, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03").unwrap());
        std::fs::write(&path, "hellp\n").unwrap();
        assert!(!matches(&path, "ce013625030ba8dba906f756967f9e9ca394464a").unwrap());
        assert!(!matches(&path, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03").unwrap());
        assert!(matches(&path, "a-name-of-a-mirror").unwrap());
    }
}
