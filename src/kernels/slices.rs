//! CPU tensors seen as slices, shape checks with a name in them, and the dtype to compute in.

use std::cell::Cell;
use std::mem::MaybeUninit;

use candle_core::{CpuStorage, DType, Device, InplaceOp1, InplaceOp2, Layout, Storage, Tensor};

use super::gemm::View;
use crate::error::{Error, Result};

/// True if the fast path applies: every tensor is f32 and on the CPU.
pub(super) fn on_cpu_f32(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|tensor| tensor.dtype() == DType::F32 && matches!(tensor.device(), Device::Cpu))
}

/// Calls `f` with the elements of the tensors, which are copied first only where they are not contiguous.
pub(super) fn read<const N: usize, R>(tensors: [&Tensor; N], f: impl FnOnce([&[f32]; N]) -> Result<R>) -> Result<R> {
    let contiguous = tensors.iter().map(|tensor| tensor.contiguous()).collect::<candle_core::Result<Vec<_>>>()?;
    let guards: Vec<_> = contiguous.iter().map(Tensor::storage_and_layout).collect();
    let mut slices: [&[f32]; N] = [&[]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&guards) {
        let Storage::Cpu(CpuStorage::F32(values)) = &**storage else {
            return Err(Error::new("a tensor's storage").expected("f32 on the CPU"));
        };
        *slice = layout
            .contiguous_offsets()
            .and_then(|(start, end)| values.get(start..end))
            .ok_or_else(|| Error::new("a tensor's layout").expected("contiguous"))?;
    }
    f(slices)
}

/// Calls `f` with the elements of a contiguous tensor of u8.
pub(super) fn read_bytes<R>(tensor: &Tensor, f: impl FnOnce(&[u8]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::U8(values)), Some((start, end))) => values.get(start..end).map(f),
        _ => None,
    }
    .ok_or_else(|| Error::new("a tensor's storage").expected("contiguous u8 on the CPU"))
}

/// Calls `f` with two matrices as they lie, transposed or not.
pub(super) fn read_matrices<R>(tensors: [&Tensor; 2], f: impl FnOnce([View<'_>; 2]) -> R) -> Result<R> {
    let guards = tensors.map(Tensor::storage_and_layout);
    let views = guards.each_ref().map(|(storage, layout)| match (&**storage, layout.dims(), layout.stride()) {
        (Storage::Cpu(CpuStorage::F32(values)), &[rows, columns], &[row, column]) => values
            .get(layout.start_offset()..)
            .map(|values| View { values, shape: (rows, columns), strides: (row, column) }),
        _ => None,
    });
    match views {
        [Some(a), Some(b)] => Ok(f([a, b])),
        _ => Err(Error::new("an operand of a matrix product").expected("an f32 matrix on the CPU")),
    }
}

/// `len` new elements, all of which `f` writes.
pub(super) fn fresh(len: usize, f: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut values = Vec::new();
    refill(&mut values, len, f);
    values
}

/// As [`fresh`], several at once.
pub(super) fn fresh_each(lens: &[usize], f: impl FnOnce(Vec<&mut [MaybeUninit<f32>]>)) -> Vec<Vec<f32>> {
    let mut all: Vec<Vec<f32>> = lens.iter().map(|len| Vec::with_capacity(*len)).collect();
    let spare = all.iter_mut().zip(lens).map(|(values, len)| &mut values.spare_capacity_mut()[..*len]);
    f(spare.collect());
    for (values, len) in all.iter_mut().zip(lens) {
        // SAFETY: there is room for `len` elements, and `f` has written them.
        unsafe { values.set_len(*len) };
    }
    all
}

/// Gives `values` `len` new elements, all of which `f` writes, in the same memory if it is large enough.
pub(super) fn refill(values: &mut Vec<f32>, len: usize, f: impl FnOnce(&mut [MaybeUninit<f32>])) {
    values.clear();
    values.reserve_exact(len);
    let spare: &mut [MaybeUninit<f32>] = values.spare_capacity_mut();
    f(&mut spare[..len]);
    // SAFETY: there is room for `len` elements, and `f` has written them.
    unsafe { values.set_len(len) };
}

/// Calls `f` with the elements of a contiguous tensor, to be changed in place.
pub(super) fn write<R>(target: &Tensor, f: impl FnOnce(&mut [f32]) -> R) -> Result<R> {
    let call = Call { f: Cell::new(Some(f)), result: Cell::new(None) };
    target.inplace_op1(&call)?;
    call.result.into_inner().ok_or_else(|| Error::new("an in-place operation did not run"))
}

/// As [`write()`], reading another contiguous f32 tensor, which may not share the target's storage.
pub(super) fn write_from<R>(target: &Tensor, source: &Tensor, f: impl FnOnce(&mut [f32], &[f32]) -> R) -> Result<R> {
    let call = Call { f: Cell::new(Some(f)), result: Cell::new(None) };
    target.inplace_op2(&source.contiguous()?, &call)?;
    call.result.into_inner().ok_or_else(|| Error::new("an in-place operation did not run"))
}

/// Calls `f` with the first `N` rows of a matrix whose rows are contiguous but may lie apart.
pub(super) fn write_rows<const N: usize>(target: &Tensor, f: impl FnOnce([&mut [f32]; N])) -> Result<()> {
    let rows = Rows::<_, N>(Cell::new(Some(f)));
    Ok(target.inplace_op1(&rows)?)
}

struct Rows<F, const N: usize>(Cell<Option<F>>);

impl<const N: usize, F: FnOnce([&mut [f32]; N])> InplaceOp1 for Rows<F, N> {
    fn name(&self) -> &'static str {
        "write rows in place"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), &[count, columns], &[apart, 1]) = (storage, layout.dims(), layout.stride())
        else {
            candle_core::bail!("the target of a row operation must be an f32 matrix with contiguous rows");
        };
        let used = values.get_mut(layout.start_offset()..).unwrap_or_default();
        let mut rows = used.chunks_mut(apart.max(1)).filter_map(|row| row.get_mut(..columns));
        let rows: [&mut [f32]; N] = std::array::from_fn(|_| rows.next().unwrap_or_default());
        if count < N || apart < columns || rows.iter().any(|row| row.len() != columns) {
            candle_core::bail!("a row operation on {count} rows of {columns}, {apart} apart");
        }
        if let Some(f) = self.0.take() {
            f(rows);
        }
        Ok(())
    }
}

/// A closure as candle's in-place operation, which is the only way to a tensor's elements.
struct Call<F, R> {
    f: Cell<Option<F>>,
    result: Cell<Option<R>>,
}

impl<R, F: FnOnce(&mut [f32]) -> R> InplaceOp1 for Call<F, R> {
    fn name(&self) -> &'static str {
        "write in place"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let slice = slice_mut(storage, layout)?;
        self.result.set(self.f.take().map(|f| f(slice)));
        Ok(())
    }
}

impl<R, F: FnOnce(&mut [f32], &[f32]) -> R> InplaceOp2 for Call<F, R> {
    fn name(&self) -> &'static str {
        "write in place from another tensor"
    }

    fn cpu_fwd(
        &self,
        storage: &mut CpuStorage,
        layout: &Layout,
        source: &CpuStorage,
        source_layout: &Layout,
    ) -> candle_core::Result<()> {
        let target = slice_mut(storage, layout)?;
        let (start, end) = source_layout.contiguous_offsets().unwrap_or_default();
        let source = source.as_slice::<f32>()?.get(start..end).unwrap_or_default();
        self.result.set(self.f.take().map(|f| f(target, source)));
        Ok(())
    }
}

fn slice_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> candle_core::Result<&'a mut [f32]> {
    let CpuStorage::F32(values) = storage else {
        candle_core::bail!("an in-place operation on a dtype that is not f32");
    };
    match layout.contiguous_offsets().and_then(|(start, end)| values.get_mut(start..end)) {
        Some(slice) => Ok(slice),
        None => candle_core::bail!("the target of an in-place operation must be contiguous"),
    }
}

/// A new f32 tensor on the CPU from its elements.
pub(super) fn tensor(values: Vec<f32>, shape: &[usize]) -> Result<Tensor> {
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// A 1-D tensor of u32 (token ids, positions, targets) as a vector.
pub(super) fn indices(what: &str, tensor: &Tensor) -> Result<Vec<u32>> {
    if tensor.dtype() != DType::U32 || tensor.rank() != 1 {
        return Err(Error::new(format!("{what}: dtype and shape"))
            .got(format!("{:?} {:?}", tensor.dtype(), tensor.dims()))
            .expected("U32 [n]"));
    }
    Ok(tensor.to_vec1::<u32>()?)
}

/// The two dimensions of a matrix.
pub(super) fn matrix(what: &str, tensor: &Tensor) -> Result<(usize, usize)> {
    match tensor.dims() {
        &[rows, columns] => Ok((rows, columns)),
        other => Err(Error::new(format!("{what}: shape")).got(format!("{other:?}")).expected("2 dimensions")),
    }
}

/// Fails unless the tensor has exactly that shape.
pub(super) fn expect_shape(what: &str, tensor: &Tensor, expected: &[usize]) -> Result<()> {
    if tensor.dims() == expected {
        return Ok(());
    }
    Err(Error::new(format!("{what}: shape")).got(format!("{:?}", tensor.dims())).expected(format!("{expected:?}")))
}

/// The dtype in which sums and exponentials of `dtype` are computed: f64 for f64, else f32.
pub(super) fn compute_dtype(dtype: DType) -> DType {
    if dtype == DType::F64 { DType::F64 } else { DType::F32 }
}
