//! Every kernel on a device against the same operation on the CPU, on fresh random inputs.
//!
//! The CPU computes in f64, by the references; for another device, whose shapes are larger, in f32 by the fast paths that
//! are tested against them.

mod cases;

use std::time::Instant;

use candle_core::{DType, Device, Tensor};

use crate::error::{Place, Result};
use crate::random::Stream;

pub use cases::Shapes;

/// What a kernel must do at least, whatever it does it with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Work {
    /// Bytes read and written.
    Bytes(f64),
    /// Floating-point operations.
    Operations(f64),
}

/// One kernel as it was found.
#[derive(Debug, Clone)]
pub struct Check {
    /// The operation.
    pub kernel: &'static str,
    /// The shape of its main operand.
    pub shape: String,
    /// What elements are stored as.
    pub dtype: DType,
    /// The largest difference from the CPU's result, relative to the largest element; infinite if an element is not a
    /// number; none where the kernel was only timed.
    pub error: Option<f64>,
    /// What the error may be.
    pub bound: f64,
    /// The best time of a few, in seconds.
    pub seconds: f64,
    /// What was to be done in that time.
    pub work: Work,
}

impl Check {
    /// Whether the result is what it must be.
    pub fn passed(&self) -> bool {
        self.error.is_none_or(|error| error <= self.bound)
    }
}

/// Checks all kernels at the first of the shapes, and times them at the others; `each` is told of them as they are done.
///
/// # Errors  a kernel that does not run at all: names it
pub fn all(device: &Device, dtype: DType, shapes: &[Shapes], seed: u64, each: &mut dyn FnMut(Check)) -> Result<()> {
    let Some((checked, timed)) = shapes.split_first() else { return Ok(()) };
    type Section = fn(&mut Bench<'_>, &Shapes) -> Result<()>;
    // What follows from the number of tokens, and with attention from that of documents; then what does not.
    let once = timed.get(..1).unwrap_or_default();
    let by_tokens: [(Section, &[Shapes]); 4] =
        [(cases::elementwise, once), (cases::by_tokens, once), (cases::attention, timed), (cases::products, once)];
    for (section, timed) in by_tokens {
        let mut bench = Bench { device, dtype, seed, timed: false, found: Vec::new() };
        section(&mut bench, checked)?;
        let mut checks = bench.found;
        for shapes in timed {
            let mut bench = Bench { device, dtype, seed, timed: true, found: Vec::new() };
            section(&mut bench, shapes)?;
            checks.extend(bench.found);
        }
        // The same kernel at several shapes stands together.
        let names: Vec<&str> = checks.iter().map(|check| check.kernel).collect();
        checks.sort_by_key(|check| names.iter().position(|name| *name == check.kernel));
        checks.into_iter().for_each(&mut *each);
    }
    for section in [cases::quantized, cases::optimizer] {
        let mut bench = Bench { device, dtype, seed, timed: false, found: Vec::new() };
        section(&mut bench, checked)?;
        bench.found.into_iter().for_each(&mut *each);
    }
    Ok(())
}

/// Where the kernels are put to work.
struct Bench<'a> {
    device: &'a Device,
    dtype: DType,
    seed: u64,
    /// Whether they are timed alone, without a comparison.
    timed: bool,
    found: Vec<Check>,
}

/// What is done, and how exactly.
struct Case<'a> {
    kernel: &'static str,
    /// Shapes of its inputs, each drawn by chance.
    inputs: Vec<&'a [usize]>,
    work: Work,
    bound: f64,
    /// What the shape does not say, behind it.
    detail: String,
}

/// A kernel with its inputs ready; each call does it once.
type Ready = Box<dyn Fn() -> Result<Vec<Tensor>>>;
/// Makes a kernel ready on a device, from inputs there.
type Prepare<'a> = &'a dyn Fn(&[Tensor], &Device) -> Result<Ready>;

/// How often a kernel is timed.
const TIMES: usize = 4;
/// Seconds of work between two times that a device is waited for, so that starting and waiting are no part of a time.
const WORK: f64 = 0.01;
/// The most calls in that time.
const MOST_CALLS: usize = 100;
/// Numbers that are drawn for a timing; they are repeated.
const DRAWN: usize = 1 << 20;

impl Bench<'_> {
    /// What a result may be off by that is computed in f32 and rounded to the storage type once.
    fn rounding(&self) -> f64 {
        match self.dtype {
            DType::BF16 => 2f64.powi(-8) + 1e-5,
            DType::F16 => 2f64.powi(-11) + 1e-5,
            _ => 1e-5,
        }
    }

    fn bytes(&self, elements: usize) -> Work {
        Work::Bytes((elements * self.dtype.size_in_bytes()) as f64)
    }

    /// Does the case here and on the CPU, and compares.
    fn check(&mut self, case: &Case<'_>, prepare: Prepare<'_>) -> Result<()> {
        self.compare(case, prepare).at(case.kernel)
    }

    fn compare(&mut self, case: &Case<'_>, prepare: Prepare<'_>) -> Result<()> {
        let shape = case.inputs.first().map(|shape| shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × "));
        let (error, seconds) = match self.timed {
            true => (None, self.time(&*prepare(&self.repeated(case)?, self.device)?)?),
            false => {
                let (error, kernel) = self.error(case, prepare)?;
                (Some(error), self.time(&*kernel)?)
            }
        };
        self.found.push(Check {
            kernel: case.kernel,
            shape: shape.unwrap_or_default() + &case.detail,
            dtype: self.dtype,
            error,
            bound: case.bound,
            seconds,
            work: case.work,
        });
        Ok(())
    }

    /// Seconds of one call, the best of a few times.
    fn time(&self, kernel: &dyn Fn() -> Result<Vec<Tensor>>) -> Result<f64> {
        let rounds = |calls: usize| -> Result<f64> {
            self.device.synchronize()?;
            let started = Instant::now();
            for _ in 0..calls {
                drop(kernel()?);
            }
            self.device.synchronize()?;
            Ok(started.elapsed().as_secs_f64() / calls as f64)
        };
        let first = rounds(1)?.min(rounds(1)?);
        let calls = ((WORK / first.max(1e-9)) as usize).clamp(1, MOST_CALLS);
        (0..TIMES).try_fold(first, |best, _| Ok(best.min(rounds(calls)?)))
    }

    /// Inputs of a case that is only timed, on the device.
    fn repeated(&self, case: &Case<'_>) -> Result<Vec<Tensor>> {
        let one = |(shape, number): (&&[usize], u64)| {
            let count: usize = shape.iter().product();
            let drawn = random(Stream::new(self.seed, case.kernel).child(number), &[count.min(DRAWN)])?;
            let drawn = drawn.to_dtype(self.dtype)?.to_device(self.device)?;
            let times = count.div_ceil(DRAWN).max(1);
            let all = drawn.broadcast_left(times)?.flatten_all()?.narrow(0, 0, count)?;
            Ok(all.contiguous()?.reshape(*shape)?)
        };
        case.inputs.iter().zip(0..).map(one).collect()
    }

    /// The error of a kernel, and the kernel.
    fn error(&self, case: &Case<'_>, prepare: Prepare<'_>) -> Result<(f64, Ready)> {
        let exact = if self.device.is_cpu() { DType::F64 } else { DType::F32 };
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for (shape, number) in case.inputs.iter().zip(0..) {
            let rounded = random(Stream::new(self.seed, case.kernel).child(number), shape)?.to_dtype(self.dtype)?;
            there.push(rounded.to_dtype(exact)?);
            here.push(rounded.to_device(self.device)?);
        }
        let expected = prepare(&there, &Device::Cpu)?()?;
        let kernel = prepare(&here, self.device)?;
        // Memory that was full of NaN: what a kernel leaves unwritten shows.
        let poison = expected.iter().map(|t| Ok((Tensor::ones(t.dims(), DType::F32, self.device)? * f64::NAN)?));
        drop(poison.collect::<Result<Vec<_>>>()?);
        let got = kernel()?;
        let mut error = 0.0f64;
        for (got, expected) in got.iter().zip(&expected) {
            error = error.max(difference(got, expected)?);
        }
        Ok((error, kernel))
    }
}

/// Numbers between -√3 and √3, of deviation 1.
fn random(stream: Stream, shape: &[usize]) -> Result<Tensor> {
    use rayon::prelude::*;
    let count = shape.iter().product::<usize>() as u64;
    let one = |i| ((stream.unit_at(i) - 0.5) * 12f64.sqrt()) as f32;
    let values: Vec<f32> = (0..count).into_par_iter().map(one).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// The largest difference, relative to the largest magnitude; infinite where one is not a number.
fn difference(got: &Tensor, expected: &Tensor) -> Result<f64> {
    let flat = |t: &Tensor| t.to_device(&Device::Cpu)?.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>();
    let (got, expected) = (flat(got)?, flat(expected)?);
    if got.len() != expected.len() {
        return Ok(f64::INFINITY);
    }
    let scale = expected.iter().fold(1e-30f64, |most, x| most.max(f64::from(x.abs())));
    let one = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).abs();
    let worst =
        got.iter().zip(&expected).map(one).fold(0.0f64, |most, x| if x.is_nan() { f64::INFINITY } else { most.max(x) });
    Ok(worst / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kernels_of_this_processor_pass_and_tell_what_they_did() -> Result<()> {
        let shapes =
            Shapes { tokens: 64, document: 48, hidden: 128, mlp: 160, heads: 2, dimension: 64, vocabulary: 320 };
        let mut checks = Vec::new();
        let timed = Shapes { tokens: 96, document: 32, ..shapes };
        all(&Device::Cpu, DType::F32, &[shapes, timed], 3, &mut |check| checks.push(check))?;
        let (compared, timed): (Vec<_>, Vec<_>) = checks.iter().partition(|check| check.error.is_some());
        assert!(timed.len() > 9 && timed.iter().all(|check| check.seconds > 0.0 && check.passed()), "{timed:?}");
        for check in &compared {
            assert!(check.passed(), "{check:?}");
            let work = match check.work {
                Work::Bytes(work) | Work::Operations(work) => work,
            };
            assert!(check.error.is_some_and(|error| error < 1e-5) && check.seconds > 0.0 && work > 0.0, "{check:?}");
        }
        let mut names: Vec<_> = checks.iter().map(|check| check.kernel).collect();
        names.dedup();
        assert_eq!(names.len(), compared.len(), "a kernel's shapes stand together");
        Ok(())
    }

    #[test]
    fn what_is_not_written_or_not_a_number_is_infinitely_wrong() -> Result<()> {
        let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu);
        assert_eq!(difference(&tensor(&[1.0, f32::NAN])?, &tensor(&[1.0, 2.0])?)?, f64::INFINITY);
        assert_eq!(difference(&tensor(&[1.0])?, &tensor(&[1.0, 2.0])?)?, f64::INFINITY);
        assert_eq!(difference(&tensor(&[1.0, 1.5])?, &tensor(&[1.0, 2.0])?)?, 0.25);
        Ok(())
    }
}
