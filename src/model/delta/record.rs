//! A delta written while a merge goes on.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::forecast::{Factors, Forecast, rows_of_part};
use super::frames::{pack, put};
use super::table::{KeptBytes, KeptTensor, Table, TreeHash, digest};
use super::{MAGIC, planes};
use crate::error::{Error, Result};
use crate::files;
use crate::model::weights::{INDEX_FILE, Weights};

/// Files beside the weights that are kept whole where they are there.
const SMALL: [&str; 9] = [
    "config.json",
    "generation_config.json",
    INDEX_FILE,
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
];

/// A delta that is being written. It is part of a folder that appears whole, so it has its own name from the start.
pub(in crate::model) struct Record {
    path: PathBuf,
    out: BufWriter<File>,
    at: u64,
    table: Table,
}

impl Record {
    /// Begins with all of a base but its weights' values.
    ///
    /// # Errors
    /// A file cannot be read; the disk is full.
    pub fn begin(path: &Path, base: &Path, weights: &Weights) -> Result<Self> {
        let out = File::create(path).map_err(|e| Error::io(path, "write the file", &e))?;
        let out = BufWriter::with_capacity(1 << 20, out);
        let mut record = Self { path: path.to_owned(), out, at: 0, table: Table::default() };
        record.write(MAGIC)?;
        for name in SMALL {
            let own = base.join(name);
            if own.is_file() {
                let kept = record.keep(name, &files::read(&own)?, None)?;
                record.table.small.push(kept);
            }
        }
        for file in weights.files() {
            let name = Path::new(file.label()).file_name().map(|name| name.to_string_lossy().into_owned());
            let kept = record.keep(&name.unwrap_or_default(), file.head(), Some(file.names()))?;
            record.table.weights.push(kept);
        }
        Ok(record)
    }

    /// Begins a tensor; its rows follow in order.
    pub fn tensor(&mut self, name: &str, forecast: Forecast) -> Result<RecordedTensor<'_>> {
        let dtype = |dtype: Option<candle_core::DType>| dtype.map(|dtype| dtype.as_str().to_owned());
        let kept = KeptTensor {
            name: name.to_owned(),
            shape: forecast.shape,
            dtype: dtype(forecast.base),
            merged: dtype(forecast.merged),
            rank: forecast.factors.as_ref().map(|factors| factors.rank),
            at: self.at,
            hash: String::new(),
            merged_hash: String::new(),
        };
        if let Some(Factors { a, b, .. }) = &forecast.factors {
            for factor in [a, b] {
                let bytes: Vec<u8> = factor.iter().flat_map(|value| value.to_le_bytes()).collect();
                self.put(&self.packed(&bytes)?)?;
            }
        }
        Ok(RecordedTensor { record: self, kept, forecast, hash: TreeHash::default(), merged: TreeHash::default() })
    }

    /// Keeps what the merged model has no tensors for, writes the table, and waits until all is on the disk.
    pub fn finish(mut self, weights: &Weights) -> Result<()> {
        let known: std::collections::HashSet<String> =
            self.table.tensors.iter().map(|tensor| tensor.name.clone()).collect();
        for file in weights.files() {
            for name in file.names().into_iter().filter(|name| !known.contains(name)) {
                let bytes = file.raw(&name)?;
                let forecast = Forecast { shape: (1, bytes.len()), base: None, merged: None, factors: None };
                let mut tensor = self.tensor(&name, forecast)?;
                tensor.block(0, bytes, &[])?;
                tensor.finish()?;
            }
        }
        let table = serde_json::to_vec(&self.table).map_err(|e| Error::new(format!("cannot write JSON: {e}")))?;
        let table = self.packed(&table)?;
        self.write(&table)?;
        self.write(&(table.len() as u64).to_le_bytes())?;
        self.write(&digest(&table))?;
        self.write(MAGIC)?;
        let failed = |e| Error::io(&self.path, "write the file", &e);
        self.out.flush().map_err(failed)?;
        self.out.get_ref().sync_all().map_err(failed)
    }

    fn keep(&mut self, name: &str, content: &[u8], tensors: Option<Vec<String>>) -> Result<KeptBytes> {
        let kept = KeptBytes { name: name.to_owned(), at: self.at, bytes: content.len(), tensors };
        self.put(&self.packed(content)?)?;
        Ok(kept)
    }

    fn packed(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        pack(bytes).map_err(|e| Error::io(&self.path, "compress", &e))
    }

    fn put(&mut self, frame: &[u8]) -> Result<()> {
        self.at += 8 + frame.len() as u64;
        put(&mut self.out, frame).map_err(|e| Error::io(&self.path, "write the file", &e))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes).map_err(|e| Error::io(&self.path, "write the file", &e))
    }
}

/// A tensor that is being kept.
pub(in crate::model) struct RecordedTensor<'r> {
    record: &'r mut Record,
    kept: KeptTensor,
    forecast: Forecast,
    hash: TreeHash,
    merged: TreeHash,
}

impl RecordedTensor<'_> {
    /// Keeps rows from `first` on, whole parts unless they are the last: as they were and as they are.
    pub fn block(&mut self, first: usize, base: &[u8], merged: &[u8]) -> Result<()> {
        let forecast = &self.forecast;
        let columns = forecast.shape.1;
        let part = rows_of_part(columns);
        let count = (base.len() / (columns * forecast.size()).max(1)).div_ceil(part);
        let parts: Vec<Part> = (0..count)
            .into_par_iter()
            .map(|number| {
                let of = |bytes: &[u8], size: usize| -> std::ops::Range<usize> {
                    let long = part * columns * size;
                    (number * long).min(bytes.len())..((number + 1) * long).min(bytes.len())
                };
                let old = base.get(of(base, forecast.size())).unwrap_or_default();
                let new = merged.get(of(merged, forecast.merged_size())).unwrap_or_default();
                let start = first + number * part;
                let rows = start..start + old.len() / (columns * forecast.size());
                let planes = planes::apart(old, &forecast.of(rows, new), forecast.size());
                let frame = planes.map_or(Ok(Vec::new()), |planes| pack(&planes));
                Part { frame, base: digest(old), merged: digest(new) }
            })
            .collect();
        for Part { frame, base, merged } in parts {
            let frame = frame.map_err(|e| Error::io(&self.record.path, "compress", &e))?;
            self.record.put(&frame)?;
            self.hash.add(&[base]);
            self.merged.add(&[merged]);
        }
        Ok(())
    }

    /// Writes down what identifies it.
    pub fn finish(mut self) -> Result<()> {
        (self.kept.hash, self.kept.merged_hash) = (self.hash.finish(), self.merged.finish());
        self.record.table.tensors.push(self.kept);
        Ok(())
    }
}

/// Some rows, kept.
struct Part {
    frame: std::io::Result<Vec<u8>>,
    base: [u8; 32],
    merged: [u8; 32],
}
