//! Launches on a CUDA device, through candle's stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use candle_core::cuda_backend::cudarc::cublas::{self, sys};
use candle_core::cuda_backend::cudarc::driver::{CudaFunction, CudaModule, DevicePtr, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::cudarc::nvrtc::Ptx;
use candle_core::cuda_backend::{CudaStorage, CudaStorageSlice, DeviceId, gemm_reduced_precision_f32};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, DType, Storage, Tensor};
use half::{bf16, f16};

use super::gemm::{Operand, Product};
use super::launch::{Argument, Launch};
use crate::error::{Error, Result};

/// All kernels, compiled for several generations of devices, and as PTX for later ones.
static KERNELS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin"));

/// The kernels as each device has loaded them: once for the process, since only the process can say how often a device
/// was opened.
static LOADED: OnceLock<Mutex<HashMap<DeviceId, Arc<CudaModule>>>> = OnceLock::new();

fn failed(what: impl std::fmt::Display, source: impl std::fmt::Display) -> Error {
    Error::new(format!("{what}: {source}"))
}

fn function(device: &CudaDevice, name: &str) -> Result<CudaFunction> {
    let mut loaded = LOADED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let module = match loaded.get(&device.id()) {
        Some(module) => module.clone(),
        None => {
            let context = device.cuda_stream().context().clone();
            let module = context.load_module(Ptx::from_binary(KERNELS.to_vec())).map_err(|source| {
                failed("cannot load the kernels on this device", source)
                    .hint("devices of compute capability 8.0 (Ampere) or newer can run them; is the driver older than CUDA 13?")
            })?;
            loaded.insert(device.id(), module.clone());
            module
        }
    };
    module.load_function(name).map_err(|source| failed(format!("kernel {name}"), source))
}

/// A new tensor whose elements are not set.
pub(super) fn empty(device: &CudaDevice, shape: &[usize], dtype: DType) -> Result<Tensor> {
    // The driver may refuse to give no bytes.
    let count = shape.iter().product::<usize>().max(1);
    // SAFETY: who asks writes every element before it is read (tested by poisoned outputs in the emulator).
    let storage = unsafe {
        match dtype {
            DType::F32 => CudaStorage::wrap_cuda_slice(device.alloc::<f32>(count)?, device.clone()),
            DType::F64 => CudaStorage::wrap_cuda_slice(device.alloc::<f64>(count)?, device.clone()),
            DType::BF16 => CudaStorage::wrap_cuda_slice(device.alloc::<bf16>(count)?, device.clone()),
            DType::F16 => CudaStorage::wrap_cuda_slice(device.alloc::<f16>(count)?, device.clone()),
            DType::U8 => CudaStorage::wrap_cuda_slice(device.alloc::<u8>(count)?, device.clone()),
            DType::U32 => CudaStorage::wrap_cuda_slice(device.alloc::<u32>(count)?, device.clone()),
            other => return Err(Error::new("the dtype of a new tensor").got(format!("{other:?}"))),
        }
    };
    Ok(Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), false))
}

/// The device's address of a tensor's first element; of a contiguous one, if it must be.
///
/// The address stays good while the tensor lives. A tensor that is dropped after a launch is freed in the order of the
/// stream, after the kernel.
fn address(device: &CudaDevice, tensor: &Tensor, contiguous: bool) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    let (Storage::Cuda(storage), true) = (&*storage, layout.is_contiguous() || !contiguous) else {
        return Err(Error::new("an argument of a kernel").expected("a contiguous tensor on the device"));
    };
    let stream = device.cuda_stream();
    let base = match &storage.slice {
        CudaStorageSlice::F32(slice) => slice.device_ptr(&stream).0,
        CudaStorageSlice::F64(slice) => slice.device_ptr(&stream).0,
        CudaStorageSlice::BF16(slice) => slice.device_ptr(&stream).0,
        CudaStorageSlice::F16(slice) => slice.device_ptr(&stream).0,
        CudaStorageSlice::U8(slice) => slice.device_ptr(&stream).0,
        CudaStorageSlice::U32(slice) => slice.device_ptr(&stream).0,
        _ => return Err(Error::new("the dtype of an argument of a kernel").got(format!("{:?}", tensor.dtype()))),
    };
    Ok(base + (layout.start_offset() * tensor.dtype().size_in_bytes()) as u64)
}

/// A matrix product by cuBLAS, with sums in f32.
pub(super) fn multiply(device: &CudaDevice, product: &Product<'_>) -> Result<()> {
    use sys::cublasComputeType_t::{CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32};
    use sys::cublasOperation_t::{CUBLAS_OP_N, CUBLAS_OP_T};
    let kind = |tensor: &Tensor| match tensor.dtype() {
        DType::BF16 => sys::cudaDataType_t::CUDA_R_16BF,
        DType::F16 => sys::cudaDataType_t::CUDA_R_16F,
        _ => sys::cudaDataType_t::CUDA_R_32F,
    };
    let turn = |operand: Operand| if operand.transposed { CUBLAS_OP_T } else { CUBLAS_OP_N };
    let Product { target, a, b, of_a, of_b, beta } = *product;
    let ((m, k), n) = (a.dims2()?, b.dim(1)?);
    let compute = match a.dtype() {
        DType::F32 if gemm_reduced_precision_f32() => CUBLAS_COMPUTE_32F_FAST_TF32,
        _ => CUBLAS_COMPUTE_32F,
    };
    let alpha = 1f32;
    let blas = device.cublas_handle();
    // SAFETY: the sizes are those of the tensors, which live until the call returns; what is freed later is freed in the
    // order of the stream, after the product.
    unsafe {
        cublas::result::gemm_ex(
            *blas.handle(),
            turn(of_b),
            turn(of_a),
            n as i32,
            m as i32,
            k as i32,
            (&raw const alpha).cast(),
            address(device, b, false)? as *const _,
            kind(b),
            of_b.leading as i32,
            address(device, a, false)? as *const _,
            kind(a),
            of_a.leading as i32,
            (&raw const beta).cast(),
            address(device, target, true)? as *mut _,
            kind(target),
            n as i32,
            compute,
            sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT_TENSOR_OP,
        )
    }
    .map_err(|source| failed(format!("the product of {:?} and {:?}", a.dims(), b.dims()), source))
}

/// An argument as the driver reads it: by the address of its bytes.
enum Word {
    Address(u64),
    Int(i32),
    Long(i64),
    Float(f32),
}

pub(super) fn run(device: &CudaDevice, launch: &Launch<'_>) -> Result<()> {
    let name = launch.name()?;
    let ([x, y, z], threads, shared_mem_bytes) = launch.sizes()?;
    let function = function(device, &name)?;
    if shared_mem_bytes > 48 << 10 {
        let attribute =
            candle_core::cuda_backend::cudarc::driver::sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        function
            .set_attribute(attribute, shared_mem_bytes as i32)
            .map_err(|source| failed(format!("{shared_mem_bytes} B of shared memory for {name}"), source))?;
    }
    let words = launch.arguments.iter().map(|argument| {
        Ok(match *argument {
            Argument::Input(tensor) | Argument::Output(tensor) => Word::Address(address(device, tensor, true)?),
            Argument::Absent => Word::Address(0),
            Argument::Int(value) => Word::Int(value),
            Argument::Long(value) => Word::Long(value),
            Argument::Float(value) => Word::Float(value),
        })
    });
    let words = words.collect::<Result<Vec<_>>>()?;
    let stream = device.cuda_stream();
    let mut builder = stream.launch_builder(&function);
    for word in &words {
        match word {
            Word::Address(value) => builder.arg(value),
            Word::Int(value) => builder.arg(value),
            Word::Long(value) => builder.arg(value),
            Word::Float(value) => builder.arg(value),
        };
    }
    let config = LaunchConfig { grid_dim: (x, y, z), block_dim: (threads, 1, 1), shared_mem_bytes };
    // SAFETY: the emulator runs the same launches under an address sanitizer: number and kind of the arguments, and
    // what is read and written of each.
    unsafe { builder.launch(config) }.map_err(|source| failed(format!("kernel {name}"), source))?;
    Ok(())
}
