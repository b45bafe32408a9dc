//! The model that is measured: a folder, or random weights of a shape.

use std::path::Path;

use super::Place;
use crate::cli::BenchArgs;
use crate::commands::shape;
use crate::error::{Error, Result};
use crate::model::{Config, Llama, Parameters};

/// The fixed seed of everything random in a measurement.
pub const SEED: u64 = 20_240_404;

/// The model that the flags name, frozen; `longest` is the longest text it will read, in tokens.
///
/// # Errors
/// The shape is not one; the folder cannot be read; the model's context is shorter than `longest`.
pub(super) fn open(args: &BenchArgs, place: &Place, longest: usize) -> Result<Llama> {
    let precision = (place.dtype, place.quantization);
    match named(args)? {
        Named::Shape(shape) => Llama::random_in(shape_config(shape, longest)?, SEED, precision, &place.device),
        Named::Folder(folder) => {
            check_context(folder, longest)?;
            Llama::load_in(folder, precision, &place.device)
        }
    }
}

/// As [`open`], to be trained whole.
///
/// # Errors
/// As [`open`].
pub(super) fn open_to_train(args: &BenchArgs, place: &Place, longest: usize) -> Result<(Llama, Parameters)> {
    match named(args)? {
        Named::Shape(shape) => Llama::random_to_train(shape_config(shape, longest)?, SEED, place.dtype, &place.device),
        Named::Folder(folder) => {
            check_context(folder, longest)?;
            Llama::load_to_train(folder, place.dtype, &place.device)
        }
    }
}

/// The shape of the model that the flags name.
///
/// # Errors
/// As [`open`].
pub(super) fn config(args: &BenchArgs, longest: usize) -> Result<Config> {
    match named(args)? {
        Named::Shape(shape) => shape_config(shape, longest),
        Named::Folder(folder) => Config::read(folder),
    }
}

/// What the flags name.
enum Named<'a> {
    Shape(&'a str),
    Folder(&'a Path),
}

fn named(args: &BenchArgs) -> Result<Named<'_>> {
    let known = args.model.as_deref().and_then(shape::named);
    match (args.shape.as_deref().or(known), &args.model) {
        (Some(shape), _) => Ok(Named::Shape(shape)),
        (None, Some(folder)) => Ok(Named::Folder(folder)),
        (None, None) => Err(Error::usage("--model or --shape is missing").hint("one of them says what is measured")),
    }
}

fn shape_config(shape: &str, longest: usize) -> Result<Config> {
    shape::config(shape, longest.max(2048))
}

fn check_context(folder: &Path, longest: usize) -> Result<()> {
    let context = Config::read(folder)?.max_position_embeddings;
    if longest <= context {
        return Ok(());
    }
    Err(Error::usage("the longest text")
        .got(format!("{longest} tokens"))
        .expected(format!("at most {context}, the model's max_position_embeddings"))
        .hint("lower --sequence-length, or --prompt-tokens and --new-tokens"))
}
