//! Launches on the CPU: the kernels compiled as plain C++, each CUDA thread a fiber.
//!
//! `EMAKEEL_SANITIZE=address,undefined` compiles them with these sanitizers; `thread` runs each CUDA thread on a thread of
//! its own, and finds missing barriers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Storage, Tensor};

use super::launch::{Argument, Engine, Launch};
use crate::error::{Error, Result};
use crate::files;

/// A kernel whose threads wait for each other for ever is stopped after this time.
const PATIENCE: Duration = Duration::from_secs(300);

/// The emulator, or none, loudly, where there is no C++ compiler.
pub(in crate::kernels) fn engine() -> Option<Engine> {
    match program() {
        Ok(_) => Some(Engine::Emulated),
        Err(reason) => {
            eprintln!("SKIPPED: the CUDA kernels were not run on the CPU: {reason}");
            assert!(std::env::var_os("CI").is_none(), "the kernels must be tested here: {reason}");
            None
        }
    }
}

/// The emulator's program, compiled once for each state of its sources.
fn program() -> std::result::Result<&'static Path, &'static str> {
    static PROGRAM: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    PROGRAM.get_or_init(compile).as_deref().map_err(String::as_str)
}

fn compile() -> std::result::Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.join("tests/cuda_on_cpu"), root.join("src/kernels/cuda")];
    let sanitizer = std::env::var("EMAKEEL_SANITIZE").unwrap_or_default();
    let mut sources = BTreeMap::new();
    for folder in &folders {
        for entry in std::fs::read_dir(folder).map_err(|error| error.to_string())?.flatten() {
            let text = std::fs::read(entry.path()).map_err(|error| error.to_string())?;
            sources.insert(entry.path(), files::sha256(text));
        }
    }
    let key = files::sha256(format!("{sources:?} {sanitizer}"));
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = own.with_file_name(format!("cuda-on-cpu-{}", key.get(..16).unwrap_or(&key)));
    if target.exists() {
        return Ok(target);
    }
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    let temporary = target.with_extension(std::process::id().to_string());
    let mut command = Command::new(&compiler);
    command.args(["-std=c++20", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-pthread"]);
    if !sanitizer.is_empty() {
        command.args([format!("-fsanitize={sanitizer}"), "-fno-sanitize-recover=all".into()]);
        if sanitizer == "thread" {
            command.arg("-DEMULATED_BY_THREADS");
        }
    }
    for folder in &folders {
        command.arg("-I").arg(folder);
    }
    command.arg("-x").arg("c++").arg(root.join("tests/cuda_on_cpu/main.cpp")).arg("-o").arg(&temporary);
    let output = command.output().map_err(|error| format!("{compiler}: {error}"))?;
    assert!(output.status.success(), "{compiler}:\n{}", String::from_utf8_lossy(&output.stderr));
    std::fs::rename(&temporary, &target).map_err(|error| error.to_string())?;
    Ok(target)
}

/// A tensor that is not a number anywhere.
pub(super) fn poison(shape: &[usize], dtype: DType) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    let tensor = match dtype {
        DType::U8 => Tensor::full(0xA5u8, shape, &Device::Cpu)?,
        DType::U32 => Tensor::full(u32::MAX, shape, &Device::Cpu)?,
        _ => Tensor::from_vec(vec![f64::NAN; count], shape, &Device::Cpu)?.to_dtype(dtype)?,
    };
    Ok(tensor)
}

pub(super) fn run(launch: &Launch<'_>) -> Result<()> {
    let program = program().map_err(Error::new)?;
    let ([x, y, z], threads, shared) = launch.sizes()?;
    let name = launch.name()?;
    let mut input = (name.len() as u32).to_le_bytes().to_vec();
    input.extend(name.bytes());
    for word in [x, y, z, threads, shared, launch.arguments.len() as u32] {
        input.extend(word.to_le_bytes());
    }
    let number = |low: [u8; 4]| [0, low[0], low[1], low[2], low[3], 0, 0, 0, 0];
    let mut sizes = Vec::new();
    for argument in launch.arguments {
        match *argument {
            Argument::Input(tensor) | Argument::Output(tensor) => {
                let bytes = bytes_of(tensor)?;
                sizes.push(bytes.len());
                input.push(1);
                input.extend((bytes.len() as u64).to_le_bytes());
                input.extend(bytes);
            }
            Argument::Absent => input.push(2),
            Argument::Int(value) => input.extend(number(value.to_le_bytes())),
            Argument::Float(value) => input.extend(number(value.to_le_bytes())),
            Argument::Long(value) => {
                input.push(0);
                input.extend(value.to_le_bytes());
            }
        }
    }
    let output = ask(program, &name, input)?;
    assert_eq!(output.len(), sizes.iter().sum::<usize>(), "{name}: the answer's length");
    let mut rest = output.as_slice();
    let tensors =
        launch.arguments.iter().filter(|argument| matches!(argument, Argument::Input(_) | Argument::Output(_)));
    for (argument, size) in tensors.zip(sizes) {
        let (bytes, after) = rest.split_at(size);
        rest = after;
        match *argument {
            Argument::Output(tensor) => tensor.inplace_op1(&Overwrite(RefCell::new(bytes.to_vec())))?,
            Argument::Input(tensor) => assert!(bytes_of(tensor)? == bytes, "{name} changed one of its inputs"),
            _ => {}
        }
    }
    Ok(())
}

/// Runs the program, for a limited time.
fn ask(program: &Path, name: &str, input: Vec<u8>) -> Result<Vec<u8>> {
    let fail = |source: std::io::Error| Error::new(format!("{}: {source}", program.display()));
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let reader = |from: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            from.map(|mut from| from.read_to_end(&mut bytes));
            bytes
        })
    };
    let output = reader(stdout.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let words = reader(stderr.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let writer = std::thread::spawn(move || stdin.map(|mut pipe| pipe.write_all(&input)));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(fail)? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            drop(child.kill());
            panic!("{name}: not all threads reach a barrier, or it is very slow");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    drop(writer.join());
    let (output, words) = (output.join().unwrap_or_default(), words.join().unwrap_or_default());
    assert!(status.success(), "{name}: {status}\n{}", String::from_utf8_lossy(&words));
    Ok(output)
}

fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>> {
    let (storage, layout) = tensor.storage_and_layout();
    let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
        return Err(Error::new("an argument of a kernel").expected("a contiguous tensor on the CPU"));
    };
    Ok(match storage {
        CpuStorage::F32(values) => values[start..end].iter().flat_map(|x| x.to_le_bytes()).collect(),
        CpuStorage::F64(values) => values[start..end].iter().flat_map(|x| x.to_le_bytes()).collect(),
        CpuStorage::BF16(values) => values[start..end].iter().flat_map(|x| x.to_le_bytes()).collect(),
        CpuStorage::F16(values) => values[start..end].iter().flat_map(|x| x.to_le_bytes()).collect(),
        CpuStorage::U32(values) => values[start..end].iter().flat_map(|x| x.to_le_bytes()).collect(),
        CpuStorage::U8(values) => values[start..end].to_vec(),
        _ => return Err(Error::new("the dtype of an argument").got(format!("{:?}", tensor.dtype()))),
    })
}

/// Puts bytes in the place of a tensor's elements.
struct Overwrite(RefCell<Vec<u8>>);

impl InplaceOp1 for Overwrite {
    fn name(&self) -> &'static str {
        "overwrite with a kernel's output"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        fn put<T, const N: usize>(values: &mut [T], bytes: &[u8], from: fn([u8; N]) -> T) {
            for (value, bytes) in values.iter_mut().zip(bytes.as_chunks::<N>().0) {
                *value = from(*bytes);
            }
        }
        let bytes = self.0.take();
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("an output must be contiguous")
        };
        match storage {
            CpuStorage::F32(values) => put(&mut values[start..end], &bytes, f32::from_le_bytes),
            CpuStorage::F64(values) => put(&mut values[start..end], &bytes, f64::from_le_bytes),
            CpuStorage::BF16(values) => put(&mut values[start..end], &bytes, half::bf16::from_le_bytes),
            CpuStorage::F16(values) => put(&mut values[start..end], &bytes, half::f16::from_le_bytes),
            CpuStorage::U32(values) => put(&mut values[start..end], &bytes, u32::from_le_bytes),
            CpuStorage::U8(values) => put(&mut values[start..end], &bytes, u8::from_le_bytes),
            _ => candle_core::bail!("a kernel's output of this dtype"),
        }
        Ok(())
    }
}
