//! A CUDA device as its driver knows it.

use candle_core::CudaDevice;
use candle_core::cuda_backend::cudarc::cublas::sys as blas;
use candle_core::cuda_backend::cudarc::driver::{DriverError, result, sys};

use super::Facts;
use crate::error::{Error, Result};

/// Sets the device up as one stream uses it: freed memory stays in the pool, and no event is recorded for each tensor.
///
/// # Errors  the driver refuses
pub(super) fn prepare(device: &CudaDevice) -> Result<()> {
    // SAFETY: all work of this program is on this one stream, so that its order is the order of all uses of a tensor.
    unsafe { device.disable_event_tracking() };
    let mut keep = u64::MAX;
    let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the attribute is one u64.
    with_pool(device, |pool| unsafe { result::mem_pool::set_attribute(pool, attribute, (&raw mut keep).cast()) })
}

/// The most bytes of tensors at one time.
///
/// # Errors  the driver does not answer
pub(super) fn peak_memory(device: &CudaDevice) -> Result<u64> {
    let mut peak = 0u64;
    let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH;
    // SAFETY: the attribute is one u64.
    with_pool(device, |pool| unsafe { result::mem_pool::get_attribute(pool, attribute, (&raw mut peak).cast()) })?;
    Ok(peak)
}

/// Does something with the pool that tensors come from.
fn with_pool(
    device: &CudaDevice,
    work: impl FnOnce(sys::CUmemoryPool) -> std::result::Result<(), DriverError>,
) -> Result<()> {
    let stream = device.cuda_stream();
    // SAFETY: the context, and with it the device, lives as long as the stream.
    let pool = unsafe { result::device::get_default_mem_pool(stream.context().cu_device()) };
    pool.and_then(work).map_err(|source| Error::new(format!("the device's memory pool: {source}")))
}

pub(super) fn facts(device: &CudaDevice) -> Result<Facts> {
    let stream = device.cuda_stream();
    let context = stream.context();
    let asked = || -> std::result::Result<_, DriverError> {
        let (free, total) = context.mem_get_info()?;
        Ok((context.name()?, context.compute_capability()?, free, total))
    };
    let (name, capability, free, total) =
        asked().map_err(|source| Error::new(format!("the device does not answer: {source}")))?;
    let mut version = 0;
    // SAFETY: the driver writes one integer to where the pointer points.
    let known = unsafe { sys::cuDriverGetVersion(&mut version) }.result().is_ok();
    let mut cublas = 0;
    // SAFETY: cuBLAS writes one integer to where the pointer points.
    let named = unsafe { blas::cublasGetVersion_v2(*device.cublas_handle().handle(), &mut cublas) }.result().is_ok();
    Ok(Facts {
        name,
        cublas: named.then(|| format!("{}.{}.{}", cublas / 10_000, cublas / 100 % 100, cublas % 100)),
        compute_capability: Some(capability),
        driver: known.then_some((version / 1000, version % 1000 / 10)),
        free: Some(free as u64),
        total: Some(total as u64),
    })
}
