//! Any bytes at all: an error or rows, never a panic.

use std::path::Path;

use proptest::prelude::*;

use super::*;

const FORMATS: [FileFormat; 7] = [
    FileFormat::Json,
    FileFormat::Jsonl,
    FileFormat::Csv,
    FileFormat::Tsv,
    FileFormat::Text,
    FileFormat::Parquet,
    FileFormat::Arrow,
];

const GOLDEN: [(&str, FileFormat); 8] = [
    ("rows.jsonl", FileFormat::Jsonl),
    ("rows.jsonl", FileFormat::Json),
    ("rows.jsonl", FileFormat::Csv),
    ("snappy.parquet", FileFormat::Parquet),
    ("views.parquet", FileFormat::Parquet),
    ("large.arrow", FileFormat::Arrow),
    ("views.arrow", FileFormat::Arrow),
    ("file.feather", FileFormat::Arrow),
];

fn golden(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tables")).join(file)).unwrap()
}

/// Changes of bytes at places given as parts of 65536 of the length, and a cut.
fn mutated(mut bytes: Vec<u8>, changes: &[(u16, u8)], kept: u16) -> Vec<u8> {
    let place = |part: u16, length: usize| length * usize::from(part) / 65536;
    for (part, value) in changes {
        let at = place(*part, bytes.len());
        bytes[at] = *value;
    }
    if kept.is_multiple_of(4) {
        bytes.truncate(place(kept, bytes.len()));
    }
    bytes
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), start in 0usize..5) {
        let starts = [&b""[..], b"ARROW1\0\0\xff\xff\xff\xff", b"\xff\xff\xff\xff\x10\0\0\0", b"PAR1", b"\x1f\x8b\x08"];
        let bytes = [starts[start], &bytes].concat();
        for format in FORMATS {
            for template in RowTemplate::ALL {
                let _ = rows_of_bytes(&bytes, format, template, 1000);
            }
        }
    }

    #[test]
    fn no_text_that_looks_like_json_or_a_table_makes_a_reader_panic(
        text in "([\\[\\]{}:,\"\\\\\n\t ]|\"text\": |\"messages\": \\[|null|1e9|õ|\"a\"){0,60}",
    ) {
        for format in [FileFormat::Json, FileFormat::Jsonl, FileFormat::Csv, FileFormat::Tsv, FileFormat::Text] {
            for template in RowTemplate::ALL {
                let _ = rows_of_bytes(text.as_bytes(), format, template, 1000);
            }
        }
    }

    #[test]
    fn no_damage_to_a_good_file_makes_a_reader_panic(
        file in 0..GOLDEN.len(),
        changes in prop::collection::vec((any::<u16>(), any::<u8>()), 0..6),
        kept: u16,
    ) {
        let (name, format) = GOLDEN[file];
        let bytes = mutated(golden(name), &changes, kept);
        for template in RowTemplate::ALL {
            let _ = rows_of_bytes(&bytes, format, template, 1000);
        }
    }
}

#[test]
fn good_bytes_are_rows() {
    for (name, format) in GOLDEN.into_iter().filter(|(_, format)| *format != FileFormat::Csv) {
        let rows = rows_of_bytes(&golden(name), format, RowTemplate::Messages, 1000).unwrap();
        assert_eq!(rows.len(), 7, "{name}");
        assert_eq!(rows_of_bytes(&golden(name), format, RowTemplate::Plain, 3).unwrap().len(), 3, "{name}");
    }
}

/// A Parquet file of a list of contents alone.
fn contents(list: &[u8]) -> Vec<u8> {
    [b"PAR1", list, &(list.len() as u32).to_le_bytes(), b"PAR1"].concat()
}

#[test]
fn lists_that_are_not_there_are_neither_counted_nor_given_memory() {
    let started = std::time::Instant::now();
    // 2³¹ - 1 elements of a list of truth values, a thousand times; and of each list that the library knows.
    let truths = [0xf9, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07].repeat(1000);
    let known = [0x29, 0x49, 0x59, 0x79].map(|field| vec![field, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07]);
    for list in known.into_iter().chain([truths]) {
        let error =
            rows_of_bytes(&contents(&list), FileFormat::Parquet, RowTemplate::Plain, 9).unwrap_err().to_string();
        assert!(error.contains("list of contents"), "{error}");
    }
    assert!(started.elapsed().as_secs() < 5);
}
