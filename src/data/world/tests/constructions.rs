//! Sentences of every construction, checked by hand.

mod deeds;
mod in_finnish;
mod people;
mod scenes;

use super::super::lexicon::*;
use super::super::semantics::{Clause::*, Count, Mention, Modal, Owner, Sentence, Things, Weather as Sky, Who};
use super::super::{english, estonian, finnish};

fn person(name: &str) -> &'static Person {
    PEOPLE.into_iter().find(|person| person.et[0] == name).unwrap()
}

fn who(name: &str) -> Who {
    match name.split_once('+') {
        Some((one, other)) => Who::Couple(person(one), person(other)),
        None if name == "I" => Who::I,
        None if name == "you" => Who::You,
        None if name == "we" => Who::We,
        None => Who::Named(person(name)),
    }
}

fn noun(name: &str) -> &'static Noun {
    nouns().into_iter().find(|noun| noun.en == name).unwrap()
}

fn verb(name: &str) -> &'static Verb {
    verbs().into_iter().find(|verb| verb.en[0] == name).unwrap()
}

fn place(name: &str) -> &'static Place {
    places().find(|place| place.en[0] == name).unwrap()
}

fn adjective(name: &str) -> &'static Adjective {
    ADJECTIVES.into_iter().find(|adjective| adjective.en == name).unwrap()
}

/// `a red ball`, `3 red balls`, `some apples`, `the ball`, `the some apples`, `Jaan's key`.
fn things(text: &str) -> Things {
    let words: Vec<&str> = text.split(' ').collect();
    let (known, words) = if words[0] == "the" { (true, &words[1..]) } else { (false, &words[..]) };
    let several = words[0] == "some";
    let number = words[0].parse().ok();
    let owner = words[0].strip_suffix("'s").map(|name| Owner::Named(person(name)));
    let owner = owner.or(match words[0] {
        "my" => Some(Owner::I),
        "your" => Some(Owner::You),
        "our" => Some(Owner::We),
        "own" => Some(Owner::Subject),
        _ => None,
    });
    let noun = noun(words[words.len() - 1]);
    let mut things = if several { Things::several(noun) } else { Things::one(noun) };
    if let Some(number) = number {
        things.count = Count::Number(number);
    }
    if words.len() > 1 {
        things.adjective = ADJECTIVES.into_iter().find(|adjective| adjective.en == words[words.len() - 2]);
    }
    Things { known, owner, ..things }
}

fn time(name: &str) -> &'static Time {
    TIMES.into_iter().find(|time| time.en == name).unwrap()
}

fn outing(name: &str) -> usize {
    OUTINGS.iter().position(|(_, english)| *english == name).unwrap()
}

/// Every construction: what is said, in English, in Estonian, in Finnish.
fn constructions() -> Vec<(Sentence, &'static str, &'static str, &'static str)> {
    [people::all(), deeds::all(), scenes::all()].concat()
}

type Checked = Vec<(Sentence, &'static str, &'static str, &'static str)>;

#[test]
fn every_construction_reads_as_a_native_speaker_would_write_it() {
    for (sentence, english, estonian, finnish) in constructions() {
        assert_eq!((sentence.english().as_str(), sentence.estonian().as_str()), (english, estonian));
        assert_eq!(sentence.finnish(), finnish);
    }
}

#[test]
fn people_just_mentioned_are_pronouns() {
    let pronoun = Mention { subject: true, other: Some(who("Mari")) };
    let all = |sentence: &Sentence| {
        let english = english::statement(sentence, pronoun).sentence('.');
        let estonian = estonian::statement(sentence, pronoun, false).sentence('.');
        (english, estonian, finnish::statement(sentence, pronoun).sentence('.'))
    };
    let owned = |(one, two, three): (&str, &str, &str)| (one.to_owned(), two.to_owned(), three.to_owned());
    let cases = [
        (Sentence::past(Help(who("Jaan"), who("Mari"))), ("He helped her.", "Ta aitas teda.", "Hän auttoi häntä.")),
        (
            Sentence::present(Have(who("Kati"), things("a cup"))),
            ("She has a cup.", "Tal on tass.", "Hänellä on kuppi."),
        ),
        (
            Sentence::present(LikeDoing(who("Kati"), verb("dance"))),
            ("She likes to dance.", "Talle meeldib tantsida.", "Hän pitää tanssimisesta."),
        ),
        (
            Sentence::past(Give(who("Kati+Tiit"), things("a cup"), who("Mari"))),
            ("They gave her a cup.", "Nad andsid talle tassi.", "He antoivat hänelle kupin."),
        ),
        (
            Sentence::present(LikeDoing(who("Kati+Tiit"), verb("play"))),
            ("They like to play.", "Neile meeldib mängida.", "He pitävät leikkimisestä."),
        ),
        (
            Sentence::past(Have(who("Kati+Tiit"), things("a car"))).not(),
            ("They did not have a car.", "Neil ei olnud autot.", "Heillä ei ollut autoa."),
        ),
    ];
    for (sentence, expected) in cases {
        assert_eq!(all(&sentence), owned(expected));
    }
}

#[test]
fn mistakes_are_the_ones_that_learners_make() {
    let mistakes = |sentence: Sentence| estonian::statement(&sentence, Mention::default(), false).mistakes('.');
    assert_eq!(
        mistakes(Sentence::past(Act(who("Mari"), &BUY, things("a red book"), None))),
        [
            "Mari ostsin punase raamatu.",
            "Mari ostsid punase raamatu.",
            "Mari ostsime punase raamatu.",
            "Mari ostsid punase raamatu.",
            "Mari ostis punane raamatu.",
            "Mari ostis punase raamat.",
        ]
    );
    assert_eq!(
        mistakes(Sentence::present(Go(who("Mari"), &SCHOOL)).not()),
        ["Mari ei läheb kooli.", "Mari ei lähe koolis."]
    );
    assert_eq!(
        english::statement(&Sentence::past(Go(who("Mari"), &SCHOOL)).not(), Mention::default()).mistakes('.'),
        ["Mari did not went to school."]
    );
    // `Eile mängis Mari koer` would say that Mari's dog played.
    let moved = Sentence::past(With(who("Mari"), verb("play"), Who::Thing(things("the dog")))).at(time("yesterday"));
    assert!(mistakes(moved).iter().all(|mistake| mistake.ends_with("Mari koeraga.")));
}
