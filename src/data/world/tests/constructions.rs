//! Sentences of every construction, checked by hand.

mod deeds;
mod in_finnish;

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
    [people(), deeds::all(), scenes()].concat()
}

type Checked = Vec<(Sentence, &'static str, &'static str, &'static str)>;

fn people() -> Checked {
    let now = Sentence::present;
    let then = Sentence::past;
    vec![
        (now(Live(who("Mari"), place("in Tartu"))), "Mari lives in Tartu.", "Mari elab Tartus.", "Mari asuu Tartossa."),
        (
            then(Live(who("I"), place("on Saaremaa"))),
            "I lived on Saaremaa.",
            "Ma elasin Saaremaal.",
            "Minä asuin Saarenmaalla.",
        ),
        (
            then(Live(who("Anna+Mart"), place("in Narva"))).not(),
            "Anna and Mart did not live in Narva.",
            "Anna ja Mart ei elanud Narvas.",
            "Anna ja Mart eivät asuneet Narvassa.",
        ),
        (now(Job(who("Peeter"), JOBS[5])), "Peeter is an artist.", "Peeter on kunstnik.", "Peeter on taiteilija."),
        (now(Job(who("we"), JOBS[0])), "We are teachers.", "Me oleme õpetajad.", "Me olemme opettajia."),
        (now(Job(who("you"), JOBS[2])).not(), "You are not a cook.", "Sa ei ole kokk.", "Sinä et ole kokki."),
        (
            now(Become(who("Liis"), JOBS[1])),
            "Liis wants to become a doctor.",
            "Liis tahab saada arstiks.",
            "Liis haluaa tulla lääkäriksi.",
        ),
        (
            now(Have(who("Toomas"), things("a black cat"))),
            "Toomas has a black cat.",
            "Toomasel on must kass.",
            "Toomaksella on musta kissa.",
        ),
        (
            then(Have(who("Kati+Tiit"), things("3 white bird"))),
            "Kati and Tiit had three white birds.",
            "Katil ja Tiidul oli kolm valget lindu.",
            "Katilla ja Tiitillä oli kolme valkoista lintua.",
        ),
        (
            now(Have(who("I"), things("a dog"))).not(),
            "I do not have a dog.",
            "Mul ei ole koera.",
            "Minulla ei ole koiraa.",
        ),
        (
            now(LikeThings(who("Jaan"), things("some apple"))),
            "Jaan likes apples.",
            "Jaanile meeldivad õunad.",
            "Jaan pitää omenoista.",
        ),
        (
            then(LikeThings(who("you"), things("some fish"))),
            "You liked fish.",
            "Sulle meeldis kala.",
            "Sinä pidit kalasta.",
        ),
        (
            now(LikeThings(who("Leena"), things("some dog"))).not(),
            "Leena does not like dogs.",
            "Leenale ei meeldi koerad.",
            "Leena ei pidä koirista.",
        ),
        (now(LikeDoing(who("we"), verb("swim"))), "We like to swim.", "Meile meeldib ujuda.", "Me pidämme uimisesta."),
        (
            now(Age(who("Tiina"), 1)),
            "Tiina is thirty years old.",
            "Tiina on kolmkümmend aastat vana.",
            "Tiina on kolmekymmentävuotias.",
        ),
        (
            now(Older(person("Mart"), person("Jüri"), true)),
            "Mart is older than Jüri.",
            "Mart on vanem kui Jüri.",
            "Mart on vanhempi kuin Jüri.",
        ),
        (
            now(Older(person("Mart"), person("Jüri"), false)),
            "Mart is younger than Jüri.",
            "Mart on noorem kui Jüri.",
            "Mart on nuorempi kuin Jüri.",
        ),
        (then(Feel(who("Mari"), &SAD)), "Mari was sad.", "Mari oli kurb.", "Mari oli surullinen."),
        (
            now(Feel(who("Mari+Jaan"), &HAPPY)),
            "Mari and Jaan are happy.",
            "Mari ja Jaan on rõõmsad.",
            "Mari ja Jaan ovat iloisia.",
        ),
        (
            then(Feel(who("we"), &TIRED)).not(),
            "We were not tired.",
            "Me ei olnud väsinud.",
            "Me emme olleet väsyneitä.",
        ),
        (
            now(Can(who("Mari"), Modal::Want, verb("run"))),
            "Mari wants to run.",
            "Mari tahab joosta.",
            "Mari haluaa juosta.",
        ),
        (now(Can(who("I"), Modal::Can, verb("sing"))), "I can sing.", "Ma oskan laulda.", "Minä osaan laulaa."),
        (
            then(Can(who("Kati"), Modal::Can, verb("read"))).not(),
            "Kati could not read.",
            "Kati ei osanud lugeda.",
            "Kati ei osannut lukea.",
        ),
        (
            now(Can(who("Jüri"), Modal::Must, verb("work"))),
            "Jüri has to work.",
            "Jüri peab töötama.",
            "Jürin täytyy työskennellä.",
        ),
        (
            now(Can(who("Jüri"), Modal::Must, verb("work"))).not(),
            "Jüri does not have to work.",
            "Jüri ei pea töötama.",
            "Jürin ei tarvitse työskennellä.",
        ),
        (
            now(CanAct(who("Anna"), Modal::Want, &BUY, things("a new car"))),
            "Anna wants to buy a new car.",
            "Anna tahab uue auto osta.",
            "Anna haluaa ostaa uuden auton.",
        ),
        (
            then(CanAct(who("we"), Modal::Must, &READ, things("a book"))).not(),
            "We did not have to read a book.",
            "Me ei pidanud raamatut lugema.",
            "Meidän ei tarvinnut lukea kirjaa.",
        ),
        (
            now(CanAct(who("you"), Modal::Want, &EAT, things("some soup"))),
            "You want to eat soup.",
            "Sa tahad suppi süüa.",
            "Sinä haluat syödä keittoa.",
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
            "Pöydällä on punainen pallo.",
        ),
        (
            then(Exist(things("3 small cake"), place("in the box"), Some(adjective("green")))),
            "There were three small cakes in the green box.",
            "Rohelises kastis oli kolm väikest kooki.",
            "Vihreässä laatikossa oli kolme pientä kakkua.",
        ),
        (
            now(Exist(things("a potato"), place("in the basket"), None)).not(),
            "There is no potato in the basket.",
            "Korvis ei ole kartulit.",
            "Korissa ei ole perunaa.",
        ),
        (
            now(Exist(things("some milk"), &CUPBOARD, None)),
            "There is milk in the cupboard.",
            "Kapis on piima.",
            "Kaapissa on maitoa.",
        ),
        (
            then(Exist(things("some cheese"), &CUPBOARD, None)).not(),
            "There was no cheese in the cupboard.",
            "Kapis ei olnud juustu.",
            "Kaapissa ei ollut juustoa.",
        ),
        (
            now(At(things("the key"), place("on the shelf"), Some(adjective("big")))),
            "The key is on the big shelf.",
            "Võti on suurel riiulil.",
            "Avain on isolla hyllyllä.",
        ),
        (
            now(At(things("the some book"), place("on the floor"), None)).not(),
            "The books are not on the floor.",
            "Raamatud ei ole põrandal.",
            "Kirjat eivät ole lattialla.",
        ),
        (
            now(Be(things("the horse"), adjective("brown"))),
            "The horse is brown.",
            "Hobune on pruun.",
            "Hevonen on ruskea.",
        ),
        (
            then(Be(things("the some flower"), adjective("blue"))),
            "The flowers were blue.",
            "Lilled olid sinised.",
            "Kukat olivat sinisiä.",
        ),
        (
            now(Be(things("Liis's bag"), adjective("black"))).not(),
            "Liis's bag is not black.",
            "Liisi kott ei ole must.",
            "Liisin laukku ei ole musta.",
        ),
        (
            now(Be(things("my chair"), adjective("old"))),
            "My chair is old.",
            "Mu tool on vana.",
            "Minun tuolini on vanha.",
        ),
        (
            now(Be(things("our car"), adjective("new"))),
            "Our car is new.",
            "Meie auto on uus.",
            "Meidän automme on uusi.",
        ),
        (
            now(Be(things("your cat"), adjective("white"))),
            "Your cat is white.",
            "Su kass on valge.",
            "Sinun kissasi on valkoinen.",
        ),
        (now(Weather(Sky::Rain)), "It is raining outside.", "Väljas sajab vihma.", "Ulkona sataa vettä."),
        (
            then(Weather(Sky::Snow)).not(),
            "It was not snowing outside.",
            "Väljas ei sadanud lund.",
            "Ulkona ei satanut lunta.",
        ),
        (then(Weather(Sky::Cold)), "It was cold outside.", "Väljas oli külm.", "Ulkona oli kylmä."),
        (now(Weather(Sky::Warm)).not(), "It is not warm outside.", "Väljas ei ole soe.", "Ulkona ei ole lämmin."),
    ]
}

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
