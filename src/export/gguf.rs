//! A GGUF file: keys and values, a table of tensors, and the tensors themselves, written one after the other.
//!
//! ```text
//! "GGUF"  version 3  number of tensors  number of keys
//! key, type, value …                    strings are a length and UTF-8
//! name, dimensions, type, offset …      the innermost dimension first
//! zeros up to a multiple of 32, then each tensor, padded to a multiple of 32
//! ```
//! All numbers are little-endian. The table says where each tensor will lie before the first of them is made, so no more
//! than one is in memory.
//!
//! # Source  `docs/gguf.md` of github.com/ggml-org/ggml

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use candle_core::quantized::GgmlDType;

use crate::error::{Error, Result};
use crate::files;

/// Every tensor begins at a multiple of this, in bytes from the first one.
const ALIGNMENT: usize = 32;

/// The version of the format.
const VERSION: u32 = 3;

/// A value of the file's head.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A count or an id.
    Count(u32),
    /// A number.
    Number(f32),
    /// Yes or no.
    Flag(bool),
    /// Text.
    Text(String),
    /// Kinds of pieces.
    Kinds(Vec<i32>),
    /// Scores.
    Numbers(Vec<f32>),
    /// Pieces.
    Texts(Vec<String>),
}

/// What the head says, in its order.
pub(super) type Head = Vec<(String, Value)>;

/// A tensor of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    /// Its name in the file.
    pub name: String,
    /// Its shape, outermost dimension first.
    pub shape: Vec<usize>,
    /// How its values are written.
    pub kind: GgmlDType,
}

impl Planned {
    /// The size of its values, in bytes.
    pub fn bytes(&self) -> usize {
        self.shape.iter().product::<usize>() / self.kind.block_size() * self.kind.type_size()
    }
}

/// Takes the tensors of a file in the order of its table.
pub(super) struct Tensors<'f> {
    out: &'f mut BufWriter<File>,
    left: std::slice::Iter<'f, Planned>,
    path: &'f Path,
}

impl Tensors<'_> {
    /// Writes the next tensor, which must be the table's.
    ///
    /// # Errors
    /// It is another one or of another size; the disk is full.
    pub fn put(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let planned = self.left.next().filter(|planned| planned.name == name && planned.bytes() == bytes.len());
        if planned.is_none() {
            return Err(Error::new("the tensor is not the one that the table has next, or of another size").at(name));
        }
        let padding = bytes.len().next_multiple_of(ALIGNMENT) - bytes.len();
        let written = self.out.write_all(bytes).and_then(|()| self.out.write_all(&[0; ALIGNMENT][..padding]));
        written.map_err(|e| Error::io(self.path, "write the file", &e))
    }
}

/// Writes a file whole; `fill` puts the tensors.
///
/// # Errors
/// What `fill` says; a tensor of the table is missing; the disk is full. An older file is then untouched.
pub(super) fn write(
    path: &Path,
    head: &Head,
    tensors: &[Planned],
    fill: &mut dyn FnMut(&mut Tensors<'_>) -> Result<()>,
) -> Result<()> {
    let start = beginning(head, tensors);
    // The writer speaks io::Error; the failure of a tensor travels beside it.
    let mut broken = None;
    let written = files::write_with(path, |out| {
        out.write_all(&start)?;
        let mut sink = Tensors { out, left: tensors.iter(), path };
        let filled = fill(&mut sink).and_then(|()| match sink.left.next() {
            Some(missing) => Err(Error::new("the tensor was not written").at(missing.name.as_str())),
            None => Ok(()),
        });
        filled.map_err(|error| {
            broken = Some(error);
            std::io::Error::other("a tensor could not be written")
        })
    });
    broken.map_or(written, |error| Err(error.at(path.display().to_string())))
}

/// Everything before the first tensor.
fn beginning(head: &Head, tensors: &[Planned]) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((head.len() as u64).to_le_bytes());
    for (key, value) in head {
        text(&mut bytes, key);
        put_value(&mut bytes, value);
    }
    let mut offset = 0;
    for tensor in tensors {
        text(&mut bytes, &tensor.name);
        bytes.extend((tensor.shape.len() as u32).to_le_bytes());
        tensor.shape.iter().rev().for_each(|size| bytes.extend((*size as u64).to_le_bytes()));
        bytes.extend(kind_number(tensor.kind).to_le_bytes());
        bytes.extend((offset as u64).to_le_bytes());
        offset += tensor.bytes().next_multiple_of(ALIGNMENT);
    }
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    bytes
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn put_value(bytes: &mut Vec<u8>, value: &Value) {
    const ARRAY: u32 = 9;
    let array = |bytes: &mut Vec<u8>, of: u32, count: usize| {
        [ARRAY, of].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        bytes.extend((count as u64).to_le_bytes());
    };
    let single = |bytes: &mut Vec<u8>, kind: u32, value: &[u8]| {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(value);
    };
    match value {
        Value::Count(count) => single(bytes, 4, &count.to_le_bytes()),
        Value::Number(number) => single(bytes, 6, &number.to_le_bytes()),
        Value::Flag(flag) => single(bytes, 7, &[u8::from(*flag)]),
        Value::Text(value) => {
            single(bytes, 8, &[]);
            text(bytes, value);
        }
        Value::Kinds(kinds) => {
            array(bytes, 5, kinds.len());
            kinds.iter().for_each(|kind| bytes.extend(kind.to_le_bytes()));
        }
        Value::Numbers(numbers) => {
            array(bytes, 6, numbers.len());
            numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        }
        Value::Texts(texts) => {
            array(bytes, 8, texts.len());
            texts.iter().for_each(|each| text(bytes, each));
        }
    }
}

/// The number of a type of values in the file.
fn kind_number(kind: GgmlDType) -> u32 {
    match kind {
        GgmlDType::F32 => 0,
        GgmlDType::F16 => 1,
        GgmlDType::Q4_0 => 2,
        GgmlDType::Q4_1 => 3,
        GgmlDType::Q5_0 => 6,
        GgmlDType::Q5_1 => 7,
        GgmlDType::Q8_0 => 8,
        GgmlDType::Q8_1 => 9,
        GgmlDType::Q2K => 10,
        GgmlDType::Q3K => 11,
        GgmlDType::Q4K => 12,
        GgmlDType::Q5K => 13,
        GgmlDType::Q6K => 14,
        GgmlDType::Q8K => 15,
        GgmlDType::BF16 => 30,
    }
}
