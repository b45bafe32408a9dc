//! The generators of training rows.

use super::Language;
use super::causes;
use super::corrections::Mistakes;
use super::dice::Dice;
use super::documents;
use super::draw::Draw;
use super::facts::World;
use super::instructions::Instructor;
use super::split::Side;
use super::stories::{self, Kind};
use crate::error::{Error, Result};
use crate::random::Stream;

/// The generators, by name, in the order in which documentation lists them.
pub const GENERATORS: [&str; 8] = [
    "english-text",
    "estonian-text",
    "finnish-text",
    "english-instructions",
    "estonian-instructions",
    "finnish-instructions",
    "translation-pairs",
    "english-finnish-pairs",
];

/// One row that a generator makes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WorldRow {
    /// A short document.
    Text(String),
    /// A task and its solution.
    Instruction {
        /// What to do.
        instruction: String,
        /// What to do it with; may be empty.
        input: String,
        /// The solution.
        output: String,
    },
    /// The same in English and in another language.
    Pair {
        /// In English.
        english: String,
        /// In Estonian, of `translation-pairs`; in Finnish, of `english-finnish-pairs`.
        other: String,
    },
}

/// Makes the first `rows` rows of a generator. Row `i` depends on the generator, the seed and `i` only.
///
/// # Errors  an unknown generator, with those that exist
pub fn rows(generator: &str, rows: u64, seed: u64) -> Result<Vec<WorldRow>> {
    let world = World::new(seed);
    let draw = Draw { world: &world, side: Side::Training, hero: None };
    let stream = Stream::new(seed, generator);
    let each = |make: &dyn Fn(&mut Dice) -> WorldRow| {
        (0..rows).map(|index| make(&mut Dice::new(stream.child(index)))).collect::<Vec<_>>()
    };
    let text = |language| each(&|dice| WorldRow::Text(stories::document(draw, Kind::Any, dice).text(language)));
    let instructions = |language| {
        let instructor = Instructor { draw, language, mistakes: Mistakes::new(language) };
        each(&|dice| instructor.row(dice))
    };
    Ok(match generator {
        "english-text" => text(Language::English),
        "estonian-text" => text(Language::Estonian),
        "finnish-text" => text(Language::Finnish),
        "english-instructions" => instructions(Language::English),
        "estonian-instructions" => instructions(Language::Estonian),
        "finnish-instructions" => instructions(Language::Finnish),
        "translation-pairs" => each(&|dice| pair(draw, Language::Estonian, dice)),
        "english-finnish-pairs" => each(&|dice| pair(draw, Language::Finnish, dice)),
        _ => {
            return Err(Error::new("generator of the built-in world")
                .got(generator)
                .expected(format!("one of {}", GENERATORS.join(", "))));
        }
    })
}

/// A sentence, a cause with its effect, or two sentences about the same somebody.
fn pair(draw: Draw<'_>, other: Language, dice: &mut Dice) -> WorldRow {
    let document = dice.until(|dice| paired(draw, dice), |document| document.is_clear(other));
    WorldRow::Pair { english: document.text(Language::English), other: document.text(other) }
}

fn paired(draw: Draw<'_>, dice: &mut Dice) -> documents::Document {
    match dice.weighted(&[70, 12, 18]) {
        0 => documents::Document::of(&[draw.sentence(dice)]),
        1 => {
            let rule = dice.until(
                |dice| causes::rule(draw, dice),
                |rule| !rule.is_held_out() && !rule.cause.is_held_out() && !rule.effect.is_held_out(),
            );
            stories::reason(rule, dice)
        }
        _ => stories::pair(draw, dice),
    }
}
