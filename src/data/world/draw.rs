//! Draws sentences about anything in the world.

use super::dice::Dice;
use super::facts::World;
use super::lexicon::*;
use super::semantics::{Clause, Count, Modal, Owner, Sentence, Tense, Things, Weather, Who};
use super::split::Side;

/// A source of random sentences in one world.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw<'a> {
    /// The facts that sentences agree with.
    pub(super) world: &'a World,
    /// Whether what is held out is wanted or shunned.
    pub(super) side: Side,
    /// Whom every sentence that can be is about; anybody if nobody.
    pub(super) hero: Option<Who>,
}

impl Draw<'_> {
    /// A sentence of any kind that agrees with the facts, on this side of the split.
    pub(super) fn sentence(self, dice: &mut Dice) -> Sentence {
        dice.until(
            |dice| self.any(dice),
            |it| {
                self.world.allows(it)
                    && it.is_unambiguous()
                    && self.side.takes(it.is_held_out())
                    && (self.side == Side::Training || !it.is_shared())
            },
        )
    }

    /// A sentence about the hero, of a tense if it matters.
    pub(super) fn sentence_about_hero(self, tense: Option<Tense>, dice: &mut Dice) -> Sentence {
        dice.until(
            |dice| self.sentence(dice),
            |it| it.subject() == self.hero && tense.is_none_or(|tense| it.tense == tense),
        )
    }

    /// A sentence of any kind.
    fn any(self, dice: &mut Dice) -> Sentence {
        if dice.percent(4) {
            let facts = self.world.life(dice).sentences();
            return dice.pick(&facts);
        }
        if dice.percent(3) {
            return Sentence { negative: dice.percent(30), ..Sentence::new(tense(dice, 40), weather(dice)) };
        }
        let weights = [20, 14, 16, 14, 12, 10, 14];
        let sentence = match dice.weighted(&weights) {
            0 => self.deed(dice),
            1 => self.movement(dice),
            2 => self.doing(dice),
            3 => self.exchange(dice),
            4 => self.trait_of(dice),
            5 => self.wish(dice),
            _ => self.scene(dice),
        };
        with_negation(sentence, dice)
    }

    /// Somebody does something to something.
    pub(super) fn deed(self, dice: &mut Dice) -> Sentence {
        let action = dice.pick(&ACTIONS);
        let who = self.somebody(dice);
        let group = dice.below(action.objects.len());
        let object = self.object(dice, action, group).seen_by(who);
        let place = (group < action.placed && dice.percent(45)).then(|| dice.pick(action.places));
        let tense = tense(dice, if action.government == Government::Total { 25 } else { 45 });
        timed(Sentence::new(tense, Clause::Act(who, action, object, place)), dice, 30)
    }

    /// What an action is done to.
    fn object(self, dice: &mut Dice, action: &Action, group: usize) -> Things {
        let noun = dice.pick(action.objects[group]);
        if action == &FEAR {
            return Things::several(noun);
        }
        let things = amount(dice, noun, action != &FIND && action != &LOSE);
        let owned = matches!(action.verb.en[0], "find" | "see" | "look for" | "read");
        if owned && things.count == Count::One && GOODS.contains(&noun) && dice.percent(20) {
            return Things { owner: Some(owner(dice, true)), ..things.plain() };
        }
        things
    }

    /// Somebody goes somewhere.
    pub(super) fn movement(self, dice: &mut Dice) -> Sentence {
        let who = self.somebody(dice);
        let clause = match dice.weighted(&[40, 20, 25, 15]) {
            0 if dice.percent(30) => Clause::Go(who, dice.pick(&TOWNS)),
            0 => Clause::Go(who, dice.pick(&PLACES)),
            1 if dice.percent(30) => Clause::Come(who, dice.pick(&TOWNS)),
            1 => Clause::Come(who, dice.pick(&PLACES)),
            2 => journey(dice, who),
            _ => Clause::Outing(who, dice.below(OUTINGS.len())),
        };
        let tense = tense(dice, 45);
        timed(Sentence::new(tense, clause), dice, 40)
    }

    /// Somebody is busy, alone or with somebody.
    pub(super) fn doing(self, dice: &mut Dice) -> Sentence {
        let tense = tense(dice, 50);
        if dice.percent(35) {
            let who = self.somebody(dice);
            let (verb, whom) = if dice.percent(30) {
                (&PLAY, Who::Thing(self.animal(dice).seen_by(who)))
            } else {
                (dice.pick(&[&TALK, &DANCE, &SING, &PLAY]), self.somebody_else(dice, who))
            };
            return timed(Sentence::new(tense, Clause::With(who, verb, whom)), dice, 25);
        }
        if dice.percent(25) {
            let animal = self.animal(dice);
            let verb = dice.pick(if animal.noun == &HORSE { &ANIMAL_DOINGS[..3] } else { &ANIMAL_DOINGS });
            let place = if verb == &SLEEP || verb == &SIT { lair(&animal, dice) } else { dice.pick(&OUTDOORS) };
            return Sentence::new(tense, Clause::Do(Who::Thing(animal), verb, Some(place)));
        }
        let (verb, places) = dice.pick(&DOINGS);
        let place = (verb == &SIT || dice.percent(if verb == &SWIM { 40 } else { 80 })).then(|| dice.pick(places));
        timed(Sentence::new(tense, Clause::Do(self.somebody(dice), verb, place)), dice, 40)
    }

    /// Somebody gives, shows, moves something, or helps.
    pub(super) fn exchange(self, dice: &mut Dice) -> Sentence {
        let who = self.somebody(dice);
        let noun = dice.pick(&GOODS);
        let clause = match dice.weighted(&[35, 15, 20, 15, 15]) {
            0 => {
                let noun = if dice.percent(35) { dice.pick(&FOODS) } else { noun };
                Clause::Give(who, amount(dice, noun, true), self.somebody_else(dice, who))
            }
            1 => Clause::Show(who, amount(dice, noun, true), self.somebody_else(dice, who)),
            2 => Clause::Put(who, known_thing(dice), dice.pick(&SPOTS)),
            3 => Clause::Take(who, known_thing(dice), dice.pick(&SPOTS)),
            _ => Clause::Help(who, self.somebody_else(dice, who)),
        };
        let tense = tense(dice, 35);
        timed(Sentence::new(tense, clause), dice, 20)
    }

    /// What somebody is, has or likes.
    pub(super) fn trait_of(self, dice: &mut Dice) -> Sentence {
        let who = self.somebody(dice);
        let clause = match dice.weighted(&[10, 8, 22, 12, 10, 26, 12]) {
            0 => Clause::Live(who, dice.pick(&TOWNS)),
            1 => Clause::Job(who, dice.pick(&JOBS)),
            2 => {
                let noun = dice.pick_among(&[&ANIMALS[..], &GOODS[..], &LARGE_GOODS[..]]);
                Clause::Have(who, amount(dice, noun, false))
            }
            3 => Clause::LikeThings(who, Things::several(dice.pick_among(&[&FOODS[..], &DISHES, &DRINKS, &ANIMALS]))),
            4 => Clause::LikeDoing(who, dice.pick(&PASTIMES)),
            5 => Clause::Feel(who, dice.pick(&STATES)),
            _ => {
                let one = dice.pick(&PEOPLE);
                let other = dice.until(|dice| dice.pick(&PEOPLE), |&other| other != one);
                return Sentence::present(Clause::Older(one, other, dice.percent(50)));
            }
        };
        Sentence::new(tense(dice, 45), clause)
    }

    /// What somebody wants, can or has to do.
    pub(super) fn wish(self, dice: &mut Dice) -> Sentence {
        let who = self.somebody(dice);
        let tense = tense(dice, 65);
        let clause = match dice.weighted(&[25, 20, 15, 28, 12]) {
            0 => Clause::Can(who, Modal::Want, dice.pick(&[&SWIM, &SING, &DANCE, &RUN, &PLAY, &SLEEP])),
            1 => Clause::Can(who, Modal::Can, dice.pick(&PASTIMES)),
            2 => Clause::Can(who, Modal::Must, dice.pick(&[&WORKING, &SLEEP, &RUN, &SING])),
            3 => {
                let action = dice.pick(&[&BUY, &SELL, &READ, &EAT, &DRINK, &FIND]);
                let group = dice.below(action.objects.len());
                let modal = if dice.percent(70) { Modal::Want } else { Modal::Must };
                Clause::CanAct(who, modal, action, self.object(dice, action, group).seen_by(who))
            }
            _ => Clause::Become(who, dice.pick(&JOBS)),
        };
        Sentence::new(tense, clause)
    }

    /// What is where, and what it looks like.
    pub(super) fn scene(self, dice: &mut Dice) -> Sentence {
        let tense = tense(dice, 60);
        let noun = dice.pick(&SMALL_THINGS);
        let place = dice.pick(&SPOTS);
        let adjective = (place.agreement != Agreement::None && dice.percent(30)).then(|| dice.pick(&ADJECTIVES));
        let clause = match dice.weighted(&[50, 20, 30]) {
            0 if dice.percent(10) => {
                let noun = dice.pick_among(&[&DISHES, &DRINKS[..]]);
                Clause::Exist(Things::several(noun), dice.pick(&[&CUPBOARD, SPOTS[0]]), None)
            }
            0 => Clause::Exist(amount(dice, noun, false), place, adjective),
            1 => Clause::At(known_thing(dice), place, adjective),
            _ => {
                let things = match dice.below(4) {
                    0 => self.world.life(dice).own_pet(),
                    1 => Things { owner: Some(owner(dice, false)), ..Things::one(dice.pick(&GOODS)) },
                    2 => Things::several(dice.pick(&SMALL_THINGS)).known(),
                    _ => Things::one(dice.pick_among(&[&ANIMALS[..], &SMALL_THINGS, &LARGE_GOODS])).known(),
                };
                Clause::Be(things, dice.pick(things.noun.adjectives))
            }
        };
        Sentence::new(tense, clause)
    }

    /// Somebody: mostly by name.
    pub(super) fn somebody(self, dice: &mut Dice) -> Who {
        if let Some(hero) = self.hero {
            return hero;
        }
        match dice.weighted(&[64, 14, 9, 5, 8]) {
            0 => Who::Named(dice.pick(&PEOPLE)),
            1 => couple(dice),
            2 => Who::I,
            3 => Who::You,
            _ => Who::We,
        }
    }

    /// Somebody beside the subject.
    pub(super) fn somebody_else(self, dice: &mut Dice, who: Who) -> Who {
        dice.until(
            |dice| match dice.weighted(&[80, 10, 4, 6]) {
                0 => Who::Named(dice.pick(&PEOPLE)),
                1 => Who::I,
                2 => Who::You,
                _ => Who::We,
            },
            |&other| match (who, other) {
                (Who::Couple(one, another), Who::Named(person)) => one != person && another != person,
                (Who::I | Who::We, other) => matches!(other, Who::Named(_) | Who::You),
                (who, other) => who != other,
            },
        )
    }

    /// An animal that the listener knows.
    pub(super) fn animal(self, dice: &mut Dice) -> Things {
        let life = self.world.life(dice);
        if dice.percent(50) { life.own_pet() } else { Things::one(dice.pick(&PETS)).known() }
    }
}

/// Where an animal lies down: a horse not on the table.
pub(super) fn lair(animal: &Things, dice: &mut Dice) -> &'static Place {
    if animal.noun == &HORSE { dice.pick(&[&GARDEN, &YARD, &FOREST]) } else { dice.pick(&SPOTS[..4]) }
}

/// A denial now and then, where both languages deny the same thing.
fn with_negation(sentence: Sentence, dice: &mut Dice) -> Sentence {
    use Clause::*;
    let chance = match sentence.clause {
        _ if sentence.counts().is_some() => 0,
        Live(..) | Job(..) | LikeThings(..) | LikeDoing(..) => 45,
        _ => 20,
    };
    if dice.percent(chance) { sentence.not() } else { sentence }
}

/// A time at the front now and then.
fn timed(sentence: Sentence, dice: &mut Dice, chance: usize) -> Sentence {
    if !dice.percent(chance) {
        return sentence;
    }
    let time = dice.pick(&TIMES);
    if time.past && sentence.tense == Tense::Present { sentence } else { sentence.at(time) }
}

fn tense(dice: &mut Dice, present: usize) -> Tense {
    if dice.percent(present) { Tense::Present } else { Tense::Past }
}

/// Whose something is: of an object, somebody's or the subject's own; of a subject, somebody's or ours.
fn owner(dice: &mut Dice, of_object: bool) -> Owner {
    match dice.weighted(if of_object { &[60, 40, 0, 0, 0] } else { &[64, 0, 14, 9, 13] }) {
        0 => Owner::Named(dice.pick(&PEOPLE)),
        1 => Owner::Subject,
        2 => Owner::I,
        3 => Owner::You,
        _ => Owner::We,
    }
}

/// Two people, always in the order of the table.
pub(super) fn couple(dice: &mut Dice) -> Who {
    let one = dice.below(PEOPLE.len() - 1);
    let other = one + 1 + dice.below(PEOPLE.len() - 1 - one);
    Who::Couple(PEOPLE[one], PEOPLE[other])
}

/// Some of a noun: one, a number, or (if `open`) an unknown number.
pub(super) fn amount(dice: &mut Dice, noun: &'static Noun, open: bool) -> Things {
    let mut things = Things::several(noun);
    if things.count == Count::Mass {
        return things;
    }
    things.count = match dice.weighted(&[55, 30, if open { 15 } else { 0 }]) {
        0 => Count::One,
        1 if dice.percent(70) => Count::Number(2 + dice.below(4)),
        1 => Count::Number(2 + dice.below(9)),
        _ => Count::Plural,
    };
    things.adjective = dice.percent(40).then(|| dice.pick(noun.adjectives));
    things
}

/// A thing or things that the listener knows.
fn known_thing(dice: &mut Dice) -> Things {
    let noun = dice.pick(&SMALL_THINGS);
    let things = if dice.percent(70) { Things::one(noun) } else { Things::several(noun) };
    let adjective = dice.percent(35).then(|| dice.pick(noun.adjectives));
    Things { adjective, ..things.known() }
}

/// A journey; islands are reached by ship, and not by train.
fn journey(dice: &mut Dice, who: Who) -> Clause {
    let town = dice.below(TOWNS.len());
    let island = town >= TOWNS.len() - ISLANDS;
    let vehicles: &[&Noun] = if island { &[&SHIP, &CAR, &BUS] } else { &[&BUS, &TRAIN, &CAR, &BICYCLE] };
    Clause::Travel(who, dice.pick(vehicles), TOWNS[town])
}

fn weather(dice: &mut Dice) -> Clause {
    Clause::Weather(dice.pick(&[Weather::Rain, Weather::Snow, Weather::Cold, Weather::Warm]))
}
