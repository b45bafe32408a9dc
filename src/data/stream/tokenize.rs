//! Rows to tokens: one thread reads, all threads of the pool tokenize, one thread writes, at the same time.
//!
//! Rows travel in chunks of a few megabytes, and only so many chunks wait between two of them, so memory does not grow
//! with the source. Chunks stay in order, and the first error is that of the first bad row, so nothing depends on the
//! number of threads.

use std::io;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::cache::{Tokenized, Writer};
use super::stats::{self, Stats};
use crate::data::Tokenizer;
use crate::data::clean::{Cleaner, Examined, Verdict};
use crate::data::read::{self, Read, Row, Rows};
use crate::data::template::{self, Encoded, Template, translation::Wording};
use crate::data::tokenizer::Encoder;
use crate::error::{Error, Result};
use crate::random;

/// Rows of a chunk, at most.
const CHUNK_ROWS: usize = 1 << 15;
/// Bytes of text of a chunk for each thread, about.
const CHUNK_BYTES: usize = 1 << 20;
/// Bytes of text of a chunk, at most about.
const MOST_CHUNK_BYTES: usize = 16 << 20;
/// Chunks that wait to be tokenized, and as many to be written.
const WAITING: usize = 2;
/// A chunk is shared out in so many parts for each thread, so that all end together.
const PARTS: usize = 8;

/// The language of so many first rows is told, and of one of so many of the others.
const TOLD: u64 = 1000;
const TOLD_OF: u64 = 200;

/// How rows become tokens.
pub(super) struct Encoding<'a> {
    pub tokenizer: &'a Tokenizer,
    pub template: &'a Template,
    pub wording: Option<Wording>,
    /// The files of the source, for errors.
    pub files: Vec<PathBuf>,
    /// Chooses the rows whose language is told.
    pub told: random::Stream,
}

/// Why it stopped early.
pub(super) enum Stopped {
    /// A row is bad.
    Row(Error),
    /// The file cannot be written.
    Disk(io::Error),
}

/// Rows that are tokenized together.
struct Chunk {
    rows: Vec<Read>,
    /// Bytes of the source that were read for them.
    bytes: u64,
}

/// Tokenizes all rows into `writer`; `seen` is told the bytes of the source that were read, and the tokens so far.
///
/// Returns what was counted beside the rows that were written.
pub(super) fn all<W: Write + Seek + Send>(
    rows: Rows,
    encoding: &Encoding<'_>,
    mut cleaner: Cleaner<'_>,
    writer: &mut Writer<W>,
    seen: &mut dyn FnMut(u64, u64),
) -> Result<Stats, Stopped> {
    std::thread::scope(|scope| {
        let (chunks, to_tokenize) = sync_channel(WAITING);
        let (parts, to_write) = sync_channel::<Vec<Tokenized>>(WAITING);
        let reader = scope.spawn(move || read(rows, &chunks));
        let disk = scope.spawn(move || to_write.into_iter().flatten().try_for_each(|part| writer.write(part)));
        let tokenized = tokenize(to_tokenize, encoding, &mut cleaner, &parts, seen);
        // The ends of channels are gone now, so both threads come to theirs.
        drop(parts);
        let written = disk.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written.map_err(Stopped::Disk)?;
        let mut counted = tokenized.map_err(Stopped::Row)?;
        counted.join(read);
        Ok(counted)
    })
}

/// Reads all rows; what comes before a bad one is still sent.
fn read(mut rows: Rows, chunks: &SyncSender<Result<Chunk>>) -> Stats {
    let bytes = (CHUNK_BYTES * rayon::current_num_threads()).min(MOST_CHUNK_BYTES);
    let mut counted = Stats::default();
    loop {
        let mut chunk = Chunk { rows: Vec::new(), bytes: 0 };
        let (mut held, mut end) = (0, None);
        while chunk.rows.len() < CHUNK_ROWS && held < bytes && end.is_none() {
            match rows.next() {
                Some(Ok(read)) => {
                    counted.bytes += read.bytes;
                    chunk.bytes += read.bytes;
                    held += text_bytes(&read.row);
                    chunk.rows.push(read);
                }
                Some(Err(error)) => end = Some(Err(error)),
                None => end = Some(Ok(())),
            }
        }
        // A receiver that is gone has its reasons.
        let gone = !chunk.rows.is_empty() && chunks.send(Ok(chunk)).is_err();
        match end {
            Some(Err(error)) => {
                let _ = chunks.send(Err(error));
                break;
            }
            Some(Ok(())) => break,
            None if gone => break,
            None => {}
        }
    }
    skipped(&rows, &mut counted);
    counted
}

/// Counts rows that could not be read.
fn skipped(rows: &Rows, counted: &mut Stats) {
    let skipped = rows.skipped();
    counted.skipped.count += skipped.count;
    counted.skipped.first = skipped.first.first().cloned();
}

fn tokenize(
    chunks: Receiver<Result<Chunk>>,
    encoding: &Encoding<'_>,
    cleaner: &mut Cleaner<'_>,
    parts: &SyncSender<Vec<Tokenized>>,
    seen: &mut dyn FnMut(u64, u64),
) -> Result<Stats> {
    let encoders = Mutex::new(Vec::new());
    let (mut tokens, mut first, mut counted) = (0, 0, Stats::default());
    for chunk in chunks {
        let mut chunk = chunk?;
        clean(&mut chunk, cleaner, &mut counted);
        let part_rows = chunk.rows.len().div_ceil(PARTS * rayon::current_num_threads()).max(1);
        let each = chunk.rows.par_chunks(part_rows).enumerate().map(|(at, reads)| {
            let free = encoders.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut encoder = free.unwrap_or_else(|| encoding.tokenizer.encoder());
            let part = encoding.part(reads, first + (at * part_rows) as u64, &mut encoder);
            encoders.lock().unwrap_or_else(PoisonError::into_inner).push(encoder);
            part
        });
        // Collected before errors are looked at: the first error is the first row's, not the first in time.
        let each: Vec<Result<Tokenized>> = each.collect();
        let each = each.into_iter().collect::<Result<Vec<_>>>()?;
        first += chunk.rows.len() as u64;
        tokens += each.iter().map(Tokenized::tokens).sum::<u64>();
        seen(chunk.bytes, tokens);
        if parts.send(each).is_err() {
            // The writer has stopped, and says why.
            break;
        }
    }
    Ok(counted)
}

/// Leaves out the rows that cleaning takes away: looked at on all threads, decided in their order.
fn clean(chunk: &mut Chunk, cleaner: &mut Cleaner<'_>, counted: &mut Stats) {
    let examined: Vec<Examined> = chunk.rows.par_iter().map(|read| cleaner.examine(&read.row)).collect();
    let mut examined = examined.iter();
    chunk.rows.retain(|read| match examined.next().map(|examined| cleaner.decide(examined)) {
        Some(Verdict::Drop(reason)) => {
            counted.drop(reason.name(), 1, stats::characters(&read.row));
            false
        }
        Some(Verdict::Keep) | None => true,
    });
}

impl Encoding<'_> {
    /// Tokenizes rows, the first of which is row `first` of the source.
    fn part(&self, reads: &[Read], first: u64, encoder: &mut Encoder<'_>) -> Result<Tokenized> {
        let mut part = Tokenized::new(self.is_wide());
        for (read, index) in reads.iter().zip(first..) {
            let mut encoded = self.row(&read.row, index, encoder).map_err(|error| error.at(self.place(read)))?;
            if read.weight == 0.0 {
                encoded.trained.fill(false);
            }
            let tokens = (&encoded.ids[..], &encoded.trained[..]);
            let added = part.row(tokens, read.weight, content_hash(&read.row), read.place);
            added.ok_or_else(|| Error::new("the row's length").got(encoded.ids.len()).expected("below 2^32 tokens"))?;
            part.stats.row(stats::characters(&read.row));
            if self.is_told(index) {
                part.stats.tell_languages(&read.row);
            }
        }
        Ok(part)
    }

    /// Whether the language of a row is told: telling takes as long as tokenizing, so of long sources a part is.
    fn is_told(&self, index: u64) -> bool {
        index < TOLD || self.told.below_at(index, TOLD_OF) == 0
    }

    fn place(&self, read: &Read) -> String {
        let file = self.files.get(read.place.file as usize).map_or(Path::new(""), PathBuf::as_path);
        read::place_name(file, read.place.line)
    }

    /// Whether ids do not fit two bytes.
    pub fn is_wide(&self) -> bool {
        self.tokenizer.vocabulary() > 1 << 16
    }

    fn row(&self, row: &Row, index: u64, encoder: &mut Encoder<'_>) -> Result<Encoded> {
        match row {
            Row::Document(text) => template::encode_document(text, encoder),
            Row::Tokens { ids, trained } => self.given(ids, trained),
            Row::Conversation(conversation) => self.template.encode(conversation, encoder),
            Row::Pair(first, second) => {
                let wording = self.wording.as_ref().ok_or_else(|| {
                    Error::new("the rows are pairs of sentences").hint("give the source the template `translation`")
                })?;
                let conversation = wording.conversation(index, (first, second));
                let mut encoded = self.template.encode(&conversation, encoder)?;
                if first.trim().is_empty() || second.trim().is_empty() {
                    // Nothing to translate from, or nothing to translate to.
                    encoded.trained.fill(false);
                }
                Ok(encoded)
            }
        }
    }
}

impl Encoding<'_> {
    /// A row that is tokenized already, which must be so by this tokenizer.
    fn given(&self, ids: &[u32], trained: &[bool]) -> Result<Encoded> {
        let vocabulary = self.tokenizer.vocabulary();
        match ids.iter().find(|id| **id as usize >= vocabulary) {
            None => Ok(Encoded { ids: ids.to_vec(), trained: trained.to_vec() }),
            Some(id) => Err(Error::new("a token id")
                .got(id)
                .expected(format!("below {vocabulary}, the size of the vocabulary"))
                .hint("was the row tokenized with another tokenizer?")),
        }
    }
}

/// Bytes of a row's texts.
fn text_bytes(row: &Row) -> usize {
    match row {
        Row::Document(text) => text.len(),
        Row::Pair(first, second) => first.len() + second.len(),
        Row::Tokens { ids, .. } => 4 * ids.len(),
        Row::Conversation(talk) => talk.turns.iter().map(|turn| turn.text.len() + turn.input.len()).sum(),
    }
}

/// FNV-1a over the words of a row: equal rows have equal hashes, whatever template they are written in.
pub(super) fn content_hash(row: &Row) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    // A byte that no UTF-8 text has stands between parts.
    let part = |hash: u64, text: &str| text.bytes().chain([0xff]).fold(hash, step);
    let start = 0xcbf2_9ce4_8422_2325;
    match row {
        Row::Document(text) => part(start, text),
        Row::Pair(first, second) => part(part(start, first), second),
        Row::Tokens { ids, .. } => ids.iter().flat_map(|id| id.to_le_bytes()).fold(start, step),
        Row::Conversation(talk) => {
            talk.turns.iter().fold(start, |hash, turn| part(part(hash, &turn.text), &turn.input))
        }
    }
}
