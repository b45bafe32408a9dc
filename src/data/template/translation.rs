//! A pair of sentences as an instruction to translate one into the other.
//!
//! As in the LLAMMAS scripts, many wordings are used; 95 % of the instructions are in English and 5 % in Estonian, and
//! 85 % have the sentence in the input field, the others inside the instruction. The wordings are our own.

use crate::data::Conversation;
use crate::random::Stream;

/// Share of the instructions that are in Estonian, where both languages have an Estonian name here.
const ESTONIAN: f64 = 0.05;
/// Share of the instructions with the sentence in the input field.
const IN_INPUT: f64 = 0.85;

/// English wordings for a sentence in the input field; the first is the one that tests use.
const WITH_INPUT: [&str; 10] = [
    "Translate the following {from} text into {to}.",
    "Put this {from} sentence into {to}.",
    "Say the same thing in {to}.",
    "Turn the {from} below into natural {to}.",
    "Write this in {to} and keep the meaning of the {from}.",
    "Give me the {to} translation of this {from} text.",
    "How would a speaker of {to} say this?",
    "Here is something in {from}. What is it in {to}?",
    "I have this in {from} and need it in {to}.",
    "Carry the following over from {from} into {to}.",
];

/// English wordings with the sentence inside.
const INSIDE: [&str; 5] = [
    "Translate from {from} into {to}: {text}",
    "How do you say this in {to}? {text}",
    "What is \"{text}\" in {to}?",
    "Put this {from} sentence into {to}: {text}",
    "\"{text}\" is {from}. Write it in {to}.",
];

/// Estonian wordings for a sentence in the input field.
const WITH_INPUT_ESTONIAN: [&str; 6] = [
    "Tõlgi järgmine tekst {from} keelest {to} keelde.",
    "Palun pane see lause {from} keelest {to} keelde ümber.",
    "Kuidas öelda seda {to} keeles?",
    "Kirjuta sama mõte {to} keeles.",
    "Mul on vaja selle {from} keeles kirjutatud lause tõlget {to} keelde.",
    "Siin on lause {from} keeles. Milline on see {to} keeles?",
];

/// Estonian wordings with the sentence inside.
const INSIDE_ESTONIAN: [&str; 3] = [
    "Tõlgi {from} keelest {to} keelde: {text}",
    "Kuidas on {to} keeles „{text}“?",
    "Pane see lause {to} keelde: {text}",
];

/// Languages by their English name, and the word before `keel` in Estonian.
const ESTONIAN_NAMES: [(&str, &str); 18] = [
    ("English", "inglise"),
    ("Estonian", "eesti"),
    ("Finnish", "soome"),
    ("Swedish", "rootsi"),
    ("Norwegian", "norra"),
    ("Danish", "taani"),
    ("Latvian", "läti"),
    ("Lithuanian", "leedu"),
    ("Russian", "vene"),
    ("Ukrainian", "ukraina"),
    ("Polish", "poola"),
    ("German", "saksa"),
    ("French", "prantsuse"),
    ("Spanish", "hispaania"),
    ("Italian", "itaalia"),
    ("Dutch", "hollandi"),
    ("Hungarian", "ungari"),
    ("Võro", "võru"),
];

/// How a pair becomes an instruction.
#[derive(Debug, Clone)]
pub struct Wording {
    languages: [String; 2],
    forward_share: f64,
    stream: Stream,
}

impl Wording {
    /// `languages` are those of the first and the second sentence of each pair, by their English names;
    /// `forward_share` is the share of first→second, in `[0, 1]`.
    pub fn new(languages: [String; 2], forward_share: f64, stream: Stream) -> Self {
        Self { languages, forward_share, stream }
    }

    /// Whether row `index` is translated from the first language into the second.
    ///
    /// Spread evenly: among any `n` rows in a row, within one of `n · forward_share`.
    pub fn is_forward(&self, index: u64) -> bool {
        let before = |index: u64| (index as f64 * self.forward_share).floor();
        before(index + 1) > before(index)
    }

    /// Row `index` of a bitext as a question with its answer.
    pub fn conversation(&self, index: u64, pair: (&str, &str)) -> Conversation {
        let [first, second] = &self.languages;
        let (from, to, given, wanted) = match self.is_forward(index) {
            true => (first, second, pair.0, pair.1),
            false => (second, first, pair.1, pair.0),
        };
        let row = self.stream.child(index);
        let estonian = estonian_name(from).zip(estonian_name(to)).filter(|_| row.unit_at(0) < ESTONIAN);
        let in_input = row.unit_at(1) < IN_INPUT;
        let (wordings, from, to): (&[&str], &str, &str) = match (estonian, in_input) {
            (None, true) => (&WITH_INPUT, from, to),
            (None, false) => (&INSIDE, from, to),
            (Some((from, to)), true) => (&WITH_INPUT_ESTONIAN, from, to),
            (Some((from, to)), false) => (&INSIDE_ESTONIAN, from, to),
        };
        let chosen = row.below_at(2, wordings.len() as u64) as usize;
        let instruction = wordings.get(chosen).copied().unwrap_or(WITH_INPUT[0]);
        let instruction = instruction.replace("{from}", from).replace("{to}", to);
        let given = given.trim();
        let question = match in_input {
            true => Conversation::question(instruction, given),
            false => Conversation::question(instruction.replace("{text}", given), ""),
        };
        question.answered(wanted)
    }
}

/// The question by which translation is tested: always the same wording.
pub fn question(from: &str, to: &str, sentence: &str) -> Conversation {
    Conversation::question(WITH_INPUT[0].replace("{from}", from).replace("{to}", to), sentence)
}

fn estonian_name(language: &str) -> Option<&'static str> {
    ESTONIAN_NAMES.iter().find(|(english, _)| *english == language).map(|(_, estonian)| *estonian)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wording(forward_share: f64) -> Wording {
        Wording::new(["English".into(), "Estonian".into()], forward_share, Stream::new(7, "translation"))
    }

    #[test]
    fn directions_are_spread_evenly_and_exactly() {
        for (share, expected) in [(0.5, 5_000), (0.25, 2_500), (0.75, 7_500), (0.0, 0), (1.0, 10_000)] {
            let wording = wording(share);
            let forward: Vec<bool> = (0..10_000).map(|index| wording.is_forward(index)).collect();
            assert_eq!(forward.iter().filter(|forward| **forward).count(), expected, "{share}");
            for window in forward.windows(40).step_by(17) {
                let count = window.iter().filter(|forward| **forward).count() as f64;
                assert!((count - 40.0 * share).abs() <= 1.0, "{share}: {count} of 40");
            }
        }
    }

    #[test]
    fn wordings_have_their_shares_and_hold_the_sentence_once() {
        let wording = wording(0.5);
        let (mut estonian, mut in_input) = (0, 0);
        let rows = 20_000;
        for index in 0..rows {
            let conversation = wording.conversation(index, (" A {to} cat. ", "Kass {text}."));
            let question = &conversation.turns[0];
            let sentence = if wording.is_forward(index) { "A {to} cat." } else { "Kass {text}." };
            assert_eq!(format!("{}{}", question.text, question.input).matches(sentence).count(), 1, "{question:?}");
            in_input += u32::from(!question.input.is_empty());
            let words = ["keele", "keelest", "keeles", "keelde"];
            estonian += u32::from(words.iter().any(|word| question.text.contains(word)));
            assert!(!question.text.replace(sentence, "").contains('{'));
        }
        // Five standard errors of a share over 20 000 rows: 0.0077 and 0.0126.
        assert!((f64::from(estonian) / rows as f64 - ESTONIAN).abs() < 0.0077, "{estonian}");
        assert!((f64::from(in_input) / rows as f64 - IN_INPUT).abs() < 0.0126, "{in_input}");
    }

    #[test]
    fn the_same_seed_gives_the_same_words_and_unknown_languages_get_english_ones() {
        let pair = ("one", "üks");
        assert_eq!(wording(0.3).conversation(11, pair), wording(0.3).conversation(11, pair));
        let other = Wording::new(["Klingon".into(), "Estonian".into()], 1.0, Stream::new(7, "translation"));
        let estonian =
            (0..2000).filter(|index| other.conversation(*index, pair).turns[0].text.contains("keel")).count();
        assert_eq!(estonian, 0);
        let test = question("English", "Estonian", "A cat.");
        assert_eq!(test.turns[0].text, "Translate the following English text into Estonian.");
        assert_eq!(test.turns[0].input, "A cat.");
    }
}
