//! YAML text → what was written → a [`Study`].

mod study;

pub use study::*;
