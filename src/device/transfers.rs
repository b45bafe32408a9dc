//! Copies between the host's memory and a device that run beside the device's other work.
//!
//! Parts of a long state that lies in the host's memory come to the device in turns, into one of two slots: while the
//! device computes with one, the other is stored and filled again. On the CPU, where there is nothing to run beside,
//! the same turns are plain copies.

// Without CUDA there is one memory, and no lane to give a slot to.
#![cfg_attr(not(feature = "cuda"), allow(unused_variables))]

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};

/// Slots that take turns.
pub const SLOTS: usize = 2;

/// Runs the copies of one state.
#[derive(Debug)]
pub struct Transfers {
    #[cfg(feature = "cuda")]
    lanes: Option<super::lanes::Lanes>,
}

/// Rows of numbers in the host's memory, from where a device copies at full speed.
#[derive(Debug)]
pub struct HostRows {
    // Before the tensor, so that the memory is given back to the system's paging first.
    #[cfg(feature = "cuda")]
    _lock: Option<super::lanes::PageLock>,
    tensor: Tensor,
}

impl HostRows {
    /// Rows of zeros, for transfers with a device.
    ///
    /// # Errors
    /// The host has no room for them, or may not keep so much memory from being paged.
    pub fn zeros(rows: usize, columns: usize, dtype: DType, device: &Device) -> Result<Self> {
        let tensor = Tensor::zeros((rows, columns), dtype, &Device::Cpu)?;
        Ok(Self {
            #[cfg(feature = "cuda")]
            _lock: if device.is_cuda() { super::lanes::PageLock::new(&tensor)? } else { None },
            tensor,
        })
    }

    /// The rows; a transfer may still be writing to them, see [`Transfers::finish`].
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }
}

impl Transfers {
    /// Transfers to and from a device.
    ///
    /// # Errors
    /// The device has no more streams.
    pub fn new(device: &Device) -> Result<Self> {
        Ok(Self {
            #[cfg(feature = "cuda")]
            lanes: match device {
                Device::Cuda(device) => Some(super::lanes::Lanes::new(device, SLOTS)?),
                _ => None,
            },
        })
    }

    /// Fills a slot: copies each first tensor, on the host, to each second, on the device. What the device is told to
    /// do next waits for it; the copies wait until the slot's last content is stored.
    ///
    /// # Errors
    /// Shapes or dtypes of a pair differ; rows are not contiguous; the driver's own.
    pub fn fetch(&self, slot: usize, pairs: &[(Tensor, Tensor)]) -> Result<()> {
        let rows = rows_of(pairs)?;
        #[cfg(feature = "cuda")]
        if let Some(lanes) = &self.lanes {
            return lanes.fetch(slot, &rows);
        }
        rows.iter().try_for_each(|(host, slot)| Ok(slot.slice_set(host, 0, 0)?))
    }

    /// Stores a slot: copies each second tensor, on the device, to each first, on the host, after all that the device
    /// was told to do until now.
    ///
    /// # Errors
    /// As [`Transfers::fetch`].
    pub fn store(&self, slot: usize, pairs: &[(Tensor, Tensor)]) -> Result<()> {
        let rows = rows_of(pairs)?;
        #[cfg(feature = "cuda")]
        if let Some(lanes) = &self.lanes {
            return lanes.store(slot, &rows);
        }
        rows.iter().try_for_each(|(host, slot)| Ok(host.slice_set(slot, 0, 0)?))
    }

    /// Waits until all that was stored is in the host's memory.
    ///
    /// # Errors
    /// A copy failed.
    pub fn finish(&self) -> Result<()> {
        #[cfg(feature = "cuda")]
        if let Some(lanes) = &self.lanes {
            return lanes.finish();
        }
        Ok(())
    }
}

/// The pairs row by row, each of which is contiguous.
fn rows_of(pairs: &[(Tensor, Tensor)]) -> Result<Vec<(Tensor, Tensor)>> {
    let mut rows = Vec::new();
    for (host, slot) in pairs {
        if host.dims() != slot.dims() || host.dtype() != slot.dtype() {
            return Err(Error::new("a transfer")
                .got(format!("{:?} {:?}", slot.dtype(), slot.dims()))
                .expected(format!("{:?} {:?}", host.dtype(), host.dims())));
        }
        for row in 0..host.dim(0)? {
            rows.push((host.get(row)?, slot.get(row)?));
        }
    }
    if rows.iter().all(|(host, slot)| host.is_contiguous() && slot.is_contiguous()) {
        return Ok(rows);
    }
    Err(Error::new("a row of a transfer").expected("contiguous"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_rows_go_to_a_slot_and_back() -> Result<()> {
        let device = Device::Cpu;
        let host = HostRows::zeros(2, 10, DType::F32, &device)?;
        let transfers = Transfers::new(&device)?;
        let slot = Tensor::ones((2, 4), DType::F32, &device)?;
        let part = |start: usize, length: usize| -> Result<Vec<(Tensor, Tensor)>> {
            Ok(vec![(host.tensor().narrow(1, start, length)?, slot.narrow(1, 0, length)?)])
        };
        transfers.store(0, &part(3, 4)?)?;
        transfers.fetch(1, &part(5, 3)?)?;
        transfers.finish()?;
        assert_eq!(host.tensor().to_vec2::<f32>()?, vec![vec![0., 0., 0., 1., 1., 1., 1., 0., 0., 0.]; 2]);
        assert_eq!(slot.to_vec2::<f32>()?, vec![vec![1., 1., 0., 1.]; 2]);
        Ok(())
    }

    #[test]
    fn other_shapes_are_refused() -> Result<()> {
        let host = HostRows::zeros(1, 4, DType::U8, &Device::Cpu)?;
        let slot = Tensor::zeros((1, 3), DType::U8, &Device::Cpu)?;
        assert!(Transfers::new(&Device::Cpu)?.fetch(0, &[(host.tensor().clone(), slot)]).is_err());
        Ok(())
    }
}
