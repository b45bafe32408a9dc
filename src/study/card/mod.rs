//! The model card of an adapter, a merged model, a full tune or a snapshot, written from the run's own records.
//!
//! A card follows from the run folder alone: no clock, no path of this machine. So the same run has the same card, and a
//! study that is run again leaves it as it is.
//!
//! | file | what |
//! |---|---|
//! | `facts` | what is read from the run folder |
//! | `header` | the YAML that the Hub reads |
//! | `trained` | the mixture as it came out, and how it was trained |
//! | `scores` | the comparison, for people and for the header |
//! | `using` | how to load it, limits, the recipe |
//! | `words` | codes of languages, names of licences |

mod facts;
mod header;
mod scores;
mod trained;
mod using;
mod words;

#[cfg(test)]
mod tests;

use crate::error::Result;
use crate::files;
use crate::recipe::Recipe;
use crate::study::ground::Ground;

pub(super) use facts::{BaseFacts, CardFacts, Subject};
pub(super) use words::{is_license, license_of};

/// The file's name, as the Hub wants it.
pub(super) const FILE: &str = "README.md";

/// The headings that every card has.
pub(super) const SECTIONS: [&str; 6] =
    ["## Trained on", "## How it was trained", "## Results", "## Limits", "## Use", "## Recipe"];

/// The card as Markdown with the Hub's YAML header.
pub(super) fn write_card(facts: &CardFacts<'_>) -> String {
    let mut card = header::yaml(facts);
    card.push_str(&format!("# {}\n\n{}\n\n", facts.title(), facts.sentence()));
    card.push_str(&trained::mixture(facts));
    card.push_str(&trained::procedure(facts));
    card.push_str(&scores::section(facts));
    card.push_str(&using::limits(facts));
    card.push_str(&using::usage(facts));
    card.push_str(&using::siblings(facts));
    card.push_str(&using::recipe(facts));
    card
}

/// Writes the card of every finished adapter and full tune beside its weights, where it changed.
///
/// # Errors
/// A record cannot be read, or the card not be written.
pub(super) fn write_all(ground: &Ground<'_>, recipe: &Recipe) -> Result<()> {
    for plan in &recipe.study.adapters {
        let folder = ground.folder.adapter(&plan.name);
        if ground.folder.record(&folder)?.is_none() {
            continue;
        }
        let subject = Subject::of(plan);
        let mut facts = CardFacts::read(ground.folder.root(), &recipe.study, subject)?;
        facts.license = recipe.publish.as_ref().and_then(|publish| publish.license.clone());
        let (path, card) = (folder.join(FILE), write_card(&facts));
        if files::read(&path).ok().as_deref() != Some(card.as_bytes()) {
            files::write(&path, card)?;
        }
    }
    Ok(())
}
