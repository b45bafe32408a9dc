//! What a JSON file is at its top: a list, an object around a list, a value a line, or values one after the other.

use super::layout::Node;
use super::open::Input;
use super::scan::Scanner;
use crate::error::{Error, Result};

/// Bytes of a file that are looked at before its shape is settled.
const LOOKED_AT: u64 = 1 << 20;

/// The shape of a JSON file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// One list of rows.
    List,
    /// One object, in which the list of rows has this key.
    Within(String),
    /// A row a line.
    Lines,
    /// Rows one after the other, over several lines.
    Values,
}

/// Tells the shape of a file. An object is around the rows, and no row itself, if it has a list and none of the fields
/// that rows are read from.
///
/// # Errors
/// The file cannot be read, or it is an object with several lists and nothing to choose by.
pub(super) fn of(input: &Input, fields: &Node) -> Result<Shape> {
    let mut scanner = Scanner::open_start(input, LOOKED_AT)?;
    match scanner.peek()? {
        Some(b'[') => Ok(Shape::List),
        Some(b'{') => of_object(&mut scanner, fields),
        _ => Ok(Shape::Lines),
    }
}

fn of_object(scanner: &mut Scanner, fields: &Node) -> Result<Shape> {
    let line = scanner.line();
    let mut lists: Vec<String> = Vec::new();
    let mut is_row = false;
    let mut buffer = Vec::new();
    scanner.pass();
    loop {
        let key = match scanner.key(&mut buffer)? {
            Ok(Some(key)) => key,
            Ok(None) => break,
            // No JSON: reading it as rows says where.
            Err(_) => return Ok(rows(scanner, line)),
        };
        is_row |= fields.get(&key).is_some();
        let is_list = scanner.peek()? == Some(b'[');
        let whole = scanner.value(&mut buffer)?;
        if is_list {
            lists.push(key);
        }
        if !whole {
            // The look ends here; what is so long is the list.
            return Ok(match (is_list && !is_row, lists.pop()) {
                (true, Some(list)) => Shape::Within(list),
                _ => Shape::Values,
            });
        }
    }
    let shape = rows(scanner, line);
    let alone = scanner.peek()?.is_none();
    match (is_row || !alone, lists.as_slice()) {
        (true, _) | (false, []) => Ok(shape),
        (false, [list]) => Ok(Shape::Within(list.clone())),
        (false, [one, other, ..]) => {
            Err(Error::new(format!("the JSON object has several lists, `{one}` and `{other}`"))
                .at(scanner.name())
                .hint("give each list a file of its own"))
        }
    }
}

/// Rows that are objects: on one line each if the first is.
fn rows(scanner: &Scanner, first_line: u64) -> Shape {
    if scanner.line() == first_line { Shape::Lines } else { Shape::Values }
}
