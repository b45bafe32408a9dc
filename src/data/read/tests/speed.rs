//! How fast files are read. Nothing is asserted: the numbers are for people.

use std::fmt::Write;
use std::io::Write as _;
use std::time::Instant;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::properties::WriterProperties;
use arrow_array::RecordBatch;
use arrow_array::array::{ArrayRef, StringArray};
use arrow_ipc::writer::StreamWriter;

use super::*;

const BYTES: usize = 200_000_000;

fn write(path: &Path, row: &str, between: &str, ends: [&str; 2]) {
    let mut text = ends[0].to_owned();
    while text.len() < BYTES {
        let _ = write!(text, "{row}{between}");
    }
    text.truncate(text.len() - between.len());
    text.push_str(ends[1]);
    std::fs::write(path, text).unwrap();
}

#[test]
#[ignore = "half a minute and a gigabyte of disk: megabytes a second of each format"]
fn speed_of_each_format() {
    let folder = tempfile::tempdir().unwrap();
    let words = "Kass magas päikese käes ja õues oli vaikne, sest lapsed olid juba ammu koju läinud. ".repeat(8);
    let long =
        format!("{{\"text\": \"{words}\", \"url\": \"https://a.ee/b\", \"meta\": {{\"date\": 5, \"tags\": [\"a\"]}}}}");
    let ascii = long.replace('ä', "a").replace('õ', "o");
    let talk = format!(
        "{{\"messages\": [{{\"role\": \"user\", \"content\": \"{words}\"}}, {{\"role\": \"assistant\", \"content\": \"{words}\"}}]}}"
    );
    let alpaca = format!("{{\"instruction\": \"Mida tegi kass?\", \"input\": \"\", \"output\": \"{words}\"}}");
    let cases = [
        ("long.jsonl", &long, "\n", ["", ""], RowTemplate::Plain),
        ("ascii.jsonl", &ascii, "\n", ["", ""], RowTemplate::Plain),
        ("talk.jsonl", &talk, "\n", ["", ""], RowTemplate::Messages),
        ("alpaca.jsonl", &alpaca, "\n", ["", ""], RowTemplate::Alpaca),
        ("alpaca.json", &alpaca, ",\n", ["[", "]"], RowTemplate::Alpaca),
        ("a.csv", &format!("1,\"{words}\",x"), "\n", ["id,text,more\n", ""], RowTemplate::Plain),
        ("a.txt", &words, "\n", ["", ""], RowTemplate::Plain),
    ];
    for (name, row, between, ends, template) in cases {
        let path = folder.path().join(name);
        write(&path, row, between, ends);
        timed(name, path.clone(), template);
        std::fs::remove_file(path).unwrap();
    }
    let path = folder.path().join("long.jsonl.zst");
    let mut encoder = zstd::stream::write::Encoder::new(std::fs::File::create(&path).unwrap(), 1).unwrap();
    for _ in 0..BYTES / long.len() {
        writeln!(encoder, "{long}").unwrap();
    }
    encoder.finish().unwrap();
    timed("long.jsonl.zst", path, RowTemplate::Plain);
    let texts = StringArray::from(vec![words.as_str(); BYTES / words.len()]);
    let batch = RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap();
    let path = folder.path().join("a.arrow");
    let mut writer = StreamWriter::try_new(std::fs::File::create(&path).unwrap(), &batch.schema()).unwrap();
    for start in (0..batch.num_rows()).step_by(1000) {
        writer.write(&batch.slice(start, 1000.min(batch.num_rows() - start))).unwrap();
    }
    writer.finish().unwrap();
    timed("a.arrow", path, RowTemplate::Plain);
    let path = folder.path().join("a.parquet");
    let properties = WriterProperties::builder().set_dictionary_enabled(false).set_compression(Compression::SNAPPY);
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    timed("a.parquet", path, RowTemplate::Plain);
}

fn timed(name: &str, path: PathBuf, template: RowTemplate) {
    let start = Instant::now();
    let read: Result<Vec<_>> =
        Rows::open(&source(template, vec![path]), 0).unwrap().map(|read| read.map(|_| ())).collect();
    let rows = read.unwrap().len();
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{name:>16}  {rows:>8} rows  {:>6.0} MB/s", BYTES as f64 / 1e6 / seconds);
}
