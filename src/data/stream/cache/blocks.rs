//! Sums of blocks: written with the bytes, and checked the first time that a block is read.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes with a sum of their own: what a first read of a row costs, against 4 bytes of memory.
pub(super) const BLOCK: u64 = 64 << 10;

/// Blocks of so many bytes.
pub(super) fn count(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK)
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Bytes {
    File(File),
    Memory(Vec<u8>),
}

impl Bytes {
    pub fn len(&self) -> io::Result<u64> {
        match self {
            Self::File(file) => file.metadata().map(|data| data.len()),
            Self::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Fills `buffer` with the bytes at `at`.
    pub fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File(file) => read_at(file, at, buffer),
            Self::Memory(bytes) => {
                let start = usize::try_from(at).unwrap_or(usize::MAX);
                let end = start.saturating_add(buffer.len());
                let inside = bytes.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
                buffer.copy_from_slice(inside);
                Ok(())
            }
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, mut at: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buffer = buffer.get_mut(count..).unwrap_or_default();
                at += count as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Why bytes cannot be had.
#[derive(Debug)]
pub(super) enum Fault {
    /// They are not those that were written.
    Damaged,
    /// The system cannot read them.
    Unreadable(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // The file was cut short after it was opened.
            io::ErrorKind::UnexpectedEof => Self::Damaged,
            _ => Self::Unreadable(error),
        }
    }
}

/// Bytes `start..end` of a file, in blocks that are checked when they are first read.
#[derive(Debug)]
pub(super) struct Blocks {
    bytes: Bytes,
    span: Range<u64>,
    sums: Vec<u32>,
    /// One bit a block: whether it was checked.
    checked: Vec<AtomicU64>,
}

impl Blocks {
    /// `sums` has one for each block of `span`.
    pub fn new(bytes: Bytes, span: Range<u64>, sums: Vec<u32>) -> Self {
        let checked = (0..sums.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { bytes, span, sums, checked }
    }

    /// Fills `buffer` with the bytes at `at`, which lie in the span.
    pub fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        let inside = at.checked_sub(self.span.start).ok_or(Fault::Damaged)?;
        let blocks = inside / BLOCK..count(inside + buffer.len() as u64);
        if blocks.clone().all(|block| self.is_checked(block)) {
            return Ok(self.bytes.read(at, buffer)?);
        }
        let mut whole = Vec::new();
        for block in blocks {
            let place = self.place(block);
            let from = at.max(place.start);
            let to = (at + buffer.len() as u64).min(place.end);
            let part = buffer.get_mut((from - at) as usize..(to.max(from) - at) as usize).ok_or(Fault::Damaged)?;
            if self.is_checked(block) {
                self.bytes.read(from, part)?;
                continue;
            }
            // What is given away is what was checked, not what a second read finds.
            self.check(block, &mut whole)?;
            let start = (from - place.start) as usize;
            part.copy_from_slice(whole.get(start..start + part.len()).ok_or(Fault::Damaged)?);
        }
        Ok(())
    }

    /// Checks all blocks.
    pub fn check_all(&self) -> Result<(), Fault> {
        let mut buffer = Vec::new();
        (0..self.sums.len() as u64).try_for_each(|block| self.check(block, &mut buffer))
    }

    /// Reads a block whole and compares it with its sum.
    fn check(&self, block: u64, buffer: &mut Vec<u8>) -> Result<(), Fault> {
        let place = self.place(block);
        buffer.resize((place.end - place.start) as usize, 0);
        self.bytes.read(place.start, buffer)?;
        if self.sums.get(block as usize) != Some(&crc32fast::hash(buffer)) {
            return Err(Fault::Damaged);
        }
        if let Some(bits) = self.checked.get(block as usize / 64) {
            bits.fetch_or(1 << (block % 64), Ordering::Relaxed);
        }
        Ok(())
    }

    fn is_checked(&self, block: u64) -> bool {
        let bits = self.checked.get(block as usize / 64);
        bits.is_some_and(|bits| bits.load(Ordering::Relaxed) >> (block % 64) & 1 == 1)
    }

    fn place(&self, block: u64) -> Range<u64> {
        let start = self.span.start.saturating_add(block.saturating_mul(BLOCK)).min(self.span.end);
        start..start.saturating_add(BLOCK).min(self.span.end)
    }
}

/// Writes bytes and sums their blocks.
#[derive(Debug)]
pub(super) struct Summed<W> {
    out: W,
    sum: crc32fast::Hasher,
    /// Bytes of the block that is being written.
    inside: u64,
    sums: Vec<u8>,
}

impl<W: Write> Summed<W> {
    pub fn new(out: W) -> Self {
        Self { out, sum: crc32fast::Hasher::new(), inside: 0, sums: Vec::new() }
    }

    fn close_block(&mut self) {
        let sum = std::mem::take(&mut self.sum).finalize();
        self.sums.extend_from_slice(&sum.to_le_bytes());
        self.inside = 0;
    }

    /// The sums of all blocks, as they are written, and where the bytes went.
    pub fn finish(mut self) -> (Vec<u8>, W) {
        if self.inside > 0 {
            self.close_block();
        }
        (self.sums, self.out)
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = (BLOCK - self.inside).min(bytes.len() as u64) as usize;
        let bytes = bytes.get(..room).unwrap_or_default();
        let count = self.out.write(bytes)?;
        self.sum.update(bytes.get(..count).unwrap_or_default());
        self.inside += count as u64;
        if self.inside == BLOCK {
            self.close_block();
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
