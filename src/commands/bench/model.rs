//! The model that is measured: a folder, or random weights of a shape.

use super::Place;
use crate::cli::BenchArgs;
use crate::commands::shape;
use crate::error::{Error, Result};
use crate::model::{Config, Llama};

/// The fixed seed of everything random in a measurement.
pub const SEED: u64 = 20_240_404;

/// The model that the flags name, frozen; `longest` is the longest text it will read, in tokens.
///
/// # Errors
/// The shape is not one; the folder cannot be read; the model's context is shorter than `longest`.
pub(super) fn open(args: &BenchArgs, place: &Place, longest: usize) -> Result<Llama> {
    let named = args.model.as_deref().and_then(shape::named);
    if let Some(shape) = args.shape.as_deref().or(named) {
        let config = shape::config(shape, longest.max(2048))?;
        return Llama::random_in(config, SEED, (place.dtype, place.quantization), &place.device);
    }
    let Some(folder) = &args.model else {
        return Err(Error::usage("--model or --shape is missing").hint("one of them says what is measured"));
    };
    let context = Config::read(folder)?.max_position_embeddings;
    if longest > context {
        return Err(Error::usage("the longest text")
            .got(format!("{longest} tokens"))
            .expected(format!("at most {context}, the model's max_position_embeddings"))
            .hint("lower --sequence-length, or --prompt-tokens and --new-tokens"));
    }
    Llama::load_in(folder, (place.dtype, place.quantization), &place.device)
}
