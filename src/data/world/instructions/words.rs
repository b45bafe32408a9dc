//! Instructions about single words and lists of words.

use super::super::dice::Dice;
use super::super::lexicon::*;
use super::super::wordings::{LISTINGS, Task};
use super::super::words::Words;
use super::super::{Language, WorldRow};
use super::Instructor;

impl Instructor<'_> {
    /// A single word (or two) in another form.
    pub(super) fn word(&self, dice: &mut Dice) -> WorldRow {
        if dice.percent(30) {
            return self.verb(dice);
        }
        let nouns = nouns();
        let noun = dice.pick(&nouns);
        let adjective = (!noun.adjectives.is_empty() && dice.percent(55)).then(|| dice.pick(noun.adjectives));
        let phrase =
            |adjective: Option<&str>, noun: &str| Words::default().and(adjective.unwrap_or("")).and(noun).plain();
        if let (Language::English, Some(plural)) = (self.language, &noun.plural) {
            let adjective = adjective.map(|it| it.en);
            return self.write(Task::Plural, phrase(adjective, noun.en), phrase(adjective, plural.en), dice);
        }
        if self.language == Language::English {
            return self.verb(dice);
        }
        let input = phrase(adjective.map(|it| it.name(self.language)), noun.name(self.language));
        let which = dice.below(4);
        let (task, adjective, solution) = match self.language {
            Language::Finnish => in_finnish(which, noun, adjective),
            _ => in_estonian(which, noun, adjective),
        };
        self.write(task, input, phrase(adjective, solution), dice)
    }

    /// A verb in another form.
    fn verb(&self, dice: &mut Dice) -> WorldRow {
        let verbs = verbs();
        let verb = dice.pick(&verbs);
        if self.language == Language::Finnish {
            return self.finnish_verb(verb, dice);
        }
        if self.language == Language::English {
            return self.write(Task::PastVerb, verb.en[0].to_owned(), verb.en[2].to_owned(), dice);
        }
        let [ma, da] = verb.infinitives;
        if dice.percent(50) {
            return self.write(Task::DaInfinitive, ma.to_owned(), da.to_owned(), dice);
        }
        let person = dice.below(verb.present.len());
        let subject = [I.et[0], YOU.et[0], SHE.et[0], WE.et[0], THEY.et[0]][person];
        let [present, past] = [verb.present, verb.past].map(|forms| format!("{subject} {}", forms[person]));
        self.write(Task::PastVerb, present, past, dice)
    }

    fn finnish_verb(&self, verb: &Verb, dice: &mut Dice) -> WorldRow {
        // `Täytyy` has no persons.
        let FinnishVerb { infinitives: [base, form], present, past, .. } =
            if verb == &MUST { LIVE.fi } else { verb.fi };
        // `Minä uin` is both.
        let clear: Vec<usize> = (0..present.len()).filter(|&person| present[person] != past[person]).collect();
        if clear.is_empty() || dice.percent(50) {
            return self.write(Task::DaInfinitive, form.to_owned(), base.to_owned(), dice);
        }
        let person = dice.pick(&clear);
        let subject = [I.fi[0], YOU.fi[0], SHE.fi[0], WE.fi[0], THEY.fi[0]][person];
        let [present, past] = [present, past].map(|forms| format!("{subject} {}", forms[person]));
        self.write(Task::PastVerb, present, past, dice)
    }

    /// Lists of words and numbers: to make, to count, to go on with.
    pub(super) fn list(&self, dice: &mut Dice) -> WorldRow {
        let number = |index: usize| NUMBERS[index].name(self.language);
        match dice.below(3) {
            0 => {
                let count = 2 + dice.below(3);
                let listing = dice.below(LISTINGS.len());
                let mut words = self.listed(listing);
                dice.shuffle(&mut words);
                let instruction = LISTINGS[listing][self.language as usize].replace("{}", number(count - 1));
                WorldRow::Instruction { instruction, input: String::new(), output: words[..count].join(", ") }
            }
            1 => {
                let mut words: Vec<&str> = nouns().iter().map(|it| it.name(self.language)).collect();
                dice.shuffle(&mut words);
                let count = 2 + dice.below(7);
                self.write(Task::Count, words[..count].join(", "), number(count - 1).to_owned(), dice)
            }
            _ => {
                let first = dice.below(NUMBERS.len());
                let last = dice.until(|dice| dice.below(NUMBERS.len()), |last| last.abs_diff(first) > 1);
                let (from, to) = (&NUMBERS[first], &NUMBERS[last]);
                let instruction = match self.language {
                    Language::English => format!("Count from {} to {}.", from.en, to.en),
                    Language::Estonian => format!("Loenda {} {}.", from.et[2], to.et[3]),
                    Language::Finnish => format!("Laske {} {}.", from.fi[2], to.fi[3]),
                };
                let mut counted: Vec<&str> = (first.min(last)..=first.max(last)).map(number).collect();
                if first > last {
                    counted.reverse();
                }
                WorldRow::Instruction { instruction, input: String::new(), output: counted.join(", ") }
            }
        }
    }

    fn listed(&self, listing: usize) -> Vec<&'static str> {
        let names = |nouns: &[&'static Noun]| nouns.iter().map(|it| it.name(self.language)).collect();
        match listing {
            0 => names(&ANIMALS),
            1 => ADJECTIVES.iter().filter(|it| it.colour).map(|it| it.name(self.language)).collect(),
            2 => JOBS.iter().map(|it| it.name(self.language)).collect(),
            3 => names(&DRINKS),
            _ => names(&[&FOODS[..], &DISHES].concat()),
        }
    }
}

/// A task about a word, the adjective before it and its solution.
type Reworded = (Task, Option<&'static str>, &'static str);

/// One of four tasks about an Estonian word.
fn in_estonian(which: usize, noun: &Noun, adjective: Option<&Adjective>) -> Reworded {
    let (task, form, solution) = match (which, &noun.plural) {
        (0, Some(plural)) => (Task::Plural, 3, plural.et[0]),
        (1, _) => (Task::Genitive, 1, noun.et[1]),
        (2, _) => (Task::Comitative, 1, noun.et[3]),
        _ => (Task::Partitive, 2, noun.et[2]),
    };
    (task, adjective.map(|it| it.et[form]), solution)
}

/// One of four tasks about a Finnish word.
fn in_finnish(which: usize, noun: &Noun, adjective: Option<&Adjective>) -> Reworded {
    let [_, genitive, partitive] = noun.fi.singular;
    let (task, form, solution) = match (which, noun.fi.plural) {
        (0, Some([plural, _])) => (Task::Plural, 3, plural),
        (1, _) => (Task::Genitive, 1, genitive),
        (2, Some([_, plural])) => (Task::PartitivePlural, 4, plural),
        _ => (Task::Partitive, 2, partitive),
    };
    (task, adjective.map(|it| it.fi.forms[form]), solution)
}
