//! Rows of Parquet files, batch by batch: in memory are a page of each wanted column and a batch of rows.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::reader::{ChunkReader, Length};
use arrow_array::RecordBatch;
use prost::bytes::{Buf, Bytes};

use super::FoundRows;
use super::columns::{Batches, Rows, Wanted, guarded};
use super::layout::Layout;
use super::open::{Input, failed};
use crate::error::{Error, Result};

/// Rows decoded together.
const BATCH: usize = 1024;

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
    let opened = guarded(|| ParquetRecordBatchReaderBuilder::try_new(chunks)).and_then(|opened| opened.map_err(broken));
    let builder = opened.map_err(|error| error.at(name.as_str()))?;
    let names = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let wanted = Wanted::new(names, &layout).map_err(|error| error.at(name.as_str()))?;
    let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.columns.iter().copied());
    let built = guarded(|| builder.with_projection(mask).with_batch_size(BATCH).build());
    let reader = built.and_then(|built| built.map_err(broken)).map_err(|error| error.at(name.as_str()))?;
    let pages = Pages { reader, bytes: input.size()?, total, reported: 0 };
    Ok(Box::new(Rows::new(name, Box::new(pages), wanted, layout)))
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
        Ok(match self {
            Self::File(file) => Box::new(file.get_read(start)?),
            Self::Memory(bytes) => Box::new(bytes.get_read(start)?.into_inner().reader()),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.len());
        if end.is_none() {
            return Err(ParquetError::EOF(format!("{length} bytes from byte {start} on are not in the file")));
        }
        match self {
            Self::File(file) => file.get_bytes(start, length),
            Self::Memory(bytes) => bytes.get_bytes(start, length),
        }
    }
}
