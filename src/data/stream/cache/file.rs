//! Reading a file of tokens.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::blocks::{Blocks, Bytes, Fault};
use super::folder::Entry;
use super::header::{HEADER, Header, Layout, MARKED, WEIGHED};
use super::{LINE_BITS, ROW};
use crate::data::read::Place;
use crate::data::stream::Stats;
use crate::error::{Error, Result};

/// Files of at most so many bytes are checked whole when they are opened: about a second of a disk.
pub(super) const WHOLE: u64 = 1 << 30;
/// One start is kept for this many rows.
const SPAN: usize = 64;
/// Rows of the table that are read together.
const TABLE_ROWS: usize = 1 << 14;

/// The tokens of a source.
#[derive(Debug)]
pub(in crate::data::stream) struct TokenFile {
    blocks: Blocks,
    layout: Layout,
    /// Tokens of each row.
    lengths: Vec<u32>,
    /// The first token of every [`SPAN`]-th row.
    starts: Vec<u64>,
    /// Whether rows have weights.
    weighed: bool,
    tokens: u64,
    /// Targets of each row, where they are marked.
    targets: Option<Vec<u32>>,
    stats: Stats,
    place: PathBuf,
    /// The file whose presence says that this one is damaged.
    note: PathBuf,
}

/// Why a file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data::stream) enum Unusable {
    /// There is none.
    Absent,
    /// It is damaged.
    Damaged,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::data::stream) struct Row {
    /// Tokens.
    pub length: u32,
    /// Tokens that are targets.
    pub targets: u32,
    /// A hash of the content.
    pub hash: u64,
    place: u64,
    weight: f32,
}

impl Row {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let four = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let eight = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let weight = f32::from_bits(four(24)?);
        Some(Self { length: four(0)?, targets: four(4)?, hash: eight(8)?, place: eight(16)?, weight })
    }
}

impl TokenFile {
    /// Opens the file of an entry, which is then in use until the value is dropped.
    pub fn open(entry: &Entry) -> Result<Result<Self, Unusable>> {
        let path = entry.tokens();
        let failed = |e| Error::io(&path, "read the token cache", &e);
        let file = match File::open(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Err(Unusable::Absent)),
            opened => opened.map_err(failed)?,
        };
        // Who cleans the cache leaves alone what is locked. The lock goes with the file.
        file.lock_shared().map_err(failed)?;
        if entry.damaged().exists() {
            return Ok(Err(Unusable::Damaged));
        }
        match Self::read(Bytes::File(file), Some(entry.key()), &path, &entry.damaged()) {
            Ok(file) => Ok(Ok(file)),
            Err(Fault::Damaged) => Ok(Err(Unusable::Damaged)),
            Err(Fault::Unreadable(e)) => Err(failed(e)),
        }
    }

    fn read(bytes: Bytes, key: Option<&[u8; 32]>, place: &Path, note: &Path) -> Result<Self, Fault> {
        let mut first = [0; HEADER as usize];
        bytes.read(0, &mut first)?;
        let header = Header::from_bytes(&first).ok_or(Fault::Damaged)?;
        let layout = header.layout().ok_or(Fault::Damaged)?;
        let size = bytes.len()?;
        // From here on sizes are those of a file that is there, so nothing too large is asked for.
        if layout.sums.end != size || key.is_some_and(|key| *key != header.key) {
            return Err(Fault::Damaged);
        }
        let mut sums = vec![0; (layout.sums.end - layout.sums.start) as usize];
        bytes.read(layout.sums.start, &mut sums)?;
        if crc32fast::hash(&sums) != header.sums {
            return Err(Fault::Damaged);
        }
        let sums = sums.chunks_exact(4).filter_map(|sum| Some(u32::from_le_bytes(sum.try_into().ok()?))).collect();
        let blocks = Blocks::new(bytes, HEADER..layout.stats.end, sums);
        if size <= WHOLE {
            blocks.check_all()?;
        }
        let mut stats = vec![0; (layout.stats.end - layout.stats.start) as usize];
        blocks.read(layout.stats.start, &mut stats)?;
        let mut file = Self {
            blocks,
            lengths: Vec::with_capacity(header.rows as usize),
            starts: Vec::with_capacity(header.rows as usize / SPAN + 1),
            tokens: header.tokens,
            weighed: header.flags & WEIGHED != 0,
            targets: (header.flags & MARKED != 0).then(|| Vec::with_capacity(header.rows as usize)),
            layout,
            stats: serde_json::from_slice(&stats).map_err(|_| Fault::Damaged)?,
            place: place.to_owned(),
            note: note.to_owned(),
        };
        file.read_table()?;
        Ok(file)
    }

    /// Reads the lengths of all rows, and their targets where they are marked.
    fn read_table(&mut self) -> Result<(), Fault> {
        let (mut start, mut lengths, mut starts) = (0u64, std::mem::take(&mut self.lengths), Vec::new());
        let mut targets = self.targets.take();
        self.for_each(|number, row| {
            if (number as usize).is_multiple_of(SPAN) {
                starts.push(start);
            }
            start = start.checked_add(u64::from(row.length)).ok_or(Fault::Damaged)?;
            lengths.push(row.length);
            targets.iter_mut().for_each(|targets| targets.push(row.targets));
            if row.targets > row.length { Err(Fault::Damaged) } else { Ok(()) }
        })?;
        if start != self.tokens {
            return Err(Fault::Damaged);
        }
        (self.lengths, self.starts, self.targets) = (lengths, starts, targets);
        Ok(())
    }

    fn for_each<E: From<Fault>>(&self, mut each: impl FnMut(u32, Row) -> Result<(), E>) -> Result<(), E> {
        let table = &self.layout.table;
        let mut buffer = vec![0; TABLE_ROWS * ROW];
        let (mut at, mut number) = (table.start, 0);
        while at < table.end {
            let count = (table.end - at).min(buffer.len() as u64);
            let chunk = buffer.get_mut(..count as usize).unwrap_or_default();
            self.blocks.read(at, chunk)?;
            for row in chunk.chunks_exact(ROW).filter_map(Row::from_bytes) {
                each(number, row)?;
                number += 1;
            }
            at += count;
        }
        Ok(())
    }

    /// Goes through the table, which is read from the disk.
    ///
    /// # Errors
    /// The file is damaged or cannot be read; or what `each` says.
    pub fn for_each_row(&self, mut each: impl FnMut(u32, Row) -> Result<()>) -> Result<()> {
        self.for_each(|number, row| each(number, row).map_err(Stop::Asked)).map_err(|stop| match stop {
            Stop::Asked(error) => error,
            Stop::Fault(fault) => self.fault(fault),
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// Number of tokens of all rows.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// What was counted when the file was made.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Number of tokens of a row.
    pub fn length(&self, row: u32) -> u64 {
        self.lengths.get(row as usize).copied().map_or(0, u64::from)
    }

    /// A row of the table.
    fn row(&self, row: u32) -> Result<Option<Row>> {
        let mut bytes = [0; ROW];
        let at = self.layout.table.start + u64::from(row) * ROW as u64;
        self.blocks.read(at, &mut bytes).map_err(|fault| self.fault(fault))?;
        Ok(Row::from_bytes(&bytes))
    }

    /// Whether any row has a weight other than 1.
    pub fn is_weighed(&self) -> bool {
        self.weighed
    }

    /// How much the targets of a row count.
    pub fn weight(&self, row: u32) -> Result<f32> {
        match self.weighed {
            true => Ok(self.row(row)?.map_or(1.0, |row| row.weight)),
            false => Ok(1.0),
        }
    }

    /// Where the row begins in the source.
    pub fn place(&self, row: u32) -> Result<Place> {
        let place = self.row(row)?.map_or(0, |row| row.place);
        Ok(Place { file: (place >> LINE_BITS) as u32, line: place & ((1 << LINE_BITS) - 1) })
    }

    /// Targets among the first `length` tokens of a row that has targets.
    pub fn targets(&self, row: u32, length: u64) -> Result<u64> {
        let Some(targets) = &self.targets else {
            return Ok(length.min(self.length(row)).saturating_sub(1));
        };
        let all = targets.get(row as usize).copied().map_or(0, u64::from);
        if all == 0 || length >= self.length(row) {
            return Ok(all);
        }
        let mut trained = Vec::new();
        self.copy_trained(row, 0..length, &mut trained)?;
        Ok(trained.into_iter().filter(|trained| *trained).count() as u64)
    }

    /// Appends tokens `range` of a row to `ids`.
    pub fn copy_ids(&self, row: u32, range: Range<u64>, ids: &mut Vec<u32>) -> Result<()> {
        let tokens = self.tokens_of(row, range);
        let width = self.layout.width;
        let mut bytes = vec![0; ((tokens.end - tokens.start) * width) as usize];
        self.blocks.read(self.layout.ids.start + tokens.start * width, &mut bytes).map_err(|f| self.fault(f))?;
        if width == 2 {
            ids.extend(bytes.chunks_exact(2).filter_map(|b| Some(u32::from(u16::from_le_bytes(b.try_into().ok()?)))));
        } else {
            ids.extend(bytes.chunks_exact(4).filter_map(|b| Some(u32::from_le_bytes(b.try_into().ok()?))));
        }
        Ok(())
    }

    /// Appends whether tokens `range` of a row are targets to `trained`.
    pub fn copy_trained(&self, row: u32, range: Range<u64>, trained: &mut Vec<bool>) -> Result<()> {
        if self.targets.is_none() {
            trained.extend(range.map(|at| at > 0));
            return Ok(());
        }
        let tokens = self.tokens_of(row, range);
        if tokens.is_empty() {
            return Ok(());
        }
        let first = tokens.start / 8;
        let mut bytes = vec![0; (tokens.end.div_ceil(8) - first) as usize];
        self.blocks.read(self.layout.marks.start + first, &mut bytes).map_err(|fault| self.fault(fault))?;
        let bit = |at: u64| bytes.get((at / 8 - first) as usize).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        trained.extend(tokens.map(bit));
        Ok(())
    }

    /// Part of a row, counted from the first token of the file.
    fn tokens_of(&self, row: u32, range: Range<u64>) -> Range<u64> {
        let (row, length) = (row as usize, self.length(row));
        let span = row / SPAN;
        let before = self.lengths.get(span * SPAN..row).unwrap_or_default().iter().map(|length| u64::from(*length));
        let start = self.starts.get(span).copied().unwrap_or(0) + before.sum::<u64>();
        let end = start + range.end.min(length);
        (start + range.start).min(end)..end
    }

    /// What is said of bytes that cannot be had once the file is in use; the next start writes it anew.
    fn fault(&self, fault: Fault) -> Error {
        match fault {
            Fault::Unreadable(e) => Error::io(&self.place, "read the token cache", &e),
            Fault::Damaged => {
                // Where the note cannot be written, the next start finds the damage at the same place.
                let _ = File::create(&self.note);
                Error::new("the token cache is damaged").at(self.place.display().to_string()).hint(
                    "run the same command again: the file is written anew, and training goes on from its last \
                     checkpoint; if it happens again, examine the disk",
                )
            }
        }
    }
}

/// Why a walk through the table ended early.
enum Stop {
    Fault(Fault),
    Asked(Error),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Opens bytes as a file of tokens and reads all of it; whether it is whole. For fuzzing: no bytes make it panic.
#[doc(hidden)]
pub fn examine_cache_file(bytes: Vec<u8>) -> bool {
    let nowhere = Path::new("");
    let Ok(file) = TokenFile::read(Bytes::Memory(bytes), None, nowhere, nowhere) else { return false };
    let (mut ids, mut trained) = (Vec::new(), Vec::new());
    let each = |row: u32, entry: Row| {
        let length = u64::from(entry.length);
        ids.clear();
        trained.clear();
        file.copy_ids(row, 0..length, &mut ids)?;
        file.copy_trained(row, 0..length, &mut trained)?;
        file.targets(row, length / 2)?;
        file.place(row).map(drop)
    };
    file.for_each_row(each).is_ok()
}
