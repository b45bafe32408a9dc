//! A source's rows sorted into those that are trained on, held out, and left out.

use std::path::{Path, PathBuf};

use super::cache::{Row, TokenFile};
use super::row_set::{Filling, RowSet};
use crate::data::ledger::{Count, SourceLedger};
use crate::data::read;
use crate::error::{Error, Result};
use crate::random;
use crate::recipe::{NoTarget, Packing, TooLong, Training};

/// The rows of a source that a run of training uses.
#[derive(Debug)]
pub(super) struct Part {
    /// The source's name.
    pub name: String,
    /// The share that the recipe asks for.
    pub weight: f64,
    /// All rows of the source as tokens.
    pub file: TokenFile,
    /// Rows to train on.
    pub rows: RowSet,
    /// Rows never trained on.
    pub held_out: RowSet,
    /// The most tokens that a row may have; longer ones are cut.
    pub longest: u64,
}

/// A source's files, for naming a row.
pub(super) struct Named<'f> {
    pub name: &'f str,
    pub weight: f64,
    pub files: &'f [PathBuf],
    /// The file of tokens in the cache.
    pub cache: &'f str,
}

impl Part {
    /// Sorts the rows of a source, and counts them in a ledger.
    ///
    /// # Errors
    /// A row is too long or has no target and the recipe says that this is an error; no row is left.
    pub fn sort(named: &Named<'_>, file: TokenFile, training: &Training) -> Result<(Self, SourceLedger)> {
        // Documents that are cut to length anyway are never too long.
        let fits = training.packing == Packing::Concat;
        let longest = if fits { u64::MAX } else { training.sequence_length as u64 };
        let stats = file.stats();
        let mut ledger = SourceLedger {
            source: named.name.to_owned(),
            rows: file.rows() as u64,
            tokens: file.tokens(),
            characters: stats.characters,
            cache: named.cache.to_owned(),
            skipped: stats.skipped.clone(),
            dropped: stats.dropped.clone(),
            asked_share: named.weight,
            ..SourceLedger::default()
        };
        let (mut rows, mut held_out) = (Filling::new(file.rows()), Filling::new(file.rows()));
        let mut part = Self {
            name: named.name.to_owned(),
            weight: named.weight,
            rows: RowSet::default(),
            held_out: RowSet::default(),
            file,
            longest,
        };
        part.file.for_each_row(|number, row| {
            let class = part.classify(number, row, training)?;
            match class {
                Class::TooLong if training.too_long == TooLong::Error => {
                    return Err(part.too_long(number, named)?);
                }
                Class::NoTarget if training.no_target == NoTarget::Error => {
                    return Err(part.no_target(number, named, row.targets > 0)?);
                }
                Class::HeldOut => held_out.add(number),
                Class::Trained => rows.add(number),
                Class::TooLong | Class::NoTarget => {}
            }
            count(&mut ledger, class, u64::from(row.length), longest);
            Ok(())
        })?;
        (part.rows, part.held_out) = (rows.done(), held_out.done());
        if part.rows.is_empty() && part.weight > 0.0 {
            return Err(nothing_left(&ledger));
        }
        Ok((part, ledger))
    }

    /// Tokens of a row that are used.
    pub fn length(&self, row: u32) -> u64 {
        self.file.length(row).min(self.longest)
    }

    /// Targets of a row that are used.
    ///
    /// # Errors
    /// The file of tokens is damaged or cannot be read.
    pub fn targets(&self, row: u32) -> Result<u64> {
        self.file.targets(row, self.length(row))
    }

    fn classify(&self, number: u32, row: Row, training: &Training) -> Result<Class> {
        let too_long = u64::from(row.length) > self.longest;
        Ok(if row.targets == 0 {
            Class::NoTarget
        } else if too_long && training.too_long != TooLong::Truncate {
            Class::TooLong
        } else if too_long && self.targets(number)? == 0 {
            // What there was to train on is in the part that is cut off.
            Class::NoTarget
        } else if random::Stream::new(0, "held-out").unit_at(row.hash) < training.held_out {
            Class::HeldOut
        } else {
            Class::Trained
        })
    }

    fn place(&self, row: u32, named: &Named<'_>) -> Result<String> {
        let place = self.file.place(row)?;
        let file = named.files.get(place.file as usize).map(PathBuf::as_path).unwrap_or(Path::new(""));
        Ok(format!("source {}: {}", named.name, read::place_name(file, place.line)))
    }

    fn too_long(&self, row: u32, named: &Named<'_>) -> Result<Error> {
        Ok(Error::new("the row's length")
            .got(format!("{} tokens", self.file.length(row)))
            .expected(format!("at most the sequence length of {}", self.longest))
            .at(self.place(row, named)?)
            .hint("set too_long to drop or truncate, or train on longer sequences"))
    }

    fn no_target(&self, row: u32, named: &Named<'_>, cut: bool) -> Result<Error> {
        let what = match cut {
            true => "the row has nothing to train on once it is cut to the sequence length",
            false => "the row has nothing to train on: the answer or text is empty",
        };
        Ok(Error::new(what).at(self.place(row, named)?).hint("set no_target to drop to leave such rows out"))
    }
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    TooLong,
    NoTarget,
    HeldOut,
    Trained,
}

/// Counts a row of `all` tokens, of which `longest` can be used.
fn count(ledger: &mut SourceLedger, class: Class, all: u64, longest: u64) {
    let used = all.min(longest);
    let (place, tokens) = match class {
        Class::TooLong => (&mut ledger.too_long, all),
        Class::NoTarget => (&mut ledger.no_target, all),
        Class::HeldOut => (&mut ledger.held_out, used),
        Class::Trained => (&mut ledger.usable, used),
    };
    add(place, tokens);
    if used < all && matches!(class, Class::HeldOut | Class::Trained) {
        add(&mut ledger.truncated, all - used);
    }
}

fn add(count: &mut Count, tokens: u64) {
    count.rows += 1;
    count.tokens += tokens;
}

fn nothing_left(ledger: &SourceLedger) -> Error {
    let error = Error::new(format!("source {} has no row to train on", ledger.source));
    if ledger.rows == 0 {
        return error.hint("the source is empty");
    }
    error.hint(format!(
        "of its {} rows {} are too long, {} have nothing to train on, {} are held out",
        ledger.rows, ledger.too_long.rows, ledger.no_target.rows, ledger.held_out.rows
    ))
}
