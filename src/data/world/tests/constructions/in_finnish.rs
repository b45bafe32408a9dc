//! What is particular to Finnish: endings of owners, questions, mistakes, sentences that are present and past.

use super::super::super::Language;
use super::super::super::causes::Rule;
use super::super::super::documents::{Document, Line};
use super::super::super::questions::{self, Ask};
use super::*;

fn asked(sentence: &Sentence, ask: Ask) -> (String, String) {
    let mut asked = questions::ask(sentence, ask, Language::Finnish);
    (asked.question, asked.answers.remove(0))
}

#[test]
fn what_is_ones_own_has_the_ending_of_its_owner() {
    let found = |name: &str, object: &str| Sentence::past(Act(who(name), &FIND, things(object), None));
    let sought = |name: &str, object: &str| Sentence::present(Act(who(name), &LOOK_FOR, things(object), None));
    for (sentence, finnish) in [
        (found("I", "own key"), "Minä löysin avaimeni."),
        (found("you", "own letter"), "Sinä löysit kirjeesi."),
        (found("we", "own picture"), "Me löysimme kuvamme."),
        (found("Mari+Jaan", "own ball"), "Mari ja Jaan löysivät pallonsa."),
        (found("Mari", "own dress").not(), "Mari ei löytänyt mekkoaan."),
        (sought("Mari", "own key"), "Mari etsii avaintaan."),
        (sought("Liis", "own letter"), "Liis etsii kirjettään."),
        (sought("Kati", "own book"), "Kati etsii kirjaansa."),
        (sought("we", "own hat"), "Me etsimme hattuamme."),
        (sought("Kati", "Jaan's book"), "Kati etsii Jaanin kirjaa."),
        (
            Sentence::present(With(who("Anna"), verb("play"), Who::Thing(things("own dog")))),
            "Anna leikkii koiransa kanssa.",
        ),
        (Sentence::past(With(who("Anna"), verb("talk"), who("we"))), "Anna puhui meidän kanssamme."),
    ] {
        assert_eq!(sentence.finnish(), finnish);
    }
}

#[test]
fn what_one_must_do_is_in_the_nominative() {
    let must = |name: &str, it: &str| Sentence::present(CanAct(who(name), Modal::Must, &BUY, things(it)));
    for (sentence, finnish) in [
        (must("Anna", "a new car"), "Annan täytyy ostaa uusi auto."),
        (must("Mari+Jaan", "2 cup"), "Marin ja Jaanin täytyy ostaa kaksi kuppia."),
        (must("I", "some bread"), "Minun täytyy ostaa leipää."),
        (must("you", "a cup").not(), "Sinun ei tarvitse ostaa kuppia."),
    ] {
        assert_eq!(sentence.finnish(), finnish);
    }
}

#[test]
fn one_and_several_have_verbs_negations_and_predicates_of_their_own() {
    for (sentence, finnish) in [
        (Sentence::past(Go(who("we"), &SCHOOL)).not(), "Me emme menneet kouluun."),
        (Sentence::past(Go(who("you"), &SCHOOL)).not(), "Sinä et mennyt kouluun."),
        (Sentence::past(Go(who("Mari+Jaan"), &WORK)).not(), "Mari ja Jaan eivät menneet töihin."),
        (Sentence::present(Become(who("we"), JOBS[5])), "Me haluamme tulla taiteilijoiksi."),
        (Sentence::present(Be(things("the some cup"), adjective("green"))).not(), "Kupit eivät ole vihreitä."),
        (Sentence::past(Act(who("Mari"), &SEE, things("some bird"), None)), "Mari näki lintuja."),
        (Sentence::past(Act(who("Mari"), &WAIT_FOR, things("2 bus"), None)), "Mari odotti kahta bussia."),
        (Sentence::past(Act(who("Mari"), &LOSE, things("a key"), Some(&PARK))), "Mari kadotti puistoon avaimen."),
        (Sentence::past(Act(who("Mari"), &LOOK_FOR, things("a key"), Some(&HOME))), "Mari etsi kotoa avainta."),
    ] {
        assert_eq!(sentence.finnish(), finnish);
    }
}

#[test]
fn questions_are_asked_as_finns_ask_them() {
    let now = Sentence::present;
    let then = Sentence::past;
    let gave = then(Give(who("Mari"), things("a ball"), who("Tiit")));
    let bought = then(Act(who("Leena"), &BUY, things("5 red apple"), Some(&SHOP)));
    for (sentence, ask, question, answer) in [
        (now(Have(who("Toomas"), things("a black cat"))), Ask::Who, "Kenellä on musta kissa?", "Toomaksella"),
        (now(Have(who("Toomas"), things("a black cat"))), Ask::What, "Mikä eläin Toomaksella on?", "musta kissa"),
        (now(Can(who("Jüri"), Modal::Must, verb("work"))), Ask::Who, "Kenen täytyy työskennellä?", "Jürin"),
        (gave, Ask::What, "Mitä Mari antoi Tiitille?", "pallon"),
        (gave, Ask::ToWhom, "Kenelle Mari antoi pallon?", "Tiitille"),
        (bought, Ask::HowMany, "Kuinka monta punaista omenaa Leena osti kaupasta?", "viisi"),
        (bought, Ask::Where, "Mistä Leena osti viisi punaista omenaa?", "kaupasta"),
        (
            then(Act(who("Jaan"), &WAIT_FOR, things("2 bus"), None)),
            Ask::HowMany,
            "Kuinka montaa bussia Jaan odotti?",
            "kahta",
        ),
        (
            then(Exist(things("3 small cake"), place("in the box"), None)),
            Ask::HowMany,
            "Kuinka monta pientä kakkua laatikossa oli?",
            "kolme",
        ),
        (now(Exist(things("some milk"), &CUPBOARD, None)), Ask::What, "Mitä kaapissa on?", "maitoa"),
        (now(LikeThings(who("Jaan"), things("some apple"))), Ask::What, "Mistä Jaan pitää?", "omenoista"),
        (now(LikeDoing(who("Kati"), verb("dance"))), Ask::Pastime, "Mistä harrastuksesta Kati pitää?", "tanssimisesta"),
        (then(Go(who("Mari"), &SCHOOL)), Ask::Where, "Minne Mari meni?", "kouluun"),
        (now(Live(who("Mari"), place("in Tartu"))), Ask::Where, "Missä Mari asuu?", "Tartossa"),
        (
            then(Travel(who("Anna"), noun("train"), place("in Tartu"))),
            Ask::ByWhat,
            "Millä Anna matkusti Tarttoon?",
            "junalla",
        ),
        (then(Help(who("Jaan"), who("Peeter"))), Ask::Whom, "Ketä Jaan auttoi?", "Peeteriä"),
        (
            now(With(who("Toomas"), verb("talk"), who("Mari"))),
            Ask::WithWhom,
            "Kenen kanssa Toomas puhuu?",
            "Marin kanssa",
        ),
        (now(Be(things("the horse"), adjective("brown"))), Ask::Colour, "Minkä värinen hevonen on?", "ruskea"),
        (then(Be(things("the some flower"), adjective("blue"))), Ask::Colour, "Minkä värisiä kukat olivat?", "sinisiä"),
        (now(Age(who("Tiina"), 1)), Ask::Age, "Kuinka vanha Tiina on?", "kolmekymmentävuotias"),
        (now(Job(who("Peeter"), JOBS[5])), Ask::Job, "Mikä on Peeterin ammatti?", "taiteilija"),
    ] {
        assert_eq!(asked(&sentence, ask), (question.to_owned(), answer.to_owned()));
    }
}

#[test]
fn whether_and_why_are_asked_as_finns_ask_them() {
    let now = Sentence::present;
    let then = Sentence::past;
    for (sentence, question) in [
        (now(Live(who("Mari"), place("in Tartu"))), "Asuuko Mari Tartossa?"),
        (then(Go(who("we"), &SCHOOL)), "Menimmekö me kouluun?"),
        (then(Exist(things("a key"), place("in the bag"), None)), "Oliko laukussa avain?"),
        (now(Have(who("Toomas"), things("a dog"))), "Onko Toomaksella koira?"),
        (now(Act(who("Mari"), &FEAR, things("some pig"), None)), "Pelkääkö Mari sikoja?"),
        (now(Weather(Sky::Rain)), "Sataako ulkona vettä?"),
    ] {
        assert_eq!(questions::whether(&sentence, Language::Finnish), question);
    }
    let stayed = then(Go(who("Mari"), &SCHOOL)).not();
    assert_eq!(questions::why(&stayed, Language::Finnish), "Miksi Mari ei mennyt kouluun?");
}

#[test]
fn causes_and_effects_are_joined() {
    let cause = Sentence::past(Act(who("Mari"), &LOSE, things("a red ball"), None));
    let effect = Sentence::past(Feel(who("Mari"), &SAD));
    let rule = Rule { cause, effect, unlikely_effects: Vec::new(), unlikely_causes: Vec::new() };
    let lines = vec![Line::Because(rule.clone()), Line::So(rule), Line::Whether(effect, effect.not())];
    let text = Document { lines }.render(Language::Finnish);
    assert_eq!(
        text,
        [
            "Mari oli surullinen, koska hän kadotti punaisen pallon.",
            "Hän kadotti punaisen pallon, joten hän oli surullinen.",
            "Oliko Mari surullinen? Ei, Mari ei ollut surullinen.",
        ]
    );
}

#[test]
fn some_sentences_are_present_and_past() {
    let plays = |name: &str| Sentence::present(Do(who(name), verb("play"), Some(&YARD)));
    assert!(!finnish::is_unambiguous(&plays("I")) && finnish::is_unambiguous(&plays("Mari")));
    assert!(finnish::is_unambiguous(&plays("I").not()));
    let swam = Sentence::past(Do(who("Mari"), verb("swim"), None));
    assert!(!finnish::is_unambiguous(&swam) && finnish::is_unambiguous(&swam.at(time("yesterday"))));
    assert!(!finnish::is_unambiguous(&swam.at(time("today"))));
}

#[test]
fn mistakes_in_finnish_are_the_ones_that_learners_make() {
    let mistakes = |sentence: Sentence| finnish::statement(&sentence, Mention::default()).mistakes('.');
    assert_eq!(
        mistakes(Sentence::past(Act(who("Mari"), &BUY, things("a red book"), None))),
        [
            "Mari ostin punaisen kirjan.",
            "Mari ostit punaisen kirjan.",
            "Mari ostimme punaisen kirjan.",
            "Mari ostivat punaisen kirjan.",
            "Mari osti punainen kirjan.",
            "Mari osti punaisen kirja.",
        ]
    );
    assert_eq!(
        mistakes(Sentence::present(Can(who("Jüri"), Modal::Must, verb("work")))),
        ["Jüri täytyy työskennellä.", "Jürin täytyy työskentelemään."]
    );
    // `Mari ei tanssi` is right, in the present.
    assert_eq!(
        mistakes(Sentence::past(Do(who("Mari"), verb("dance"), None)).not()).last().unwrap(),
        "Mari ei tanssineet."
    );
}
