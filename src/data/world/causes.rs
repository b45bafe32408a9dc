//! What follows from what.
//!
//! A rule is a cause and its effect about somebody, with sentences that would be an unlikely effect of that
//! cause and an unlikely cause of that effect.

use super::dice::Dice;
use super::draw::{Draw, couple};
use super::lexicon::*;
use super::semantics::{Clause, Modal, Sentence, Things, Weather, Who};
use super::split;

/// A cause and its effect.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// What happened.
    pub(super) cause: Sentence,
    /// What followed.
    pub(super) effect: Sentence,
    /// What would not have followed.
    pub(super) unlikely_effects: Vec<Sentence>,
    /// What it would not have followed from.
    pub(super) unlikely_causes: Vec<Sentence>,
}

impl Rule {
    /// Whether the effect is about a thing that the cause brought up, so that the cause must come first.
    pub(super) fn introduces(&self) -> bool {
        matches!(self.effect.clause, Clause::Act(_, _, things, _) if things.known)
    }

    /// Whether this cause with this effect is kept for the tests.
    pub(super) fn is_held_out(&self) -> bool {
        split::is_held_out(&[self.cause, self.effect])
    }
}

/// How many kinds of rules there are.
const KINDS: usize = 22;

/// A rule about anybody, on either side of the split.
pub(super) fn rule(draw: Draw<'_>, dice: &mut Dice) -> Rule {
    let who = match dice.weighted(&[70, 20, 10]) {
        0 => Who::Named(dice.pick(&PEOPLE)),
        1 => couple(dice),
        _ => Who::I,
    };
    let kind = dice.below(KINDS);
    if kind < 6 {
        about_things(kind, who, draw, dice)
    } else if kind < 13 {
        about_bodies(kind, who, dice)
    } else {
        about_plans(kind, who, dice)
    }
}

fn feel(who: Who, state: &'static State) -> Sentence {
    Sentence::past(Clause::Feel(who, state))
}

fn act(who: Who, action: &'static Action, things: Things) -> Sentence {
    Sentence::past(Clause::Act(who, action, things, None))
}

fn go(who: Who, place: &'static Place) -> Sentence {
    Sentence::past(Clause::Go(who, place))
}

fn doing(who: Who, verb: &'static Verb, place: &'static Place) -> Sentence {
    Sentence::past(Clause::Do(who, verb, Some(place)))
}

fn outing(who: Who, verb: &Verb) -> Sentence {
    let index = OUTINGS.iter().position(|(other, _)| *other == verb).unwrap_or(0);
    Sentence::past(Clause::Outing(who, index))
}

fn outside(weather: Weather) -> Sentence {
    Sentence::past(Clause::Weather(weather))
}

/// Losing, finding and getting things, and other people's part in it.
fn about_things(kind: usize, who: Who, draw: Draw<'_>, dice: &mut Dice) -> Rule {
    let noun = dice.pick(&GOODS);
    let mut thing = Things::one(noun);
    thing.adjective = dice.percent(40).then(|| dice.pick(noun.adjectives));
    let named = dice.until(|dice| Who::Named(dice.pick(&PEOPLE)), |&named| apart(named, who));
    let other = if matches!(who, Who::Named(_)) { draw.somebody_else(dice, who) } else { named };
    let [lost, found, bought] = [&LOSE, &FIND, &BUY].map(|action| act(who, action, thing));
    let [happy, sad, angry] = [&HAPPY, &SAD, &ANGRY].map(|state| feel(who, state));
    let helped = Sentence::past(Clause::Help(other, who));
    let (cause, effect, unlikely_effects, unlikely_causes) = match kind {
        0 => (lost, sad, vec![happy], vec![found, bought]),
        1 => {
            let known = thing.plain().known();
            (lost, act(who, &LOOK_FOR, known), vec![act(who, &SELL, known)], vec![bought, act(who, &SELL, thing)])
        }
        2 => (found, happy, vec![sad, angry], vec![lost]),
        3 => (Sentence::past(Clause::Give(named, thing, who)), happy, vec![sad, angry], vec![lost]),
        4 => (helped, happy, vec![angry], vec![helped.not()]),
        _ => (helped.not(), angry, vec![happy], vec![helped]),
    };
    Rule { cause, effect, unlikely_effects, unlikely_causes }
}

/// Whether a named person is not among some people.
fn apart(named: Who, who: Who) -> bool {
    match (named, who) {
        (Who::Named(person), Who::Couple(one, other)) => person != one && person != other,
        _ => named != who,
    }
}

/// Work, hunger, thirst and illness.
fn about_bodies(kind: usize, who: Who, dice: &mut Dice) -> Rule {
    let leisure = dice.pick(&LEISURE);
    let read = act(who, &READ, Things::one(READABLE[0]));
    let [tired, hungry, thirsty, ill, happy] = [&TIRED, &HUNGRY, &THIRSTY, &ILL, &HAPPY].map(|state| feel(who, state));
    let slept = doing(who, &SLEEP, &HOME);
    let (cause, effect, unlikely_effects, unlikely_causes) = match kind {
        6 => (
            doing(who, &WORKING, dice.pick(&WORKPLACES)),
            tired,
            vec![tired.not()],
            vec![slept, doing(who, &SIT, leisure)],
        ),
        7 => (doing(who, &RUN, dice.pick(&OUTDOORS)), tired, vec![tired.not()], vec![slept, doing(who, &SIT, leisure)]),
        8 => {
            let effect = if dice.percent(50) { slept } else { outing(who, &SLEEP) };
            (
                tired,
                effect,
                vec![doing(who, &DANCE, leisure), doing(who, &RUN, dice.pick(&OUTDOORS))],
                vec![tired.not(), hungry],
            )
        }
        9 => {
            let noun = dice.pick_among(&[&FOODS[..], &DISHES]);
            let food = if noun.plural.is_some() { Things::one(noun) } else { Things::several(noun) };
            (hungry, act(who, &EAT, food), vec![read, act(who, &EAT, food).not()], vec![thirsty, hungry.not()])
        }
        10 => {
            let drink = act(who, &DRINK, Things::several(dice.pick(&DRINKS)));
            (thirsty, drink, vec![read, drink.not()], vec![hungry, thirsty.not()])
        }
        11 => {
            let place = dice.pick(&[&WORK, &SCHOOL]);
            (ill, go(who, place).not(), vec![go(who, place), outing(who, &DANCE)], vec![ill.not(), happy])
        }
        _ => (ill, go(who, &HOSPITAL), vec![go(who, &BEACH), outing(who, &DANCE)], vec![ill.not(), happy]),
    };
    Rule { cause, effect, unlikely_effects, unlikely_causes }
}

/// Weather, animals and what people do about them.
fn about_plans(kind: usize, who: Who, dice: &mut Dice) -> Rule {
    let outdoors = dice.pick(&OUTDOORS);
    let swam = outing(who, &SWIM);
    let (cause, effect, unlikely_effects, unlikely_causes) = match kind {
        13 => (
            outside(Weather::Rain),
            go(who, outdoors).not(),
            vec![doing(who, &SIT, outdoors)],
            vec![outside(Weather::Warm)],
        ),
        14 => (outside(Weather::Cold), swam.not(), vec![swam], vec![outside(Weather::Warm)]),
        15 => {
            let effect = if dice.percent(50) { swam } else { go(who, &BEACH) };
            (
                outside(Weather::Warm),
                effect,
                vec![doing(who, &SIT, &HOME)],
                vec![outside(Weather::Cold), outside(Weather::Snow)],
            )
        }
        16 => {
            let food = Sentence::past(Clause::Exist(Things::several(dice.pick(&DISHES[..2])), &CUPBOARD, None));
            (food.not(), go(who, &SHOP), vec![go(who, &LIBRARY), go(who, &BEACH)], vec![food])
        }
        17 | 18 => {
            let animal = dice.pick(&PETS);
            let [fear, like] = [
                act(who, &FEAR, Things::several(animal)),
                Sentence::past(Clause::LikeThings(who, Things::several(animal))),
            ];
            let played = Sentence::past(Clause::With(who, &PLAY, Who::Thing(Things::one(animal).known())));
            if kind == 17 {
                (fear, played.not(), vec![played], vec![like])
            } else {
                (like, played, vec![played.not()], vec![fear])
            }
        }
        _ => return about_wishes(kind, who, dice),
    };
    Rule { cause, effect, unlikely_effects, unlikely_causes }
}

/// What people buy and sell, what they wish for, and where it takes them.
fn about_wishes(kind: usize, who: Who, dice: &mut Dice) -> Rule {
    let (cause, effect, unlikely_effects, unlikely_causes) = match kind {
        19 => {
            let town = dice.pick(&TOWNS[..TOWNS.len() - ISLANDS]);
            let [bus, car] = [&BUS, &CAR].map(|vehicle| Sentence::past(Clause::Travel(who, vehicle, town)));
            let [sold, bought] = [&SELL, &BUY].map(|action| act(who, action, Things::one(&CAR)));
            (sold, bus, vec![car], vec![bought])
        }
        20 => {
            let noun = dice.pick_among(&[&GOODS[..], &FOODS, &DISHES]);
            let thing = if noun.plural.is_some() { Things::one(noun) } else { Things::several(noun) };
            let wish = Sentence::past(Clause::CanAct(who, Modal::Want, &BUY, thing));
            (
                wish,
                go(who, dice.pick(&SHOPS)),
                vec![go(who, &SCHOOL), go(who, &FOREST)],
                vec![Sentence::past(Clause::Can(who, Modal::Want, &SLEEP))],
            )
        }
        _ => {
            let wish = |verb| Sentence::past(Clause::Can(who, Modal::Want, verb));
            if dice.percent(50) {
                (
                    wish(&READING),
                    go(who, &LIBRARY),
                    vec![go(who, &SHOP), go(who, &BEACH)],
                    vec![wish(&SWIM), wish(&RUN)],
                )
            } else {
                (
                    wish(&SWIM),
                    go(who, &BEACH),
                    vec![go(who, &LIBRARY), go(who, &SHOP)],
                    vec![wish(&READING), wish(&SLEEP)],
                )
            }
        }
    };
    Rule { cause, effect, unlikely_effects, unlikely_causes }
}
