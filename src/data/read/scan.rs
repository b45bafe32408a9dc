//! Where the values of a long JSON text begin and end.
//!
//! Brackets and quotes are followed byte by byte, so that one value at a time is in memory, whatever the size of the list
//! that it stands in. Whether a value is good JSON inside is not looked at here.

use std::io::{BufRead, Read};

use super::lines::{LONGEST, too_long};
use super::open::{Input, Opened, failed};
use crate::error::{Error, Result};

/// Walks through a JSON text.
pub(super) struct Scanner {
    input: Opened,
    line: u64,
}

impl Scanner {
    /// Opens a file; a byte order mark at its start is left out.
    pub fn open(input: &Input) -> Result<Self> {
        Self::new(input.open()?)
    }

    /// Opens the first bytes of a file, as if it ended after them.
    pub fn open_start(input: &Input, bytes: u64) -> Result<Self> {
        let mut opened = input.open()?;
        opened.content = Box::new(opened.content.take(bytes));
        Self::new(opened)
    }

    /// Goes on from an open stream.
    pub fn new(mut input: Opened) -> Result<Self> {
        let start = input.content.fill_buf().map_err(|e| failed(&input.name, &e))?;
        let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        input.content.consume(mark);
        Ok(Self { input, line: 1 })
    }

    /// The line of the next byte, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The file's name in messages.
    pub fn name(&self) -> &str {
        &self.input.name
    }

    /// Bytes of the file that were read since this was last asked for.
    pub fn taken(&mut self) -> u64 {
        self.input.taken()
    }

    /// An error at the line of the next byte.
    pub fn error(&self, what: impl Into<String>) -> Error {
        Error::new(what).at(format!("{}:{}", self.input.name, self.line))
    }

    /// The next byte that is no white space, which is not passed; `None` at the end.
    pub fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            let chunk = self.input.content.fill_buf().map_err(|e| failed(&self.input.name, &e))?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let spaces = chunk.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let found = chunk.get(spaces).copied();
            self.line += newlines(chunk.get(..spaces).unwrap_or_default());
            self.input.content.consume(spaces);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Passes the byte that was peeked at.
    pub fn pass(&mut self) {
        self.input.content.consume(1);
    }

    /// Passes the next key of an object, its colon, and a comma before it; `None` after the object's end. The inner error
    /// says what stands there instead.
    pub fn key(&mut self, buffer: &mut Vec<u8>) -> Result<Result<Option<String>, String>> {
        if self.peek()? == Some(b',') {
            self.pass();
        }
        match self.peek()? {
            Some(b'"') => {}
            Some(b'}') => {
                self.pass();
                return Ok(Ok(None));
            }
            None => return Ok(Err("the JSON object has no end".to_owned())),
            Some(_) => return Ok(Err("the JSON object has no key where one should be".to_owned())),
        }
        if !self.value(buffer)? {
            return Ok(Err("the JSON object has no end".to_owned()));
        }
        let Ok(key) = serde_json::from_slice(buffer) else {
            return Ok(Err("a key of the JSON object cannot be read".to_owned()));
        };
        if self.peek()? != Some(b':') {
            return Ok(Err("the JSON object has no colon after a key".to_owned()));
        }
        self.pass();
        // The value, which callers look at.
        self.peek()?;
        Ok(Ok(Some(key)))
    }

    /// Puts the bytes of the next value into a buffer, which is emptied first. [`Scanner::peek`] comes before it.
    /// `false` if the file ends inside the value.
    ///
    /// # Errors
    /// The file cannot be read, or the value is longer than any row may be.
    pub fn value(&mut self, into: &mut Vec<u8>) -> Result<bool> {
        into.clear();
        let mut state = State::default();
        loop {
            let chunk = self.input.content.fill_buf().map_err(|e| failed(&self.input.name, &e))?;
            if chunk.is_empty() {
                return Ok(state.inside == Inside::Scalar);
            }
            let (length, done) = state.advance(chunk);
            let part = chunk.get(..length).unwrap_or_default();
            into.extend_from_slice(part);
            self.line += newlines(part);
            self.input.content.consume(length);
            if done {
                return Ok(true);
            }
            if into.len() > LONGEST {
                return Err(too_long("the JSON value").at(format!("{}:{}", self.input.name, self.line)));
            }
        }
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Inside {
    /// Nothing was seen yet.
    #[default]
    Nothing,
    /// A number or word.
    Scalar,
    /// A text; the second is after a backslash.
    Text,
    Escape,
    /// Brackets.
    Brackets,
}

/// Where in a value a scan is.
#[derive(Debug, Default)]
struct State {
    inside: Inside,
    depth: usize,
}

impl State {
    /// How many bytes belong to the value, and whether it ends there.
    fn advance(&mut self, chunk: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while let Some(byte) = chunk.get(at) {
            match self.inside {
                Inside::Escape => self.inside = Inside::Text,
                Inside::Text => {
                    let rest = chunk.get(at..).unwrap_or_default();
                    match rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
                        None => return (chunk.len(), false),
                        Some(skipped) => at += skipped,
                    }
                    let escape = chunk.get(at) == Some(&b'\\');
                    self.inside = if escape { Inside::Escape } else { Inside::Brackets };
                    if !escape && self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                Inside::Scalar => match byte {
                    b',' | b']' | b'}' | b':' | b'[' | b'{' | b'"' => return (at, true),
                    byte if byte.is_ascii_whitespace() => return (at, true),
                    _ => {}
                },
                Inside::Nothing | Inside::Brackets => match byte {
                    b'"' => self.inside = Inside::Text,
                    b'[' | b'{' => {
                        self.depth += 1;
                        self.inside = Inside::Brackets;
                    }
                    b']' | b'}' if self.depth > 0 => {
                        self.depth -= 1;
                        if self.depth == 0 {
                            return (at + 1, true);
                        }
                    }
                    // A stray mark where a value should be: one byte, so that the scan always gets on.
                    b']' | b'}' | b',' | b':' if self.depth == 0 => return (at + 1, true),
                    _ if self.depth == 0 => self.inside = Inside::Scalar,
                    _ => {}
                },
            }
            at += 1;
        }
        (at, false)
    }
}
