//! How the examples of files are put to a model, in English, in Estonian and in Finnish.
//!
//! Every candidate reads the same words. A choice is not shown its alternatives: each of them is scored as
//! the answer, so nothing can be gained by their order. The built-in world words its own tests, as in its
//! training rows.

use crate::data::Conversation;
use crate::data::template::translation;

use super::example::{Asks, Example};
use super::language::Language;

/// The question that an example asks, in the task's language (English for languages without wordings).
///
/// `from` is the language of a sentence to translate. A text to predict asks nothing.
pub(super) fn question(example: &Example, from: &Language, language: &Language) -> Conversation {
    let worded = |words: [&str; 3]| in_language(language, words).to_owned();
    match example {
        // As in training, where one of many wordings is drawn.
        Example::Translation { source, .. } => translation::question(from.name(), language.name(), source),
        Example::Choice { premise, asks: Asks::Cause, .. } => Conversation::question(
            worded(["What was the cause of this?", "Mis oli selle põhjus?", "Mikä oli tämän syy?"]),
            premise,
        ),
        Example::Choice { premise, asks: Asks::Effect, .. } => Conversation::question(
            worded(["What happened as a result?", "Mis selle tagajärjel juhtus?", "Mitä siitä seurasi?"]),
            premise,
        ),
        Example::Choice { premise, asks: Asks::Question(question), .. } => {
            let instruction = worded([
                "Answer the question from the text.",
                "Vasta küsimusele teksti põhjal.",
                "Vastaa kysymykseen tekstin perusteella.",
            ]);
            let word = worded(["Question", "Küsimus", "Kysymys"]);
            match (premise.is_empty(), question.is_empty()) {
                (_, true) => Conversation::question(premise, ""),
                (true, false) => Conversation::question(question, ""),
                (false, false) => Conversation::question(instruction, format!("{premise}\n\n{word}: {question}")),
            }
        }
        Example::Answer { context, question, .. } if context.is_empty() => Conversation::question(question, ""),
        Example::Answer { context, question, .. } => {
            let instruction = worded([
                "Answer the question from the text. Write only the answer, in as few words as possible.",
                "Vasta küsimusele teksti põhjal. Kirjuta ainult vastus, võimalikult lühidalt.",
                "Vastaa kysymykseen tekstin perusteella. Kirjoita vain vastaus, mahdollisimman lyhyesti.",
            ]);
            let word = worded(["Question", "Küsimus", "Kysymys"]);
            Conversation::question(instruction, format!("{context}\n\n{word}: {question}"))
        }
        Example::Correction { source, .. } => {
            let instruction = worded([
                "Correct the mistakes in the sentence. Write only the corrected sentence.",
                "Paranda lauses olevad vead. Kirjuta ainult parandatud lause.",
                "Korjaa lauseen virheet. Kirjoita vain korjattu lause.",
            ]);
            Conversation::question(instruction, source)
        }
        Example::Text(_) => Conversation::default(),
        Example::Turn { question, .. } => Conversation::question(question, ""),
    }
}

/// A prompt that asks nothing: what a choice's likelihood is compared with, so that a choice that is likely anyway gains
/// nothing by that.
pub(super) fn neutral(language: &Language) -> Conversation {
    Conversation::question(in_language(language, ["Answer:", "Vastus:", "Vastaus:"]), "")
}

/// The one of three wordings that is in a language: in English for those that have none.
fn in_language<'a>(language: &Language, [english, estonian, finnish]: [&'a str; 3]) -> &'a str {
    match language {
        Language::Estonian => estonian,
        Language::Finnish => finnish,
        Language::English | Language::Other(_) => english,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_asked_in_the_language_of_the_task() {
        let example = Example::Choice {
            premise: "Tee oli märg.".into(),
            asks: Asks::Cause,
            choices: vec!["Sadas.".into(), "Oli kuiv.".into()],
            right: 0,
        };
        let asked = |language: Language| question(&example, &language, &language).turns.remove(0);
        assert_eq!(asked(Language::Estonian).text, "Mis oli selle põhjus?");
        assert_eq!(asked(Language::Finnish).text, "Mikä oli tämän syy?");
        assert_eq!(asked(Language::Other("Latvian".into())).text, "What was the cause of this?");
        assert_eq!(asked(Language::Estonian).input, "Tee oli märg.");
        let example = Example::Translation { source: "Tere!".into(), references: vec!["Hello!".into()] };
        let turn = question(&example, &Language::Estonian, &Language::English).turns.remove(0);
        assert_eq!(
            (turn.text.as_str(), turn.input.as_str()),
            ("Translate the following Estonian text into English.", "Tere!")
        );
    }
}
