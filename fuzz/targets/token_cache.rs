//! Files of tokens.
//!
//! The sums in them would keep nearly all inputs from being read any further. So an input that begins with `A` is read as
//! it is after that; in any other the sums, the mark at its start, and the length of the statistics are made right.
#![no_main]

use emakeel::data::stream::examine_cache_file;
use emakeel_fuzz::{start, watch};
use libfuzzer_sys::fuzz_target;

/// Bytes before the ids.
const HEADER: usize = 80;
/// Bytes with a sum of their own.
const BLOCK: usize = 64 << 10;

fuzz_target!(init: start(), |input: &[u8]| watch(|| read(input)));

fn read(input: &[u8]) {
    match input.split_first() {
        Some((b'A', bytes)) => drop(examine_cache_file(bytes.to_vec())),
        Some((_, bytes)) if bytes.len() >= HEADER => drop(examine_cache_file(repaired(bytes))),
        _ => {}
    }
}

/// A header and what is between it and the sums, as a whole file.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    let (header, body) = bytes.split_at(HEADER);
    let mut header = header.to_vec();
    let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    let (rows, tokens, wide, marked) = (number(40), number(48), header[64] & 1 != 0, header[64] & 2 != 0);
    let used = u128::from(rows) * 28
        + u128::from(tokens) * if wide { 4 } else { 2 }
        + if marked { u128::from(tokens.div_ceil(8)) } else { 0 };
    let statistics = (body.len() as u128).checked_sub(used).unwrap_or(u128::from(number(56)));
    let sums: Vec<u8> = body.chunks(BLOCK).flat_map(|block| crc32fast::hash(block).to_le_bytes()).collect();
    header[..8].copy_from_slice(b"EMAKTOK3");
    header[56..64].copy_from_slice(&(statistics as u64).to_le_bytes());
    header[68..72].copy_from_slice(&crc32fast::hash(&sums).to_le_bytes());
    header[72..76].fill(0);
    let sum = crc32fast::hash(&header[..72]);
    header[76..].copy_from_slice(&sum.to_le_bytes());
    [&header, body, &sums].concat()
}
