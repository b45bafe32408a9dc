//! Rows of Parquet files, batch by batch: in memory are a page of each wanted column and a batch of rows.
//!
//! The library trusts what a file says of itself. So before it gets the list of contents, the header of a page or a page,
//! the lengths in it are compared with the bytes that are there, and the size of a page and the number of its values have
//! bounds (`thrift`, `pages`); what the library panics at all the same is damage.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use ::parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::metadata::RowGroupMetaData;
use ::parquet::file::reader::{ChunkReader, Length};
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field};
use prost::bytes::{Buf, Bytes};

use super::FoundRows;
use super::columns::{Batches, Rows, Wanted, guarded};
use super::layout::Layout;
use super::lines::LONGEST;
use super::open::{Input, failed};
use super::pages::Groups;
use super::thrift::{self, Headed, PageSizes};
use crate::error::{Error, Result};

/// The most rows decoded together.
const BATCH: usize = 1024;
/// Bytes of rows decoded together.
const BATCH_BYTES: i64 = 1 << 28;
/// What stands at the end of a file: the length of the list of contents, and a mark.
const END: u64 = 8;
/// Pages of so many bytes need no look at how small they are in the file.
const USUAL_PAGE: i64 = 1 << 26;
/// How many times smaller any compression makes a page that is larger.
const SMALLEST: i64 = 1 << 15;

/// The rows of a file.
///
/// # Errors
/// The file's end, which says what is in it, is damaged; or there is no column for a field that rows must have.
pub(super) fn rows(input: &Input, layout: Arc<Layout>) -> Result<FoundRows> {
    let name = input.name();
    let chunks = match input {
        Input::File(path) => Chunks::File(File::open(path).map_err(|e| failed(&name, &e))?),
        Input::Memory(_, bytes) => Chunks::Memory(Bytes::copy_from_slice(bytes)),
    };
    let pages = opened(chunks, input.size()?, &layout).map_err(|error| error.at(name.as_str()))?;
    Ok(Box::new(Rows::new(name, Box::new(pages.0), pages.1, layout)))
}

fn opened(chunks: Chunks, bytes: u64, layout: &Layout) -> Result<(Pages, Wanted)> {
    let contents = guarded(|| ArrowReaderMetadata::load(&chunks, ArrowReaderOptions::new()))?.map_err(broken)?;
    let wanted = Wanted::new(contents.schema().fields().iter().map(|field| field.name().clone()).collect(), layout)?;
    let total = u64::try_from(contents.metadata().file_metadata().num_rows()).unwrap_or(0);
    let reader = guarded(|| {
        let mask = ProjectionMask::roots(contents.parquet_schema(), wanted.columns.iter().copied());
        let hint = contents.schema().fields().iter().map(|field| Arc::new(short(field))).collect();
        let levels = parquet_to_arrow_field_levels(contents.parquet_schema(), mask, Some(&hint))?;
        let groups = Groups { file: Arc::new(chunks), metadata: Arc::clone(contents.metadata()) };
        let batch = batch(groups.metadata.row_groups());
        ParquetRecordBatchReader::try_new_with_row_groups(&levels, &groups, batch, None)
    })?;
    Ok((Pages { reader: reader.map_err(broken)?, bytes, total, reported: 0 }, wanted))
}

/// Rows decoded together: fewer where they are long.
fn batch(groups: &[RowGroupMetaData]) -> usize {
    let most =
        groups.iter().map(|group| BATCH_BYTES / (group.total_byte_size() / group.num_rows().max(1)).max(1)).min();
    usize::try_from(most.unwrap_or(0)).unwrap_or(0).clamp(1, BATCH)
}

/// A field whose texts are short: those of a batch then are less than 2 GiB together, whatever a dictionary or texts that
/// share their beginning become.
fn short(field: &Field) -> Field {
    let inner = |field: &Arc<Field>| Arc::new(short(field));
    let kind = match field.data_type() {
        DataType::LargeUtf8 => DataType::Utf8,
        DataType::LargeBinary => DataType::Binary,
        DataType::List(item) => DataType::List(inner(item)),
        DataType::LargeList(item) => DataType::LargeList(inner(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        other => other.clone(),
    };
    field.clone().with_data_type(kind)
}

fn broken(source: ParquetError) -> Error {
    Error::new(format!("cannot read Parquet: {source}")).hint("is the file whole? download or copy it again")
}

struct Pages {
    reader: ParquetRecordBatchReader,
    bytes: u64,
    total: u64,
    reported: u64,
}

impl Batches for Pages {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        match guarded(|| self.reader.next())? {
            None => Ok(None),
            Some(Ok(batch)) => Ok(Some(batch)),
            Some(Err(source)) => Err(broken(source.into())),
        }
    }

    /// The file's bytes in proportion to its rows, since most columns may be left unread.
    fn taken(&mut self, rows: u64) -> u64 {
        let share = u128::from(self.bytes) * u128::from(rows.min(self.total)) / u128::from(self.total.max(1));
        let done = u64::try_from(share).unwrap_or(self.bytes);
        done - std::mem::replace(&mut self.reported, done)
    }
}

/// A file or its bytes. What a damaged file asks for beyond its end is refused before there is memory for it.
enum Chunks {
    File(File),
    Memory(Bytes),
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => Length::len(file),
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Chunks {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let raw: Self::T = match self {
            Self::File(file) => Box::new(file.get_read(start)?),
            Self::Memory(bytes) => Box::new(bytes.get_read(start)?.into_inner().reader()),
        };
        // All but the end of the file is read in this way to get the header of a page.
        Ok(match self.len().saturating_sub(start) {
            END => raw,
            left => Box::new(Headed::new(raw, left, refuse_bombs)),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.len());
        if end.is_none() {
            return Err(ParquetError::EOF(format!("{length} bytes from byte {start} on are not in the file")));
        }
        let bytes = match self {
            Self::File(file) => file.get_bytes(start, length),
            Self::Memory(bytes) => bytes.get_bytes(start, length),
        }?;
        if end.is_some_and(|end| end + END == self.len()) {
            thrift::check(&bytes)?;
        }
        Ok(bytes)
    }
}

/// A page says how long it becomes, and there is memory for that at once.
fn refuse_bombs(page: PageSizes) -> io::Result<()> {
    let most = USUAL_PAGE.saturating_add(page.stored.saturating_mul(SMALLEST)).min(LONGEST as i64);
    if page.content <= most {
        return Ok(());
    }
    let what = format!("a page of {} bytes would become {} bytes", page.stored, page.content);
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}
