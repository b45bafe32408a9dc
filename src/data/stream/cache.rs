//! A source as token ids in a file that is memory-mapped.
//!
//! | bytes | content |
//! |---|---|
//! | 64 | header: magic, key, rows, tokens, flags, CRC-32 of the rest |
//! | tokens × 2 or 4 | ids, little-endian; 4 bytes where the vocabulary does not fit 2 |
//! | tokens / 8 | one bit a token: whether it is a target; absent where all but the first of each row are |
//! | rows × 28 | each row's end, hash of its content, place (8 bytes each), number of targets (4 bytes) |
//!
//! The key is a hash of everything the ids depend on, so a file that does not match is one of other inputs; a file that
//! does not fit its header or its checksum is damaged. Both are written anew.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use crate::data::read::Place;
use crate::error::{Error, Result};

pub(super) const MAGIC: [u8; 8] = *b"EMAKTOK1";
pub(super) const HEADER: usize = 64;
pub(super) const ROW: usize = 28;
/// Ids take 4 bytes.
pub(super) const WIDE: u32 = 1;
/// Targets are marked one by one.
pub(super) const MARKED: u32 = 2;
/// The bits of a place that count lines.
pub(super) const LINE_BITS: u32 = 40;

/// What the first bytes of the file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub key: [u8; 32],
    pub rows: u64,
    pub tokens: u64,
    pub flags: u32,
    pub checksum: u32,
}

impl Header {
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let fields: [&[u8]; 6] = [
            &MAGIC,
            &self.key,
            &self.rows.to_le_bytes(),
            &self.tokens.to_le_bytes(),
            &self.flags.to_le_bytes(),
            &self.checksum.to_le_bytes(),
        ];
        for (to, from) in bytes.iter_mut().zip(fields.concat()) {
            *to = from;
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let field = |range: Range<usize>| bytes.get(range);
        if field(0..8)? != MAGIC {
            return None;
        }
        Some(Self {
            key: field(8..40)?.try_into().ok()?,
            rows: u64::from_le_bytes(field(40..48)?.try_into().ok()?),
            tokens: u64::from_le_bytes(field(48..56)?.try_into().ok()?),
            flags: u32::from_le_bytes(field(56..60)?.try_into().ok()?),
            checksum: u32::from_le_bytes(field(60..64)?.try_into().ok()?),
        })
    }
}

/// The tokens of a source.
#[derive(Debug)]
pub(super) struct TokenFile {
    map: Mmap,
    rows: usize,
    tokens: u64,
    width: usize,
    marks: Option<usize>,
    table: usize,
}

/// Why a file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unusable {
    /// There is none.
    Absent,
    /// It was made from other inputs.
    Other,
    /// It is damaged.
    Damaged,
}

impl TokenFile {
    /// Opens a file that must have that key and be undamaged.
    pub fn open(path: &Path, key: &[u8; 32]) -> Result<Result<Self, Unusable>> {
        let failed = |e| Error::io(path, "read the token cache", &e);
        let file = match File::open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Err(Unusable::Absent)),
            opened => opened.map_err(failed)?,
        };
        // An empty file cannot be mapped.
        if file.metadata().map_err(failed)?.len() < HEADER as u64 {
            return Ok(Err(Unusable::Damaged));
        }
        // SAFETY: the file is only ever replaced whole, by renaming, so mapped bytes do not change under us; a person
        // who overwrites it in place while it is mapped could change what is read, not where: every access is checked.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        let Some(header) = Header::from_bytes(&map) else { return Ok(Err(Unusable::Damaged)) };
        if header.key != *key {
            return Ok(Err(Unusable::Other));
        }
        Ok(Self::check(map, header).ok_or(Unusable::Damaged))
    }

    fn check(map: Mmap, header: Header) -> Option<Self> {
        let (rows, tokens) = (usize::try_from(header.rows).ok()?, usize::try_from(header.tokens).ok()?);
        let width = if header.flags & WIDE != 0 { 4 } else { 2 };
        let ids_end = tokens.checked_mul(width)?.checked_add(HEADER)?;
        let marked = header.flags & MARKED != 0;
        let table = ids_end.checked_add(if marked { tokens.div_ceil(8) } else { 0 })?;
        if rows.checked_mul(ROW)?.checked_add(table)? != map.len() || u32::try_from(rows).is_err() {
            return None;
        }
        if crc32fast::hash(map.get(HEADER..)?) != header.checksum {
            return None;
        }
        let file = Self { map, rows, tokens: header.tokens, width, marks: marked.then_some(ids_end), table };
        let ends_match = (0..rows).all(|row| file.end(row) >= file.start(row)) && file.start(rows) == file.tokens;
        ends_match.then_some(file)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of tokens of all rows.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Number of tokens of a row.
    pub fn length(&self, row: u32) -> u64 {
        self.end(row as usize).saturating_sub(self.start(row as usize))
    }

    /// A hash of the row's content.
    pub fn hash(&self, row: u32) -> u64 {
        self.number(row as usize, 8)
    }

    /// Where the row begins in the source.
    pub fn place(&self, row: u32) -> Place {
        let place = self.number(row as usize, 16);
        Place { file: (place >> LINE_BITS) as u32, line: place & ((1 << LINE_BITS) - 1) }
    }

    /// Targets among the first `length` tokens of a row.
    pub fn targets(&self, row: u32, length: u64) -> u64 {
        let start = self.table + row as usize * ROW + 24;
        let all = self.map.get(start..start + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
        match () {
            () if all == 0 || length >= self.length(row) => u64::from(all),
            () if self.marks.is_none() => length.saturating_sub(1).min(u64::from(all)),
            () => (0..length).filter(|at| self.is_target(row, *at)).count() as u64,
        }
    }

    /// Appends tokens `range` of a row to `ids`.
    pub fn copy_ids(&self, row: u32, range: Range<u64>, ids: &mut Vec<u32>) {
        let at = |token: u64| HEADER + (self.start(row as usize) + token) as usize * self.width;
        let bytes = self.map.get(at(range.start)..at(range.end)).unwrap_or_default();
        if self.width == 2 {
            ids.extend(bytes.chunks_exact(2).filter_map(|b| Some(u32::from(u16::from_le_bytes(b.try_into().ok()?)))));
        } else {
            ids.extend(bytes.chunks_exact(4).filter_map(|b| Some(u32::from_le_bytes(b.try_into().ok()?))));
        }
    }

    /// Appends whether tokens `range` of a row are targets to `trained`.
    pub fn copy_trained(&self, row: u32, range: Range<u64>, trained: &mut Vec<bool>) {
        trained.extend(range.map(|at| self.is_target(row, at)));
    }

    fn is_target(&self, row: u32, at: u64) -> bool {
        match self.marks {
            None => at > 0,
            Some(marks) => {
                let bit = self.start(row as usize) + at;
                self.map.get(marks + (bit / 8) as usize).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
            }
        }
    }

    fn start(&self, row: usize) -> u64 {
        row.checked_sub(1).map_or(0, |before| self.end(before))
    }

    fn end(&self, row: usize) -> u64 {
        self.number(row, 0)
    }

    fn number(&self, row: usize, offset: usize) -> u64 {
        let start = self.table + row * ROW + offset;
        self.map.get(start..start + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
    }
}
