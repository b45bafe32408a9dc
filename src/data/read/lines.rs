//! Lines of a text file, checked to be UTF-8.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Reads a file line by line.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    input: BufReader<File>,
    buffer: Vec<u8>,
    line: u64,
}

/// A line without its end.
#[derive(Debug)]
pub(super) struct Line {
    pub text: String,
    /// From 1.
    pub number: u64,
    /// Bytes in the file, its end included.
    pub bytes: u64,
}

impl Lines {
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, "read the file", &e))?;
        Ok(Self { path: path.to_owned(), input: BufReader::with_capacity(1 << 18, file), buffer: Vec::new(), line: 0 })
    }

    /// A line of the file, for errors.
    pub fn place(&self, line: u64) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// Lines read so far.
    pub fn number(&self) -> u64 {
        self.line
    }

    fn read(&mut self) -> Result<Option<Line>> {
        self.buffer.clear();
        let read = self.input.read_until(b'\n', &mut self.buffer);
        let bytes = read.map_err(|e| Error::io(&self.path, "read the file", &e))?;
        if bytes == 0 {
            return Ok(None);
        }
        self.line += 1;
        let text = std::str::from_utf8(&self.buffer).map_err(|_| {
            Error::new("text is not valid UTF-8")
                .at(format!("{}:{}", self.path.display(), self.line))
                .hint("convert the file to UTF-8, for example with iconv")
        })?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let text = if self.line == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
        Ok(Some(Line { text: text.to_owned(), number: self.line, bytes: bytes as u64 }))
    }
}

impl Iterator for Lines {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
