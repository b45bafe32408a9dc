//! Values of a JSON file: the elements of one array, or one value a line.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::lines::Lines;
use crate::error::{Error, Result};
use crate::files;

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Value {
    pub value: serde_json::Value,
    pub line: u64,
    pub bytes: u64,
}

type Values = Box<dyn Iterator<Item = Result<Value>> + Send>;

/// The values of a file. An array is read into memory whole, lines are not.
pub(super) fn values(path: &Path) -> Result<Values> {
    if first_byte(path)? == Some(b'[') {
        return Ok(Box::new(Elements::open(path)?));
    }
    let mut lines = Lines::open(path)?;
    let mut skipped = 0;
    Ok(Box::new(std::iter::from_fn(move || {
        loop {
            let line = match lines.next()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            skipped += line.bytes;
            if !line.text.trim().is_empty() {
                let value = serde_json::from_str(&line.text).map_err(|e| {
                    invalid(&e)
                        .at(format!("{}:{}", lines.place(line.number), e.column()))
                        .hint("the file must be one JSON array, or have one JSON object a line")
                });
                let bytes = std::mem::take(&mut skipped);
                return Some(value.map(|value| Value { value, line: line.number, bytes }));
            }
        }
    })))
}

fn invalid(source: &serde_json::Error) -> Error {
    let text = source.to_string();
    // The library counts lines from the start of what it was given, which is not the file.
    Error::new(format!("cannot read JSON: {}", text.split(" at line ").next().unwrap_or(&text)))
}

fn first_byte(path: &Path) -> Result<Option<u8>> {
    let failed = |e| Error::io(path, "read the file", &e);
    let mut start = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(1 << 16).read_to_end(&mut start).map_err(failed)?;
    let start = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&start);
    Ok(start.iter().copied().find(|byte| !byte.is_ascii_whitespace()))
}

/// The elements of an array, parsed one at a time.
struct Elements {
    path: PathBuf,
    text: String,
    at: usize,
    line: u64,
    counted: usize,
    taken: usize,
    done: bool,
}

impl Elements {
    fn open(path: &Path) -> Result<Self> {
        let text = files::read_text(path)?;
        let at = text.find('[').map_or(text.len(), |at| at + 1);
        Ok(Self { path: path.to_owned(), text, at, line: 1, counted: 0, taken: 0, done: false })
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_spaces(&mut self) -> Option<char> {
        let rest = self.rest().trim_start();
        let first = rest.chars().next();
        self.at = self.text.len() - rest.len();
        first
    }

    /// The line of the byte at `at`.
    fn line_at(&mut self, at: usize) -> u64 {
        let new = self.text.get(self.counted..at).unwrap_or_default();
        self.line += new.bytes().filter(|byte| *byte == b'\n').count() as u64;
        self.counted = self.counted.max(at);
        self.line
    }

    fn error(&mut self, error: Error) -> Result<Option<Value>> {
        let line = self.line_at(self.at);
        Err(error.at(format!("{}:{line}", self.path.display())))
    }

    fn read(&mut self) -> Result<Option<Value>> {
        if self.skip_spaces() == Some(']') {
            self.at += 1;
            return match self.skip_spaces() {
                None => Ok(None),
                Some(more) => self.error(Error::new(format!("{more:?} after the end of the JSON array"))),
            };
        }
        let mut parser = serde_json::Deserializer::from_str(self.rest()).into_iter::<serde_json::Value>();
        let parsed = parser.next();
        let length = parser.byte_offset();
        let value = match parsed {
            Some(Ok(value)) => value,
            Some(Err(e)) => {
                self.at += offset(self.rest(), e.line(), e.column());
                return self.error(invalid(&e));
            }
            None => return self.error(Error::new("the JSON array has no end").hint("is the file cut off?")),
        };
        let line = self.line_at(self.at);
        self.at += length;
        match self.skip_spaces() {
            Some(',') => self.at += 1,
            Some(']') => {}
            _ => return self.error(Error::new("the JSON array has no comma or end after an element")),
        }
        let bytes = (self.at - std::mem::replace(&mut self.taken, self.at)) as u64;
        Ok(Some(Value { value, line, bytes }))
    }
}

/// The offset of a line and column, both from 1, in a text.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

impl Iterator for Elements {
    type Item = Result<Value>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let value = self.read().transpose();
        self.done = !matches!(value, Some(Ok(_)));
        value
    }
}
