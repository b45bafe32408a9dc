//! Data sets and models from the Hugging Face Hub, fetched file by file into the cache that Python's libraries use; and
//! folders to it.
//!
//! ```no_run
//! use emakeel::hub::{Client, Dataset, Name, Wanted};
//! use emakeel::progress::Progress;
//! let client = Client::from_environment();
//! let wanted = Wanted { subset: Some("et".into()), ..Wanted::of(Name::new("uonlp/CulturaX")?) };
//! let dataset = Dataset::open(&client, &wanted)?;
//! let mut files = dataset.files(true, Progress::new(false));
//! let first = files.path(0)?;
//! # Ok::<(), emakeel::error::Error>(())
//! ```
//!
//! | module | concept |
//! |---|---|
//! | [`environment`] | endpoint, token, cache folder, offline: from the variables that `huggingface_hub` reads |
//! | `client`, `failure`, `refusal`, `retry` | requests, what can go wrong with them, and trying again |
//! | `cache` | where a file, a branch's commit and a commit's list of files lie on the disk |
//! | `download`, `checksum`, `sha1` | one file: its rest is asked for, it is checked, it appears whole |
//! | `ahead` | the files in order, each when it is wanted, the next one ahead |
//! | `repository` | a data set or model at one commit |
//! | `selection` | which files a subset and a split are |
//! | `dataset`, `model` | what the other modules use |
//! | [`upload`] | a folder to a repository, in one commit |
//!
//! # What the crate `hf-hub` does, and what is done here
//! `hf-hub` 1.0 asks the Hub which commit a branch is at and lists a commit's files, page by page. Its own
//! `download_file` is not used: it starts again from the first byte after a cut, compares neither size nor hash, writes
//! the body of a refused request as if it were the file, has no time limit on a silent connection, and its other
//! functions follow the redirect of a large file to a server that does not say the file's hash. Its list of files does
//! not say that hash either. So here are: asking for a file's hash and size (`HEAD` without following redirects to other
//! hosts), its bytes from where an earlier try ended (`Range`), the checks, the waiting and trying again (`hf-hub`'s is
//! switched off: it knows no `Retry-After`), the cache's layout, offline use, and choosing files. Large files come over
//! plain HTTP, which the Hub offers for all of them, and not through its Xet protocol.
//!
//! # Layer
//! This is a module of layer 1, beside `recipe` and `kernels`: it needs only errors, files and progress, knows nothing
//! of recipes or rows, and stands below `data`, which reads the files it fetches, and `study`, which fetches models.

mod ahead;
mod cache;
mod checksum;
mod client;
mod dataset;
mod download;
pub mod environment;
mod failure;
mod model;
mod name;
mod refusal;
mod repository;
mod retry;
mod selection;
mod sha1;
pub mod upload;

pub use ahead::Files;
pub use client::Client;
pub use dataset::{Dataset, Wanted};
pub use environment::Environment;
pub use model::{Fetched, fetch_model, fetch_repository};
pub use name::Name;
pub use repository::{Entry, Kind, Repository, commit_of};
