//! Choices that are shown with letters, and the choice that a written answer makes.

use crate::data::Conversation;

use super::example::Example;
use super::language::Language;

/// Puts the choices of an example below its question, and asks for a letter.
pub(super) fn show(question: &mut Conversation, example: &Example, language: &Language) {
    if let (Example::Choice { choices, .. }, Some(turn)) = (example, question.turns.last_mut()) {
        let words = asked_for(language);
        turn.input = format!("{}\n{}\n{words}", turn.input, listed(choices)).trim().to_owned();
    }
}

/// The choices, one a line, each with its letter: `A. …`.
pub(super) fn listed(choices: &[String]) -> String {
    let lines = ('A'..='Z').zip(choices).map(|(letter, choice)| format!("{letter}. {choice}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The sentence that asks for a letter.
fn asked_for(language: &Language) -> &'static str {
    match language {
        Language::Estonian => "Vasta ainult õige vastuse tähega.",
        Language::Finnish => "Vastaa vain oikean vastauksen kirjaimella.",
        _ => "Answer with the letter of the right answer only.",
    }
}

/// The choice in a written answer, or `None`.
///
/// An answer that is a choice's text, or begins with it, is that choice. Otherwise the first letter counts that stands alone
/// (`B`, `B.`, `(B)`, `Vastus: B`, `**B**`); `A` in an English sentence is no letter unless a mark follows it or nothing does.
pub(super) fn chosen<'a>(answer: &str, choices: &'a [String]) -> Option<&'a str> {
    let answer = answer.trim();
    let plain = |text: &str| text.trim().trim_end_matches(['.', '!', '?']).to_lowercase();
    let said = plain(answer);
    let is_said = |choice: &&String| !plain(choice).is_empty() && said == plain(choice);
    if let Some(choice) = choices.iter().find(is_said) {
        return Some(choice);
    }
    let words = answer.split(|c: char| c.is_whitespace()).filter(|word| !word.is_empty());
    for (place, word) in words.enumerate() {
        let mut letters = word.chars().filter(|c| c.is_alphanumeric());
        let (Some(letter), None) = (letters.next(), letters.next()) else { continue };
        let alone = word.len() > letter.len_utf8() || answer.len() == word.len();
        let last = answer.ends_with(word);
        // A capital letter that begins what was written is meant as one, but for the article.
        let begins = place == 0 && letter.is_uppercase() && letter != 'A';
        if !letter.is_ascii_alphabetic() || !(alone || last || begins) {
            continue;
        }
        let index = letter.to_ascii_uppercase() as usize - 'A' as usize;
        if let Some(choice) = choices.get(index) {
            return Some(choice);
        }
    }
    // `Kolm koera jooksid.` where the choice is `Kolm koera`.
    let is_begun = |choice: &&String| {
        let rest = said.strip_prefix(&plain(choice)).filter(|_| !plain(choice).is_empty());
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    let mut begun = choices.iter().filter(is_begun);
    begun.next().filter(|_| begun.next().is_none()).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices() -> Vec<String> {
        ["Jaani koer", "Mari", "A linn", "kolm"].map(str::to_owned).to_vec()
    }

    #[test]
    fn choices_are_listed_with_their_letters() {
        assert_eq!(listed(&choices()), "A. Jaani koer\nB. Mari\nC. A linn\nD. kolm");
    }

    #[test]
    fn a_letter_that_stands_alone_or_the_text_of_a_choice_is_a_choice() {
        let choices = choices();
        let said = |answer: &str| chosen(answer, &choices);
        for answer in [
            "B",
            "b",
            " B.",
            "(B)",
            "Vastus: B",
            "Õige vastus on B.",
            "**B**",
            "B. Mari",
            "Mari",
            "mari!",
            "B Mari",
            "B) sest",
        ] {
            assert_eq!(said(answer), Some("Mari"), "{answer}");
        }
        for answer in ["A", "A.", "a)", "Jaani koer.", "Jaani koer tuli koju."] {
            assert_eq!(said(answer), Some("Jaani koer"), "{answer}");
        }
        assert_eq!(said("D"), Some("kolm"));
        for answer in ["", "E", "A dog came home", "Ma ei tea", "ja", "Marika"] {
            assert_eq!(said(answer), None, "{answer}");
        }
    }
}
