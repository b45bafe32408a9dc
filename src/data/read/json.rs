//! Rows of JSON files: a value a line, the elements of one list, or one value after the other.

use std::sync::Arc;

use super::layout::Layout;
use super::lines::{Lines, not_utf8};
use super::open::Input;
use super::row::{self, Fields};
use super::scan::Scanner;
use super::shape::{self, Shape};
use super::value::Value;
use super::{Found, FoundRows, Weighed, record};
use crate::error::{Error, Result};

/// The rows of a file with one value a line.
pub(super) fn lines(input: &Input, layout: Arc<Layout>) -> Result<FoundRows> {
    let mut lines = Lines::open(input)?;
    let mut slots = layout.slots();
    let mut next = move || -> Result<Option<Found>> {
        while let Some(line) = lines.next()? {
            if line.is_blank() {
                continue;
            }
            let row = row_of(line.bytes, &layout, &mut slots, |_, column| match column {
                Some(column) => format!("{}:{column}", line.place()),
                None => line.place(),
            });
            let (row, line) = (row.map_err(|error| error.into_line_error()), line.number);
            return Ok(Some(Found { row, line, bytes: lines.taken() }));
        }
        Ok(None)
    };
    Ok(Box::new(std::iter::from_fn(move || next().transpose())))
}

/// The rows of a file that is one list, has one in it, or has one value after the other.
pub(super) fn values(input: &Input, layout: Arc<Layout>) -> Result<FoundRows> {
    let shape = shape::of(input, &layout.root)?;
    if shape == Shape::Lines {
        return lines(input, layout);
    }
    let mut values = Values::new(Scanner::open(input)?, shape, layout);
    Ok(Box::new(std::iter::from_fn(move || values.next().transpose())))
}

/// A row that cannot be read, and whether that is because it is no JSON.
struct Unreadable {
    error: Error,
    syntax: bool,
}

impl Unreadable {
    fn into_line_error(self) -> Error {
        match self.syntax {
            true => self.error.hint("the file must be one JSON array, or have one JSON object a line"),
            false => self.error,
        }
    }
}

/// A value as a row. `place` names a line, counted from 0 at the value's start, and a column where it is known.
fn row_of(
    bytes: &[u8],
    layout: &Layout,
    slots: &mut [Option<Value>],
    place: impl Fn(u64, Option<usize>) -> String,
) -> Result<Weighed, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|source| {
        let good = bytes.get(..source.valid_up_to()).unwrap_or_default();
        let lines = good.iter().filter(|byte| **byte == b'\n').count() as u64;
        Unreadable { error: not_utf8().at(place(lines, None)), syntax: false }
    })?;
    slots.fill(None);
    let root = record::parse(text, &layout.root, slots).map_err(|source| {
        let message = source.to_string();
        // The library counts lines from the start of what it was given, which is not the file.
        let what = message.split(" at line ").next().unwrap_or(&message);
        let place = place((source.line() as u64).saturating_sub(1), Some(source.column()));
        Unreadable { error: Error::new(format!("cannot read JSON: {what}")).at(place), syntax: true }
    })?;
    let fields = Fields { layout, slots, names: &|| record::keys(text) };
    row::row(root, fields).map_err(|error| Unreadable { error: error.at(place(0, None)), syntax: false })
}

/// Values read one at a time.
pub(super) struct Values {
    scanner: Scanner,
    shape: Shape,
    layout: Arc<Layout>,
    slots: Vec<Option<Value>>,
    buffer: Vec<u8>,
    at: At,
}

/// Where in a list a reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    Element,
    AfterElement,
}

impl Values {
    pub fn new(scanner: Scanner, shape: Shape, layout: Arc<Layout>) -> Self {
        let slots = layout.slots();
        Self { scanner, shape, layout, slots, buffer: Vec::new(), at: At::Start }
    }

    pub fn next(&mut self) -> Result<Option<Found>> {
        if self.shape == Shape::Values {
            return match self.scanner.peek()? {
                None => Ok(None),
                Some(_) => self.found().map(Some),
            };
        }
        match self.at {
            At::Start => self.enter()?,
            At::Element => {}
            At::AfterElement => match self.scanner.peek()? {
                Some(b',') => self.scanner.pass(),
                Some(b']') | None => {}
                Some(_) => return Err(self.scanner.error("the JSON array has no comma or end after an element")),
            },
        }
        self.at = At::Element;
        match self.scanner.peek()? {
            None => Err(self.no_end()),
            Some(b']') => {
                self.scanner.pass();
                self.leave()?;
                Ok(None)
            }
            Some(mark @ (b',' | b':' | b'}')) => {
                Err(self.scanner.error(format!("{:?} where an element of the JSON array should be", mark as char)))
            }
            Some(_) => {
                self.at = At::AfterElement;
                self.found().map(Some)
            }
        }
    }

    fn found(&mut self) -> Result<Found> {
        let line = self.scanner.line();
        if !self.scanner.value(&mut self.buffer)? {
            return Err(self.no_end());
        }
        let name = self.scanner.name();
        let row = row_of(&self.buffer, &self.layout, &mut self.slots, |below, _| format!("{name}:{}", line + below));
        let row = row.map_err(|unreadable| unreadable.error);
        Ok(Found { row, line, bytes: self.scanner.taken() })
    }

    fn no_end(&self) -> Error {
        let what = if self.shape == Shape::Values { "the JSON value has no end" } else { "the JSON array has no end" };
        self.scanner.error(what).hint("is the file cut off?")
    }

    /// Goes to the list.
    fn enter(&mut self) -> Result<()> {
        // The first byte is the bracket that the shape was told from.
        self.scanner.peek()?;
        self.scanner.pass();
        let Shape::Within(list) = self.shape.clone() else { return Ok(()) };
        while let Some(key) = self.key()? {
            if key == list && self.scanner.peek()? == Some(b'[') {
                self.scanner.pass();
                return Ok(());
            }
            self.skip()?;
        }
        Err(self.scanner.error(format!("the list `{list}` of the JSON object is gone")))
    }

    /// Looks at what comes after the list.
    fn leave(&mut self) -> Result<()> {
        if let Shape::Within(list) = self.shape.clone() {
            while let Some(key) = self.key()? {
                if self.scanner.peek()? == Some(b'[') {
                    return Err(self
                        .scanner
                        .error(format!("the JSON object has a second list, `{key}` beside `{list}`"))
                        .hint("give each list a file of its own"));
                }
                self.skip()?;
            }
        }
        match self.scanner.peek()? {
            None => Ok(()),
            Some(more) => {
                let more = if more.is_ascii() { format!("{:?}", more as char) } else { "text".to_owned() };
                Err(self.scanner.error(format!("{more} after the end of the JSON array")))
            }
        }
    }

    /// The next key of the object around the list, up to its colon; `None` after the object's end.
    fn key(&mut self) -> Result<Option<String>> {
        let key = self.scanner.key(&mut self.buffer)?;
        key.map_err(|what| self.scanner.error(what))
    }

    fn skip(&mut self) -> Result<()> {
        match self.scanner.value(&mut self.buffer)? {
            true => Ok(()),
            false => Err(self.scanner.error("the JSON object has no end").hint("is the file cut off?")),
        }
    }
}
