//! Two streams of a CUDA device beside the one that computes: one for copies in, one for copies out.

use std::sync::Arc;

use candle_core::cuda_backend::CudaStorageSlice;
use candle_core::cuda_backend::cudarc::driver::{CudaEvent, CudaStream, DevicePtr, DriverError, result, sys};
use candle_core::{CpuStorage, CudaDevice, Storage, Tensor};

use crate::error::{Error, Result};

/// The streams, and where they wait for each other.
#[derive(Debug)]
pub(super) struct Lanes {
    compute: Arc<CudaStream>,
    inward: Arc<CudaStream>,
    outward: Arc<CudaStream>,
    /// Each slot is filled.
    fetched: Vec<CudaEvent>,
    /// The device is done with each slot.
    computed: Vec<CudaEvent>,
    /// Each slot is stored.
    stored: Vec<CudaEvent>,
}

impl std::fmt::Debug for PageLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PageLock")
    }
}

fn failed(source: DriverError) -> Error {
    Error::new(format!("a copy between the host's memory and the device: {source}"))
}

impl Lanes {
    /// Streams for so many slots that take turns.
    pub fn new(device: &CudaDevice, slots: usize) -> Result<Self> {
        let compute = device.cuda_stream();
        let context = compute.context().clone();
        let stream = || context.new_stream().map_err(failed);
        let events = || (0..slots).map(|_| context.new_event(None).map_err(failed)).collect::<Result<Vec<_>>>();
        let (inward, outward) = (stream()?, stream()?);
        Ok(Self { compute, inward, outward, fetched: events()?, computed: events()?, stored: events()? })
    }

    pub fn fetch(&self, slot: usize, rows: &[(Tensor, Tensor)]) -> Result<()> {
        let (fetched, stored) = (event(&self.fetched, slot)?, event(&self.stored, slot)?);
        // An event that was never recorded is not waited for.
        self.inward.wait(stored).map_err(failed)?;
        for (host, device) in rows {
            let address = self.address(device)?;
            // SAFETY: the row lives in the optimizer's state as long as the copies do, and only copies of the same
            // slot, which are in order, touch this part of it.
            unsafe { with_bytes(host, |bytes| result::memcpy_htod_async(address, bytes, self.inward.cu_stream())) }?;
        }
        fetched.record(&self.inward).map_err(failed)?;
        self.compute.wait(fetched).map_err(failed)
    }

    pub fn store(&self, slot: usize, rows: &[(Tensor, Tensor)]) -> Result<()> {
        let (computed, stored) = (event(&self.computed, slot)?, event(&self.stored, slot)?);
        computed.record(&self.compute).map_err(failed)?;
        self.outward.wait(computed).map_err(failed)?;
        for (host, device) in rows {
            let address = self.address(device)?;
            // SAFETY: as in `fetch`; nobody reads the row before `finish`.
            unsafe { with_bytes(host, |bytes| result::memcpy_dtoh_async(bytes, address, self.outward.cu_stream())) }?;
        }
        stored.record(&self.outward).map_err(failed)
    }

    pub fn finish(&self) -> Result<()> {
        self.outward.synchronize().map_err(failed)
    }

    fn address(&self, tensor: &Tensor) -> Result<sys::CUdeviceptr> {
        let (storage, layout) = tensor.storage_and_layout();
        let Storage::Cuda(storage) = &*storage else {
            return Err(Error::new("the slot of a transfer").expected("on the device"));
        };
        let base = match &storage.slice {
            CudaStorageSlice::F32(slice) => slice.device_ptr(&self.compute).0,
            CudaStorageSlice::U8(slice) => slice.device_ptr(&self.compute).0,
            _ => return Err(Error::new("the dtype of a transfer").got(format!("{:?}", tensor.dtype()))),
        };
        Ok(base + (layout.start_offset() * tensor.dtype().size_in_bytes()) as u64)
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        // The memory of the copies goes after this. A failure here was one of the copies' already.
        let _ = self.inward.synchronize();
        let _ = self.outward.synchronize();
    }
}

fn event(events: &[CudaEvent], slot: usize) -> Result<&CudaEvent> {
    events
        .get(slot)
        .ok_or_else(|| Error::new("a transfer's slot").got(slot).expected(format!("below {}", events.len())))
}

/// Calls `f` with the bytes of a contiguous row on the host.
///
/// # Safety
/// Nobody else reads or writes the row until what `f` starts is done.
unsafe fn with_bytes(row: &Tensor, f: impl FnOnce(&mut [u8]) -> std::result::Result<(), DriverError>) -> Result<()> {
    let (storage, layout) = row.storage_and_layout();
    let width = row.dtype().size_in_bytes();
    let start = match &*storage {
        Storage::Cpu(CpuStorage::F32(values)) => values.as_ptr().cast::<u8>(),
        Storage::Cpu(CpuStorage::U8(values)) => values.as_ptr(),
        _ => return Err(Error::new("the dtype of a transfer").got(format!("{:?}", row.dtype()))),
    };
    // SAFETY: the layout is that of the storage; who calls sees to it that the bytes are nobody else's.
    let bytes = unsafe {
        std::slice::from_raw_parts_mut(start.cast_mut().add(layout.start_offset() * width), row.elem_count() * width)
    };
    f(bytes).map_err(failed)
}

/// Bytes from which memory has pages of its own.
const LARGE: usize = 1 << 20;

/// Keeps the memory of a tensor from being paged, so that the device can copy from it by itself.
pub(super) struct PageLock {
    start: *mut std::ffi::c_void,
}

// SAFETY: the pointer is only given back to the driver.
unsafe impl Send for PageLock {}
// SAFETY: as above.
unsafe impl Sync for PageLock {}

impl PageLock {
    /// Locks the memory of a large tensor; small ones share pages, which can be locked once only, and are copied quickly
    /// in any case.
    pub fn new(tensor: &Tensor) -> Result<Option<Self>> {
        let mut start = std::ptr::null_mut();
        let bytes = tensor.elem_count() * tensor.dtype().size_in_bytes();
        if bytes < LARGE {
            return Ok(None);
        }
        // SAFETY: the bytes are not touched here.
        unsafe {
            with_bytes(tensor, |bytes| {
                start = bytes.as_mut_ptr().cast();
                Ok(())
            })
        }?;
        // SAFETY: the memory stays where it is while the tensor lives, which is longer than this lock.
        unsafe { sys::cuMemHostRegister_v2(start, bytes, 0) }.result().map_err(|source| {
            Error::new(format!("cannot keep {bytes} bytes of the host's memory from being paged: {source}"))
                .hint("the optimizer's state lies there (offload: true): is there so much memory, and does ulimit -l allow it?")
        })?;
        Ok(Some(Self { start }))
    }
}

impl Drop for PageLock {
    fn drop(&mut self) {
        // SAFETY: it was registered by `new`. A failure leaves the pages locked, no more.
        let _ = unsafe { sys::cuMemHostUnregister(self.start) };
    }
}
