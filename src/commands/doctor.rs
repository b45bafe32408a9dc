//! `emakeel doctor`: what the device is, what it reaches, and whether every kernel computes what it must there.

use std::time::Instant;

use anstyle::{AnsiColor, Style};
use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};

use crate::cli::DoctorArgs;
use crate::commands::output;
use crate::device::{self, DeviceChoice, Facts};
use crate::error::{Error, Result};
use crate::kernels::check::{self, Check, Shapes, Work};
use crate::kernels::matmul::matmul;
use crate::progress::short_bytes;

/// How often a measurement is made; the best counts.
const TIMES: usize = 5;

/// What is compared with the processor, then what is only timed: a step's tokens, in short and in long documents.
const CUDA_SHAPES: [Shapes; 3] =
    [Shapes::LLAMA_7B, Shapes::LLAMA_7B.of(16_384, 1_024), Shapes::LLAMA_7B.of(16_384, 4_096)];

/// What the device reaches at its best.
struct Peaks {
    /// Bytes a second, read and written, of a copy.
    copy: f64,
    /// Operations a second of a matrix product, for each dtype.
    products: Vec<(DType, f64)>,
}

impl Peaks {
    fn of(&self, dtype: DType, work: Work) -> Option<f64> {
        match work {
            Work::Bytes(_) => Some(self.copy),
            Work::Operations(_) => self.products.iter().find(|(of, _)| *of == dtype).map(|(_, peak)| *peak),
        }
    }
}

/// Examines the device and prints what was found.
///
/// # Errors
/// There is no such device; a kernel does not run, or is out of its bound.
pub fn run(args: &DoctorArgs) -> Result<()> {
    let device = device::open(args.device.parse::<DeviceChoice>()?)?;
    let facts = device::facts(&device)?;
    let (shapes, dtypes): (&[Shapes], &[DType]) = match device {
        Device::Cpu => (&[Shapes::SMALL], &[DType::F32]),
        _ => (&CUDA_SHAPES, &[DType::BF16, DType::F16, DType::F32]),
    };
    if !args.json {
        output::print(facts_text(&facts))?;
    }
    let peaks = measure(&device, dtypes)?;
    if !args.json {
        output::print(format!("{}\n\n{}", peaks_text(&peaks, &facts.name), head()))?;
    }
    let (mut checks, mut printed) = (Vec::new(), Ok(()));
    for dtype in dtypes {
        // What is large is timed in the dtype that large models are trained in.
        let shapes = if *dtype == DType::BF16 { shapes } else { shapes.get(..1).unwrap_or_default() };
        check::all(&device, *dtype, shapes, args.seed, &mut |check| {
            if !args.json && printed.is_ok() {
                printed = output::print(line(&check, &peaks));
            }
            checks.push(check);
        })?;
    }
    printed?;
    let failed: Vec<&Check> = checks.iter().filter(|check| !check.passed()).collect();
    if args.json {
        output::print_json(&to_json(&facts, &peaks, &checks))?;
    } else if failed.is_empty() {
        let compared = checks.iter().filter(|check| check.error.is_some()).count();
        output::print(format!("\nall {compared} kernels are within their bounds"))?;
    }
    match failed.first() {
        None => Ok(()),
        Some(first) => Err(Error::new(format!("{} of {} kernels", failed.len(), checks.len()))
            .got(format!("out of bound, first {} in {}", first.kernel, name(first.dtype)))
            .expected("within the bounds of the table")
            .hint(format!("the inputs are those of --seed {}; please report the table", args.seed))),
    }
}

/// Copies and multiplies, and keeps the best.
fn measure(device: &Device, dtypes: &[DType]) -> Result<Peaks> {
    let (elements, side) = if device.is_cpu() { (32 << 20, 1536) } else { (256 << 20, 8192) };
    let source = Tensor::ones(elements, DType::F32, device)?;
    let seconds = best(device, || Ok(source.copy()?))?;
    let mut products = Vec::new();
    for dtype in dtypes {
        let matrix = |value: f32| Tensor::full(value, (side, side), device)?.contiguous()?.to_dtype(*dtype);
        let (a, b) = (matrix(0.5)?, matrix(0.25)?);
        let seconds = best(device, || matmul(&a, &b))?;
        products.push((*dtype, 2.0 * (side as f64).powi(3) / seconds));
    }
    Ok(Peaks { copy: 8.0 * elements as f64 / seconds, products })
}

fn best(device: &Device, work: impl Fn() -> Result<Tensor>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..TIMES {
        device.synchronize()?;
        let started = Instant::now();
        let result = work()?;
        device.synchronize()?;
        best = best.min(started.elapsed().as_secs_f64());
        drop(result);
    }
    Ok(best)
}

fn name(dtype: DType) -> String {
    format!("{dtype:?}").to_lowercase()
}

/// A rate in the unit of its work.
fn rate(work: Work, per_second: f64) -> String {
    let (unit, giga) = match work {
        Work::Bytes(_) => ("B/s", per_second / 1e9),
        Work::Operations(_) => ("FLOP/s", per_second / 1e9),
    };
    if giga >= 1e4 { format!("{:.0} T{unit}", giga / 1e3) } else { format!("{giga:.0} G{unit}") }
}

fn facts_text(facts: &Facts) -> String {
    let mut lines = vec![format!("device       {}", facts.name)];
    if let Some((major, minor)) = facts.compute_capability {
        lines.push(format!("capability   {major}.{minor}"));
    }
    if let Some((major, minor)) = facts.driver {
        lines.push(format!("driver       CUDA {major}.{minor}"));
    }
    if let Some(version) = &facts.cublas {
        lines.push(format!("cuBLAS       {version}"));
    }
    if let (Some(free), Some(total)) = (facts.free, facts.total) {
        lines.push(format!("memory       {} free of {}", short_bytes(free), short_bytes(total)));
    }
    lines.join("\n")
}

fn peaks_text(peaks: &Peaks, device: &str) -> String {
    let mut lines = vec![format!("copy         {}", rate(Work::Bytes(0.0), peaks.copy))];
    for (dtype, peak) in &peaks.products {
        let promised = device::product_peak(device, *dtype);
        let share = promised.map(|promised| format!(" ({:.0} % of the data sheet's)", 100.0 * peak / promised));
        let reached = rate(Work::Operations(0.0), *peak);
        lines.push(format!("matmul {:<5} {reached}{}", name(*dtype), share.unwrap_or_default()));
    }
    lines.join("\n")
}

fn head() -> String {
    let (kernel, shape) = ("kernel", "shape");
    format!("{kernel:<22}{shape:<33}dtype     error     bound      time   reached")
}

fn line(check: &Check, peaks: &Peaks) -> String {
    let Check { kernel, shape, error, bound, seconds, work, dtype } = check;
    let amount = match work {
        Work::Bytes(amount) | Work::Operations(amount) => amount,
    };
    let per_second = amount / seconds;
    let share = peaks.of(*dtype, *work).map(|peak| format!(" ({:.0} %)", 100.0 * per_second / peak));
    let dtype = name(*dtype);
    let error = error.map_or_else(|| "timed".to_owned(), |error| format!("{error:.1e}"));
    let text = format!(
        "{kernel:<22}{shape:<33}{dtype:<5}{error:>10}{bound:>10.1e}{:>10}   {}{}",
        short_seconds(*seconds),
        rate(*work, per_second),
        share.unwrap_or_default()
    );
    if check.passed() {
        return text;
    }
    let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
    format!("{red}{text}  out of bound{red:#}")
}

/// Times of kernels: `21 µs`, `3.4 ms`.
fn short_seconds(seconds: f64) -> String {
    if seconds < 1e-3 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{seconds:.1} s")
    }
}

fn to_json(facts: &Facts, peaks: &Peaks, checks: &[Check]) -> Value {
    let checks = checks.iter().map(|check| {
        let (kind, amount) = match check.work {
            Work::Bytes(amount) => ("bytes_per_s", amount),
            Work::Operations(amount) => ("flops_per_s", amount),
        };
        // JSON has no infinity.
        let error = check.error.filter(|error| error.is_finite());
        json!({
            "kernel": check.kernel, "shape": check.shape, "dtype": name(check.dtype), "error": error,
            "bound": check.bound, "passed": check.passed(), "seconds": check.seconds, kind: amount / check.seconds,
        })
    });
    let products: Vec<Value> =
        peaks.products.iter().map(|(dtype, peak)| json!({ "dtype": name(*dtype), "flops_per_s": peak })).collect();
    json!({
        "device": facts.name,
        "compute_capability": facts.compute_capability.map(|(major, minor)| format!("{major}.{minor}")),
        "cublas": facts.cublas,
        "cuda_driver": facts.driver.map(|(major, minor)| format!("{major}.{minor}")),
        "free_bytes": facts.free, "total_bytes": facts.total,
        "copy_bytes_per_s": peaks.copy, "matmul": products,
        "kernels": checks.collect::<Vec<_>>(),
    })
}
