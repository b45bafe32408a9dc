//! A source's rows sorted into those that are trained on, held out, and left out.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::best_fit::Item;
use super::cache::{Row, TokenFile};
use super::held_out;
use super::repeats::Repeats;
use super::row_set::{Filling, RowSet};
use crate::data::ledger::{Count, SourceLedger};
use crate::data::{Sequence, read};
use crate::error::{Error, Result};
use crate::recipe::{Amount, NoTarget, Packing, TooLong, Training};

/// The rows of a source that a run of training uses.
#[derive(Debug)]
pub(super) struct Part {
    /// The source's name.
    pub name: String,
    /// How much of it the recipe asks for.
    pub amount: Amount,
    /// The source's files, for naming a row.
    files: Vec<PathBuf>,
    /// All rows of the source as tokens.
    pub file: TokenFile,
    /// Rows to train on.
    pub rows: RowSet,
    /// Rows never trained on.
    pub held_out: RowSet,
    /// The most tokens that a row may have; longer ones are cut.
    longest: u64,
    /// The most tokens of a row that are trained on together; longer rows are split.
    piece: u64,
}

impl Part {
    /// All rows of a source, none of them sorted yet. Rows that are not `whole` may be split.
    pub fn new(
        (name, amount): (&str, Amount),
        whole: bool,
        file: TokenFile,
        files: Vec<PathBuf>,
        training: &Training,
    ) -> Self {
        // Documents that are cut to length anyway are never too long.
        let fits = training.packing == Packing::Concat;
        let piece = if fits { u64::MAX } else { training.sequence_length as u64 };
        let splits = !whole && training.too_long == TooLong::Split;
        Self {
            name: name.to_owned(),
            amount,
            files,
            file,
            rows: RowSet::default(),
            held_out: RowSet::default(),
            longest: if splits { u64::MAX } else { piece },
            piece,
        }
    }

    /// Sorts the rows, and counts them in a ledger; `cache` is the name of the file of tokens.
    ///
    /// # Errors
    /// A row is too long or has no target and the recipe says that this is an error; no row is left.
    pub fn sort(mut self, cache: String, training: &Training) -> Result<(Self, SourceLedger)> {
        let stats = self.file.stats();
        let mut ledger = SourceLedger {
            source: self.name.clone(),
            rows: self.file.rows() as u64,
            tokens: self.file.tokens(),
            characters: stats.characters,
            languages: stats.languages.clone(),
            cache,
            skipped: stats.skipped.clone(),
            dropped: stats.dropped.clone(),
            ..SourceLedger::default()
        };
        let mut repeats = Repeats::default();
        let (mut rows, mut held_out) = (Filling::new(self.file.rows()), Filling::new(self.file.rows()));
        self.file.for_each_row(|number, row| {
            repeats.add(row.hash);
            let class = self.classify(number, row, training)?;
            match class {
                Class::TooLong if training.too_long == TooLong::Error => {
                    return Err(self.too_long(number)?);
                }
                Class::NoTarget if training.no_target == NoTarget::Error => {
                    return Err(self.no_target(number, row.targets > 0)?);
                }
                Class::HeldOut => held_out.add(number),
                Class::Trained => rows.add(number),
                Class::TooLong | Class::NoTarget => {}
            }
            count(&mut ledger, class, u64::from(row.length), &self);
            Ok(())
        })?;
        ledger.duplicates = repeats.count();
        (self.rows, self.held_out) = (rows.done(), held_out.done());
        if self.rows.is_empty() {
            return Err(nothing_left(&ledger));
        }
        Ok((self, ledger))
    }

    /// Tokens of a row that are used.
    pub fn length(&self, row: u32) -> u64 {
        self.file.length(row).min(self.longest)
    }

    /// The tokens of a row that are trained on together, beginning with token `start`: the whole row, or a piece of it.
    ///
    /// Pieces are as long as they may be, but the last is never a token alone, which nothing could predict.
    pub fn piece(&self, row: u32, start: u64) -> Range<u64> {
        let length = self.length(row);
        let end = start.saturating_add(self.piece).min(length);
        start..if end + 1 == length && end - start > 1 { end - 1 } else { end }
    }

    /// All pieces of a row, one after the other.
    pub fn pieces(&self, row: u32) -> impl Iterator<Item = Range<u64>> {
        let length = self.length(row);
        std::iter::successors(Some(self.piece(row, 0)), move |piece| {
            (piece.end < length).then(|| self.piece(row, piece.end))
        })
    }

    /// A row as what packing places: its pieces and their lengths.
    pub fn items(&self, source: u16, row: u32) -> impl Iterator<Item = (Item, u32)> {
        let item = move |piece: Range<u64>| {
            (Item { source, row, start: piece.start as u32 }, (piece.end - piece.start) as u32)
        };
        self.pieces(row).map(item)
    }

    /// Appends a piece of a row to a sequence.
    ///
    /// # Errors
    /// The file of tokens is damaged or cannot be read.
    pub fn copy(&self, row: u32, piece: Range<u64>, sequence: &mut Sequence) -> Result<()> {
        let first = sequence.trained.len();
        self.file.copy_ids(row, piece.clone(), &mut sequence.ids)?;
        self.file.copy_trained(row, piece, &mut sequence.trained)?;
        // Nothing in the sequence predicts the first token of a piece.
        if let Some(trained) = sequence.trained.get_mut(first) {
            *trained = false;
        }
        let before = sequence.documents();
        sequence.bounds.push(sequence.ids.len() as u32);
        if self.file.is_weighed() || !sequence.weights.is_empty() {
            // Documents before the first of a source with weights count 1.
            sequence.weights.resize(before, 1.0);
            sequence.weights.push(self.file.weight(row)?);
        }
        Ok(())
    }

    /// Targets of a piece of a row.
    ///
    /// # Errors
    /// The file of tokens is damaged or cannot be read.
    pub fn targets(&self, row: u32, piece: Range<u64>) -> Result<u64> {
        if piece.start == 0 {
            return self.file.targets(row, piece.end);
        }
        let mut trained = Vec::new();
        self.file.copy_trained(row, piece, &mut trained)?;
        Ok(trained.into_iter().skip(1).filter(|trained| *trained).count() as u64)
    }

    fn classify(&self, number: u32, row: Row, training: &Training) -> Result<Class> {
        let too_long = u64::from(row.length) > self.longest;
        Ok(if row.targets == 0 {
            Class::NoTarget
        } else if too_long && training.too_long != TooLong::Truncate {
            Class::TooLong
        } else if too_long && self.targets(number, 0..self.longest)? == 0 {
            // What there was to train on is in the part that is cut off.
            Class::NoTarget
        } else if held_out::is_kept_out(row.hash, training.held_out) {
            Class::HeldOut
        } else {
            Class::Trained
        })
    }

    /// The file and line at which a row begins.
    ///
    /// # Errors
    /// The file of tokens is damaged or cannot be read.
    pub fn place(&self, row: u32) -> Result<String> {
        let place = self.file.place(row)?;
        let file = self.files.get(place.file as usize).map(PathBuf::as_path).unwrap_or(Path::new(""));
        Ok(read::place_name(file, place.line))
    }

    fn too_long(&self, row: u32) -> Result<Error> {
        Ok(Error::new("the row's length")
            .got(format!("{} tokens", self.file.length(row)))
            .expected(format!("at most the sequence length of {}", self.longest))
            .at(format!("source {}: {}", self.name, self.place(row)?))
            .hint("set too_long to drop, truncate or split, or train on longer sequences"))
    }

    fn no_target(&self, row: u32, cut: bool) -> Result<Error> {
        let what = match cut {
            true => "the row has nothing to train on once it is cut to the sequence length",
            false => "the row has nothing to train on: the answer or text is empty",
        };
        Ok(Error::new(what)
            .at(format!("source {}: {}", self.name, self.place(row)?))
            .hint("set no_target to drop to leave such rows out"))
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

/// Counts a row of `all` tokens.
fn count(ledger: &mut SourceLedger, class: Class, all: u64, part: &Part) {
    let used = all.min(part.longest);
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
    if used > part.piece && class == Class::Trained {
        add(&mut ledger.split, used);
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
