//! A folder to a model repository: large files first, then one commit that has all of them, or none.
//!
//! | step | request |
//! |---|---|
//! | where the repository is | `GET /api/models/NAME/revision/main`; one that is not there is made: `POST /api/repos/create` |
//! | what it has | `GET /api/models/NAME/tree/COMMIT` |
//! | which files are large | `POST /api/models/NAME/preupload/main` |
//! | where they go | `POST /NAME.git/info/lfs/objects/batch`, which names only those that the Hub does not have yet |
//! | their bytes | `PUT`, whole or in parts, then `POST` to have them verified |
//! | the commit | `POST /api/models/NAME/commit/main`, with the commit that was looked at as its parent |
//!
//! Until the commit nobody sees anything, and a commit is whole or not there: a run that ends anywhere leaves no half
//! repository, and the next one sends only the large files that did not arrive.
//!
//! The parent makes trying again safe. Where the Hub says that the parent has moved, the new state is looked at: if
//! all that is to be sent is there, an earlier try arrived and its answer did not; if the files are those that were
//! there before, the commit is tried once more on the new parent; otherwise somebody else changed them, and that is an
//! error.
//!
//! # What the crate `hf-hub` does, and what is done here
//! `hf-hub` 1.0 says where `main` is and lists a commit's files. Its `create_commit` is not used: it sends large files
//! through Xet only, whose errors carry no status and which no Hub on a mirror or of a company has to know; it tries a
//! commit again without looking at what became of the first one; it knows no `Retry-After`; and it cannot be stopped
//! between parts.

mod answer;
mod base64;
mod commit;
mod content;
mod large;
mod remote;
mod sending;

pub use content::OutFile;
pub use sending::{Sent, send};

/// What is to be sent, and how.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The files; others that the repository has stay.
    pub files: Vec<OutFile>,
    /// The first line of the commit's message.
    pub summary: String,
    /// Whether only the owner may see the repository. One that is there and public is then refused.
    pub private: bool,
    /// Propose the commit as a pull request.
    pub create_pr: bool,
}
