//! The rows of a source that are kept out of training, as texts and conversations.
//!
//! Which rows those are follows from their words and the share alone: the same ones in every stage that keeps that share
//! out, and all of them are among those of a larger share.

use super::{build, tokenize};
use crate::data::Conversation;
use crate::data::clean::{Cleaner, Protected, Verdict};
use crate::data::read::{Row, Rows};
use crate::error::{Error, Place, Result};
use crate::progress::Progress;
use crate::random;
use crate::recipe::Source;

/// Whether a row of that content is kept out where the share is.
pub(super) fn is_kept_out(hash: u64, share: f64) -> bool {
    random::Stream::new(0, "held-out").unit_at(hash) < share
}

/// A row that no stage trains on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldOut {
    /// A text of its own.
    Text(String),
    /// Turns with their answers.
    Conversation(Conversation),
}

/// The first rows of a source that are kept out of training where `share` is, at most `most`; of sources that are cleaned,
/// of what is left. Pairs of sentences are worded as instructions to translate, half of them each way.
///
/// Nothing behind the last of those rows is read.
///
/// # Errors
/// The source cannot be read; its rows are tokens.
pub fn held_out(source: &Source, share: f64, most: usize, seed: u64) -> Result<Vec<HeldOut>> {
    let protected = Protected::default();
    let mut cleaner = Cleaner::new(&source.clean, source.languages.as_ref(), &protected)?;
    let wording = build::wording_of(source, 0.5, seed)?;
    let (mut found, mut index) = (Vec::new(), 0);
    for read in Rows::open_with(source, seed, Progress::silent())? {
        if found.len() >= most {
            break;
        }
        let row = read?.row;
        let examined = cleaner.examine(&row);
        if let Verdict::Drop(_) = cleaner.decide(&examined) {
            continue;
        }
        index += 1;
        if !is_kept_out(tokenize::content_hash(&row), share) {
            continue;
        }
        found.push(match row {
            Row::Document(text) => HeldOut::Text(text),
            Row::Conversation(conversation) => HeldOut::Conversation(conversation),
            Row::Pair(first, second) if first.trim().is_empty() || second.trim().is_empty() => continue,
            Row::Pair(first, second) => match &wording {
                Some(wording) => HeldOut::Conversation(wording.conversation(index - 1, (&first, &second))),
                None => continue,
            },
            Row::Tokens { .. } => {
                return Err(Error::new("the rows are tokens, not texts")).at(format!("source {}", source.name));
            }
        });
    }
    Ok(found)
}
