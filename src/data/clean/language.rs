//! Which language a text is in.
//!
//! Told by the letters and groups of three letters that it has. Texts of a line are told well, a few words badly;
//! so short texts are not judged at all, and a long one is judged by a piece from its middle, where there are fewer
//! menus and titles than at its start.

use whatlang::{Info, Lang, detect};

use crate::recipe::{LanguageCheck, language_name};

/// Characters of a text that are looked at.
const LOOKED_AT: usize = 200;

/// The English name of the language of a text, and how sure that is, in `[0, 1]`.
///
/// `None` for texts of fewer than 50 characters, and for those without letters.
///
/// ```
/// use emakeel::data::clean::language_of;
/// let text = "Eile õhtul jalutasime sõpradega mööda mereranda ja vaatasime, kuidas laevad sadamasse tulid.";
/// assert_eq!(language_of(text).map(|(name, _)| name), Some("Estonian"));
/// assert_eq!(language_of("Tere!"), None);
/// ```
pub fn language_of(text: &str) -> Option<(&'static str, f64)> {
    told(text, LanguageCheck::LEAST).map(|info| (language_name(info.lang()), info.confidence()))
}

/// Whether a text is told to be in another language than the expected one.
pub(super) fn is_other(text: &str, expected: Lang, confidence: f64, least: u64) -> bool {
    told(text, least).is_some_and(|info| info.lang() != expected && info.confidence() >= confidence)
}

fn told(text: &str, least: u64) -> Option<Info> {
    let text = text.trim();
    // A character has four bytes at most, and one at least.
    let enough = text.len() as u64 >= least && text.chars().take(least as usize).count() as u64 >= least;
    if enough { detect(middle(text)) } else { None }
}

/// A piece of [`LOOKED_AT`] characters from the middle of a text, which begins with a word.
fn middle(text: &str) -> &str {
    let Some(spare) = text.len().checked_sub(4 * LOOKED_AT) else { return text };
    let start = (spare / 2..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let piece = text.get(start..).unwrap_or(text);
    let word = piece.char_indices().take(40).find(|(_, character)| character.is_whitespace());
    let piece = piece.get(word.map_or(0, |(at, _)| at)..).unwrap_or(piece);
    let end = piece.char_indices().nth(LOOKED_AT).map_or(piece.len(), |(at, _)| at);
    piece.get(..end).unwrap_or(piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ESTONIAN: &str = "Hommikul tõusis perenaine vara, küttis ahju soojaks ja pani taigna kerkima.";
    const ENGLISH: &str = "In the morning the farmer got up early, lit the stove and let the dough rise.";

    #[test]
    fn the_two_languages_of_the_study_are_told_apart() {
        for (text, name) in [(ESTONIAN, "Estonian"), (ENGLISH, "English")] {
            let (told, confidence) = language_of(text).unwrap();
            assert_eq!(told, name);
            assert!(confidence > 0.5, "{name} {confidence}");
        }
        assert!(is_other(ENGLISH, Lang::Est, 0.5, 50));
        assert!(!is_other(ESTONIAN, Lang::Est, 0.0, 1));
    }

    #[test]
    fn short_texts_and_texts_without_letters_are_not_judged() {
        assert_eq!(language_of("I do not know."), None);
        assert_eq!(language_of(&"12 345 ".repeat(20)), None);
        assert!(!is_other(ENGLISH, Lang::Est, 0.5, 78));
    }

    #[test]
    fn a_long_text_is_judged_by_its_middle() {
        let menu = "Home News Contact Search About us Log in ".repeat(3);
        let long = format!("{menu}\n{}", format!("{ESTONIAN} ").repeat(60));
        assert_eq!(language_of(&long).map(|(name, _)| name), Some("Estonian"));
        let piece = middle(&long);
        assert_eq!(piece.chars().count(), LOOKED_AT);
        assert!(piece.starts_with(' ') && !piece.contains("Home"));
        assert_eq!(middle(&"õ".repeat(5000)).chars().count(), LOOKED_AT);
        assert_eq!(middle(ESTONIAN), ESTONIAN);
    }
}
