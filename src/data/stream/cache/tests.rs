//! Files of tokens on their own: what is written is read back, and nothing else is.

use std::io::{self, Cursor, Seek, SeekFrom, Write};

use super::*;
use crate::data::read::Place;
use crate::data::stream::Stats;
use crate::random::Stream;

/// Rows of some lengths; of every third row, every other token is a target where `marked`.
fn rows(count: u32, marked: bool) -> Vec<(Vec<u32>, Vec<bool>)> {
    let stream = Stream::new(8, "rows");
    let row = |row: u32| {
        let length = 1 + stream.below_at(u64::from(row), 40);
        let ids = (0..length).map(|at| stream.child(u64::from(row)).below_at(at, 60_000) as u32).collect();
        let trained = (0..length).map(|at| at > 0 && !(marked && row % 3 == 2 && at % 2 == 0)).collect();
        (ids, trained)
    };
    (0..count).map(row).collect()
}

fn sides(folder: &tempfile::TempDir) -> [std::path::PathBuf; 2] {
    ["table", "marks"].map(|name| folder.path().join(name))
}

/// The rows as a file, written in parts of `part` rows.
fn written(rows: &[(Vec<u32>, Vec<bool>)], part: usize, wide: bool) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut bytes, wide, &sides(&folder)).unwrap();
    let mut line = 0;
    for rows in rows.chunks(part) {
        let mut tokenized = Tokenized::new(wide);
        for (ids, trained) in rows {
            line += 1;
            tokenized.row((ids, trained), 1.0, line * 7, Place { file: 3, line }).unwrap();
            tokenized.stats.row(1);
        }
        writer.write(tokenized).unwrap();
    }
    writer.finish([5; 32], Stats::default()).unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "side files are gone");
    bytes.into_inner()
}

/// Puts bytes where an entry's file is.
fn entry(folder: &tempfile::TempDir, bytes: &[u8]) -> Entry {
    let entry = CacheFolder::new(folder.path()).entry([5; 32]);
    std::fs::create_dir_all(entry.tokens().parent().unwrap()).unwrap();
    std::fs::write(entry.tokens(), bytes).unwrap();
    entry
}

#[test]
fn what_is_written_is_read_back_in_whatever_parts_it_came() {
    for (count, marked, wide) in [(0, false, false), (1, true, false), (700, false, true), (700, true, false)] {
        let rows = rows(count, marked);
        let bytes = written(&rows, 700, wide);
        assert_eq!(written(&rows, 1, wide), bytes);
        assert_eq!(written(&rows, 13, wide), bytes);
        let folder = tempfile::tempdir().unwrap();
        let file = TokenFile::open(&entry(&folder, &bytes)).unwrap().unwrap();
        assert_eq!((file.rows(), file.stats().rows), (rows.len(), u64::from(count)));
        for (number, (ids, trained)) in (0u32..).zip(&rows) {
            let length = ids.len() as u64;
            assert_eq!(file.length(number), length);
            assert_eq!(file.place(number).unwrap(), Place { file: 3, line: u64::from(number) + 1 });
            for range in [0..length, length / 3..length, 0..length / 2] {
                let (mut some_ids, mut some_trained) = (Vec::new(), Vec::new());
                file.copy_ids(number, range.clone(), &mut some_ids).unwrap();
                file.copy_trained(number, range.clone(), &mut some_trained).unwrap();
                let range = range.start as usize..range.end as usize;
                assert_eq!((&some_ids[..], &some_trained[..]), (&ids[range.clone()], &trained[range.clone()]));
                if range.start == 0 {
                    let targets = trained[range.clone()].iter().filter(|trained| **trained).count() as u64;
                    assert_eq!(file.targets(number, range.end as u64).unwrap(), targets);
                }
            }
        }
        let mut seen = 0;
        file.for_each_row(|number, row| {
            assert_eq!((number, row.hash), (seen, u64::from(seen + 1) * 7));
            seen += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, count);
    }
}

#[test]
fn every_single_flipped_bit_is_found() {
    let bytes = written(&rows(60, true), 60, false);
    assert!(examine_cache_file(bytes.clone()));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(!examine_cache_file(damaged), "byte {at} of {}", bytes.len());
    }
    for end in 0..bytes.len() {
        assert!(!examine_cache_file(bytes[..end].to_vec()), "cut at {end}");
    }
}

#[test]
fn blocks_of_a_large_file_are_checked_when_they_are_read() {
    use super::blocks::{BLOCK, Blocks, Bytes, Fault, Summed};
    let stream = Stream::new(1, "bytes");
    let content: Vec<u8> = (0..5 * BLOCK / 2).map(|at| stream.at(at) as u8).collect();
    let mut summed = Summed::new(Vec::new());
    content.chunks(10_007).for_each(|chunk| summed.write_all(chunk).unwrap());
    let (sums, _) = summed.finish();
    let sums: Vec<u32> = sums.chunks(4).map(|sum| u32::from_le_bytes(sum.try_into().unwrap())).collect();
    assert_eq!(sums.len(), 3);
    // The span begins behind a header.
    let file: Vec<u8> = [&[9; 80], &content[..]].concat();
    let blocks = |damaged: Option<usize>| {
        let mut file = file.clone();
        damaged.into_iter().for_each(|at| file[at] ^= 4);
        Blocks::new(Bytes::Memory(file), 80..80 + content.len() as u64, sums.clone())
    };
    let read = |blocks: &Blocks, at: u64, count: usize| {
        let mut buffer = vec![0; count];
        blocks.read(80 + at, &mut buffer).map(|()| buffer)
    };
    let whole = blocks(None);
    for (at, count) in [(0, 1), (BLOCK - 1, 2), (BLOCK - 5, BLOCK as usize + 10), (0, content.len()), (7, 0)] {
        for _ in 0..2 {
            assert_eq!(read(&whole, at, count).unwrap(), content[at as usize..at as usize + count]);
        }
    }
    assert!(matches!(read(&whole, content.len() as u64 - 1, 2), Err(Fault::Damaged)), "past the end");
    let damaged = blocks(Some(80 + BLOCK as usize + 77));
    assert_eq!(read(&damaged, 3, 100).unwrap(), content[3..103]);
    assert!(matches!(read(&damaged, BLOCK + 5000, 1), Err(Fault::Damaged)), "elsewhere in the block");
    assert!(matches!(read(&damaged, BLOCK - 2, 3), Err(Fault::Damaged)));
    assert_eq!(read(&damaged, 2 * BLOCK, 9).unwrap(), content[2 * BLOCK as usize..][..9]);
    assert!(damaged.check_all().is_err() && whole.check_all().is_ok());
}

/// A disk that has room for so many bytes.
struct Quota(Cursor<Vec<u8>>, u64);

impl Write for Quota {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.position() + bytes.len() as u64 > self.1 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Quota {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_disk_that_is_full_anywhere_is_an_error_and_leaves_no_side_files() {
    let rows = rows(300, true);
    let folder = tempfile::tempdir().unwrap();
    let write = |room: u64| {
        let mut bytes = Quota(Cursor::default(), room);
        let mut writer = Writer::new(&mut bytes, false, &sides(&folder))?;
        for (ids, trained) in &rows {
            let mut part = Tokenized::new(false);
            part.row((ids, trained), 1.0, 0, Place { file: 0, line: 1 });
            writer.write(part)?;
        }
        writer.finish([5; 32], Stats::default())?;
        io::Result::Ok(bytes.0.into_inner().len() as u64)
    };
    let all = write(u64::MAX).unwrap();
    for room in (0..all).step_by(97) {
        assert_eq!(write(room).unwrap_err().kind(), io::ErrorKind::StorageFull, "{room} of {all}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]
    /// Whatever the header says, with its own sum right: no panic, and no memory that the file does not have.
    #[test]
    fn a_header_that_lies_is_found_out(
        fields in proptest::collection::vec((40usize..72, proptest::num::u8::ANY), 1..9),
        cut in proptest::num::u16::ANY,
    ) {
        let mut bytes = written(&rows(40, true), 40, false);
        let right = bytes.clone();
        fields.into_iter().for_each(|(at, value)| bytes[at] = value);
        let sum = crc32fast::hash(&bytes[..72]);
        bytes[76..80].copy_from_slice(&sum.to_le_bytes());
        let same = bytes == right;
        proptest::prop_assert_eq!(examine_cache_file(bytes.clone()), same);
        bytes.truncate(usize::from(cut) % bytes.len());
        proptest::prop_assert!(!examine_cache_file(bytes));
    }

    #[test]
    fn any_bytes_are_no_file(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        proptest::prop_assert!(!examine_cache_file([b"EMAKTOK2", &bytes[..]].concat()));
    }
}
