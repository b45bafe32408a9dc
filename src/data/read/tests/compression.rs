//! Compressed files: the same rows by whatever they are compressed with, and cut-off ones.

use std::io::Write;

use super::*;

const TEXT: &str = "{\"text\": \"üks\"}\n{\"text\": \"kaks\"}\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    // With a checksum, as the command line tool writes it.
    let mut encoder = ::zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

type Compress = fn(&[u8]) -> Vec<u8>;

const ALL: [(&str, Compress); 4] = [("gzip", gzip), ("zstd", zstd), ("bzip2", bzip2), ("xz", xz)];

/// Text that compresses badly, so that a cut falls into the middle of it.
fn long_text() -> String {
    let stream = crate::random::Stream::new(5, "compression");
    let row = |index: u64| format!("{{\"text\": \"{:x}\"}}\n", stream.below_at(index, u64::MAX - 1));
    (0..20_000).map(row).collect()
}

#[test]
fn a_compressed_file_has_the_rows_of_the_plain_one_whatever_its_name_says() {
    let plain = rows_of("a.jsonl", TEXT, RowTemplate::Plain).unwrap();
    assert_eq!(plain.len(), 2);
    for (name, compress) in ALL {
        let whole = compress(TEXT.as_bytes());
        for file in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.jsonl.bz2", "a.ndjson.xz"] {
            assert_eq!(rows_of(file, &whole, RowTemplate::Plain).unwrap(), plain, "{name} in {file}");
        }
        // Several pieces in one file, one of them empty.
        let parts: Vec<u8> = [&TEXT.as_bytes()[..20], &[], &TEXT.as_bytes()[20..]].map(compress).concat();
        assert_eq!(rows_of("a.jsonl.gz", &parts, RowTemplate::Plain).unwrap(), plain, "pieces of {name}");
        let empty = error_of("a.jsonl", compress(&[]), RowTemplate::Plain);
        assert!(empty.contains("a.jsonl  the file is empty inside its compression"), "{name}: {empty}");
    }
    assert_eq!(rows_of("a.jsonl.gz", TEXT, RowTemplate::Plain).unwrap(), plain, "a name that lies");
}

#[test]
fn every_format_may_be_compressed() {
    let formats = [
        ("a.json", "[{\"text\": \"üks\"}, {\"text\": \"kaks\"}]"),
        ("a.csv", "text,n\nüks,1\nkaks,2\n"),
        ("a.tsv", "n\ttext\n1\tüks\n2\tkaks\n"),
        ("a.txt", "üks\nkaks\n"),
    ];
    let texts = ["üks", "kaks"].map(|text| Row::Document(text.into()));
    for (name, content) in formats {
        for (_, compress) in ALL {
            let rows = rows_of(&format!("{name}.gz"), compress(content.as_bytes()), RowTemplate::Plain).unwrap();
            assert_eq!(rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), texts, "{name}");
        }
    }
}

#[test]
fn a_cut_off_file_is_an_error_that_names_it_and_how_far_it_was_read_also_where_bad_rows_are_skipped() {
    let text = long_text();
    let skip = Reading { on_bad_row: OnBadRow::Skip, ..Reading::default() };
    for (name, compress) in ALL {
        let whole = compress(text.as_bytes());
        assert_eq!(rows_of("a.jsonl", &whole, RowTemplate::Plain).unwrap().len(), 20_000, "{name}");
        for length in [whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            let error = rows_by("a.jsonl.cut", &whole[..length], RowTemplate::Plain, &skip);
            let error = error.unwrap_err().to_string();
            let expected = format!("a.jsonl.cut  cannot read the file: the {name} data is");
            assert!(error.contains(&expected), "{name} {length}: {error}");
            assert!(error.contains("bytes of content") && error.contains("hint: is the file whole?"), "{error}");
        }
        // A second piece that is cut off right after its start.
        let second = [whole.as_slice(), &compress(TEXT.as_bytes())[..12]].concat();
        let error = rows_by("a.jsonl.cut", second, RowTemplate::Plain, &skip).unwrap_err().to_string();
        assert!(error.contains(&format!("the {name} data is")), "{name}: {error}");
    }
}

#[test]
fn damage_inside_a_compressed_file_is_an_error() {
    let text = long_text();
    for (name, compress) in ALL {
        let mut bytes = compress(text.as_bytes());
        let middle = bytes.len() / 2;
        bytes[middle..middle + 40].fill(0x55);
        let error = rows_of("a.jsonl.x", bytes, RowTemplate::Plain).unwrap_err().to_string();
        assert!(error.contains("a.jsonl.x"), "{name}: {error}");
    }
}

#[test]
fn bytes_count_those_on_the_disk() {
    let text = long_text();
    for (_, compress) in ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl.gz");
        let bytes = compress(text.as_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let rows = Rows::open(&source(RowTemplate::Plain, vec![path]), 0).unwrap();
        assert_eq!(rows.bytes(), bytes.len() as u64);
        let read: u64 = rows.map(|read| read.unwrap().bytes).sum();
        assert!(read <= bytes.len() as u64 && read * 10 > bytes.len() as u64 * 9, "{read} of {}", bytes.len());
    }
}
