//! Holds emakeel to what transformers and PEFT compute: the files of `tests/golden`, which `make.py` there writes.
//!
//! "Relative" is the largest difference in a tensor over the largest number in the expected one.

mod answers;
mod curves;
mod golden;
mod peft;
mod stories;
mod values;
mod vocabulary;
