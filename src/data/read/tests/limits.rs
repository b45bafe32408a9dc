//! Tables that say they become larger than any memory are damage, and large ones that are good are read.

use arrow_array::array::{ArrayRef, LargeStringArray, NullArray, StringArray};
use arrow_array::builder::{ListBuilder, NullBuilder};
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema};

use super::*;

fn texts(texts: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter([("text", texts)]).unwrap()
}

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let properties = ::parquet::file::properties::WriterProperties::builder()
        .set_compression(::parquet::basic::Compression::ZSTD(Default::default()))
        .set_dictionary_enabled(false)
        .set_data_page_row_count_limit(3)
        .set_write_batch_size(1)
        .build();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn stream(batch: &RecordBatch, compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// The bytes with a number in them replaced where it stands last.
fn patched(bytes: &[u8], old: i64, new: i64) -> Vec<u8> {
    let at = bytes.windows(8).rposition(|window| window == old.to_le_bytes()).expect("the number");
    let mut bytes = bytes.to_vec();
    bytes[at..at + 8].copy_from_slice(&new.to_le_bytes());
    bytes
}

#[test]
fn a_page_of_parquet_that_becomes_longer_than_a_row_may_be_is_refused() {
    let long = "a".repeat(super::super::lines::LONGEST + 1000);
    let bytes = parquet(&texts(Arc::new(StringArray::from(vec![long]))));
    assert!(bytes.len() < 1 << 20, "{}", bytes.len());
    let error = error_of("a.parquet", &bytes, RowTemplate::Plain);
    assert!(error.contains("a.parquet  cannot read Parquet"), "{error}");
    assert!(error.contains("would become 268436460 bytes"), "{error}");
}

#[test]
fn long_and_large_texts_of_a_table_come_out_whole() {
    // 40 MB for each row: a batch of the usual number of rows would be 8 times what is decoded together.
    let rows: Vec<String> = (0..8).map(|row| format!("{row}").repeat(40_000_000)).collect();
    let batch = texts(Arc::new(LargeStringArray::from(rows.clone())));
    for (name, bytes) in [("a.parquet", parquet(&batch)), ("a.arrow", stream(&batch, None))] {
        let read = rows_of(name, bytes, RowTemplate::Plain).unwrap();
        assert_eq!(read.len(), rows.len(), "{name}");
        let same = |((line, row), (number, text)): (&(u64, Row), (usize, &String))| {
            *line == number as u64 + 1 && matches!(row, Row::Document(found) if found == text)
        };
        assert!(read.iter().zip(rows.iter().enumerate()).all(same), "{name}");
    }
}

#[test]
fn compressed_parts_of_arrow_that_would_not_fit_into_memory_are_refused() {
    let batch = texts(Arc::new(StringArray::from(vec!["a".repeat(70_001)])));
    for compression in [CompressionType::ZSTD, CompressionType::LZ4_FRAME] {
        let good = stream(&batch, Some(compression));
        assert_eq!(rows_of("a.arrow", good.clone(), RowTemplate::Plain).unwrap().len(), 1);
        let error = error_of("a.arrow", patched(&good, 70_001, 1 << 33), RowTemplate::Plain);
        assert!(error.contains("the parts of a batch would not fit into memory"), "{error}");
    }
}

#[test]
fn a_message_of_a_compressed_stream_that_would_not_fit_into_memory_is_refused() {
    let good = stream(&texts(Arc::new(StringArray::from(vec!["a".repeat(70_001)]))), None);
    // The offsets and the texts, each up to a whole number of 64 bytes.
    let body = 64 + 70_016;
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let error = error_of("a.arrow.gz", gzip(&patched(&good, body, 1 << 40)), RowTemplate::Plain);
    assert!(error.contains("a message would not fit into memory"), "{error}");
    let error = error_of("a.arrow", patched(&good, body, 1 << 40), RowTemplate::Plain);
    assert!(error.contains("the Arrow data is cut off"), "{error}");
}

#[test]
fn a_list_of_any_number_of_items_without_content_is_no_row() {
    let mut lists = ListBuilder::new(NullBuilder::new());
    lists.values().append_nulls(1 << 30);
    lists.append(true);
    let batch = RecordBatch::try_from_iter([("messages", Arc::new(lists.finish()) as ArrayRef)]).unwrap();
    let error = error_of("a.arrow", stream(&batch, None), RowTemplate::Messages);
    assert!(error.contains("a list of items without content"), "{error}");
}

#[test]
fn a_batch_of_nulls_alone_may_not_have_any_number_of_rows() {
    let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Null, true)]));
    let count = (1usize << 31) + 77;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let batch = RecordBatch::try_new_with_options(schema, vec![Arc::new(NullArray::new(count))], &options).unwrap();
    let error = error_of("a.arrow", stream(&batch, None), RowTemplate::Plain);
    assert!(error.contains("a batch says that it has more rows than any"), "{error}");
}
