//! The kinds of documents that are written.

use super::causes::{self, Rule};
use super::dice::Dice;
use super::documents::{Document, Line};
use super::draw::{Draw, amount, couple, lair};
use super::facts::Life;
use super::lexicon::*;
use super::questions;
use super::semantics::{Clause, Count, Owner, Sentence, Tense, Things, Weather, Who};
use super::split::Side;

/// Which documents are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// All kinds.
    Any,
    /// Only what questions can be asked about: statements, not much about facts.
    Passage,
}

/// A document on the side of the split that `draw` is for.
pub(super) fn document(draw: Draw<'_>, kind: Kind, dice: &mut Dice) -> Document {
    // The parts are drawn from both sides; the whole decides.
    dice.until(
        |dice| any(draw, kind, dice),
        |document| match draw.side {
            Side::Training => document.is_free(),
            Side::Tests => document.is_new(),
        },
    )
}

/// Two sentences about the same somebody, for training.
pub(super) fn pair(draw: Draw<'_>, dice: &mut Dice) -> Document {
    dice.until(|dice| two(draw, dice), Document::is_free)
}

fn two(draw: Draw<'_>, dice: &mut Dice) -> Document {
    let who = draw.somebody(dice);
    let draw = Draw { hero: Some(who), ..draw };
    let first = draw.sentence_about_hero(None, dice);
    let second = dice.until(|dice| draw.sentence_about_hero(Some(first.tense), dice), |second| second.time.is_none());
    Document::of(&[first, second])
}

/// A cause and its effect in one sentence, in either order.
pub(super) fn reason(rule: Rule, dice: &mut Dice) -> Document {
    Document { lines: vec![joined(rule, dice)] }
}

/// A cause and its effect in one of the two orders, or the one that does not name things before they are introduced.
fn joined(rule: Rule, dice: &mut Dice) -> Line {
    if dice.percent(50) && !rule.introduces() { Line::Because(rule) } else { Line::So(rule) }
}

fn any(draw: Draw<'_>, kind: Kind, dice: &mut Dice) -> Document {
    let weights = match kind {
        // Dialogues repeat what was asked: from them a model learns to look back and copy.
        Kind::Any => [12, 24, 14, 16, 18, 5, 5, 6],
        Kind::Passage => [0, 40, 22, 14, 0, 0, 12, 12],
    };
    let lines = match dice.weighted(&weights) {
        0 => portrait(draw, dice),
        1 => day(draw, dice),
        2 => room(draw, dice),
        3 => reasons(draw, kind == Kind::Any, dice),
        4 => dialogue(draw, dice),
        5 => ages(draw, dice),
        6 => belongings(dice),
        _ => jottings(draw, dice),
    };
    Document { lines }
}

/// Facts about somebody, and a little more.
fn portrait(draw: Draw<'_>, dice: &mut Dice) -> Vec<Line> {
    let life = draw.world.life(dice);
    let mut facts = life.sentences();
    dice.shuffle(&mut facts);
    let facts = &facts[..3 + dice.below(3)];
    let mut lines: Vec<Line> = facts.iter().map(|&fact| Line::Say(fact)).collect();
    if facts.iter().any(|fact| matches!(fact.clause, Clause::Have(..))) && dice.percent(50) {
        lines.push(Line::Say(pet(life, dice)));
    }
    if dice.percent(40) {
        lines.push(Line::Say(
            Draw { hero: Some(Who::Named(life.person)), ..draw }.sentence_about_hero(Some(Tense::Present), dice),
        ));
    }
    lines
}

/// Something about somebody's animal.
fn pet(life: Life, dice: &mut Dice) -> Sentence {
    let pet = life.own_pet();
    let looks = life.pet.noun.adjectives.iter().filter(|adjective| !adjective.colour).copied().collect::<Vec<_>>();
    Sentence::present(match dice.below(2) {
        0 => Clause::Be(pet, dice.pick(&looks)),
        _ => Clause::Do(Who::Thing(pet), dice.pick(&ANIMAL_DOINGS[..2]), Some(dice.pick(&[&GARDEN, &YARD]))),
    })
}

/// Somebody goes somewhere and does things there.
fn day(draw: Draw<'_>, dice: &mut Dice) -> Vec<Line> {
    let who = match dice.weighted(&[66, 18, 8, 8]) {
        0 => Who::Named(dice.pick(&PEOPLE)),
        1 => couple(dice),
        2 => Who::I,
        _ => Who::We,
    };
    let tense = if dice.percent(75) { Tense::Past } else { Tense::Present };
    let say = |clause| Line::Say(Sentence::new(tense, clause));
    let (place, mut middle) = match dice.weighted(&[40, 40, 20]) {
        0 => (dice.pick(&SHOPS), shopping(draw, who, dice)),
        1 => (dice.pick(&OUTDOORS), outdoors(draw, who, dice)),
        _ => (&HOME, evening(who, dice)),
    };
    let going = Clause::Go(who, place);
    let mut first = Sentence::new(tense, going);
    if dice.percent(60) {
        let time = dice.pick(&TIMES);
        first.time = (!time.past || tense == Tense::Past).then_some(time);
    }
    let mut lines = vec![Line::Say(first)];
    lines.extend(middle.drain(..).map(say));
    if dice.percent(60) {
        let end = match dice.below(3) {
            0 => Clause::Feel(who, dice.pick(&[&TIRED, &HAPPY, &HUNGRY, &THIRSTY])),
            1 if place != &HOME => Clause::Go(who, &HOME),
            _ => Clause::Outing(who, OUTINGS.len() - 1),
        };
        lines.push(say(end));
    }
    lines
}

/// Buying something, and what becomes of it.
fn shopping(draw: Draw<'_>, who: Who, dice: &mut Dice) -> Vec<Clause> {
    let noun = dice.pick_among(&[&GOODS[..], &FOODS]);
    let things = amount(dice, noun, false);
    let known = things.plain().known();
    let mut clauses = vec![Clause::Act(who, &BUY, things, None)];
    if dice.percent(40) {
        clauses.push(Clause::Act(who, &BUY, Things::several(dice.pick_among(&[&DISHES[..], &DRINKS])), None));
    }
    if dice.percent(75) {
        clauses.push(match dice.below(3) {
            0 => Clause::Put(who, known, dice.pick(&SPOTS)),
            _ => Clause::Give(who, known, draw.somebody_else(dice, who)),
        });
    }
    clauses
}

/// Seeing, finding, losing, playing.
fn outdoors(draw: Draw<'_>, who: Who, dice: &mut Dice) -> Vec<Clause> {
    let mut clauses = Vec::new();
    if dice.percent(60) {
        let animal = dice.pick(&ANIMALS);
        clauses.push(Clause::Act(who, &SEE, amount(dice, animal, true), None));
    }
    if dice.percent(60) {
        let verb = dice.pick(&[&TALK, &PLAY, &SING, &DANCE]);
        clauses.push(Clause::With(who, verb, draw.somebody_else(dice, who)));
    }
    if clauses.is_empty() || dice.percent(45) {
        let noun = dice.pick(&GOODS);
        let action = if dice.percent(60) { &FIND } else { &LOSE };
        let thing = amount(dice, noun, false);
        clauses.push(Clause::Act(who, action, thing, None));
        if action == &FIND && dice.percent(50) {
            clauses.push(Clause::Give(who, thing.plain().known(), draw.somebody_else(dice, who)));
        } else if action == &LOSE {
            clauses.push(Clause::Act(who, &LOOK_FOR, thing.plain().known(), None));
        }
    }
    clauses
}

/// Eating, drinking, reading at home.
fn evening(who: Who, dice: &mut Dice) -> Vec<Clause> {
    let food = dice.pick_among(&[&FOODS[..], &DISHES]);
    let food = amount(dice, food, true);
    let mut clauses = vec![
        Clause::Act(who, &EAT, Things { adjective: None, ..food }, None),
        Clause::Act(who, &DRINK, Things::several(dice.pick(&DRINKS)), None),
    ];
    if matches!(who, Who::Named(_)) && dice.percent(60) {
        clauses.push(Clause::Act(who, &READ, Things::one(dice.pick(&READABLE)), None));
    }
    dice.shuffle(&mut clauses);
    clauses
}

/// What is where in a room.
fn room(draw: Draw<'_>, dice: &mut Dice) -> Vec<Line> {
    let tense = if dice.percent(70) { Tense::Present } else { Tense::Past };
    let mut nouns = SMALL_THINGS;
    dice.shuffle(&mut nouns);
    let mut spots: Vec<&'static Place> = SPOTS.to_vec();
    dice.shuffle(&mut spots);
    let mut lines = Vec::new();
    let count = 2 + dice.below(2);
    for (&noun, &spot) in nouns.iter().zip(&spots).take(count) {
        let things = amount(dice, noun, false);
        lines.push(Line::Say(Sentence::new(tense, Clause::Exist(things, spot, None))));
        if things.count == Count::One && things.adjective.is_none() && dice.percent(70) {
            lines.push(Line::Say(Sentence::new(tense, Clause::Be(things.known(), dice.pick(noun.adjectives)))));
        }
    }
    if dice.percent(35) {
        lines.push(Line::Say(Sentence::new(tense, Clause::Exist(Things::one(nouns[count]), spots[count], None)).not()));
    }
    if dice.percent(35) {
        let animal = draw.animal(dice);
        let place = lair(&animal, dice);
        lines.push(Line::Say(Sentence::new(tense, Clause::Do(Who::Thing(animal), &SLEEP, Some(place)))));
    }
    lines
}

/// Two or three people and why they felt or did what they did.
fn reasons(draw: Draw<'_>, questions: bool, dice: &mut Dice) -> Vec<Line> {
    let count = 2 + dice.below(2);
    let mut lines: Vec<Line> = Vec::new();
    let mut weather: Option<Clause> = None;
    while lines.len() < count {
        let rule = causes::rule(draw, dice);
        // The weather of a document does not change.
        if matches!(rule.cause.clause, Clause::Weather(_)) {
            if weather.is_some() {
                continue;
            }
            weather = Some(rule.cause.clause);
        }
        if questions && !rule.introduces() && dice.percent(25) {
            lines.extend([Line::Why(rule.clone()), Line::Because(rule)]);
        } else {
            lines.push(joined(rule, dice));
        }
    }
    lines
}

/// Statements, each asked about.
fn dialogue(draw: Draw<'_>, dice: &mut Dice) -> Vec<Line> {
    let mut lines = Vec::new();
    for _ in 0..2 + dice.below(2) {
        let sentence = dice.until(|dice| draw.sentence(dice), |it| it.time.is_none());
        let askable = questions::askable(&sentence);
        let opposite = Sentence { negative: !sentence.negative, ..sentence };
        if !askable.is_empty() && dice.percent(65) {
            lines.push(Line::Ask(sentence, dice.pick(&askable)));
            lines.push(Line::Say(sentence));
        } else if sentence.negative {
            lines.push(Line::Whether(opposite, sentence));
        } else {
            lines.push(Line::Whether(sentence, sentence));
        }
    }
    lines
}

/// How old people are, and who is older.
fn ages(draw: Draw<'_>, dice: &mut Dice) -> Vec<Line> {
    let one = draw.world.life(dice);
    let other = dice.until(|dice| draw.world.life(dice), |other| other.age != one.age);
    let mut lines = Vec::new();
    for life in [one, other] {
        let who = Who::Named(life.person);
        lines.push(Line::Say(Sentence::present(Clause::Age(who, life.age))));
        if dice.percent(40) {
            lines.push(Line::Say(Sentence::present(Clause::Live(who, life.town))));
        }
    }
    let older = dice.percent(50);
    let (first, second) = if (one.age > other.age) == older { (one, other) } else { (other, one) };
    lines.push(Line::Say(Sentence::present(Clause::Older(first.person, second.person, older))));
    lines
}

/// What two or three people have.
fn belongings(dice: &mut Dice) -> Vec<Line> {
    let tense = if dice.percent(60) { Tense::Present } else { Tense::Past };
    let mut people: Vec<&'static Person> = PEOPLE.to_vec();
    dice.shuffle(&mut people);
    let mut nouns = GOODS;
    dice.shuffle(&mut nouns);
    let mut lines = Vec::new();
    for (person, noun) in people.into_iter().zip(nouns).take(2 + dice.below(2)) {
        let who = Who::Named(person);
        let things = amount(dice, noun, false);
        lines.push(Line::Say(Sentence::new(tense, Clause::Have(who, things))));
        if things.count == Count::One && things.adjective.is_none() {
            let own = Things { owner: Some(Owner::Named(person)), ..things };
            lines.push(Line::Say(Sentence::new(tense, Clause::Be(own, dice.pick(noun.adjectives)))));
        }
    }
    lines
}

/// Sentences about the same somebody, and the weather.
fn jottings(draw: Draw<'_>, dice: &mut Dice) -> Vec<Line> {
    let hero = Draw { hero: Some(draw.somebody(dice)), ..draw };
    let tense = if dice.percent(50) { Tense::Present } else { Tense::Past };
    let count = 2 + dice.below(3);
    let mut sentences: Vec<Sentence> = (0..count).map(|_| hero.sentence_about_hero(Some(tense), dice)).collect();
    // A time holds for all that follows.
    sentences.iter_mut().skip(1).for_each(|sentence| sentence.time = None);
    let mut lines: Vec<Line> = sentences.into_iter().map(Line::Say).collect();
    if dice.percent(30) {
        let weather = dice.pick(&[Weather::Rain, Weather::Snow, Weather::Cold, Weather::Warm]);
        lines.push(Line::Say(Sentence::new(tense, Clause::Weather(weather))));
    }
    lines
}
