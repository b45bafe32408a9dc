//! Lines of a text file.

use std::io::{BufRead, Read};

use super::open::{Input, Opened};
use crate::error::{Error, Result};

/// No line, document, JSON value, row of a table or page of Parquet may be longer, so that neither a damaged file nor a
/// small one that decompresses without end can fill the memory.
pub(super) const LONGEST: usize = 1 << 28;

/// Reads a file line by line into one buffer.
pub(super) struct Lines {
    input: Opened,
    buffer: Vec<u8>,
    line: u64,
}

/// A line without its end.
pub(super) struct Line<'l> {
    /// What stands in it; UTF-8 or not.
    pub bytes: &'l [u8],
    /// From 1.
    pub number: u64,
    name: &'l str,
}

impl Lines {
    /// Opens a file.
    pub fn open(input: &Input) -> Result<Self> {
        Ok(Self { input: input.open()?, buffer: Vec::new(), line: 0 })
    }

    /// Lines read so far.
    pub fn number(&self) -> u64 {
        self.line
    }

    /// The file's name in messages.
    pub fn name(&self) -> &str {
        &self.input.name
    }

    /// Bytes of the file that were read since this was last asked for.
    pub fn taken(&mut self) -> u64 {
        self.input.taken()
    }

    /// The next line, which is there until the one after it is asked for.
    ///
    /// # Errors
    /// The file cannot be read, or the line is longer than any row may be.
    pub fn next(&mut self) -> Result<Option<Line<'_>>> {
        self.buffer.clear();
        let read = (&mut self.input.content).take(LONGEST as u64).read_until(b'\n', &mut self.buffer);
        let count = read.map_err(|e| self.input.failed(&e))?;
        if count == 0 {
            return Ok(None);
        }
        self.line += 1;
        if count == LONGEST {
            return Err(too_long("the line").at(format!("{}:{}", self.input.name, self.line)));
        }
        let bytes = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let bytes = if self.line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
        Ok(Some(Line { bytes, number: self.line, name: &self.input.name }))
    }
}

impl<'l> Line<'l> {
    /// The text.
    ///
    /// # Errors
    /// It is not UTF-8: the row is bad, not the file.
    pub fn text(&self) -> Result<&'l str> {
        std::str::from_utf8(self.bytes).map_err(|_| not_utf8().at(self.place()))
    }

    /// Whether nothing but white space is in it.
    pub fn is_blank(&self) -> bool {
        self.bytes.iter().all(u8::is_ascii_whitespace)
            || std::str::from_utf8(self.bytes).is_ok_and(|text| text.trim().is_empty())
    }

    /// Where it is.
    pub fn place(&self) -> String {
        format!("{}:{}", self.name, self.number)
    }
}

/// The error of a row that is not UTF-8.
pub(super) fn not_utf8() -> Error {
    Error::new("text is not valid UTF-8").hint("convert the file to UTF-8, for example with iconv")
}

/// The error of a row that is longer than memory should be asked for.
pub(super) fn too_long(what: &str) -> Error {
    Error::new(format!("{what} is longer than 256 MiB")).hint("is the file damaged, or a quote not closed?")
}
