//! What a sentence says, apart from any language.

use super::lexicon::*;
pub(super) use super::things::{Count, Owner, Things};

/// A statement: one clause, now or in the past, that holds or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sentence {
    /// When, if it is said.
    pub(super) time: Option<&'static Time>,
    /// Now or in the past.
    pub(super) tense: Tense,
    /// Whether it is denied.
    pub(super) negative: bool,
    /// What is said.
    pub(super) clause: Clause,
}

/// Who was mentioned just before, and is a pronoun now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mention {
    /// Whether the subject was.
    pub(super) subject: bool,
    /// Who else was.
    pub(super) other: Option<Who>,
}

/// When a sentence holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tense {
    /// Simple present.
    Present,
    /// Simple past.
    Past,
}

/// Whom a sentence is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Somebody by name.
    Named(&'static Person),
    /// Two people by name.
    Couple(&'static Person, &'static Person),
    /// The speaker.
    I,
    /// The listener.
    You,
    /// The speaker and others.
    We,
    /// Animals or things.
    Thing(Things),
}

/// The kinds of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clause {
    /// `Mari lives in Tartu`
    Live(Who, &'static Place),
    /// `Mari is a teacher`
    Job(Who, &'static Job),
    /// `Mari wants to become a teacher`
    Become(Who, &'static Job),
    /// `Mari has a cat`
    Have(Who, Things),
    /// `Mari likes apples`
    LikeThings(Who, Things),
    /// `Mari likes to swim`
    LikeDoing(Who, &'static Verb),
    /// `Mari is thirty years old`; the index into [`AGES`]
    Age(Who, usize),
    /// `Mari is older than Jaan` (or younger)
    Older(&'static Person, &'static Person, bool),
    /// `Mari is tired`
    Feel(Who, &'static State),
    /// `Mari sleeps (in the garden)`
    Do(Who, &'static Verb, Option<&'static Place>),
    /// `Mari buys a ball (from the shop)`
    Act(Who, &'static Action, Things, Option<&'static Place>),
    /// `Mari helps Jaan`
    Help(Who, Who),
    /// `Mari goes to the shop`
    Go(Who, &'static Place),
    /// `Mari comes from the shop`
    Come(Who, &'static Place),
    /// `Mari travels to Tartu by bus`
    Travel(Who, &'static Noun, &'static Place),
    /// `Mari goes swimming`; the index into [`OUTINGS`]
    Outing(Who, usize),
    /// `Mari gives Jaan a ball`
    Give(Who, Things, Who),
    /// `Mari shows Jaan a ball`
    Show(Who, Things, Who),
    /// `Mari talks with Jaan`, plays, sings, dances
    With(Who, &'static Verb, Who),
    /// `Mari puts the ball on the table`
    Put(Who, Things, &'static Place),
    /// `Mari takes the ball from the table`
    Take(Who, Things, &'static Place),
    /// `Mari wants to swim`, can, has to
    Can(Who, Modal, &'static Verb),
    /// `Mari wants to buy a ball`, has to
    CanAct(Who, Modal, &'static Action, Things),
    /// `There is a ball on the table`
    Exist(Things, &'static Place, Option<&'static Adjective>),
    /// `The ball is on the table`
    At(Things, &'static Place, Option<&'static Adjective>),
    /// `The ball is red`
    Be(Things, &'static Adjective),
    /// `It is raining outside`
    Weather(Weather),
}

/// A verb that takes another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modal {
    /// `wants to`
    Want,
    /// `can`: knows how to
    Can,
    /// `has to`
    Must,
}

/// What it is like outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    /// It rains.
    Rain,
    /// It snows.
    Snow,
    /// It is cold.
    Cold,
    /// It is warm.
    Warm,
}

impl Sentence {
    /// An affirmative sentence without a time.
    pub(super) fn new(tense: Tense, clause: Clause) -> Self {
        Self { time: None, tense, negative: false, clause }
    }

    /// What happened.
    pub(super) fn past(clause: Clause) -> Self {
        Self::new(Tense::Past, clause)
    }

    /// What is so.
    pub(super) fn present(clause: Clause) -> Self {
        Self::new(Tense::Present, clause)
    }

    /// The same, denied.
    pub(super) fn not(mut self) -> Self {
        self.negative = true;
        self
    }

    /// The same at a time.
    pub(super) fn at(mut self, time: &'static Time) -> Self {
        self.time = Some(time);
        self
    }

    /// The people or things that the sentence is about; none for what merely exists and for the weather.
    pub(super) fn subject(&self) -> Option<Who> {
        self.clause.subject()
    }

    /// How many, if it says so of an object: such a sentence is not denied.
    pub(super) fn counts(&self) -> Option<usize> {
        use Clause::*;
        match self.clause {
            Act(_, _, things, _)
            | CanAct(_, _, _, things)
            | Give(_, things, _)
            | Show(_, things, _)
            | Have(_, things)
            | Exist(things, ..) => match things.count {
                Count::Number(number) => Some(number),
                _ => None,
            },
            Older(..) => Some(2),
            _ => None,
        }
    }

    /// Whether the English can only mean one tense: `I read` and `we put` are present and past.
    pub(super) fn is_unambiguous(&self) -> bool {
        let verb = match self.clause {
            Clause::Act(who, action, ..) => Some((who, action.verb)),
            Clause::Put(who, ..) => Some((who, &PUT)),
            _ => None,
        };
        let same = verb.is_some_and(|(who, verb)| verb.en[0] == verb.en[2] && !matches!(who, Who::Named(_)));
        !same || self.negative
    }

    /// Whether this is one of the facts that the world's seed decides: where a named person lives, their
    /// job, pet, age and likes. Such a sentence is never held out.
    pub(super) fn is_fact(&self) -> bool {
        use Clause::*;
        let stated = self.tense == Tense::Present && !self.negative;
        stated
            && match self.clause {
                Live(Who::Named(_), _)
                | Job(Who::Named(_), _)
                | LikeThings(Who::Named(_), _)
                | LikeDoing(Who::Named(_), _)
                | Age(Who::Named(_), _) => true,
                Have(Who::Named(_), things) => things.is_animal(),
                _ => false,
            }
    }
}

impl Clause {
    /// See [`Sentence::subject`].
    pub(super) fn subject(&self) -> Option<Who> {
        use Clause::*;
        match *self {
            Live(who, ..)
            | Job(who, _)
            | Become(who, _)
            | Have(who, _)
            | LikeThings(who, _)
            | LikeDoing(who, _)
            | Age(who, _)
            | Feel(who, _)
            | Do(who, ..)
            | Act(who, ..)
            | Help(who, _)
            | Go(who, _)
            | Come(who, _)
            | Travel(who, ..)
            | Outing(who, _)
            | Give(who, ..)
            | Show(who, ..)
            | With(who, ..)
            | Put(who, ..)
            | Take(who, ..)
            | Can(who, ..)
            | CanAct(who, ..) => Some(who),
            Older(person, ..) => Some(Who::Named(person)),
            At(things, ..) | Be(things, _) => Some(Who::Thing(things)),
            Exist(..) | Weather(_) => None,
        }
    }

    /// The verb of the clause, the first if there are two.
    pub(super) fn verb(&self) -> &'static Verb {
        use Clause::*;
        match *self {
            Live(..) => &LIVE,
            Become(..) => &WANT,
            Have(..) => &HAVE,
            LikeThings(..) | LikeDoing(..) => &LIKE,
            Do(_, verb, _) | With(_, verb, _) => verb,
            Act(_, action, ..) => action.verb,
            Help(..) => &HELP,
            Go(..) | Outing(..) => &GO,
            Come(..) => &COME,
            Travel(..) => &TRAVEL,
            Give(..) => &GIVE,
            Show(..) => &SHOW,
            Put(..) => &PUT,
            Take(..) => &TAKE,
            Can(_, modal, _) | CanAct(_, modal, ..) => match modal {
                Modal::Want => &WANT,
                Modal::Can => &CAN,
                Modal::Must => &MUST,
            },
            Job(..) | Age(..) | Older(..) | Feel(..) | Exist(..) | At(..) | Be(..) | Weather(_) => &BE,
        }
    }
}
