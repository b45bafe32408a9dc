//! Rows of Arrow record batches, which is what Parquet and Arrow IPC files are read as.
//!
//! A cell becomes the value that the same cell would have in JSON. Only the columns that a layout wants are looked at.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::array::{Array, ArrayRef};
use arrow_array::cast::AsArray;

use super::cell::cell;
use super::layout::{Layout, Node};
use super::record::Root;
use super::row::{self, Fields};
use super::value::Value;
use super::{Found, Weighed};
use crate::error::{Error, Result};

/// Where batches come from.
pub(super) trait Batches: Send {
    /// The next batch, with the wanted columns in the order of the file.
    fn next(&mut self) -> Result<Option<RecordBatch>>;

    /// Bytes of the file that were read since this was last asked for, now that `rows` rows are done in all.
    fn taken(&mut self, rows: u64) -> u64;
}

/// The columns of a file that are read.
pub(super) struct Wanted {
    /// Indices into the file's columns, ascending.
    pub columns: Vec<usize>,
    nodes: Vec<Node>,
    names: Vec<String>,
}

impl Wanted {
    /// Chooses among the columns of a file.
    ///
    /// # Errors
    /// There is no column for a field that rows must have.
    pub fn new(names: Vec<String>, layout: &Layout) -> Result<Self> {
        let (columns, nodes) = layout.columns(&names)?.into_iter().unzip();
        Ok(Self { columns, nodes, names })
    }
}

/// The rows of batches, numbered from 1.
pub(super) struct Rows {
    name: String,
    batches: Box<dyn Batches>,
    wanted: Wanted,
    layout: Arc<Layout>,
    slots: Vec<Option<Value>>,
    columns: Vec<ArrayRef>,
    rows: usize,
    at: usize,
    number: u64,
}

impl Rows {
    pub fn new(name: String, batches: Box<dyn Batches>, wanted: Wanted, layout: Arc<Layout>) -> Self {
        let slots = layout.slots();
        Self { name, batches, wanted, layout, slots, columns: Vec::new(), rows: 0, at: 0, number: 0 }
    }

    fn read(&mut self) -> Result<Option<Found>> {
        while self.at == self.rows {
            let batch = self.batches.next().map_err(|error| error.at(self.place(self.number)))?;
            let Some(batch) = batch else { return Ok(None) };
            (self.rows, self.at) = (batch.num_rows(), 0);
            self.columns = batch.columns().to_vec();
        }
        self.number += 1;
        let row = self.row().map_err(|error| error.at(self.place(self.number)));
        self.at += 1;
        Ok(Some(Found { row, line: self.number, bytes: self.batches.taken(self.number) }))
    }

    fn place(&self, number: u64) -> String {
        if number == 0 { self.name.clone() } else { format!("{}: row {number}", self.name) }
    }

    fn row(&mut self) -> Result<Weighed> {
        self.slots.fill(None);
        for (column, node) in self.columns.iter().zip(&self.wanted.nodes) {
            fill(node, column, self.at, &mut self.slots);
        }
        let names = &self.wanted.names;
        let fields = Fields { layout: &self.layout, slots: &mut self.slots, names: &|| names.clone() };
        row::row(Root::Object, fields)
    }
}

impl Iterator for Rows {
    type Item = Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// Puts a cell, or the wanted parts of it, into slots.
fn fill(node: &Node, column: &dyn Array, row: usize, slots: &mut [Option<Value>]) {
    if !node.slots.is_empty() {
        return node.fill(cell(column, row), slots);
    }
    if let Some(object) = column.as_struct_opt()
        && object.is_valid(row)
    {
        for (key, child) in &node.children {
            if let Some(inner) = object.column_by_name(key) {
                fill(child, inner, row, slots);
            }
        }
    }
}

/// Calls into a library that was written for whole files; what it panics at is damage.
pub(super) fn guarded<T>(call: impl FnOnce() -> T) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(call))
        .map_err(|_| Error::new("the file is damaged").hint("download or copy it again"))
}
