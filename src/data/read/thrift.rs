//! What the lists of a Parquet file say of their own length, checked before the library believes it.
//!
//! The list of contents at a file's end and the header of each page are structures of Thrift's compact protocol. A list
//! in them begins with the number of its elements; the library makes room for as many, or counts them one by one, also
//! where they are not there or take no bytes. So a few bytes could stand for hours, or for more memory than any machine
//! has. Here a structure is walked through first: every element must take a byte at least, and all of them must be there.
//! The library does not look at the kind that a field it knows says it has, so the kind must be the right one; otherwise
//! the two would read different structures.
//!
//! # Source  "Thrift Compact protocol encoding" of Apache Thrift

mod shapes;

use std::io::{self, Cursor, Read};

use shapes::{FILE, Kind, PAGE, Shape};

/// Structures within structures; those of Parquet have a dozen levels.
const DEEPEST: usize = 48;
/// The longest header of a page; two values of its column may stand in it.
const LONGEST_HEADER: u64 = 1 << 26;

/// Checks that bytes begin with a file's list of contents whose lists are all there.
///
/// # Errors
/// They do not.
pub(super) fn check(bytes: &[u8]) -> io::Result<()> {
    let mut walk = Walk { raw: bytes, most: bytes.len() as u64, seen: Vec::new() };
    walk.structure(FILE, 0, &mut |_, _| {})
}

/// What a page's header says.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageSizes {
    /// Bytes after decompression.
    pub content: i64,
    /// Bytes in the file.
    pub stored: i64,
}

/// A stream that begins with the header of a page; the header is checked when it is first read.
pub(super) struct Headed<R> {
    raw: Option<R>,
    /// Bytes of the file from here on.
    left: u64,
    check: fn(PageSizes) -> io::Result<()>,
    checked: Option<io::Chain<Cursor<Vec<u8>>, R>>,
}

impl<R: Read> Headed<R> {
    /// `check` says whether a page of such sizes is to be read.
    pub fn new(raw: R, left: u64, check: fn(PageSizes) -> io::Result<()>) -> Self {
        Self { raw: Some(raw), left, check, checked: None }
    }
}

impl<R: Read> Read for Headed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(raw) = self.raw.take() {
            let mut walk = Walk { raw, most: self.left.min(LONGEST_HEADER), seen: Vec::new() };
            let mut sizes = PageSizes::default();
            walk.structure(PAGE, 0, &mut |field, number| match field {
                2 => sizes.content = number,
                3 => sizes.stored = number,
                _ => {}
            })?;
            (self.check)(sizes)?;
            self.checked = Some(Cursor::new(walk.seen).chain(walk.raw));
        }
        // Nothing is read after a header that was refused.
        self.checked.as_mut().map_or(Ok(0), |checked| checked.read(buffer))
    }
}

/// A walk through a structure that keeps the bytes it has seen.
struct Walk<R> {
    raw: R,
    /// Bytes that there may be in all.
    most: u64,
    seen: Vec<u8>,
}

impl<R: Read> Walk<R> {
    fn left(&self) -> u64 {
        self.most.saturating_sub(self.seen.len() as u64)
    }

    fn skip(&mut self, count: u64) -> io::Result<()> {
        if count > self.left() {
            return Err(damaged("it says that it is longer than it is"));
        }
        match (&mut self.raw).take(count).read_to_end(&mut self.seen)? as u64 {
            read if read == count => Ok(()),
            _ => Err(damaged("it is cut off")),
        }
    }

    fn byte(&mut self) -> io::Result<u8> {
        self.skip(1)?;
        self.seen.last().copied().ok_or_else(|| damaged("it is cut off"))
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(damaged("a number in it has no end"))
    }

    /// The fields of a structure up to its end; `whole` gets those that are whole numbers.
    fn structure(&mut self, shape: Shape, depth: usize, whole: &mut dyn FnMut(u64, i64)) -> io::Result<()> {
        let mut field = 0u64;
        loop {
            let head = self.byte()?;
            let kind = head & 0x0f;
            if kind == 0 {
                return Ok(());
            }
            // The library would read fields out of their order in two ways, and no program writes such.
            let step = Some(u64::from(head >> 4)).filter(|step| *step > 0);
            field += step.ok_or_else(|| damaged("the fields of a structure are not in order"))?;
            let known = shape.iter().find(|(number, _)| *number == field).map(|(_, kind)| kind);
            match kind {
                4..=6 if matches!(known, None | Some(Kind::Number)) => whole(field, signed(self.number()?)),
                kind => self.value(kind, known, depth + 1)?,
            }
        }
    }

    fn value(&mut self, kind: u8, known: Option<&'static Kind>, depth: usize) -> io::Result<()> {
        if depth > DEEPEST {
            return Err(damaged("it is nested too deeply"));
        }
        match (kind, known) {
            (1 | 2, None | Some(Kind::Truth)) => Ok(()),
            (3, None | Some(Kind::Byte)) => self.skip(1),
            (4..=6, None | Some(Kind::Number)) => self.number().map(drop),
            (7, None) => self.skip(8),
            (8, None | Some(Kind::Bytes)) => self.number().and_then(|length| self.skip(length)),
            (9, Some(Kind::List(inner))) => self.list(Some(*inner), depth),
            (9 | 10, None) => self.list(None, depth),
            (11, None) => match self.number()? {
                0 => Ok(()),
                count => {
                    let kinds = self.byte()?;
                    self.elements(count, &[kinds >> 4, kinds & 0x0f], None, depth)
                }
            },
            (12, Some(Kind::Structure(shape))) => self.structure(shape, depth, &mut |_, _| {}),
            (12, None) => self.structure(&[], depth, &mut |_, _| {}),
            (13, None) => self.skip(16),
            _ => Err(damaged("a field of it is of another kind than it should be")),
        }
    }

    fn list(&mut self, inner: Option<&'static Kind>, depth: usize) -> io::Result<()> {
        let head = self.byte()?;
        let count = if head >> 4 == 15 { self.number()? } else { u64::from(head >> 4) };
        self.elements(count, &[head & 0x0f], inner, depth)
    }

    fn elements(&mut self, count: u64, kinds: &[u8], inner: Option<&'static Kind>, depth: usize) -> io::Result<()> {
        if count > self.left() {
            return Err(damaged("a list in it says that it is longer than it is"));
        }
        if count > 0 && kinds.iter().any(|kind| matches!(kind, 0..=2)) {
            // The library takes such elements to have no bytes.
            return Err(damaged("it has a list of truth values"));
        }
        for _ in 0..count {
            kinds.iter().try_for_each(|kind| self.value(*kind, inner, depth + 1))?;
        }
        Ok(())
    }
}

fn signed(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged list of contents: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_must_be_as_long_as_it_says() {
        // A list as field 15, which Parquet does not know: its head, its elements; then the end of the structure.
        let list = |head: &[u8], elements: &[u8]| [&[0xf9], head, elements, &[0]].concat();
        check(&list(&[0x25], &[2, 4])).unwrap();
        check(&list(&[0x08], &[])).unwrap();
        for (head, elements) in [
            (&[0xf5, 0xff, 0xff, 0xff, 0xff, 0x07][..], &[2, 4][..]),
            (&[0xfc, 0xff, 0xff, 0xff, 0xff, 0x07], &[0; 40]),
            (&[0xf1, 0xff, 0xff, 0xff, 0xff, 0x07], &[1; 40]),
            (&[0x12], &[1]),
            (&[0x35], &[2, 4]),
        ] {
            assert!(check(&list(head, elements)).is_err(), "{head:?} {elements:?}");
        }
        // A map of truth values, and a text longer than what is left.
        assert!(check(&[0xfb, 0xff, 0xff, 0x7f, 0x11, 0]).is_err());
        assert!(check(&[0xf8, 0xff, 0xff, 0x7f, b'a', 0]).is_err());
        check(&[0xf8, 1, b'a', 0x1b, 0, 0]).unwrap();
    }

    #[test]
    fn a_field_must_be_of_its_kind() {
        // Field 1 is a number, 2 a list of structures, 6 a text.
        check(&[0x15, 2, 0x19, 0x1c, 0, 0x48, 1, b'a', 0]).unwrap();
        for bytes in [&[0x11, 0][..], &[0x18, 1, b'a', 0], &[0x29, 0x15, 2, 0], &[0x6c, 0, 0], &[0x05, 2, 2, 0]] {
            assert!(check(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn structures_within_structures_end_somewhere() {
        let within = |depth: usize| [&vec![0xfc; depth][..], &vec![0; depth + 1]].concat();
        check(&within(20)).unwrap();
        assert!(check(&within(100)).is_err());
        assert!(check(&[0xf9; 1000]).is_err());
    }

    #[test]
    fn the_header_of_a_page_says_its_sizes_and_is_read_whole() {
        let refuse = |sizes: PageSizes| match sizes {
            PageSizes { content: 100, stored: 7 } => Ok(()),
            _ => Err(damaged("sizes")),
        };
        // 1: 0, 2: 100, 3: 7, and what is after the header.
        let page = [0x15, 0, 0x15, 200, 1, 0x15, 14, 0, 1, 2, 3];
        let mut read = Vec::new();
        Headed::new(&page[..], 11, refuse).read_to_end(&mut read).unwrap();
        assert_eq!(read, page);
        let other = [0x15, 0, 0x15, 202, 1, 0x15, 14, 0];
        assert!(Headed::new(&other[..], 8, refuse).read_to_end(&mut read).is_err());
    }
}
