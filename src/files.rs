//! Files that appear whole or not at all: temporary name, fsync, rename.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Makes a folder and those above it.
pub fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Error::io(path, "make the folder", &e))
}

/// Writes a file whole: what was there stays until the new content is on the disk.
///
/// # Errors
/// The disk is full or the folder is not writable; the old file is then untouched.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    write_with(path, |out| out.write_all(content.as_ref()))
}

/// As [`write()`], for content that is produced piece by piece.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Result<()> {
    let temporary = temporary_beside(path);
    let outcome = (|| {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
        fill(&mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        fs::rename(&temporary, path)
    })();
    if let Err(source) = outcome {
        let _ = fs::remove_file(&temporary);
        return Err(Error::io(path, "write the file", &source));
    }
    sync_folder(path.parent());
    Ok(())
}

/// Writes a value as indented JSON, whole.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).map_err(|e| Error::new(format!("cannot write JSON: {e}")))?;
    text.push('\n');
    write(path, text)
}

/// Writes a folder whole, in place of an older one: `fill` writes into the one that it is given.
///
/// # Errors
/// Those of `fill`; the disk is full. Nothing is left then, and an older folder is untouched.
pub fn write_folder<T>(place: &Path, fill: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(parent)?;
    let unfinished = temporary_beside(place);
    remove_folder(&unfinished)?;
    let filled = make_folder(&unfinished)
        .and_then(|()| fill(&unfinished))
        .and_then(|made| rename_folder(&unfinished, place).map(|()| made));
    if filled.is_err() {
        remove_folder(&unfinished)?;
    }
    filled
}

/// Puts a finished folder in its place, over an older one if there is one.
///
/// A reader, or a process that starts after a crash, sees the old folder, none, or the new one; never a mix.
pub fn rename_folder(finished: &Path, place: &Path) -> Result<()> {
    let failed = |e| Error::io(place, "put the folder in its place", &e);
    if place.exists() {
        // Not `temporary_beside(place)`: that is where the finished folder usually is.
        let name = place.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let old = place.with_file_name(format!(".{name}.replaced"));
        remove_folder(&old)?;
        fs::rename(place, &old).map_err(failed)?;
        fs::rename(finished, place).map_err(failed)?;
        remove_folder(&old)?;
    } else {
        fs::rename(finished, place).map_err(failed)?;
    }
    sync_folder(place.parent());
    Ok(())
}

/// Removes a folder and all in it; a folder that is not there is no error.
pub fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, "remove the folder", &e)),
        _ => Ok(()),
    }
}

/// The name under which something is written before it is put in its place.
pub fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.partial"))
}

/// Reads a file as bytes.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| Error::io(path, "read the file", &e))
}

/// Reads a file as UTF-8 text.
///
/// # Errors
/// Names the line of the first byte that is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|e| {
        let valid = e.utf8_error().valid_up_to();
        let line = e.as_bytes().iter().take(valid).filter(|b| **b == b'\n').count() + 1;
        Error::new("text is not valid UTF-8")
            .at(format!("{}:{line}", path.display()))
            .hint("convert the file to UTF-8, for example with iconv")
    })
}

/// Reads a JSON file into a value.
///
/// # Errors
/// Names the line and column where the JSON or its shape is wrong.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = read_text(path)?;
    serde_json::from_str(&text).map_err(|e| {
        Error::new(format!("cannot read JSON: {e}")).at(format!("{}:{}:{}", path.display(), e.line(), e.column()))
    })
}

/// The SHA-256 of a file, in hexadecimal.
pub fn sha256_of_file(path: &Path) -> Result<String> {
    let failed = |e| Error::io(path, "read the file", &e);
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0u8; 1 << 20];
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            return Ok(hexadecimal(&hash.finalize()));
        }
        hash.update(buffer.get(..count).unwrap_or_default());
    }
}

/// The SHA-256 of bytes, in hexadecimal.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hexadecimal(&Sha256::digest(bytes.as_ref()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sync_folder(folder: Option<&Path>) {
    // Not every file system lets a folder be synced; the file's own content already is.
    if let Some(folder) = folder.and_then(|f| File::open(f).ok()) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        write(&path, "old").unwrap();
        let failed = write_with(&path, |out| {
            out.write_all(b"half")?;
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        });
        assert!(failed.is_err());
        assert_eq!(read_text(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn bad_utf8_names_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"one\ntwo\n\xff").unwrap();
        let text = read_text(&path).unwrap_err().to_string();
        assert!(text.contains("a.txt:3  text is not valid UTF-8"), "{text}");
    }

    #[test]
    fn a_folder_replaces_an_older_one() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("place");
        let new = temporary_beside(&place);
        for (folder, word) in [(&place, "old"), (&new, "new")] {
            make_folder(folder).unwrap();
            write(&folder.join("word"), word).unwrap();
        }
        rename_folder(&new, &place).unwrap();
        assert_eq!(read_text(&place.join("word")).unwrap(), "new");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
        assert_eq!(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
