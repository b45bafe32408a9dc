//! Rows of Arrow IPC, message by message: in memory is a batch as the writer made it (Hugging Face's `datasets` has 1000
//! rows in each).
//!
//! A file differs from a stream by a mark before it and a table of contents after it, so both are read from front to back.
//!
//! # Source  the Arrow columnar format, "Serialization and Interprocess Communication"

use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::array::ArrayRef;
use arrow_ipc::reader::{RecordBatchDecoder, read_dictionary};
use arrow_ipc::{Message, MessageHeader, root_as_message};
use arrow_schema::{ArrowError, SchemaRef};

use super::FoundRows;
use super::columns::{Batches, Rows, Wanted, guarded};
use super::layout::Layout;
use super::open::{Input, Opened, failed};
use crate::error::{Error, Result};

/// What a file begins and ends with; 2 bytes more fill the start up to 8.
const MAGIC: &[u8; 6] = b"ARROW1";
/// What stands before the length of a message.
const CONTINUED: [u8; 4] = [0xff; 4];
/// Memory asked for before the bytes that fill it are there.
const AT_ONCE: usize = 1 << 26;
/// The most bytes that the compressed parts of a batch may become, or a message of a file that is compressed as a whole.
const LARGEST: i64 = 1 << 32;
/// Rows of a batch.
const MOST_ROWS: i64 = 1 << 31;

/// The rows of a file or stream.
///
/// # Errors
/// It does not begin with a schema, or there is no column for a field that rows must have.
pub(super) fn rows(input: &Input, layout: Arc<Layout>) -> Result<FoundRows> {
    let name = input.name();
    let (messages, names) = Messages::open(input.open()?).map_err(|error| error.at(name.as_str()))?;
    let wanted = Wanted::new(names, &layout).map_err(|error| error.at(name.as_str()))?;
    let messages = Messages { projection: wanted.columns.clone(), ..messages };
    Ok(Box::new(Rows::new(name, Box::new(messages), wanted, layout)))
}

struct Messages {
    input: Opened,
    is_file: bool,
    schema: SchemaRef,
    projection: Vec<usize>,
    dictionaries: HashMap<i64, ArrayRef>,
    done: bool,
}

impl Messages {
    /// Reads the schema, and the names of the columns with it.
    fn open(mut input: Opened) -> Result<(Self, Vec<String>)> {
        let is_file = input.head.starts_with(MAGIC);
        if is_file {
            // Two words: the mark and what fills it up.
            word(&mut input)?;
            word(&mut input)?;
        }
        let Some((header, _)) = message(&mut input)? else {
            return Err(cut_off());
        };
        let schema = guarded(|| {
            let message = parsed(&header)?;
            let schema = message.header_as_schema().ok_or_else(|| damaged("it does not begin with a schema"))?;
            arrow_ipc::convert::try_fb_to_schema(schema).map_err(broken)
        })??;
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        let (projection, dictionaries) = (Vec::new(), HashMap::new());
        Ok((Self { input, is_file, schema: Arc::new(schema), projection, dictionaries, done: false }, names))
    }

    /// What a message holds: a batch, or a dictionary that is kept for later ones.
    fn take(&mut self, header: &[u8], body: Vec<u8>) -> Result<Option<RecordBatch>> {
        let message = parsed(header)?;
        let version = message.version();
        match message.header_type() {
            MessageHeader::RecordBatch => {
                let batch = message.header_as_record_batch().ok_or_else(|| damaged("a batch has no header"))?;
                refuse_bombs(&batch, &body)?;
                // A column of nulls alone has no bytes.
                if batch.length() > MOST_ROWS {
                    return Err(damaged("a batch says that it has more rows than any"));
                }
                let body = body.into();
                let schema = Arc::clone(&self.schema);
                let decoder = RecordBatchDecoder::try_new(&body, batch, schema, &self.dictionaries, &version);
                let decoder = decoder.map_err(broken)?.with_projection(Some(&self.projection));
                decoder.read_record_batch().map(Some).map_err(broken)
            }
            MessageHeader::DictionaryBatch => {
                let batch =
                    message.header_as_dictionary_batch().ok_or_else(|| damaged("a dictionary has no header"))?;
                if let Some(values) = batch.data() {
                    refuse_bombs(&values, &body)?;
                }
                read_dictionary(&body.into(), batch, &self.schema, &mut self.dictionaries, &version).map_err(broken)?;
                Ok(None)
            }
            other => Err(damaged(&format!("it has a message of the kind {other:?} between its batches"))),
        }
    }

    /// After the last batch of a file its table of contents must follow, so that a cut-off one is not taken for whole.
    fn end(&mut self) -> Result<()> {
        self.done = true;
        let mut last = Vec::new();
        while self.is_file {
            let chunk = self.input.content.fill_buf().map_err(|e| failed(&self.input.name, &e))?;
            if chunk.is_empty() {
                break;
            }
            let count = chunk.len();
            last.extend_from_slice(chunk.get(count.saturating_sub(MAGIC.len())..).unwrap_or_default());
            last.drain(..last.len().saturating_sub(MAGIC.len()));
            self.input.content.consume(count);
        }
        if self.is_file && last != MAGIC { Err(cut_off()) } else { Ok(()) }
    }
}

impl Batches for Messages {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        while !self.done {
            match message(&mut self.input)? {
                None => self.end()?,
                Some((header, body)) => {
                    if let Some(batch) = guarded(|| self.take(&header, body))?? {
                        return Ok(Some(batch));
                    }
                }
            }
        }
        Ok(None)
    }

    fn taken(&mut self, _: u64) -> u64 {
        self.input.taken()
    }
}

/// The header and the body of the next message; `None` at the end of the stream.
fn message(input: &mut Opened) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    let Some(mut length) = word(input)? else { return Ok(None) };
    if length == CONTINUED {
        // Streams of before 2019 have the length at once.
        length = word(input)?.ok_or_else(cut_off)?;
    }
    match i32::from_le_bytes(length) {
        0 => Ok(None),
        length => {
            let header = exactly(input, usize::try_from(length).map_err(|_| damaged("a message has no length"))?)?;
            let body = guarded(|| parsed(&header).map(|message| message.bodyLength()))??;
            // What a whole file has is there; what a compressed one becomes, need not fit.
            if input.compressed && body > LARGEST {
                return Err(damaged("a message would not fit into memory"));
            }
            let body = exactly(input, usize::try_from(body).map_err(|_| damaged("a message has no length"))?)?;
            Ok(Some((header, body)))
        }
    }
}

fn word(input: &mut Opened) -> Result<Option<[u8; 4]>> {
    let mut word = [0; 4];
    let mut filled = 0;
    while let Some(rest) = word.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.content.read(rest) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(cut_off()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(input.failed(&error)),
        }
    }
    Ok(Some(word))
}

fn exactly(input: &mut Opened, length: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length.min(AT_ONCE));
    let read = (&mut input.content).take(length as u64).read_to_end(&mut bytes);
    match read.map_err(|e| input.failed(&e))? {
        count if count == length => Ok(bytes),
        _ => Err(cut_off()),
    }
}

fn parsed(header: &[u8]) -> Result<Message<'_>> {
    root_as_message(header).map_err(|source| damaged(&format!("a message cannot be read: {source}")))
}

/// Compressed parts say how long they become; nobody may ask for more memory than there is in any machine.
fn refuse_bombs(batch: &arrow_ipc::RecordBatch<'_>, body: &[u8]) -> Result<()> {
    if batch.compression().is_none() {
        return Ok(());
    }
    let mut total = 0i64;
    for part in batch.buffers().into_iter().flatten() {
        let start = usize::try_from(part.offset()).unwrap_or(usize::MAX);
        let length = body.get(start..).and_then(|rest| rest.first_chunk::<8>());
        total = total.saturating_add(length.map_or(0, |length| i64::from_le_bytes(*length).max(0)));
        if total > LARGEST {
            return Err(damaged("the parts of a batch would not fit into memory"));
        }
    }
    Ok(())
}

fn cut_off() -> Error {
    Error::new("the Arrow data is cut off").hint("is the file whole? download or copy it again")
}

fn damaged(what: &str) -> Error {
    Error::new(format!("the Arrow data is damaged: {what}")).hint("is the file whole? download or copy it again")
}

fn broken(source: ArrowError) -> Error {
    Error::new(format!("cannot read Arrow: {source}")).hint("is the file whole? download or copy it again")
}
