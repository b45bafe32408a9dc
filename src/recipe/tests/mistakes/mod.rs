//! Every mistake that a recipe can have, as a person sees it.
//!
//! The recipes go on from line 7: the first six lines are `HEAD`.

mod adapters;
mod clean;
mod compare;
mod form;
mod start;
mod training;
mod vocabulary;
