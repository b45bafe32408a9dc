//! Tokenizes a source into its file.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::cache::{HEADER, Header, LINE_BITS, MARKED, TokenFile, Unusable, WIDE};
use super::key::Recipe;
use crate::data::Tokenizer;
use crate::data::read::{self, Read, Row, Rows};
use crate::data::template::{self, Encoded, translation::Wording};
use crate::data::tokenizer::Encoder;
use crate::error::{Error, Result};
use crate::files;
use crate::progress::{Progress, short_count};
use crate::random;
use crate::recipe::{RowTemplate, SourceOrigin};

/// Rows tokenized together: enough to keep all threads busy, few enough to hold in memory.
const CHUNK_ROWS: usize = 8192;
/// Bytes of the source tokenized together, at least.
const CHUNK_BYTES: u64 = 16 << 20;

/// Opens the tokens of a source, tokenizing it first where that was not done or something changed.
pub(super) fn open(
    recipe: &Recipe<'_>,
    tokenizer: &Tokenizer,
    folder: &Path,
    progress: &Progress,
) -> Result<TokenFile> {
    let path = recipe.path(folder);
    let key = recipe.key(tokenizer, progress)?;
    match TokenFile::open(&path, &key)? {
        Ok(file) => return Ok(file),
        Err(Unusable::Damaged) => progress.say(format!("{}  is damaged and is written anew", path.display())),
        Err(Unusable::Other | Unusable::Absent) => {}
    }
    files::make_folder(folder)?;
    build(recipe, tokenizer, &path, &key, progress)?;
    TokenFile::open(&path, &key)?.map_err(|_| {
        Error::new("the token cache cannot be read back after it was written")
            .at(path.display().to_string())
            .hint("is another process changing it, or the disk failing?")
    })
}

fn build(recipe: &Recipe<'_>, tokenizer: &Tokenizer, path: &Path, key: &[u8; 32], progress: &Progress) -> Result<()> {
    let name = &recipe.source.name;
    let mut rows = Rows::open(recipe.source, recipe.seed).map_err(|error| error.at(format!("source {name}")))?;
    let unit = if matches!(recipe.source.origin, SourceOrigin::World { .. }) { "rows" } else { "bytes" };
    let mut bar = progress.bar(name, unit, 0, rows.bytes());
    let wording = wording(recipe)?;
    let mut encoders: Vec<Encoder<'_>> = (0..rayon::current_num_threads()).map(|_| tokenizer.encoder()).collect();
    let wide = tokenizer.vocabulary() > 1 << 16;
    let mut failure = None;
    let written = files::write_with(path, |out| {
        let mut writer = Writer::new(out, wide)?;
        loop {
            let (chunk, bytes) = match next_chunk(&mut rows) {
                Ok(chunk) => chunk,
                Err(error) => return Err(keep(&mut failure, error)),
            };
            if chunk.is_empty() {
                break;
            }
            let first = writer.rows();
            let known = in_vocabulary(&chunk, rows.files(), tokenizer.vocabulary());
            match known.and_then(|()| encode(&chunk, first, recipe, wording.as_ref(), &mut encoders)) {
                Ok(encoded) => encoded.iter().zip(&chunk).try_for_each(|(row, read)| writer.row(row, read))?,
                Err(error) => return Err(keep(&mut failure, error)),
            }
            bar.advance(bytes, format!("{} tokens", short_count(writer.tokens)));
        }
        writer.finish(*key)?;
        bar.finish(format!("{} rows, {} tokens", writer.rows(), short_count(writer.tokens)));
        Ok(())
    });
    match failure {
        Some(error) => Err(error.at(format!("source {name}"))),
        None => written,
    }
}

/// Puts an error of ours where it outlives an operation that can only fail with the system's.
fn keep(place: &mut Option<Error>, error: Error) -> std::io::Error {
    *place = Some(error);
    std::io::Error::other("tokenizing failed")
}

fn wording(recipe: &Recipe<'_>) -> Result<Option<Wording>> {
    let source = recipe.source;
    if source.template != RowTemplate::Translation {
        return Ok(None);
    }
    let languages = source.languages.clone().ok_or_else(|| {
        Error::new(format!("source {} has no languages", source.name))
            .hint("for example: languages: [English, Estonian]")
    })?;
    let stream = random::Stream::new(recipe.seed, &format!("translation {}", source.name));
    Ok(Some(Wording::new(languages, recipe.forward_share, stream)))
}

fn next_chunk(rows: &mut Rows) -> Result<(Vec<Read>, u64)> {
    let mut chunk = Vec::new();
    let mut bytes = 0;
    while chunk.len() < CHUNK_ROWS && bytes < CHUNK_BYTES {
        match rows.next().transpose()? {
            Some(read) => {
                bytes += read.bytes;
                chunk.push(read);
            }
            None => break,
        }
    }
    Ok((chunk, bytes))
}

/// Rows that are tokenized already must be so by this tokenizer.
fn in_vocabulary(chunk: &[Read], files: &[PathBuf], vocabulary: usize) -> Result<()> {
    for read in chunk {
        let Row::Tokens { ids, .. } = &read.row else { continue };
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary) {
            let file = files.get(read.place.file as usize).map(PathBuf::as_path).unwrap_or(Path::new(""));
            return Err(Error::new("a token id")
                .at(read::place_name(file, read.place.line))
                .got(id)
                .expected(format!("below {vocabulary}, the size of the vocabulary"))
                .hint("was the row tokenized with another tokenizer?"));
        }
    }
    Ok(())
}

/// Tokenizes rows on all threads; the result does not depend on how many there are.
fn encode(
    chunk: &[Read],
    first: u64,
    recipe: &Recipe<'_>,
    wording: Option<&Wording>,
    encoders: &mut [Encoder<'_>],
) -> Result<Vec<Encoded>> {
    let share = chunk.len().div_ceil(encoders.len().max(1));
    let encoded =
        encoders.par_iter_mut().zip(chunk.par_chunks(share.max(1))).enumerate().map(|(at, (encoder, reads))| {
            let numbered = reads.iter().zip(first + (at * share) as u64..);
            numbered.map(|(read, index)| one(&read.row, index, recipe.template, wording, encoder)).collect()
        });
    let encoded: Result<Vec<Vec<Encoded>>> = encoded.collect();
    Ok(encoded?.into_iter().flatten().collect())
}

fn one(
    row: &Row,
    index: u64,
    template: crate::recipe::ChatTemplate,
    wording: Option<&Wording>,
    encoder: &mut Encoder<'_>,
) -> Result<Encoded> {
    match row {
        Row::Document(text) => template::encode_document(text, encoder),
        Row::Conversation(conversation) => template::encode_with(template, conversation, encoder),
        Row::Tokens { ids, trained } => Ok(Encoded { ids: ids.clone(), trained: trained.clone() }),
        Row::Pair(first, second) => {
            let wording = wording.ok_or_else(|| {
                Error::new("the rows are pairs of sentences").hint("give the source the template `translation`")
            })?;
            let mut encoded = template::encode_with(template, &wording.conversation(index, (first, second)), encoder)?;
            if first.trim().is_empty() || second.trim().is_empty() {
                // Nothing to translate from, or nothing to translate to.
                encoded.trained.fill(false);
            }
            Ok(encoded)
        }
    }
}

/// Writes the file front to back; the header, which holds the checksum of the rest, comes last.
struct Writer<'o> {
    out: &'o mut BufWriter<File>,
    wide: bool,
    tokens: u64,
    table: Vec<u8>,
    marks: Marks,
    checksum: crc32fast::Hasher,
}

impl<'o> Writer<'o> {
    fn new(out: &'o mut BufWriter<File>, wide: bool) -> std::io::Result<Self> {
        out.write_all(&[0; HEADER])?;
        let (marks, checksum) = (Marks::default(), crc32fast::Hasher::new());
        Ok(Self { out, wide, tokens: 0, table: Vec::new(), marks, checksum })
    }

    fn rows(&self) -> u64 {
        (self.table.len() / super::cache::ROW) as u64
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.checksum.update(bytes);
        self.out.write_all(bytes)
    }

    fn row(&mut self, encoded: &Encoded, read: &Read) -> std::io::Result<()> {
        let bytes: Vec<u8> = match self.wide {
            true => encoded.ids.iter().flat_map(|id| id.to_le_bytes()).collect(),
            false => encoded.ids.iter().flat_map(|id| (*id as u16).to_le_bytes()).collect(),
        };
        self.put(&bytes)?;
        self.marks.row(&encoded.trained, self.tokens);
        self.tokens += encoded.ids.len() as u64;
        let place = u64::from(read.place.file) << LINE_BITS | read.place.line;
        for number in [self.tokens, content_hash(&read.row), place] {
            self.table.extend_from_slice(&number.to_le_bytes());
        }
        self.table.extend_from_slice(&(encoded.targets() as u32).to_le_bytes());
        Ok(())
    }

    fn finish(&mut self, key: [u8; 32]) -> std::io::Result<()> {
        let marks = std::mem::take(&mut self.marks.bits);
        if let Some(bits) = &marks {
            self.put(bits)?;
        }
        let table = std::mem::take(&mut self.table);
        self.put(&table)?;
        let flags = if self.wide { WIDE } else { 0 } | if marks.is_some() { MARKED } else { 0 };
        let checksum = self.checksum.clone().finalize();
        let rows = (table.len() / super::cache::ROW) as u64;
        let header = Header { key, rows, tokens: self.tokens, flags, checksum };
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header.to_bytes())?;
        self.table = table;
        Ok(())
    }
}

/// One bit a token, from the first row on in which not all tokens but the first are targets.
#[derive(Default)]
struct Marks {
    bits: Option<Vec<u8>>,
    starts: Vec<u64>,
}

impl Marks {
    fn row(&mut self, trained: &[bool], start: u64) {
        if self.bits.is_none() {
            // Rows of which nothing is trained on are never read, so they need no marks.
            if !trained.contains(&true) || trained.iter().skip(1).all(|trained| *trained) {
                self.starts.push(start);
                return;
            }
            let mut bits = Vec::new();
            set_all(&mut bits, start, &std::mem::take(&mut self.starts));
            self.bits = Some(bits);
        }
        if let Some(bits) = &mut self.bits {
            bits.resize((start as usize + trained.len()).div_ceil(8), 0);
            for (at, _) in trained.iter().enumerate().filter(|(_, trained)| **trained) {
                set(bits, start + at as u64);
            }
        }
    }
}

/// Marks all tokens before `end` but those that begin a row.
fn set_all(bits: &mut Vec<u8>, end: u64, starts: &[u64]) {
    bits.resize(end.div_ceil(8) as usize, 0xff);
    for start in starts {
        if let Some(byte) = bits.get_mut((start / 8) as usize) {
            *byte &= !(1 << (start % 8));
        }
    }
    if let (Some(last), left) = (bits.last_mut(), end % 8)
        && left > 0
    {
        *last &= (1 << left) - 1;
    }
}

fn set(bits: &mut [u8], at: u64) {
    if let Some(byte) = bits.get_mut((at / 8) as usize) {
        *byte |= 1 << (at % 8);
    }
}

/// FNV-1a over the words of a row: equal rows have equal hashes, whatever template they are written in.
fn content_hash(row: &Row) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    // A byte that no UTF-8 text has stands between parts.
    let part = |hash: u64, text: &str| text.bytes().chain([0xff]).fold(hash, step);
    let start = 0xcbf2_9ce4_8422_2325;
    match row {
        Row::Document(text) => part(start, text),
        Row::Pair(first, second) => part(part(start, first), second),
        Row::Conversation(talk) => {
            talk.turns.iter().fold(start, |hash, turn| part(part(hash, &turn.text), &turn.input))
        }
        Row::Tokens { ids, .. } => ids.iter().flat_map(|id| id.to_le_bytes()).fold(start, step),
    }
}
