//! What format a file has.

use std::path::Path;

use super::open::Input;
use crate::error::{Error, Result};
use crate::recipe::FileFormat;

/// Endings that say what a file is compressed with; they are left out when the format is told from the name.
const COMPRESSED: [&str; 7] = ["gz", "gzip", "bgz", "zst", "zstd", "bz2", "xz"];

/// The format of a file, by its content where that says it and by its name otherwise.
///
/// # Errors
/// The file cannot be opened, is empty, an archive, or not of the format that the recipe or its name says.
pub(super) fn of(input: &Input, wanted: Option<FileFormat>) -> Result<FileFormat> {
    let name = input.name();
    if input.size()? == 0 {
        return Err(Error::new("the file is empty").at(name));
    }
    let opened = input.open()?;
    let head = opened.head.as_slice();
    if head.is_empty() {
        return Err(Error::new("the file is empty inside its compression").at(name));
    }
    let content = by_content(head);
    let format = wanted.or(content).unwrap_or_else(|| by_name(&name, head));
    let refused = |what: &str, hint: &str| Err(Error::new(what).at(name.as_str()).hint(hint));
    match (format, content) {
        (FileFormat::Parquet, Some(FileFormat::Parquet)) if opened.compressed => refused(
            "a Parquet file cannot be read from inside a compressed one",
            "decompress it: it is compressed within",
        ),
        (FileFormat::Parquet, other) if other != Some(FileFormat::Parquet) => refused(
            "the file is not Parquet: it does not begin with PAR1",
            "is the file whole, and what its name says?",
        ),
        (FileFormat::Arrow, None) if head.starts_with(b"FEA1") => {
            refused("the file is Feather version 1", "write it again as Arrow IPC, Parquet or JSON lines")
        }
        (FileFormat::Arrow, other) if other != Some(FileFormat::Arrow) => {
            refused("the file is not an Arrow IPC file or stream", "is the file whole, and what its name says?")
        }
        _ => Ok(format),
    }
}

fn by_content(head: &[u8]) -> Option<FileFormat> {
    match head {
        [b'P', b'A', b'R', b'1', ..] => Some(FileFormat::Parquet),
        // A stream begins with the mark that goes on with a message, and the message's length, less than 16 MB.
        [0xff, 0xff, 0xff, 0xff, _, _, _, 0, ..] => Some(FileFormat::Arrow),
        _ if head.starts_with(b"ARROW1\0\0") => Some(FileFormat::Arrow),
        _ => None,
    }
}

fn by_name(name: &str, head: &[u8]) -> FileFormat {
    match ending(name).as_deref() {
        Some("json") => FileFormat::Json,
        // No row is a list, so a file that begins with one is one list.
        Some("jsonl" | "ndjson" | "jsonlines") if first_mark(head) == Some(b'[') => FileFormat::Json,
        Some("jsonl" | "ndjson" | "jsonlines") => FileFormat::Jsonl,
        Some("csv") => FileFormat::Csv,
        Some("tsv" | "tab") => FileFormat::Tsv,
        Some("parquet" | "pq") => FileFormat::Parquet,
        Some("arrow" | "feather" | "ipc") => FileFormat::Arrow,
        // A name that says nothing.
        None if looks_like_json(head) => FileFormat::Json,
        _ => FileFormat::Text,
    }
}

/// The last ending in lower case that is not one of a compression.
fn ending(name: &str) -> Option<String> {
    let mut path = Path::new(name);
    loop {
        let ending = path.extension()?.to_string_lossy().to_lowercase();
        if !COMPRESSED.contains(&ending.as_str()) {
            return Some(ending);
        }
        path = Path::new(path.file_stem()?);
    }
}

fn looks_like_json(head: &[u8]) -> bool {
    let mut marks = marks(head);
    matches!((marks.next(), marks.next()), (Some(b'{'), Some(b'"' | b'}')) | (Some(b'['), Some(b'{' | b'"' | b']')))
}

fn first_mark(head: &[u8]) -> Option<u8> {
    marks(head).next()
}

/// The bytes that are no white space, without a byte order mark.
fn marks(head: &[u8]) -> impl Iterator<Item = u8> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.iter().copied().filter(|byte| !byte.is_ascii_whitespace())
}
