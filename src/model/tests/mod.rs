//! Tests of the whole model.

mod broken_files;
mod checkpoint;
mod files_round_trip;
mod generation;
mod gradients;
mod oracle;
mod quantized;
mod small;
mod together;
mod training;
