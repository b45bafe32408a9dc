//! What the seed decides about each person, and which sentences agree with it.

use super::dice::Dice;
use super::lexicon::*;
use super::semantics::{Clause, Modal, Owner, Sentence, Tense, Things, Who};
use crate::random::Stream;

/// The facts of one seed.
#[derive(Debug)]
pub(super) struct World {
    lives: Vec<Life>,
}

/// The facts about one person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    /// Who.
    pub(super) person: &'static Person,
    /// Where they live.
    pub(super) town: &'static Place,
    /// What they do for a living.
    pub(super) job: &'static Job,
    /// Their animal.
    pub(super) pet: Things,
    /// What they like to eat.
    pub(super) food: Things,
    /// What they like to do.
    pub(super) pastime: &'static Verb,
    /// How old they are; an index into [`AGES`].
    pub(super) age: usize,
}

impl World {
    /// The world of a seed.
    pub(super) fn new(seed: u64) -> Self {
        let stream = Stream::new(seed, "facts of the world");
        let live = |(index, &person)| {
            let mut dice = Dice::new(stream.child(index as u64));
            let colour = dice.pick(&PET_COLOURS);
            Life {
                person,
                town: dice.pick(&TOWNS),
                job: dice.pick(&JOBS),
                pet: Things::one(dice.pick(&PETS)).that_is(colour),
                food: Things::several(dice.pick(&FOODS)),
                pastime: dice.pick(&PASTIMES),
                age: dice.below(AGES.len()),
            }
        };
        Self { lives: PEOPLE.iter().enumerate().map(live).collect() }
    }

    /// Somebody's facts.
    pub(super) fn life(&self, dice: &mut Dice) -> Life {
        dice.pick(&self.lives)
    }

    /// The facts about a person of the world.
    pub(super) fn of(&self, person: &Person) -> Option<&Life> {
        self.lives.iter().find(|life| life.person == person)
    }

    /// Whether a sentence contradicts no fact. Facts are about the present; the past was free.
    pub(super) fn allows(&self, sentence: &Sentence) -> bool {
        use Clause::*;
        if sentence.tense == Tense::Past {
            return true;
        }
        let agrees = |person: &Person, fact: &dyn Fn(&Life) -> bool| {
            self.of(person).is_none_or(|life| fact(life) != sentence.negative)
        };
        match sentence.clause {
            Live(Who::Couple(..), _) | Job(Who::Couple(..), _) | Age(Who::Couple(..), _) => false,
            LikeThings(Who::Couple(..), _) | LikeDoing(Who::Couple(..), _) => false,
            Have(Who::Couple(..), things) => !things.is_animal(),
            Live(Who::Named(person), town) => agrees(person, &|life| life.town == town),
            Job(Who::Named(person), job) => agrees(person, &|life| life.job == job),
            Age(Who::Named(person), age) => agrees(person, &|life| life.age == age),
            Have(Who::Named(person), things) if things.is_animal() && sentence.negative => {
                agrees(person, &|life| life.pet.noun == things.noun)
            }
            Have(Who::Named(person), things) if things.is_animal() => agrees(person, &|life| life.pet == things),
            LikeThings(Who::Named(person), things) => agrees(person, &|life| life.food == things),
            LikeDoing(Who::Named(person), verb) => agrees(person, &|life| life.pastime == verb),
            Older(one, other, older) => match (self.of(one), self.of(other)) {
                (Some(one), Some(other)) => {
                    !sentence.negative && one.age != other.age && (one.age > other.age) == older
                }
                _ => false,
            },
            Become(Who::Named(person), job) => self.of(person).is_none_or(|life| life.job != job),
            Can(Who::Named(person), Modal::Can | Modal::Want, verb) if sentence.negative => {
                self.of(person).is_none_or(|life| life.pastime != verb)
            }
            Act(Who::Named(person), action, things, _) if action == &FEAR && !sentence.negative => {
                self.of(person).is_none_or(|life| life.pet.noun != things.noun)
            }
            _ => true,
        }
    }
}

impl Life {
    /// Every fact as a sentence.
    pub(super) fn sentences(&self) -> [Sentence; 6] {
        let who = Who::Named(self.person);
        [
            Clause::Live(who, self.town),
            Clause::Job(who, self.job),
            Clause::Have(who, self.pet),
            Clause::LikeThings(who, self.food),
            Clause::LikeDoing(who, self.pastime),
            Clause::Age(who, self.age),
        ]
        .map(Sentence::present)
    }

    /// The person's animal, by its owner: `Mari's cat`.
    pub(super) fn own_pet(&self) -> Things {
        Things { owner: Some(Owner::Named(self.person)), ..self.pet.plain() }
    }
}
