//! Rows of CSV and TSV files.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::layout::{Layout, Node};
use super::lines::{LONGEST, not_utf8};
use super::open::{Input, Opened, failed};
use super::record::Root;
use super::row::{self, Fields};
use super::value::Value;
use super::{Found, FoundRows, Weighed};
use crate::error::{Error, Result};
use crate::recipe::{FileFormat, Reading};

/// The rows of a file.
///
/// # Errors
/// The file cannot be read, or has no column for a field that rows must have.
pub(super) fn rows(input: &Input, format: FileFormat, layout: Arc<Layout>, reading: &Reading) -> Result<FoundRows> {
    let mut table = Table::open(input, format, layout, reading)?;
    Ok(Box::new(std::iter::from_fn(move || table.next().transpose())))
}

struct Table {
    name: String,
    reader: Reader<Watched>,
    record: ByteRecord,
    layout: Arc<Layout>,
    slots: Vec<Option<Value>>,
    names: Vec<String>,
    /// The columns that are read, ascending.
    wanted: Vec<(usize, Node)>,
    /// The first row was read to count the columns, and is a row.
    waiting: bool,
}

impl Table {
    fn open(input: &Input, format: FileFormat, layout: Arc<Layout>, reading: &Reading) -> Result<Self> {
        let opened = input.open()?;
        let name = opened.name.clone();
        let delimiter = if format == FileFormat::Tsv { b'\t' } else { b',' };
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .quoting(reading.quotes)
            .buffer_capacity(1 << 18)
            .from_reader(Watched { opened, offset: 0, left: LONGEST, line_ends: VecDeque::new() });
        let mut record = ByteRecord::new();
        reader.read_byte_record(&mut record).map_err(|e| broken(&name, e))?;
        let names: Vec<String> = match reading.header {
            true => record.iter().map(|cell| std::str::from_utf8(cell).map(str::to_owned)).collect::<Result<_, _>>(),
            false => Ok((1..=record.len()).map(|number| number.to_string()).collect()),
        }
        .map_err(|_| not_utf8().at(format!("{name}:1")))?;
        let wanted = layout.columns(&names).map_err(|error| error.at(format!("{name}:1")))?;
        let slots = layout.slots();
        Ok(Self { name, reader, record, layout, slots, names, wanted, waiting: !reading.header })
    }

    fn next(&mut self) -> Result<Option<Found>> {
        if !std::mem::take(&mut self.waiting) {
            self.reader.get_mut().left = LONGEST;
            match self.reader.read_byte_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => return Err(broken(&self.name, error)),
            }
        }
        let line = self.line();
        let row = self.row().map_err(|error| error.at(format!("{}:{line}", self.name)));
        Ok(Some(Found { row, line, bytes: self.reader.get_mut().opened.taken() }))
    }

    /// The line on which the record begins. The library says where the one before it ended, which is another line where
    /// blank lines stand between; so the lines of the record are counted back from its end.
    fn line(&mut self) -> u64 {
        let end = self.reader.position().clone();
        let inside: usize = self.record.iter().map(|cell| cell.iter().filter(|byte| **byte == b'\n').count()).sum();
        let terminator = u64::from(self.reader.get_mut().line_ends_at(end.byte()));
        end.line().saturating_sub(inside as u64 + terminator).max(1)
    }

    fn row(&mut self) -> Result<Weighed> {
        if self.record.len() != self.names.len() {
            return Err(Error::new("the number of cells").got(self.record.len()).expected(self.names.len()));
        }
        self.slots.fill(None);
        for (column, node) in &self.wanted {
            let cell = self.record.get(*column).unwrap_or_default();
            let text = std::str::from_utf8(cell).map_err(|_| not_utf8())?;
            node.fill(Value::Text(text.to_owned()), &mut self.slots);
        }
        let names = &self.names;
        let fields = Fields { layout: &self.layout, slots: &mut self.slots, names: &|| names.clone() };
        row::row(Root::Object, fields)
    }
}

/// A stream that remembers where its lines end, and that fails when a record does not.
struct Watched {
    opened: Opened,
    offset: u64,
    /// Bytes that may be read until the record must have ended.
    left: usize,
    /// Of the last bytes read only: what is before them is passed, and nobody asks for it.
    line_ends: VecDeque<u64>,
}

impl Watched {
    /// Whether the byte before an offset ends a line; what is before it is forgotten.
    fn line_ends_at(&mut self, offset: u64) -> bool {
        let mut last = None;
        while let Some(end) = self.line_ends.front().copied().filter(|end| *end < offset) {
            last = Some(end);
            self.line_ends.pop_front();
        }
        last.is_some_and(|end| end + 1 == offset)
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.opened.content.read(buffer)?;
        self.left = self.left.checked_sub(count).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "a row is longer than 256 MiB: is a quote not closed?")
        })?;
        let read = buffer.get(..count).unwrap_or_default();
        while self.line_ends.front().is_some_and(|end| end + 1 < self.offset) {
            self.line_ends.pop_front();
        }
        let ends = read.iter().zip(self.offset..).filter(|(byte, _)| **byte == b'\n');
        self.line_ends.extend(ends.map(|(_, offset)| offset));
        self.offset += count as u64;
        Ok(count)
    }
}

fn broken(name: &str, error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(source) => failed(name, &source),
        other => Error::new(format!("cannot read the table: {other:?}")).at(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_are_not_kept() {
        let opened = Input::Memory("a.csv".into(), vec![b'\n'; 1 << 20].into()).open().unwrap();
        let mut watched = Watched { opened, offset: 0, left: LONGEST, line_ends: VecDeque::new() };
        let mut buffer = [0; 1000];
        while watched.read(&mut buffer).unwrap() > 0 {
            assert!(watched.line_ends.len() <= buffer.len() + 1);
        }
        assert_eq!((watched.offset, watched.line_ends_at(1 << 20)), (1 << 20, true));
    }
}
