//! What AdamW remembers of each parameter: on the device, or in the host's memory and on the device in turns.

use std::cell::Cell;
use std::ops::Range;

use candle_core::{DType, Device, Tensor};

use super::chunks;
use crate::device::transfers::{HostRows, SLOTS, Transfers};
use crate::error::Result;
use crate::kernels::adamw_8bit::{Maps, Moments};
use crate::model::Parameters;
use crate::recipe::{OptimizerKind, OptimizerSettings, Rounding};
use crate::train::flat_file::FlatFile;

/// Elements updated at one time: bounds what the update needs beside the state.
pub(crate) const CHUNK: usize = 1 << 24;

/// What is kept of each parameter, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The dtype of both moments; u8 with magnitudes in f32 for each block.
    moments: DType,
    /// Whether a copy in f32 is kept.
    master: bool,
    /// Whether all of it lies in the host's memory.
    offload: bool,
}

impl Layout {
    /// The layout that the settings ask for.
    pub fn new(settings: &OptimizerSettings, parameters: DType) -> Self {
        let wide = matches!(parameters, DType::F32 | DType::F64);
        Self {
            moments: match (settings.kind, parameters) {
                (OptimizerKind::Adamw8bit, _) => DType::U8,
                (OptimizerKind::Adamw, DType::F64) => DType::F64,
                (OptimizerKind::Adamw, _) => DType::F32,
            },
            master: !wide && settings.rounding == Rounding::Master,
            offload: settings.offload,
        }
    }

    /// Bytes of the state of tensors with so many elements.
    pub fn bytes(self, tensors: impl Iterator<Item = u64>) -> u64 {
        tensors.map(|elements| self.bytes_of(elements)).sum()
    }

    fn bytes_of(self, elements: u64) -> u64 {
        let master = if self.master { 4 * elements } else { 0 };
        let magnitudes = if self.moments == DType::U8 { 8 * elements.div_ceil(Maps::BLOCK as u64) } else { 0 };
        2 * elements * self.moments.size_in_bytes() as u64 + magnitudes + master
    }

    /// Bytes that the device holds of it: all, or two slots for a part each.
    pub fn bytes_on_device(self, tensors: impl Iterator<Item = u64> + Clone) -> u64 {
        let slot = tensors.clone().max().unwrap_or(0).min(CHUNK as u64);
        if self.offload { SLOTS as u64 * self.bytes_of(slot) } else { self.bytes(tensors) }
    }
}

/// Rows of the state, a column for each element or block.
#[derive(Debug)]
enum Rows {
    Resident(Tensor),
    Offloaded { host: HostRows, slots: [Tensor; SLOTS] },
}

impl Rows {
    fn zeros((rows, columns): (usize, usize), dtype: DType, device: &Device, slot: Option<usize>) -> Result<Self> {
        let Some(slot) = slot else { return Ok(Self::Resident(Tensor::zeros((rows, columns), dtype, device)?)) };
        let host = HostRows::zeros(rows, columns, dtype, device)?;
        let slot = || Tensor::zeros((rows, slot), dtype, device);
        Ok(Self::Offloaded { host, slots: [slot()?, slot()?] })
    }

    /// Where all of it is.
    fn tensor(&self) -> &Tensor {
        match self {
            Self::Resident(tensor) => tensor,
            Self::Offloaded { host, .. } => host.tensor(),
        }
    }

    /// Some columns on the device; the slot that they are in is given first to `pairs`, with where they come from.
    fn part(&self, columns: &Range<usize>, turn: usize, pairs: &mut Vec<(Tensor, Tensor)>) -> Result<Tensor> {
        let part = self.tensor().narrow(1, columns.start, columns.len())?;
        let Self::Offloaded { slots, .. } = self else { return Ok(part) };
        let [even, odd] = slots;
        let slot = if turn.is_multiple_of(SLOTS) { even } else { odd };
        let slot = slot.narrow(1, 0, columns.len())?;
        pairs.push((part, slot.clone()));
        Ok(slot)
    }
}

/// The state of some parameters.
#[derive(Debug)]
pub(super) struct State {
    // Before the rows: what is under way ends before their memory goes.
    transfers: Option<Transfers>,
    turn: Cell<usize>,
    /// Both moments; in f32 and f64 the master copy is their third row.
    moments: Rows,
    /// In 8 bits: the largest magnitudes of blocks, and what codes stand for.
    blocks: Option<(Rows, Maps)>,
    /// The master copy, beside moments in 8 bits.
    master: Option<Rows>,
    /// In 8 bits each tensor begins a block of its own: its first element, and its first block.
    starts: Vec<(usize, usize)>,
}

/// The state of some adjacent parameters, on their device.
pub(super) enum Part {
    /// `[2 or 3, n]`.
    Wide(Tensor),
    /// In 8 bits; with a master copy, `[n]`.
    EightBit(Moments, Option<Tensor>),
}

impl State {
    /// The state before the first update: moments of zero, and the master copy.
    pub fn new(parameters: &Parameters, layout: Layout) -> Result<Self> {
        let device = parameters.value().device();
        let elements = parameters.elements();
        let largest = parameters.entries().iter().map(|entry| entry.elements()).max().unwrap_or(0);
        let slot = layout.offload.then_some(CHUNK.min(largest.max(1)));
        let mut starts = Vec::new();
        let mut block = 0;
        for entry in parameters.entries() {
            starts.push((entry.offset, block));
            block += Maps::blocks(entry.elements());
        }
        let eight_bit = layout.moments == DType::U8;
        let rows = if layout.master && !eight_bit { 3 } else { 2 };
        let state = Self {
            transfers: layout.offload.then(|| Transfers::new(device)).transpose()?,
            turn: Cell::new(0),
            moments: Rows::zeros((rows, elements), layout.moments, device, slot)?,
            blocks: if eight_bit {
                let magnitudes = Rows::zeros((2, block), DType::F32, device, slot.map(Maps::blocks))?;
                Some((magnitudes, Maps::new(device)?))
            } else {
                None
            },
            master: if layout.master && eight_bit {
                Some(Rows::zeros((1, elements), DType::F32, device, slot)?)
            } else {
                None
            },
            starts,
        };
        if let Some(master) = state.master_row()? {
            for range in chunks(0..elements) {
                let part = parameters.value().narrow(0, range.start, range.len())?.to_dtype(DType::F32)?;
                master.slice_set(&part.to_device(master.device())?, 0, range.start)?;
            }
        }
        // The slots are filled beside the stream that they are made on.
        device.synchronize()?;
        Ok(state)
    }

    /// The master copy of all parameters, where it is.
    pub fn master_row(&self) -> Result<Option<Tensor>> {
        let all = self.moments.tensor();
        Ok(match &self.master {
            Some(rows) => Some(rows.tensor().get(0)?),
            None if all.dim(0)? == 3 => Some(all.get(2)?),
            None => None,
        })
    }

    /// The parts that updates go by: all that decays and all that does not, or each tensor.
    pub fn ranges(&self, parameters: &Parameters) -> Vec<Range<usize>> {
        if self.blocks.is_some() || self.transfers.is_some() {
            let entries = parameters.entries().iter();
            return entries.map(|entry| entry.offset..entry.offset + entry.elements()).collect();
        }
        let decayed = parameters.decayed_elements();
        vec![0..decayed, decayed..parameters.elements()]
    }

    /// What 8-bit codes stand for, if there are some.
    pub fn maps(&self) -> Option<&Maps> {
        self.blocks.as_ref().map(|(_, maps)| maps)
    }

    /// Does something with the state of some parameters, at most [`CHUNK`] of them and all of one tensor if they are in
    /// 8 bits: it is on the device for that time.
    pub fn with(&self, range: Range<usize>, work: impl FnOnce(Part) -> Result<()>) -> Result<()> {
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        let mut pairs = Vec::new();
        let moments = self.moments.part(&range, turn, &mut pairs)?;
        let part = match &self.blocks {
            None => Part::Wide(moments),
            Some((magnitudes, _)) => {
                let magnitudes = magnitudes.part(&self.blocks_of(&range), turn, &mut pairs)?;
                let master = self.master.as_ref().map(|rows| rows.part(&range, turn, &mut pairs)).transpose()?;
                let moments = Moments {
                    first: moments.get(0)?,
                    second: moments.get(1)?,
                    first_magnitudes: magnitudes.get(0)?,
                    second_magnitudes: magnitudes.get(1)?,
                };
                Part::EightBit(moments, master.map(|rows| rows.get(0)).transpose()?)
            }
        };
        let Some(transfers) = &self.transfers else { return work(part) };
        let slot = turn % SLOTS;
        transfers.fetch(slot, &pairs)?;
        work(part)?;
        transfers.store(slot, &pairs)
    }

    fn blocks_of(&self, range: &Range<usize>) -> Range<usize> {
        let entry = self.starts.partition_point(|(start, _)| *start <= range.start).checked_sub(1);
        let (start, block) = entry.and_then(|entry| self.starts.get(entry)).copied().unwrap_or_default();
        let first = block + (range.start - start) / Maps::BLOCK;
        first..first + Maps::blocks(range.len())
    }

    /// The state as it goes into a checkpoint.
    pub fn files(&self) -> Result<Vec<FlatFile>> {
        if let Some(transfers) = &self.transfers {
            transfers.finish()?;
        }
        let file = |name, rows: &Rows, parts: &[&str]| -> Result<FlatFile> {
            let (_, columns) = rows.tensor().dims2()?;
            let parts = parts.iter().map(|part| ((*part).to_owned(), vec![columns])).collect();
            Ok(FlatFile { name, flat: rows.tensor().flatten_all()?, parts })
        };
        let names = ["first_moment", "second_moment", "master"];
        let rows = self.moments.tensor().dim(0)?;
        let mut files = vec![file("optimizer.safetensors", &self.moments, names.get(..rows).unwrap_or_default())?];
        if let Some((magnitudes, _)) = &self.blocks {
            files.push(file("magnitudes.safetensors", magnitudes, names.get(..2).unwrap_or_default())?);
        }
        if let Some(master) = &self.master {
            files.push(file("master.safetensors", master, names.get(2..).unwrap_or_default())?);
        }
        Ok(files)
    }
}
