//! Parquet and Arrow files.
//!
//! The first byte of an input says as what the others are read. Of a third of the files, which are Parquet, the last bytes
//! are written here, so that the list of contents before them may grow and shrink: two bytes say where it begins.
#![no_main]

use emakeel::data::read::rows_of_bytes;
use emakeel::recipe::{FileFormat, RowTemplate};
use emakeel_fuzz::{start, watch};
use libfuzzer_sys::fuzz_target;

const TEMPLATES: [RowTemplate; 4] =
    [RowTemplate::Plain, RowTemplate::Messages, RowTemplate::Translation, RowTemplate::Tokens];

fuzz_target!(init: start(), |input: &[u8]| watch(|| read(input)));

fn read(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    // `A` is Parquet of texts, `B` Arrow of texts, `C` Parquet of texts that gets its end, `D` Parquet of messages, and so on.
    let choice = usize::from(choice.wrapping_sub(b'A'));
    let template = TEMPLATES[choice / 3 % TEMPLATES.len()];
    let _ = match choice % 3 {
        0 => rows_of_bytes(bytes, FileFormat::Parquet, template, MOST),
        1 => rows_of_bytes(bytes, FileFormat::Arrow, template, MOST),
        _ => rows_of_bytes(&ended(bytes), FileFormat::Parquet, template, MOST),
    };
}

/// Rows that are read: all of a file of this size, unless it says the same row again and again.
const MOST: usize = 100_000;

/// A Parquet file without its last eight bytes, with them.
fn ended(bytes: &[u8]) -> Vec<u8> {
    let (start, content) = bytes.split_first_chunk::<2>().unwrap_or((&[0; 2], bytes));
    let length = content.len().saturating_sub(usize::from(u16::from_le_bytes(*start)));
    [content, &(length as u32).to_le_bytes(), b"PAR1"].concat()
}
