//! No token, key or path of this machine goes out: every byte of every file is looked through.
//!
//! Secrets are looked for everywhere; paths where a person or a program would read them: in texts, and in the header of
//! a safetensors file, but not among the pieces of a tokenizer.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// Bytes read at a time; what begins in one piece and ends in the next is found too.
const PIECE: usize = 1 << 20;
/// The longest thing that is looked for, but for the token and the run folder.
const LONGEST: usize = 256;

/// Words that secrets begin with, how many letters follow at least, and what they are.
const SECRETS: [(&str, usize, &str); 9] = [
    ("hf_", 20, "a token of the Hub"),
    ("api_org_", 20, "a token of the Hub"),
    ("sk-", 20, "a key of an API"),
    ("ghp_", 30, "a token of GitHub"),
    ("github_pat_", 20, "a token of GitHub"),
    ("AKIA", 16, "a key of AWS"),
    ("xoxb-", 20, "a token of Slack"),
    ("AIza", 30, "a key of Google"),
    ("glpat-", 20, "a token of GitLab"),
];

/// Folders that only this machine has.
const PLACES: [&str; 10] =
    ["/home/", "/root/", "/work/", "/Users/", "/mnt/", "/tmp/", "/scratch/", "/workspace/", "/media/", "/var/"];

/// Looks through a file; says everything that is found in it, each thing once.
///
/// # Errors
/// The file cannot be read.
pub fn found(path: &Path, token: Option<&str>, run: &Path) -> Result<Vec<String>> {
    let failed = |e| Error::io(path, "read the file", &e);
    let mut file = File::open(path).map_err(failed)?;
    let mut left = match path.extension().and_then(|ending| ending.to_str()) {
        Some("safetensors") => header(&mut file).map_err(failed)?,
        _ if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tokenizer.")) => 0,
        _ => usize::MAX,
    };
    let run = run.canonicalize().unwrap_or_else(|_| run.to_owned()).display().to_string();
    let keep = LONGEST.max(token.map_or(0, str::len)).max(run.len());
    let (mut window, mut buffer, mut findings) = (Vec::new(), vec![0; PIECE], Vec::new());
    let mut file = File::open(path).map_err(failed)?;
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        window.extend_from_slice(buffer.get(..count).unwrap_or_default());
        secrets_in(&window, token, &mut findings);
        let text = window.get(..window.len().min(left)).unwrap_or_default();
        paths_in(text, &run, &mut findings);
        if count == 0 {
            findings.sort();
            findings.dedup();
            return Ok(findings);
        }
        let gone = window.len().saturating_sub(keep);
        window.drain(..gone);
        left = left.saturating_sub(gone);
    }
}

/// Bytes of a safetensors file before its tensors.
fn header(file: &mut File) -> std::io::Result<usize> {
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    Ok(usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX).saturating_add(8))
}

fn secrets_in(bytes: &[u8], token: Option<&str>, findings: &mut Vec<String>) {
    if token.is_some_and(|token| !token.is_empty() && places(bytes, token.as_bytes()).next().is_some()) {
        findings.push("the token itself".to_owned());
    }
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    for (beginning, least, what) in SECRETS {
        for at in places(bytes, beginning.as_bytes()) {
            let starts = at.checked_sub(1).and_then(|at| bytes.get(at)).is_none_or(|before| !is_word(before));
            let rest = bytes.get(at + beginning.len()..).unwrap_or_default();
            if starts && rest.iter().take_while(|byte| is_word(byte)).count() >= least {
                findings.push(format!("what looks like {what} ({beginning}…)"));
            }
        }
    }
    for at in places(bytes, b"-----BEGIN ") {
        let line = bytes.get(at..bytes.len().min(at + 80)).unwrap_or_default();
        if places(line, b"PRIVATE KEY").next().is_some() {
            findings.push("a private key".to_owned());
        }
    }
}

fn paths_in(bytes: &[u8], run: &str, findings: &mut Vec<String>) {
    if run.len() > 1 && places(bytes, run.as_bytes()).next().is_some() {
        findings.push("the path of the run folder".to_owned());
    }
    // What stands behind a letter belongs to an address: https://example.org/home/page.
    let stands_alone = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"/._~-".contains(byte))
    };
    for place in PLACES {
        for at in places(bytes, place.as_bytes()).filter(|at| stands_alone(*at)) {
            let rest = bytes.get(at + place.len()..).unwrap_or_default();
            let name: Vec<u8> = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).copied().collect();
            if !name.is_empty() {
                findings.push(format!("a path of this machine ({place}{}…)", String::from_utf8_lossy(&name)));
            }
        }
    }
    for at in places(bytes, b":\\") {
        let letter = at.checked_sub(1).filter(|at| bytes.get(*at).is_some_and(u8::is_ascii_alphabetic));
        let next = bytes.get(at + 2).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'\\');
        if let (Some(letter), true) = (letter, next)
            && stands_alone(letter)
        {
            let name = bytes.get(letter).copied().map(char::from).unwrap_or('C');
            findings.push(format!("a path of this machine ({name}:\\…)"));
        }
    }
}

/// Where some bytes stand among others.
fn places<'b>(bytes: &'b [u8], wanted: &'b [u8]) -> impl Iterator<Item = usize> + 'b {
    let first = wanted.first().copied();
    let mut from = 0;
    std::iter::from_fn(move || {
        let first = first?;
        loop {
            let rest = bytes.get(from..)?;
            let at = from + rest.iter().position(|byte| *byte == first)?;
            from = at + 1;
            if bytes.get(at..)?.starts_with(wanted) {
                return Some(at);
            }
        }
    })
}
