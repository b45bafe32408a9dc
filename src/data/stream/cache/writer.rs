//! Writing a file of tokens front to back.
//!
//! Ids go straight into the file. What comes after them, the table and the marks, is not known before the last row, so
//! both wait in files of their own beside it: memory does not grow with the source. The header comes last.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::blocks::Summed;
use super::header::{HEADER, Header, MARKED, WEIGHED, WIDE};
use super::{LINE_BITS, ROW};
use crate::data::read::Place;
use crate::data::stream::Stats;

/// Rows as they are written: what one thread makes of some of them.
#[derive(Debug, Default)]
pub(in crate::data::stream) struct Tokenized {
    wide: bool,
    ids: Vec<u8>,
    table: Vec<u8>,
    /// One bit a token, whether it is a target.
    marks: Vec<u8>,
    tokens: u64,
    /// Whether other tokens than all but the first of each row are targets.
    marked: bool,
    /// Whether a row counts otherwise than others.
    weighed: bool,
    /// What is counted of these rows.
    pub stats: Stats,
}

impl Tokenized {
    /// No rows; `wide` where ids take four bytes.
    pub fn new(wide: bool) -> Self {
        Self { wide, ..Self::default() }
    }

    /// Number of tokens.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Adds a row: its ids, whether each is a target, how much those count, a hash of its content, and where it begins.
    ///
    /// `None` for a row of more tokens than a file can count, which no memory holds.
    pub fn row(&mut self, (ids, trained): (&[u32], &[bool]), weight: f32, hash: u64, place: Place) -> Option<()> {
        match self.wide {
            true => ids.iter().for_each(|id| self.ids.extend_from_slice(&id.to_le_bytes())),
            false => ids.iter().for_each(|id| self.ids.extend_from_slice(&(*id as u16).to_le_bytes())),
        }
        self.marks.resize((self.tokens as usize + ids.len()).div_ceil(8), 0);
        let mut targets = 0u32;
        for at in trained.iter().zip(self.tokens..).filter_map(|(trained, at)| trained.then_some(at)) {
            targets += 1;
            if let Some(byte) = self.marks.get_mut((at / 8) as usize) {
                *byte |= 1 << (at % 8);
            }
        }
        // A row of which nothing is trained on is never read, so it needs no marks.
        self.marked |= targets > 0 && !trained.iter().enumerate().all(|(at, trained)| *trained == (at > 0));
        self.tokens += ids.len() as u64;
        self.table.extend_from_slice(&u32::try_from(ids.len()).ok()?.to_le_bytes());
        self.table.extend_from_slice(&targets.to_le_bytes());
        self.table.extend_from_slice(&hash.to_le_bytes());
        self.table.extend_from_slice(&(u64::from(place.file) << LINE_BITS | place.line).to_le_bytes());
        self.table.extend_from_slice(&weight.to_le_bytes());
        self.weighed |= weight != 1.0;
        Some(())
    }
}

/// A file that waits to be appended to another; removed when dropped.
#[derive(Debug)]
struct Side {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Side {
    fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Self { path: path.to_owned(), out: BufWriter::with_capacity(1 << 18, file) })
    }

    fn append_to(mut self, out: &mut impl Write) -> io::Result<u64> {
        self.out.flush()?;
        let mut file = self.out.get_ref();
        file.seek(SeekFrom::Start(0))?;
        io::copy(&mut BufReader::with_capacity(1 << 18, file), out)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Writes a file of tokens.
#[derive(Debug)]
pub(in crate::data::stream) struct Writer<W> {
    out: Summed<W>,
    wide: bool,
    tokens: u64,
    table: Side,
    marks: Side,
    /// Marks of less than a byte: the bits, and how many.
    pending: (u8, u32),
    marked: bool,
    weighed: bool,
    stats: Stats,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file; `sides` are the names of two more while it is written.
    pub fn new(mut out: W, wide: bool, sides: &[PathBuf; 2]) -> io::Result<Self> {
        out.write_all(&[0; HEADER as usize])?;
        let [table, marks] = sides;
        Ok(Self {
            out: Summed::new(out),
            wide,
            tokens: 0,
            table: Side::create(table)?,
            marks: Side::create(marks)?,
            pending: (0, 0),
            marked: false,
            weighed: false,
            stats: Stats::default(),
        })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// The disk is full or fails; or there are more rows than can be counted.
    pub fn write(&mut self, rows: Tokenized) -> io::Result<()> {
        self.out.write_all(&rows.ids)?;
        self.table.out.write_all(&rows.table)?;
        self.write_marks(&rows.marks, rows.tokens)?;
        self.tokens += rows.tokens;
        self.marked |= rows.marked;
        self.weighed |= rows.weighed;
        self.stats.join(rows.stats);
        if self.stats.rows >= u64::from(u32::MAX) {
            return Err(io::Error::other("a source can have 4294967294 rows at most"));
        }
        Ok(())
    }

    /// Appends the first `count` bits, after bits that end anywhere in a byte.
    fn write_marks(&mut self, bits: &[u8], count: u64) -> io::Result<()> {
        let (mut last, have) = self.pending;
        let mut bytes = Vec::with_capacity(bits.len() + 1);
        for byte in bits {
            bytes.push(last | byte << have);
            last = if have == 0 { 0 } else { byte >> (8 - have) };
        }
        let all = u64::from(have) + count;
        let whole = (all / 8) as usize;
        // Of the last byte, only a part may be full.
        let rest = bytes.get(whole).copied().unwrap_or(last);
        bytes.truncate(whole);
        self.pending = (if all.is_multiple_of(8) { 0 } else { rest }, (all % 8) as u32);
        self.marks.out.write_all(&bytes)
    }

    /// Appends all that comes after the ids, and writes the header; what was counted. `more` is what was counted beside the rows.
    pub fn finish(mut self, key: [u8; 32], more: Stats) -> io::Result<Stats> {
        if let (bits, 1..) = self.pending {
            self.marks.out.write_all(&[bits])?;
        }
        if self.marked {
            self.marks.append_to(&mut self.out)?;
        }
        let rows = self.table.append_to(&mut self.out)? / ROW as u64;
        self.stats.join(more);
        let stats = serde_json::to_vec(&self.stats)?;
        self.out.write_all(&stats)?;
        let (sums, mut out) = self.out.finish();
        out.write_all(&sums)?;
        let flag = |is: bool, flag: u32| if is { flag } else { 0 };
        let flags = flag(self.wide, WIDE) | flag(self.marked, MARKED) | flag(self.weighed, WEIGHED);
        let (tokens, stats_bytes, sums) = (self.tokens, stats.len() as u64, crc32fast::hash(&sums));
        let header = Header { key, rows, tokens, stats: stats_bytes, flags, sums };
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&header.to_bytes())?;
        Ok(self.stats)
    }
}
