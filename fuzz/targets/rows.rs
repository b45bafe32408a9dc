//! Rows of JSON, JSON lines, CSV, TSV and text. The first byte of an input says as what the others are read.
#![no_main]

use emakeel::data::read::rows_of_bytes;
use emakeel::recipe::{FileFormat, RowTemplate};
use emakeel_fuzz::{start, watch};
use libfuzzer_sys::fuzz_target;

const FORMATS: [FileFormat; 5] =
    [FileFormat::Json, FileFormat::Jsonl, FileFormat::Csv, FileFormat::Tsv, FileFormat::Text];

fuzz_target!(init: start(), |input: &[u8]| watch(|| read(input)));

fn read(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    // `A` is JSON of texts, `B` JSON lines of texts, `F` JSON of Alpaca's fields, and so on.
    let choice = usize::from(choice.wrapping_sub(b'A'));
    let format = FORMATS[choice % FORMATS.len()];
    let template = RowTemplate::ALL[choice / FORMATS.len() % RowTemplate::ALL.len()];
    let _ = rows_of_bytes(bytes, format, template, usize::MAX);
}
