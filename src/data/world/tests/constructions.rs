//! Sentences of every construction, checked by hand.

mod deeds;

use super::super::lexicon::*;
use super::super::semantics::{Clause::*, Count, Mention, Modal, Owner, Sentence, Things, Weather as Sky, Who};
use super::super::{english, estonian};

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

/// Every construction: what is said, in English, in Estonian.
fn constructions() -> Vec<(Sentence, &'static str, &'static str)> {
    [people(), deeds::all(), scenes()].concat()
}

type Checked = Vec<(Sentence, &'static str, &'static str)>;

fn people() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (now(Live(who("Mari"), place("in Tartu"))), "Mari lives in Tartu.", "Mari elab Tartus."),
        (then(Live(who("I"), place("on Saaremaa"))), "I lived on Saaremaa.", "Ma elasin Saaremaal."),
        (
            then(Live(who("Anna+Mart"), place("in Narva"))).not(),
            "Anna and Mart did not live in Narva.",
            "Anna ja Mart ei elanud Narvas.",
        ),
        (now(Job(who("Peeter"), JOBS[5])), "Peeter is an artist.", "Peeter on kunstnik."),
        (now(Job(who("we"), JOBS[0])), "We are teachers.", "Me oleme õpetajad."),
        (now(Job(who("you"), JOBS[2])).not(), "You are not a cook.", "Sa ei ole kokk."),
        (now(Become(who("Liis"), JOBS[1])), "Liis wants to become a doctor.", "Liis tahab saada arstiks."),
        (now(Have(who("Toomas"), things("a black cat"))), "Toomas has a black cat.", "Toomasel on must kass."),
        (
            then(Have(who("Kati+Tiit"), things("3 white bird"))),
            "Kati and Tiit had three white birds.",
            "Katil ja Tiidul oli kolm valget lindu.",
        ),
        (now(Have(who("I"), things("a dog"))).not(), "I do not have a dog.", "Mul ei ole koera."),
        (now(LikeThings(who("Jaan"), things("some apple"))), "Jaan likes apples.", "Jaanile meeldivad õunad."),
        (then(LikeThings(who("you"), things("some fish"))), "You liked fish.", "Sulle meeldis kala."),
        (
            now(LikeThings(who("Leena"), things("some dog"))).not(),
            "Leena does not like dogs.",
            "Leenale ei meeldi koerad.",
        ),
        (now(LikeDoing(who("we"), verb("swim"))), "We like to swim.", "Meile meeldib ujuda."),
        (now(Age(who("Tiina"), 1)), "Tiina is thirty years old.", "Tiina on kolmkümmend aastat vana."),
        (now(Older(person("Mart"), person("Jüri"), true)), "Mart is older than Jüri.", "Mart on vanem kui Jüri."),
        (now(Older(person("Mart"), person("Jüri"), false)), "Mart is younger than Jüri.", "Mart on noorem kui Jüri."),
        (then(Feel(who("Mari"), &SAD)), "Mari was sad.", "Mari oli kurb."),
        (now(Feel(who("Mari+Jaan"), &HAPPY)), "Mari and Jaan are happy.", "Mari ja Jaan on rõõmsad."),
        (then(Feel(who("we"), &TIRED)).not(), "We were not tired.", "Me ei olnud väsinud."),
        (now(Can(who("Mari"), Modal::Want, verb("run"))), "Mari wants to run.", "Mari tahab joosta."),
        (now(Can(who("I"), Modal::Can, verb("sing"))), "I can sing.", "Ma oskan laulda."),
        (then(Can(who("Kati"), Modal::Can, verb("read"))).not(), "Kati could not read.", "Kati ei osanud lugeda."),
        (now(Can(who("Jüri"), Modal::Must, verb("work"))), "Jüri has to work.", "Jüri peab töötama."),
        (now(Can(who("Jüri"), Modal::Must, verb("work"))).not(), "Jüri does not have to work.", "Jüri ei pea töötama."),
        (
            now(CanAct(who("Anna"), Modal::Want, &BUY, things("a new car"))),
            "Anna wants to buy a new car.",
            "Anna tahab uue auto osta.",
        ),
        (
            then(CanAct(who("we"), Modal::Must, &READ, things("a book"))).not(),
            "We did not have to read a book.",
            "Me ei pidanud raamatut lugema.",
        ),
        (
            now(CanAct(who("you"), Modal::Want, &EAT, things("some soup"))),
            "You want to eat soup.",
            "Sa tahad suppi süüa.",
        ),
    ]
}

fn scenes() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (
            now(Exist(things("a red ball"), place("on the table"), None)),
            "There is a red ball on the table.",
            "Laual on punane pall.",
        ),
        (
            then(Exist(things("3 small cake"), place("in the box"), Some(adjective("green")))),
            "There were three small cakes in the green box.",
            "Rohelises kastis oli kolm väikest kooki.",
        ),
        (
            now(Exist(things("a potato"), place("in the basket"), None)).not(),
            "There is no potato in the basket.",
            "Korvis ei ole kartulit.",
        ),
        (now(Exist(things("some milk"), &CUPBOARD, None)), "There is milk in the cupboard.", "Kapis on piima."),
        (
            then(Exist(things("some cheese"), &CUPBOARD, None)).not(),
            "There was no cheese in the cupboard.",
            "Kapis ei olnud juustu.",
        ),
        (
            now(At(things("the key"), place("on the shelf"), Some(adjective("big")))),
            "The key is on the big shelf.",
            "Võti on suurel riiulil.",
        ),
        (
            now(At(things("the some book"), place("on the floor"), None)).not(),
            "The books are not on the floor.",
            "Raamatud ei ole põrandal.",
        ),
        (now(Be(things("the horse"), adjective("brown"))), "The horse is brown.", "Hobune on pruun."),
        (then(Be(things("the some flower"), adjective("blue"))), "The flowers were blue.", "Lilled olid sinised."),
        (
            now(Be(things("Liis's bag"), adjective("black"))).not(),
            "Liis's bag is not black.",
            "Liisi kott ei ole must.",
        ),
        (now(Be(things("my chair"), adjective("old"))), "My chair is old.", "Mu tool on vana."),
        (now(Be(things("our car"), adjective("new"))), "Our car is new.", "Meie auto on uus."),
        (now(Be(things("your cat"), adjective("white"))), "Your cat is white.", "Su kass on valge."),
        (now(Weather(Sky::Rain)), "It is raining outside.", "Väljas sajab vihma."),
        (then(Weather(Sky::Snow)).not(), "It was not snowing outside.", "Väljas ei sadanud lund."),
        (then(Weather(Sky::Cold)), "It was cold outside.", "Väljas oli külm."),
        (now(Weather(Sky::Warm)).not(), "It is not warm outside.", "Väljas ei ole soe."),
    ]
}

#[test]
fn every_construction_reads_as_a_native_speaker_would_write_it() {
    for (sentence, english, estonian) in constructions() {
        assert_eq!((sentence.english().as_str(), sentence.estonian().as_str()), (english, estonian));
    }
}

#[test]
fn people_just_mentioned_are_pronouns() {
    let pronoun = Mention { subject: true, other: Some(who("Mari")) };
    let both = |sentence: &Sentence| {
        let english = english::statement(sentence, pronoun).sentence('.');
        (english, estonian::statement(sentence, pronoun, false).sentence('.'))
    };
    let owned = |(english, estonian): (&str, &str)| (english.to_owned(), estonian.to_owned());
    let cases = [
        (Sentence::past(Help(who("Jaan"), who("Mari"))), ("He helped her.", "Ta aitas teda.")),
        (Sentence::present(Have(who("Kati"), things("a cup"))), ("She has a cup.", "Tal on tass.")),
        (Sentence::present(LikeDoing(who("Kati"), verb("dance"))), ("She likes to dance.", "Talle meeldib tantsida.")),
        (
            Sentence::past(Give(who("Kati+Tiit"), things("a cup"), who("Mari"))),
            ("They gave her a cup.", "Nad andsid talle tassi."),
        ),
        (
            Sentence::present(LikeDoing(who("Kati+Tiit"), verb("play"))),
            ("They like to play.", "Neile meeldib mängida."),
        ),
        (
            Sentence::past(Have(who("Kati+Tiit"), things("a car"))).not(),
            ("They did not have a car.", "Neil ei olnud autot."),
        ),
    ];
    for (sentence, expected) in cases {
        assert_eq!(both(&sentence), owned(expected));
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
