//! What is launched, and by whom.

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};

/// Bytes that a thread reads or writes at once.
const PACK: usize = 16;

/// One argument of a kernel.
#[derive(Clone, Copy)]
pub(in crate::kernels) enum Argument<'a> {
    /// A tensor that is read.
    Input(&'a Tensor),
    /// A tensor that is written, and may be read.
    Output(&'a Tensor),
    /// No tensor, where the kernel can do without.
    Absent,
    Int(i32),
    Long(i64),
    Float(f32),
}

impl<'a> Argument<'a> {
    /// A tensor that is read, if it is there.
    pub fn input(tensor: Option<&'a Tensor>) -> Self {
        tensor.map_or(Self::Absent, Self::Input)
    }

    /// A tensor that is written, if it is there.
    pub fn output(tensor: Option<&'a Tensor>) -> Self {
        tensor.map_or(Self::Absent, Self::Output)
    }
}

/// One launch of one kernel.
pub(in crate::kernels) struct Launch<'a> {
    /// The kernel's name, without the storage type.
    pub kernel: &'static str,
    /// The storage type that its name ends with; none for kernels that know one only.
    pub dtype: Option<DType>,
    /// Blocks in each dimension.
    pub grid: [usize; 3],
    /// Threads of a block.
    pub threads: usize,
    /// Bytes of dynamic shared memory of a block.
    pub shared: usize,
    pub arguments: &'a [Argument<'a>],
}

impl Launch<'_> {
    /// The whole name, such as `rope_turn_bf16`.
    pub fn name(&self) -> Result<String> {
        let suffix = match self.dtype {
            None => return Ok(self.kernel.to_owned()),
            Some(DType::F32) => "f32",
            Some(DType::BF16) => "bf16",
            Some(DType::F16) => "f16",
            Some(other) => {
                return Err(Error::new(format!("the dtype of {}", self.kernel))
                    .got(format!("{other:?}"))
                    .expected("f32, bf16 or f16"));
            }
        };
        Ok(format!("{}_{suffix}", self.kernel))
    }

    /// The grid, and the block's threads and bytes, as the driver takes them.
    pub fn sizes(&self) -> Result<([u32; 3], u32, u32)> {
        let size = |what: &str, value: usize, most: usize| {
            let fits = u32::try_from(value).ok().filter(|_| value <= most);
            fits.ok_or_else(|| {
                Error::new(format!("{what} of {}", self.kernel)).got(value).expected(format!("at most {most}"))
            })
        };
        let [x, y, z] = self.grid;
        let grid = [size("blocks", x, i32::MAX as usize)?, size("blocks", y, 65_535)?, size("blocks", z, 65_535)?];
        Ok((grid, size("threads", self.threads, 1024)?, size("shared bytes", self.shared, 227 << 10)?))
    }
}

/// What runs launches.
pub(in crate::kernels) enum Engine {
    #[cfg(feature = "cuda")]
    Cuda(candle_core::CudaDevice),
    #[cfg(test)]
    Emulated,
}

impl Engine {
    /// The engine of these tensors, if they are of one CUDA device and one storage type that the kernels know, and lie
    /// in whole packs.
    pub fn of(tensors: &[&Tensor]) -> Option<Self> {
        let first = tensors.first()?;
        let same = tensors.iter().all(|tensor| tensor.dtype() == first.dtype() && lies_in_packs(tensor));
        if !same { None } else { Self::on(first.device()) }
    }

    /// The engine of a device; none for the CPU.
    pub fn on(device: &Device) -> Option<Self> {
        match device {
            #[cfg(feature = "cuda")]
            Device::Cuda(device) => Some(Self::Cuda(device.clone())),
            _ => None,
        }
    }

    /// A new tensor with nothing in it yet; a launch must write every element.
    pub fn empty(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        match *self {
            #[cfg(feature = "cuda")]
            Self::Cuda(ref device) => super::driver::empty(device, shape, dtype),
            #[cfg(test)]
            Self::Emulated => super::emulator::poison(shape, dtype),
        }
    }

    /// Starts a matrix product; returns before it is done.
    ///
    /// # Errors  cuBLAS's own
    pub(super) fn multiply(&self, product: &super::gemm::Product<'_>) -> Result<()> {
        match *self {
            #[cfg(feature = "cuda")]
            Self::Cuda(ref device) => super::driver::multiply(device, product),
            #[cfg(test)]
            Self::Emulated => super::gemm::by_definition(product),
        }
    }

    /// Starts a kernel; returns before it is done.
    ///
    /// # Errors  the grid or the block is too large; a tensor is not contiguous; the driver's own
    pub fn run(&self, launch: &Launch<'_>) -> Result<()> {
        if launch.grid.contains(&0) {
            return Ok(());
        }
        match *self {
            #[cfg(feature = "cuda")]
            Self::Cuda(ref device) => super::driver::run(device, launch),
            #[cfg(test)]
            Self::Emulated => super::emulator::run(launch),
        }
    }
}

/// Whether a tensor is of a type that kernels know, contiguous, and its rows start where packs do.
fn lies_in_packs(tensor: &Tensor) -> bool {
    let dtype = tensor.dtype();
    let size = dtype.size_in_bytes();
    let whole = |elements: usize| (elements * size).is_multiple_of(PACK);
    matches!(dtype, DType::F32 | DType::BF16 | DType::F16)
        && tensor.layout().is_contiguous()
        && whole(tensor.layout().start_offset())
        && tensor.dims().last().is_some_and(|features| whole(*features))
}
