//! Parquet and Arrow: files that pyarrow wrote, and files written here, give the rows of the same JSON.

use std::path::Path;

use arrow_array::array::{Array, ArrayRef, StringArray};
use arrow_array::{Int64Array, RecordBatch};

use super::*;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tables");

const FILES: [&str; 16] = [
    "none.parquet",
    "snappy.parquet",
    "gzip.parquet",
    "zstd.parquet",
    "brotli.parquet",
    "lz4.parquet",
    "v2-delta.parquet",
    "large.parquet",
    "views.parquet",
    "bytes.parquet",
    "stream.arrow",
    "no-end.arrow",
    "views.arrow",
    "large.arrow",
    "file.arrow",
    "file.feather",
];

fn golden(file: &str, template: RowTemplate, reading: Reading) -> Vec<Row> {
    let source = Source { reading, ..source(template, vec![Path::new(GOLDEN).join(file)]) };
    let rows = Rows::open(&source, 0).unwrap_or_else(|error| panic!("{error}"));
    let size = rows.bytes();
    let rows: Vec<Read> = rows.collect::<Result<_>>().unwrap_or_else(|error| panic!("{error}"));
    assert!(rows.iter().map(|read| read.bytes).sum::<u64>() <= size, "{file}");
    let numbers: Vec<u64> = rows.iter().map(|read| read.place.line).collect();
    assert_eq!(numbers, (1..=rows.len() as u64).collect::<Vec<_>>(), "{file}");
    rows.into_iter().map(|read| read.row).collect()
}

#[test]
fn what_pyarrow_wrote_has_the_rows_of_the_same_json() {
    let pairs = named(&[("first", "translation.en"), ("second", "translation.et")]);
    let ways = [
        (RowTemplate::Plain, Reading::default()),
        (RowTemplate::Plain, named(&[("text", "kind")])),
        (RowTemplate::Plain, named(&[("text", "translation.et")])),
        (RowTemplate::Messages, Reading::default()),
        (RowTemplate::Translation, pairs),
        (RowTemplate::Tokens, Reading::default()),
        (RowTemplate::Alpaca, named(&[("instruction", "kind"), ("output", "text")])),
    ];
    for (template, reading) in ways {
        let expected = golden("rows.jsonl", template, reading.clone());
        assert_eq!(expected.len(), 7);
        for file in FILES {
            assert_eq!(golden(file, template, reading.clone()), expected, "{file} {template:?} {:?}", reading.fields);
        }
    }
}

#[test]
fn times_and_numbers_are_values_like_others() {
    let when = named(&[("text", "when")]);
    let expected = golden("rows.jsonl", RowTemplate::Plain, when.clone());
    assert_eq!(expected[3], Row::Document("2024-02-29T12:03:05.250000".into()));
    for file in FILES {
        let rows = golden(file, RowTemplate::Plain, when.clone());
        let Row::Document(text) = &rows[3] else { panic!("{rows:?}") };
        assert!(text.starts_with("2024-02-29T12:03:05.25"), "{file}: {text}");
    }
    for file in ["snappy.parquet", "file.arrow"] {
        let source = Source {
            reading: named(&[("text", "score")]),
            ..source(RowTemplate::Plain, vec![Path::new(GOLDEN).join(file)])
        };
        let error = Rows::open(&source, 0).unwrap().find_map(Result::err).unwrap().to_string();
        assert!(error.contains(&format!("{file}: row 1  the field `score` is a number, must be a text")), "{error}");
        let source = Source { reading: named(&[("text", "nothing")]), ..source };
        let error = match Rows::open(&source, 0) {
            Ok(mut rows) => rows.find_map(Result::err).unwrap(),
            Err(error) => error,
        };
        let error = error.to_string();
        assert!(error.contains(&format!("{file}  the table has no column `nothing`")), "{error}");
    }
}

/// A table of texts and numbers.
fn batch(rows: usize) -> RecordBatch {
    let texts: StringArray = (0..rows).map(|row| (row % 5 != 4).then(|| format!("rida {row}"))).collect();
    let numbers: Int64Array = (0..rows as i64).map(Some).collect();
    RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef), ("text", Arc::new(texts))]).unwrap()
}

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let properties = ::parquet::file::properties::WriterProperties::builder()
        .set_max_row_group_row_count(Some(1000))
        .set_compression(::parquet::basic::Compression::SNAPPY)
        .build();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn texts_that_are_written_with_their_lengths_apart_are_read_whatever_their_number() {
    use ::parquet::basic::Encoding;
    use ::parquet::file::properties::{WriterProperties, WriterVersion};
    for encoding in [Encoding::DELTA_BYTE_ARRAY, Encoding::DELTA_LENGTH_BYTE_ARRAY] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for count in [1, 2, 32, 33, 34, 128, 129, 130, 700, 3000] {
                let batch = batch(count);
                let properties = WriterProperties::builder()
                    .set_writer_version(version)
                    .set_dictionary_enabled(false)
                    .set_encoding(encoding)
                    .set_column_encoding("n".into(), Encoding::DELTA_BINARY_PACKED)
                    .set_data_page_row_count_limit(1000)
                    .build();
                let mut writer =
                    ::parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
                writer.write(&batch).unwrap();
                let bytes = writer.into_inner().unwrap();
                let rows = rows_of_bytes(&bytes, FileFormat::Parquet, RowTemplate::Plain, usize::MAX).unwrap();
                let expected = (0..count).filter(|row| row % 5 != 4).map(|row| Row::Document(format!("rida {row}")));
                assert_eq!(rows, expected.collect::<Vec<_>>(), "{encoding} {version:?} {count}");
            }
        }
    }
}

fn stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    for start in (0..batch.num_rows()).step_by(1000) {
        writer.write(&batch.slice(start, 1000.min(batch.num_rows() - start))).unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn a_null_is_a_bad_row_with_its_number_and_batches_and_row_groups_do_not_show() {
    let batch = batch(3333);
    for (name, bytes) in [("a.parquet", parquet(&batch)), ("a.arrow", stream(&batch)), ("a.bin", stream(&batch))] {
        let error = error_of(name, &bytes, RowTemplate::Plain);
        assert!(error.contains(&format!("{name}: row 5  the field `text` is null")), "{error}");
        let skip = Reading { on_bad_row: OnBadRow::Skip, ..Reading::default() };
        let rows = rows_by(name, &bytes, RowTemplate::Plain, &skip).unwrap();
        assert_eq!(rows.len(), 3333 - 3333 / 5);
        assert_eq!(rows[2665], (3332, Row::Document("rida 3331".into())));
    }
}

#[test]
fn a_table_that_is_cut_off_is_an_error() {
    let batch = batch(3333);
    let skip = Reading { on_bad_row: OnBadRow::Skip, ..Reading::default() };
    let (whole, streamed) = (parquet(&batch), stream(&batch));
    let error = rows_by("a.parquet", &whole[..whole.len() - 1], RowTemplate::Plain, &skip).unwrap_err().to_string();
    assert!(error.contains("a.parquet  cannot read Parquet"), "{error}");
    for length in [20, streamed.len() / 2, streamed.len() - 10] {
        let error = rows_by("a.arrow", &streamed[..length], RowTemplate::Plain, &skip).unwrap_err().to_string();
        assert!(error.contains("a.arrow") && error.contains("the Arrow data is cut off"), "{length}: {error}");
    }
    let file = std::fs::read(Path::new(GOLDEN).join("file.arrow")).unwrap();
    for length in [file.len() - 1, file.len() / 2] {
        let error = rows_by("a.arrow", &file[..length], RowTemplate::Plain, &skip).unwrap_err().to_string();
        assert!(error.contains("the Arrow data is cut off"), "{length}: {error}");
    }
}

#[test]
fn compressed_arrow_is_read_and_compressed_parquet_refused() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let texts = batch(4);
    assert_eq!(rows_of("a.arrow.gz", gzip(&stream(&texts)), RowTemplate::Plain).unwrap().len(), 4);
    let error = error_of("a.parquet.gz", gzip(&parquet(&texts)), RowTemplate::Plain);
    assert!(error.contains("a.parquet.gz  a Parquet file cannot be read from inside a compressed one"), "{error}");
}

#[test]
fn two_columns_of_a_table_are_a_pair_without_names() {
    let texts = |words: [&str; 2]| Arc::new(StringArray::from(words.to_vec())) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("en", texts(["a", "b"])), ("et", texts(["c", "d"]))]).unwrap();
    assert_eq!(batch.column(0).len(), 2);
    for (name, bytes) in [("a.parquet", parquet(&batch)), ("a.arrow", stream(&batch))] {
        let rows = rows_of(name, bytes, RowTemplate::Translation).unwrap();
        assert_eq!(rows[1].1, Row::Pair("b".into(), "d".into()), "{name}");
    }
}
