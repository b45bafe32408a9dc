//! The first bytes of a file of tokens, and where its sections lie.

use std::ops::Range;

use super::{ROW, blocks};

const MAGIC: [u8; 8] = *b"EMAKTOK3";
pub(super) const HEADER: u64 = 80;
/// Ids take 4 bytes.
pub(super) const WIDE: u32 = 1;
/// Targets are marked one by one.
pub(super) const MARKED: u32 = 2;
/// Rows have weights other than 1.
pub(super) const WEIGHED: u32 = 4;

/// What the first bytes of the file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub key: [u8; 32],
    pub rows: u64,
    pub tokens: u64,
    /// Bytes of the statistics.
    pub stats: u64,
    pub flags: u32,
    /// CRC-32 of the sums.
    pub sums: u32,
}

/// Where the sections lie, in bytes from the start of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Bytes of an id.
    pub width: u64,
    pub ids: Range<u64>,
    /// Empty where targets are not marked.
    pub marks: Range<u64>,
    pub table: Range<u64>,
    pub stats: Range<u64>,
    pub sums: Range<u64>,
}

impl Header {
    pub fn to_bytes(self) -> [u8; HEADER as usize] {
        let mut bytes = [0; HEADER as usize];
        let fields: [&[u8]; 7] = [
            &MAGIC,
            &self.key,
            &self.rows.to_le_bytes(),
            &self.tokens.to_le_bytes(),
            &self.stats.to_le_bytes(),
            &self.flags.to_le_bytes(),
            &self.sums.to_le_bytes(),
        ];
        let fields = fields.concat();
        let sum = crc32fast::hash(&fields).to_le_bytes();
        // The four bytes in between are kept free.
        for (to, from) in bytes.iter_mut().zip([&fields[..], &[0; 4], &sum].concat()) {
            *to = from;
        }
        bytes
    }

    /// `None` where the bytes are no header of this version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let field = |range: Range<usize>| bytes.get(range);
        let eight = |start: usize| Some(u64::from_le_bytes(field(start..start + 8)?.try_into().ok()?));
        let four = |start: usize| Some(u32::from_le_bytes(field(start..start + 4)?.try_into().ok()?));
        if field(0..8)? != MAGIC || four(72)? != 0 || crc32fast::hash(field(0..72)?) != four(76)? {
            return None;
        }
        Some(Self {
            key: field(8..40)?.try_into().ok()?,
            rows: eight(40)?,
            tokens: eight(48)?,
            stats: eight(56)?,
            flags: four(64)?,
            sums: four(68)?,
        })
    }

    /// Where the sections of such a file lie; `None` for numbers that no file can have.
    pub fn layout(&self) -> Option<Layout> {
        let width = if self.flags & WIDE != 0 { 4 } else { 2 };
        let marks = if self.flags & MARKED != 0 { self.tokens.div_ceil(8) } else { 0 };
        let section = |start: u64, bytes: Option<u64>| Some(start..start.checked_add(bytes?)?);
        let ids = section(HEADER, self.tokens.checked_mul(width))?;
        let marks = section(ids.end, Some(marks))?;
        let table = section(marks.end, self.rows.checked_mul(ROW as u64))?;
        let stats = section(table.end, Some(self.stats))?;
        let sums = section(stats.end, blocks::count(stats.end - HEADER).checked_mul(4))?;
        let known = self.flags & !(WIDE | MARKED | WEIGHED) == 0 && u32::try_from(self.rows).is_ok();
        known.then_some(Layout { width, ids, marks, table, stats, sums })
    }
}
