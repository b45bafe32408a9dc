//! The pages of a Parquet file's columns, looked at before the library decodes them.
//!
//! What a page says of the number of its values becomes memory at once: so there is a bound for it, and the lists of
//! lengths in some encodings may not say more.
//!
//! # Source  `Encodings.md` of github.com/apache/parquet-format

use std::sync::Arc;

use ::parquet::arrow::arrow_reader::RowGroups;
use ::parquet::basic::Encoding;
use ::parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use ::parquet::file::reader::ChunkReader;
use ::parquet::file::serialized_reader::SerializedPageReader;

/// Values of a page. Programs write up to a megabyte at a time, but a page of equal values may have many.
const MOST_VALUES: u32 = 1 << 26;

/// All row groups of a file.
pub(super) struct Groups<R> {
    pub file: Arc<R>,
    pub metadata: Arc<ParquetMetaData>,
}

impl<R: ChunkReader + 'static> RowGroups for Groups<R> {
    fn num_rows(&self) -> usize {
        let rows = self.metadata.row_groups().iter().map(|group| usize::try_from(group.num_rows()).unwrap_or(0));
        rows.fold(0, usize::saturating_add)
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let (file, metadata) = (Arc::clone(&self.file), Arc::clone(&self.metadata));
        Ok(Box::new(Column { file, metadata, column, group: 0 }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// A column in one row group after the other.
struct Column<R> {
    file: Arc<R>,
    metadata: Arc<ParquetMetaData>,
    column: usize,
    group: usize,
}

impl<R: ChunkReader + 'static> PageIterator for Column<R> {}

impl<R: ChunkReader + 'static> Iterator for Column<R> {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let group = self.metadata.row_groups().get(self.group)?;
        self.group += 1;
        let Some(chunk) = group.columns().get(self.column) else {
            return Some(Err(damaged("a row group lacks a column")));
        };
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let levels = [chunk.column_descr().max_rep_level(), chunk.column_descr().max_def_level()];
        let pages = SerializedPageReader::new(Arc::clone(&self.file), chunk, rows, None);
        Some(pages.map(|pages| Box::new(Checked { pages, levels }) as Box<dyn PageReader>))
    }
}

/// Pages that were looked at.
struct Checked<R: ChunkReader> {
    pages: SerializedPageReader<R>,
    /// The largest levels of repetition and definition.
    levels: [i16; 2],
}

impl<R: ChunkReader> Iterator for Checked<R> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<R: ChunkReader> PageReader for Checked<R> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        page.as_ref().map_or(Ok(()), |page| check(page, self.levels))?;
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

fn check(page: &Page, levels: [i16; 2]) -> Result<()> {
    let most = match page {
        // Each value of a dictionary has a byte at least.
        Page::DictionaryPage { buf, .. } => buf.len().min(MOST_VALUES as usize),
        _ => MOST_VALUES as usize,
    };
    let count = page.num_values() as usize;
    if count > most {
        return Err(damaged(&format!("a page says that it has {count} values")));
    }
    let lists = match page.encoding() {
        Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
        Encoding::DELTA_BYTE_ARRAY => 2,
        _ => return Ok(()),
    };
    let mut rest = values(page, levels).ok_or_else(|| damaged("the levels of a page are not there"))?;
    for _ in 0..lists {
        rest = after_lengths(rest, count as u64).ok_or_else(|| damaged("a page has more lengths than values"))?;
    }
    Ok(())
}

/// What stands in a page after its levels.
fn values(page: &Page, levels: [i16; 2]) -> Option<&[u8]> {
    match page {
        Page::DictionaryPage { buf, .. } => Some(buf),
        Page::DataPageV2 { buf, rep_levels_byte_len, def_levels_byte_len, .. } => {
            buf.get(*rep_levels_byte_len as usize..)?.get(*def_levels_byte_len as usize..)
        }
        Page::DataPage { buf, num_values, rep_level_encoding, def_level_encoding, .. } => {
            let mut rest: &[u8] = buf;
            for (level, encoding) in levels.into_iter().zip([rep_level_encoding, def_level_encoding]) {
                let bits = 16 - level.leading_zeros() as usize;
                let length = match (bits, encoding) {
                    (0, _) => 0,
                    (_, Encoding::RLE) => (u32::from_le_bytes(*rest.first_chunk()?) as usize).checked_add(4)?,
                    _ => (*num_values as usize * bits).div_ceil(8),
                };
                rest = rest.get(length..)?;
            }
            Some(rest)
        }
    }
}

/// What stands after a list of numbers, written as differences in blocks; `None` if it has more than `most` or is cut off.
fn after_lengths(bytes: &[u8], most: u64) -> Option<&[u8]> {
    let mut rest = bytes;
    let (block, parts, count, _first) =
        (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
    let part = block.checked_div(parts).filter(|part| *part > 0 && count <= most)?;
    let mut left = count.saturating_sub(1);
    while left > 0 {
        let _least = number(&mut rest)?;
        let (widths, after) = rest.split_at_checked(usize::try_from(parts).ok()?)?;
        rest = after;
        // Parts after the last value are left out.
        for width in widths.iter().take(usize::try_from(left.div_ceil(part)).unwrap_or(usize::MAX)) {
            let length = part.checked_mul(u64::from(*width))? / 8;
            rest = rest.get(usize::try_from(length).ok()?..)?;
            left = left.saturating_sub(part);
        }
    }
    Some(rest)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_not_say_that_it_has_more_values_than_any() {
        let buf = prost::bytes::Bytes::from_static(&[0; 12]);
        let dictionary = |num_values| Page::DictionaryPage {
            buf: buf.clone(),
            num_values,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        assert!(check(&dictionary(12), [0, 0]).is_ok());
        let error = check(&dictionary(13), [0, 0]).unwrap_err().to_string();
        assert!(error.contains("a page says that it has 13 values"), "{error}");
        let data = |num_values| Page::DataPage {
            buf: buf.clone(),
            num_values,
            encoding: Encoding::PLAIN,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        assert!(check(&data(MOST_VALUES), [0, 0]).is_ok(), "equal values may take no bytes");
        assert!(check(&data(MOST_VALUES + 1), [0, 0]).is_err());
    }

    #[test]
    fn lengths_are_passed_in_whole_blocks() {
        // Blocks of 128 in 4 parts; 34 lengths: the first, then parts of 32 with 2 bits and of 1 with none.
        let mut bytes = vec![0x80, 1, 4, 34, 10, 0, 2, 0, 0, 0];
        bytes.extend([0xff; 8]);
        bytes.extend(b"rest");
        assert_eq!(after_lengths(&bytes, 34).unwrap(), b"rest");
        assert_eq!(after_lengths(&bytes, 33), None, "more than there are values");
        assert_eq!(after_lengths(&bytes[..17], 34), None, "cut off");
        assert_eq!(after_lengths(&[0x80, 1, 4, 0, 0, b'a'], 0).unwrap(), b"a");
        assert_eq!(after_lengths(&[0x80, 1, 0, 1, 0], 9), None, "no parts");
        assert_eq!(after_lengths(&[0x80, 1, 4, 0xff, 0xff, 0xff, 0xff, 0x0f, 0], 9), None);
    }
}
