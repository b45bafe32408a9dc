//! TensorBoard event files, written by this program itself.
//!
//! An event file is a row of records, each framed by its length and two checksums; a record is a small
//! protobuf message. A run that goes on after a stop starts a new file, which opens with a session
//! mark: TensorBoard then forgets the points of the older file that lie after the mark's step.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use crate::error::{Error, Result};
use crate::files;

/// A TensorBoard event file that is open for writing.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Starts a new event file in `folder`; points are going to follow from `first_step` on.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub fn create(folder: &Path, first_step: u64) -> Result<Self> {
        files::make_folder(folder)?;
        let now = now();
        // TensorBoard reads the files of a folder in the order of their names.
        let path = folder.join(format!("events.out.tfevents.{:010}.emakeel.{first_step:012}", now as u64));
        let file = File::create(&path).map_err(|e| Error::io(&path, "write the file", &e))?;
        let mut events = Self { path, file };
        events.append(now, 0, What::FileVersion("brain.Event:2".into()))?;
        if first_step > 0 {
            events.append(now, first_step, What::SessionLog(SessionLog { status: SESSION_START }))?;
        }
        Ok(events)
    }

    /// Adds one point to each named curve.
    ///
    /// # Errors
    /// The disk is full or the file is gone.
    pub fn scalars(&mut self, step: u64, points: &[(&str, f64)]) -> Result<()> {
        let point = |&(tag, value): &(&str, f64)| Point { tag: tag.to_owned(), value: value as f32 };
        self.append(now(), step, What::Summary(Summary { points: points.iter().map(point).collect() }))
    }

    fn append(&mut self, wall_time: f64, step: u64, what: What) -> Result<()> {
        let event = Event { wall_time, step: step as i64, what: Some(what) };
        let record = framed(&event.encode_to_vec());
        self.file.write_all(&record).map_err(|e| Error::io(&self.path, "write the file", &e))
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs_f64()).unwrap_or_default()
}

const SESSION_START: i32 = 1;

// The part of TensorFlow's event.proto and summary.proto that scalars need; the numbers are theirs.

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    points: Vec<Point>,
}

#[derive(Clone, PartialEq, Message)]
struct Point {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    value: f32,
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// A record as TFRecord frames it: length, checksum of the length, content, checksum of the content.
fn framed(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(content.len() + 16);
    record.extend_from_slice(&length);
    record.extend_from_slice(&masked_crc(&length).to_le_bytes());
    record.extend_from_slice(content);
    record.extend_from_slice(&masked_crc(content).to_le_bytes());
    record
}

/// TFRecord stores checksums rotated and shifted, so that a checksum of checksums is no fixed point.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), one byte at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = crc32c_table();
    !bytes.iter().fold(!0, |crc, byte| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)])
}

const fn crc32c_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnoli() {
        // The check value of the CRC catalogue, and RFC 3720 B.4: 32 bytes of zeros.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    /// Reads an event file back, checking every checksum.
    fn read(path: &Path) -> Vec<Event> {
        let bytes = std::fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        let mut events = Vec::new();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(masked_crc(&rest[..8]).to_le_bytes(), rest[8..12]);
            let content = &rest[12..12 + length];
            assert_eq!(masked_crc(content).to_le_bytes(), rest[12 + length..16 + length]);
            events.push(Event::decode(content).unwrap());
            rest = &rest[16 + length..];
        }
        events
    }

    #[test]
    fn scalars_read_back_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path(), 0).unwrap();
        events.scalars(1, &[("train/loss", 2.5), ("train/learning_rate", 1e-4)]).unwrap();
        let read = read(&events.path);
        assert_eq!(read[0].what, Some(What::FileVersion("brain.Event:2".into())));
        let points = vec![
            Point { tag: "train/loss".into(), value: 2.5 },
            Point { tag: "train/learning_rate".into(), value: 1e-4 },
        ];
        assert_eq!((read[1].step, read[1].what.clone()), (1, Some(What::Summary(Summary { points }))));
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn a_run_that_goes_on_says_from_which_step() {
        let folder = tempfile::tempdir().unwrap();
        let events = EventFile::create(folder.path(), 41).unwrap();
        let read = read(&events.path);
        assert_eq!((read[1].step, read[1].what.clone()), (41, Some(What::SessionLog(SessionLog { status: 1 }))));
    }
}
