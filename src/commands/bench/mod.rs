//! `emakeel bench`: how fast and how large training and generation are here, on random tokens.
//!
//! The work is the real one: the training step of a run with its clipping and AdamW, the generation of `generate`, the
//! hot-swap of `compare`. Only the tokens mean nothing. Figures come with the operations that the work needs (`flops`)
//! and with what the machine's matrix product reaches, so that one sees what bounds them.
//!
//! | file | concept |
//! |---|---|
//! | `model` | a folder, or random weights of a shape |
//! | `rows` | random tokens, in full sequences or in rows of given lengths |
//! | `training`, `generation`, `adapters`, `files`, `swap` | the work |
//! | `flops` | the operations that it needs |
//! | `timing`, `machine` | time, and what the machine can do |
//! | `figures`, `peer` | the result, alone and beside another program's |

mod adapters;
mod figures;
mod files;
mod flops;
mod generation;
mod machine;
mod model;
mod peer;
mod rows;
mod swap;
mod timing;
mod training;

use candle_core::{DType, Device};
use figures::{Figures, Work};
use flops::Trained;
use peer::Peer;

use crate::cli::BenchArgs;
use crate::commands::output;
use crate::device::{self, DeviceChoice};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::recipe::Quantization;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Lora,
    Qlora,
    LoraInt8,
    Full,
    Generate,
    Adapters,
    Files,
    Swap,
}

/// Where the work is done, and in what.
struct Place {
    device: Device,
    dtype: DType,
    quantization: Quantization,
}

impl Place {
    fn of(args: &BenchArgs, method: Method) -> Result<Self> {
        let dtype = device::dtype_named(&args.dtype)
            .ok_or_else(|| Error::usage("--dtype").got(format!("{:?}", args.dtype)).expected("f32, bf16 or f16"))?;
        let quantization = match method {
            Method::Qlora => Quantization::Nf4,
            Method::LoraInt8 => Quantization::Int8,
            _ => Quantization::None,
        };
        Ok(Self { device: device::open(args.device.parse::<DeviceChoice>()?)?, dtype, quantization })
    }
}

/// Measures, and prints the figures.
pub fn run(args: &BenchArgs, progress: Progress) -> Result<()> {
    let method = check(args)?;
    let place = Place::of(args, method)?;
    device::allow_tf32(args.tf32);
    if method == Method::Files {
        return files::run(args, &place, name_of(args), progress);
    }
    if method == Method::Swap {
        return swap::run(args, &place, name_of(args));
    }
    let mut figures = Figures {
        method: args.method.clone(),
        model: name_of(args),
        device: device::facts(&place.device)?.name,
        dtype: args.dtype.clone(),
        threads: rayon::current_num_threads(),
        work: work_of(args, method),
        ..Figures::default()
    };
    let peer = args.peer.as_deref().map(Peer::open).transpose()?;
    if let Some(peer) = &peer {
        peer.check(&figures)?;
    }
    match method {
        Method::Lora | Method::Qlora | Method::LoraInt8 => {
            training::run(args, &place, Trained::Lora { rank: args.rank }, &mut figures, progress)?;
        }
        Method::Full => training::run(args, &place, Trained::All, &mut figures, progress)?,
        Method::Generate => generation::run(args, &place, &mut figures, progress)?,
        Method::Adapters => adapters::run(args, &place, &mut figures, progress)?,
        Method::Files | Method::Swap => {}
    }
    if place.device.is_cuda() {
        figures.matmul_share = None;
    }
    // The matrices of the second measurement are no part of the first.
    let memory = device::peak_memory(&place.device).map(|bytes| bytes as f64 / f64::from(1 << 20));
    let data_sheet = device::product_peak(&figures.device, place.dtype);
    figures.record_machine(machine::matmul_peak(&place.device, place.dtype)?, memory, data_sheet);
    if args.json {
        let mut object = peer::as_object(&figures);
        object.extend(peer.iter().flat_map(|peer| peer.to_json(&figures)));
        return output::print_json(&object);
    }
    output::print(figures.to_text())?;
    match peer {
        Some(peer) => output::print(format!("\n{}", peer.to_text(&figures))),
        None => Ok(()),
    }
}

/// Refuses flags that make no sense, all at once.
fn check(args: &BenchArgs) -> Result<Method> {
    let method = match args.method.as_str() {
        "lora" => Some(Method::Lora),
        "qlora" => Some(Method::Qlora),
        "lora-int8" => Some(Method::LoraInt8),
        "full" => Some(Method::Full),
        "generate" => Some(Method::Generate),
        "adapters" => Some(Method::Adapters),
        "files" => Some(Method::Files),
        "swap" => Some(Method::Swap),
        _ => None,
    };
    let mut errors = Vec::new();
    if !(args.clip >= 0.0 && args.clip.is_finite()) {
        errors.push(Error::usage("--clip").got(args.clip).expected("at least 0"));
    }
    if method.is_none() {
        let error = Error::usage("--method").got(format!("{:?}", args.method));
        errors.push(error.expected("lora, qlora, lora-int8, full, generate, adapters, files or swap"));
    }
    let least = [
        ("--rank", Some(args.rank), 1),
        ("--batch", Some(args.batch), 1),
        ("--micro-batch", args.micro_batch, 1),
        ("--sequence-length", Some(args.sequence_length), 2),
        ("--steps", args.steps, 2),
        ("--prompts", Some(args.prompts), 1),
        ("--prompt-tokens", Some(args.prompt_tokens), 1),
        ("--new-tokens", Some(args.new_tokens), 1),
    ];
    for (flag, value, least) in least {
        if let Some(value) = value.filter(|value| *value < least) {
            let error = Error::usage(flag).got(value).expected(format!("at least {least}"));
            errors.push(if flag == "--steps" { error.hint("the first one does not count") } else { error });
        }
    }
    // Places in a batch are counted in 32 bits.
    let tokens =
        [(args.batch, args.sequence_length), (args.prompts, args.prompt_tokens.saturating_add(args.new_tokens))];
    if tokens.into_iter().any(|(rows, length)| rows.saturating_mul(length) > i32::MAX as usize) {
        errors.push(Error::usage("tokens at one time").got("too large").expected(format!("at most {}", i32::MAX)));
    }
    match (Error::all(errors), method) {
        (None, Some(method)) => Ok(method),
        (Some(error), _) => Err(error),
        (None, None) => Err(Error::usage("--method")),
    }
}

fn name_of(args: &BenchArgs) -> String {
    let folder = args.model.as_ref().map(|folder| folder.display().to_string());
    folder.or_else(|| args.shape.clone()).unwrap_or_default()
}

/// The flags that the method reads.
fn work_of(args: &BenchArgs, method: Method) -> Work {
    let is_lora = matches!(method, Method::Lora | Method::Qlora | Method::LoraInt8);
    let is_training = is_lora || method == Method::Full;
    let reads_rows = is_training || method == Method::Adapters;
    let generates = method == Method::Generate;
    Work {
        rank: is_lora.then_some(args.rank),
        batch: reads_rows.then_some(args.batch),
        micro_batch: is_training.then(|| args.micro_batch.unwrap_or(args.batch)),
        sequence_length: reads_rows.then_some(args.sequence_length),
        recompute: is_training.then_some(args.recompute),
        prompts: generates.then_some(args.prompts),
        prompt_tokens: generates.then_some(args.prompt_tokens),
        new_tokens: generates.then_some(args.new_tokens),
    }
}
