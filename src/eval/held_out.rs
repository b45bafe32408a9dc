//! How well the rows are predicted that a study keeps out of training.

use crate::data::{Conversation, stream};
use crate::error::{Error, Place, Result};
use crate::recipe::Study;

use super::example::Example;
use super::task::Item;
use super::window;

/// Rows of a source where the recipe sets no limit.
const ROWS: usize = 500;

/// The first rows of a source that no stage of the study trains on.
///
/// # Errors
/// The source cannot be read; all its rows are trained on.
pub(super) fn items(study: &Study, source: &str, limit: Option<usize>) -> Result<Vec<Item>> {
    let at = || format!("source {source}");
    let found = study.sources.iter().find(|known| known.name == source);
    let known = found.ok_or_else(|| Error::new("the study has no such source").at(at()))?;
    let rows = stream::held_out(known, study.held_out(source), limit.unwrap_or(ROWS), study.seed).at(at())?;
    if rows.is_empty() {
        return Err(Error::new("no row is kept out of training")
            .at(at())
            .hint("the source is too small for that held_out: a larger share keeps some"));
    }
    Ok(rows.into_iter().map(item).collect())
}

fn item(row: stream::HeldOut) -> Item {
    match row {
        stream::HeldOut::Text(text) => Item { question: Conversation::default(), example: Example::Text(text) },
        stream::HeldOut::Conversation(conversation) => {
            let text = window::said(&conversation);
            Item { question: conversation, example: Example::Text(text) }
        }
    }
}
