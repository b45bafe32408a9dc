//! Lengths and compressed frames, one after the other.

use std::io::{Read, Write};

use crate::error::{Error, Result};

/// How hard zstd tries.
const LEVEL: i32 = 3;

/// Compresses bytes to a frame with a checksum of what is in it.
pub(super) fn pack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = zstd::bulk::Compressor::new(LEVEL)?;
    packer.include_checksum(true)?;
    packer.compress(bytes)
}

/// The content of a frame, which must have that many bytes.
///
/// # Errors
/// The frame is damaged, or holds more or fewer.
pub(super) fn unpack(frame: &[u8], bytes: usize) -> Result<Vec<u8>> {
    let content = zstd::bulk::decompress(frame, bytes).map_err(|_| damaged())?;
    if content.len() == bytes { Ok(content) } else { Err(damaged()) }
}

/// Writes a length and that many bytes.
pub(super) fn put(out: &mut impl Write, frame: &[u8]) -> std::io::Result<()> {
    out.write_all(&(frame.len() as u64).to_le_bytes())?;
    out.write_all(frame)
}

/// Reads a length and that many bytes, no more than `most`.
///
/// # Errors
/// The file ends, or the length is more than what may be.
pub(super) fn take(input: &mut impl Read, most: usize) -> Result<Vec<u8>> {
    let mut length = [0u8; 8];
    input.read_exact(&mut length).map_err(|_| damaged())?;
    let length = usize::try_from(u64::from_le_bytes(length)).ok().filter(|length| *length <= most);
    let mut frame = vec![0u8; length.ok_or_else(damaged)?];
    input.read_exact(&mut frame).map_err(|_| damaged())?;
    Ok(frame)
}

/// The largest frame of so many bytes.
pub(super) fn largest(bytes: usize) -> usize {
    // zstd's own bound is less than this.
    bytes + bytes / 128 + 1024
}

/// The error of a file that is not as it was written.
pub(super) fn damaged() -> Error {
    Error::new("the delta is damaged: it is not as it was written")
        .hint("copy the folder again, or take the base from where it came from")
}
