//! Sentences of every construction, checked by hand.

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
    [people(), deeds(), deeds_with_things(), deeds_with_people_and_places(), scenes()].concat()
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

fn deeds() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (now(Do(who("Tiit"), verb("sleep"), None)), "Tiit sleeps.", "Tiit magab."),
        (
            then(Do(who("Tiit+Leena"), verb("sing"), Some(&GARDEN))),
            "Tiit and Leena sang in the garden.",
            "Tiit ja Leena laulsid aias.",
        ),
        (
            then(Do(who("Liis"), verb("run"), Some(&FOREST))).at(time("yesterday")),
            "Yesterday Liis ran in the forest.",
            "Eile jooksis Liis metsas.",
        ),
        (
            now(Do(who("Liis"), verb("work"), Some(&HOSPITAL))).not().at(time("today")),
            "Today Liis does not work at the hospital.",
            "Täna Liis ei tööta haiglas.",
        ),
        (
            now(Do(Who::Thing(things("Mari's dog")), verb("play"), Some(&YARD))),
            "Mari's dog plays in the yard.",
            "Mari koer mängib õues.",
        ),
        (
            now(Act(who("Mari"), &SEE, things("a dog"), Some(&PARK))),
            "Mari sees a dog in the park.",
            "Mari näeb pargis koera.",
        ),
        (
            then(Act(who("I"), &SEE, things("2 old horse"), None)),
            "I saw two old horses.",
            "Ma nägin kahte vana hobust.",
        ),
        (now(Act(who("Jaan"), &WAIT_FOR, things("a letter"), None)), "Jaan waits for a letter.", "Jaan ootab kirja."),
        (then(Act(who("we"), &LOOK_FOR, things("a key"), None)), "We looked for a key.", "Me otsisime võtit."),
        (
            now(Act(who("Kati"), &LOOK_AT, things("the picture"), None)),
            "Kati looks at the picture.",
            "Kati vaatab pilti.",
        ),
        (now(Act(who("you"), &FEAR, things("some cow"), None)), "You are afraid of cows.", "Sa kardad lehmi."),
        (
            then(Act(who("Mart"), &FEAR, things("some pig"), None)).not(),
            "Mart was not afraid of pigs.",
            "Mart ei kartnud sigu.",
        ),
        (
            now(Act(who("Peeter"), &READ, things("a small letter"), Some(&LIBRARY))),
            "Peeter reads a small letter in the library.",
            "Peeter loeb raamatukogus väikest kirja.",
        ),
    ]
}

fn deeds_with_things() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (then(Act(who("Mari"), &EAT, things("a pear"), None)), "Mari ate a pear.", "Mari sõi pirni."),
        (
            then(Act(who("Mari"), &EAT, things("4 big egg"), None)),
            "Mari ate four big eggs.",
            "Mari sõi neli suurt muna.",
        ),
        (
            now(Act(who("Anna+Jüri"), &DRINK, things("some water"), Some(&HOME))),
            "Anna and Jüri drink water at home.",
            "Anna ja Jüri joovad kodus vett.",
        ),
        (
            then(Act(who("Toomas"), &BUY, things("a yellow bicycle"), Some(&MARKET))),
            "Toomas bought a yellow bicycle from the market.",
            "Toomas ostis turult kollase jalgratta.",
        ),
        (
            then(Act(who("Toomas"), &BUY, things("a yellow bicycle"), None)).not(),
            "Toomas did not buy a yellow bicycle.",
            "Toomas ei ostnud kollast jalgratast.",
        ),
        (
            then(Act(who("Leena"), &BUY, things("5 red apple"), Some(&SHOP))).at(time("on Friday")),
            "On Friday Leena bought five red apples from the shop.",
            "Reedel ostis Leena poest viis punast õuna.",
        ),
        (now(Act(who("we"), &BUY, things("some bread"), None)), "We buy bread.", "Me ostame leiba."),
        (then(Act(who("Tiina"), &SELL, things("a table"), None)), "Tiina sold a table.", "Tiina müüs laua."),
        (
            then(Act(who("Tiit"), &FIND, things("Jaan's key"), Some(&GARDEN))),
            "Tiit found Jaan's key in the garden.",
            "Tiit leidis aiast Jaani võtme.",
        ),
        (then(Act(who("Tiit"), &FIND, things("own hat"), None)), "Tiit found his hat.", "Tiit leidis oma mütsi."),
        (
            then(Act(who("Kati"), &LOSE, things("a beautiful dress"), None)),
            "Kati lost a beautiful dress.",
            "Kati kaotas ilusa kleidi.",
        ),
    ]
}

fn deeds_with_people_and_places() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (then(Help(who("Jaan"), who("Peeter"))), "Jaan helped Peeter.", "Jaan aitas Peetrit."),
        (now(Help(who("I"), who("you"))).not(), "I do not help you.", "Ma ei aita sind."),
        (then(Go(who("Mari"), &SCHOOL)), "Mari went to school.", "Mari läks kooli."),
        (now(Go(who("Mari"), &HOME)).not(), "Mari does not go home.", "Mari ei lähe koju."),
        (now(Go(who("we"), place("in Haapsalu"))), "We go to Haapsalu.", "Me läheme Haapsallu."),
        (then(Come(who("Liis"), &KITCHEN)).not(), "Liis did not come from the kitchen.", "Liis ei tulnud köögist."),
        (now(Come(who("you"), place("on Hiiumaa"))), "You come from Hiiumaa.", "Sa tuled Hiiumaalt."),
        (
            then(Travel(who("Anna"), noun("train"), place("in Tartu"))).at(time("in the evening")),
            "In the evening Anna travelled to Tartu by train.",
            "Õhtul sõitis Anna rongiga Tartusse.",
        ),
        (now(Outing(who("Jüri"), outing("swimming"))), "Jüri goes swimming.", "Jüri läheb ujuma."),
        (then(Give(who("Mari"), things("a ball"), who("Tiit"))), "Mari gave Tiit a ball.", "Mari andis Tiidule palli."),
        (
            then(Give(who("Mari"), things("the some ball"), who("Tiit"))),
            "Mari gave the balls to Tiit.",
            "Mari andis pallid Tiidule.",
        ),
        (then(Give(who("Mari"), things("some book"), who("I"))), "Mari gave me books.", "Mari andis mulle raamatuid."),
        (
            now(Give(who("Mart"), things("a flower"), who("we"))).not(),
            "Mart does not give us a flower.",
            "Mart ei anna meile lille.",
        ),
        (
            now(Show(who("Leena"), things("a clock"), who("Kati"))),
            "Leena shows Kati a clock.",
            "Leena näitab Katile kella.",
        ),
        (now(With(who("Toomas"), verb("talk"), who("I"))), "Toomas talks with me.", "Toomas räägib minuga."),
        (
            then(With(who("Kati"), verb("play"), Who::Thing(things("the hare")))),
            "Kati played with the hare.",
            "Kati mängis jänesega.",
        ),
        (
            then(Put(who("Jaan"), things("the white cup"), place("on the table"))),
            "Jaan put the white cup on the table.",
            "Jaan pani valge tassi lauale.",
        ),
        (
            now(Put(who("we"), things("the some letter"), place("in the box"))).not(),
            "We do not put the letters in the box.",
            "Me ei pane kirju kasti.",
        ),
        (
            then(Take(who("Anna"), things("the carrot"), place("under the bed"))),
            "Anna took the carrot from under the bed.",
            "Anna võttis porgandi voodi alt.",
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
