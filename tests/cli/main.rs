//! The program as a person meets it: whole studies, kills, and everything that can be wrong with its input.

mod adapters;
mod bad_input;
mod bench;
mod cache;
mod data;
mod doctor;
mod kill;
mod kinds;
mod merge;
#[path = "../support/model.rs"]
mod model;
mod public_tasks;
mod real_input;
mod recipes;
mod report;
mod score;
mod support;
mod vocabulary;
