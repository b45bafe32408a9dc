//! One error type for the whole program: where, what, got, expected, hint.
//!
//! ```
//! use emakeel::error::Error;
//! let error = Error::new("adapters.general.rank")
//!     .got("0")
//!     .expected("at least 1")
//!     .at("recipe recipes/mine.yaml:14:11")
//!     .hint("8 to 64 are common");
//! assert_eq!(
//!     error.to_string(),
//!     "recipe recipes/mine.yaml:14:11  adapters.general.rank is 0, must be at least 1\n  hint: 8 to 64 are common"
//! );
//! ```

use std::fmt;
use std::path::Path;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a failure means to the caller, and so to the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The work could not be done: exit code 1.
    Failed,
    /// The command line or its arguments are wrong: exit code 2.
    Usage,
    /// A person asked the work to stop; running the same command again goes on: exit code 130.
    Interrupted,
}

/// A failure that a person can act on.
///
/// Several failures found together (all errors of a recipe) travel as one `Error`; see [`Error::all`].
#[derive(Debug, Clone)]
pub struct Error {
    detail: Box<Detail>,
}

#[derive(Debug, Clone)]
struct Detail {
    place: Option<String>,
    what: String,
    got: Option<String>,
    expected: Option<String>,
    hint: Option<String>,
    kind: Kind,
    others: Vec<Error>,
}

impl Error {
    /// Starts an error with *what* is wrong.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            detail: Box::new(Detail {
                place: None,
                what: what.into(),
                got: None,
                expected: None,
                hint: None,
                kind: Kind::Failed,
                others: Vec::new(),
            }),
        }
    }

    /// A mistake in how the program was called.
    pub fn usage(what: impl Into<String>) -> Self {
        let mut error = Self::new(what);
        error.detail.kind = Kind::Usage;
        error
    }

    /// Work that stopped because a person asked for it.
    pub fn interrupted(what: impl Into<String>) -> Self {
        let mut error = Self::new(what);
        error.detail.kind = Kind::Interrupted;
        error
    }

    /// A failed operation on a file or folder; the hint follows from the operating system's reason.
    pub fn io(path: impl AsRef<Path>, action: &str, source: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let error = Self::new(format!("cannot {action}: {source}")).at(path.as_ref().display().to_string());
        match source.kind() {
            ErrorKind::NotFound => error.hint("check the path; relative paths start at the current folder"),
            ErrorKind::PermissionDenied => {
                error.hint("the folder or file must be readable, and a run folder writable, by this user")
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => error
                .hint("free some disk space and run the same command again: it goes on from the last complete file"),
            ErrorKind::ReadOnlyFilesystem => error.hint("choose a run folder on a writable disk"),
            _ => error,
        }
    }

    /// Joins failures that were found together; `None` if there are none.
    pub fn all(errors: Vec<Error>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let mut first = errors.next()?;
        first.detail.others.extend(errors);
        Some(first)
    }

    /// Where it is: a file, a line, a key of the recipe. An earlier place is kept behind the new one.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        let place = place.into();
        self.detail.place = Some(match self.detail.place.take() {
            None => place,
            Some(inner) => format!("{place}: {inner}"),
        });
        self
    }

    /// What was found.
    #[must_use]
    pub fn got(mut self, got: impl fmt::Display) -> Self {
        self.detail.got = Some(got.to_string());
        self
    }

    /// What would have been right.
    #[must_use]
    pub fn expected(mut self, expected: impl fmt::Display) -> Self {
        self.detail.expected = Some(expected.to_string());
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.detail.hint = Some(hint.into());
        self
    }

    /// What the failure means to the caller.
    pub fn kind(&self) -> Kind {
        self.detail.kind
    }

    /// The process exit code that goes with this error: 1 failed, 2 usage, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self.kind() {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Interrupted => 130,
        }
    }

    /// This failure and those found with it, in the order found.
    pub fn each(&self) -> impl Iterator<Item = &Error> {
        std::iter::once(self).chain(self.detail.others.iter())
    }

    fn fmt_one(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = &self.detail;
        if let Some(place) = &detail.place {
            write!(f, "{place}  ")?;
        }
        write!(f, "{}", detail.what)?;
        match (&detail.got, &detail.expected) {
            (Some(got), Some(expected)) => write!(f, " is {got}, must be {expected}")?,
            (Some(got), None) => write!(f, " is {got}")?,
            (None, Some(expected)) => write!(f, " must be {expected}")?,
            (None, None) => {}
        }
        if let Some(hint) = &detail.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.each().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            error.fmt_one(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<candle_core::Error> for Error {
    fn from(source: candle_core::Error) -> Self {
        let text = source.to_string();
        // Where the call came from means nothing without its names.
        let text = text.split("\n   0: ").next().unwrap_or_default().trim_end();
        let error = Self::new(format!("tensor operation failed: {text}"));
        if text.contains("out of memory") || text.contains("OUT_OF_MEMORY") {
            return error.hint("lower the batch of a micro-step, or let the plan recompute more layers");
        }
        error
    }
}

/// Adds a place to a failure on its way up.
pub trait Place<T> {
    /// Says where it happened; see [`Error::at`].
    fn at(self, place: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<Error>> Place<T> for std::result::Result<T, E> {
    fn at(self, place: impl Into<String>) -> Result<T> {
        self.map_err(|error| error.into().at(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_found_together_print_one_below_the_other() {
        let error = Error::all(vec![
            Error::new("name is missing").at("a.yaml:1:1"),
            Error::new("seed").got("-1").expected("0 or more").at("a.yaml:2:7"),
        ]);
        let text = error.map(|e| e.to_string());
        assert_eq!(text.as_deref(), Some("a.yaml:1:1  name is missing\na.yaml:2:7  seed is -1, must be 0 or more"));
        assert!(Error::all(Vec::new()).is_none());
    }

    #[test]
    fn a_full_disk_says_what_to_do() {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = Error::io("/runs/x", "write the checkpoint", &source);
        assert!(error.to_string().contains("hint: free some disk space"));
        assert_eq!(error.exit_code(), 1);
        assert_eq!(Error::usage("no recipe").exit_code(), 2);
    }

    #[test]
    fn places_nest_from_the_outside_in() {
        let failed: Result<(), Error> = Err(Error::new("not a number").at("line 3"));
        let text = failed.at("data.jsonl").map_err(|e| e.to_string());
        assert_eq!(text, Err("data.jsonl: line 3  not a number".into()));
    }
}
