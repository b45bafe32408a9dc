//! Instruction rows: a task, what to do it with, and the solution.

mod words;

use super::causes::{self, Rule};
use super::corrections::Mistakes;
use super::dice::Dice;
use super::documents::{self, Document};
use super::draw::Draw;
use super::questions::{self, Ask, Asked};
use super::semantics::{Sentence, Tense};
use super::split::Side;
use super::stories::{self, Kind};
use super::wordings::{self, Task, wordings};
use super::{AnswerTest, ChoiceTest, Language, Question, WorldRow};

/// What is done to sentences, and how often. Saying one again teaches to copy, which all other tasks need.
const TRANSFORMATIONS: [Task; 8] =
    [Task::Past, Task::Present, Task::Deny, Task::Deny, Task::Question, Task::Repeat, Task::Repeat, Task::Repeat];

/// Writes instructions in one language.
#[derive(Debug)]
pub(super) struct Instructor<'a> {
    /// Where sentences come from.
    pub(super) draw: Draw<'a>,
    /// The language of instruction, input and output.
    pub(super) language: Language,
    /// Mistakes in that language.
    pub(super) mistakes: Mistakes,
}

impl Instructor<'_> {
    /// A row of any kind.
    pub(super) fn row(&self, dice: &mut Dice) -> WorldRow {
        match dice.weighted(&[25, 19, 22, 18, 2, 3, 5, 3, 3]) {
            0 => self.answer(dice),
            1 => self.choice(dice),
            2 => self.correction(dice),
            3 => self.transformation(dice),
            4 => self.truth(dice),
            5 => self.continuation(dice),
            6 => self.word(dice),
            7 => self.list(dice),
            _ => self.knowledge(dice),
        }
    }

    fn write(&self, task: Task, input: String, output: String, dice: &mut Dice) -> WorldRow {
        let instruction = (dice.pick(wordings(task, self.language))).to_owned();
        WorldRow::Instruction { instruction, input, output }
    }

    fn answer(&self, dice: &mut Dice) -> WorldRow {
        let test = answer_test(self.draw, self.language, dice);
        let input = wordings::passage_and_question(self.language, &test.passage, &test.question);
        let output = test.answers.into_iter().next().unwrap_or_default();
        self.write(Task::Answer, input, output, dice)
    }

    fn choice(&self, dice: &mut Dice) -> WorldRow {
        let ChoiceTest { premise, question, choices, answer } = choice_test(self.draw, self.language, dice);
        let output = choices[answer].clone();
        self.write(question.into(), wordings::premise_and_choices(&premise, &choices), output, dice)
    }

    fn correction(&self, dice: &mut Dice) -> WorldRow {
        let test = self.mistakes.draw(self.draw, dice);
        self.write(Task::Correct, test.wrong, test.right, dice)
    }

    /// Another tense, a denial, a question, the same again.
    fn transformation(&self, dice: &mut Dice) -> WorldRow {
        let task = dice.pick(&TRANSFORMATIONS);
        let solve = |it: &Sentence| match task {
            Task::Past => Sentence { tense: Tense::Past, ..*it },
            Task::Present => Sentence { tense: Tense::Present, ..*it },
            Task::Deny => it.not(),
            _ => *it,
        };
        let sentence = dice.until(
            |dice| self.draw.sentence(dice),
            |it| {
                let solved = solve(it);
                let counted = it.counts().is_some() && task == Task::Deny;
                if task == Task::Repeat {
                    return true;
                }
                let timely = it.time.is_none_or(|time| !time.past && task != Task::Question);
                let clear = !matches!(task, Task::Past | Task::Present) || it.is_clear(self.language);
                let apt = match task {
                    Task::Past => it.tense == Tense::Present && !it.negative,
                    Task::Present => it.tense == Tense::Past && !it.negative && solved.is_unambiguous(),
                    _ => !it.negative && !it.is_fact(),
                };
                apt && timely && clear && !counted && !solved.is_held_out() && self.draw.world.allows(&solved)
            },
        );
        let output = match task {
            Task::Question => questions::whether(&sentence, self.language),
            _ => solve(&sentence).wording(self.language),
        };
        self.write(task, sentence.wording(self.language), output, dice)
    }

    fn truth(&self, dice: &mut Dice) -> WorldRow {
        let draw_both = |dice: &mut Dice| {
            let passage = stories::document(self.draw, Kind::Passage, dice);
            let all: Vec<Sentence> = passage.sentences().copied().collect();
            (!all.is_empty()).then(|| (dice.pick(&all), passage))
        };
        let drawn = dice.until(draw_both, |drawn| {
            drawn.as_ref().is_some_and(|(sentence, _)| {
                let denied = Sentence { negative: !sentence.negative, ..*sentence };
                let other = [sentence, &denied].into_iter().any(|it| it.reads_as_held_out(self.language));
                sentence.counts().is_none() && !denied.is_held_out() && !other
            })
        });
        let Some((sentence, passage)) = drawn else { return self.answer(dice) };
        let yes = dice.percent(50);
        let statement = if yes { sentence } else { Sentence { negative: !sentence.negative, ..sentence } };
        let output = match (self.language, yes) {
            (Language::English, true) => "yes",
            (Language::English, false) => "no",
            (Language::Estonian, true) => "jah",
            (Language::Estonian, false) | (Language::Finnish, false) => "ei",
            (Language::Finnish, true) => "kyllä",
        };
        let text = passage.text(self.language);
        let input = wordings::passage_and_statement(self.language, &text, &statement.wording(self.language));
        self.write(Task::Truth, input, output.to_owned(), dice)
    }

    fn continuation(&self, dice: &mut Dice) -> WorldRow {
        let lines = dice
            .until(|dice| stories::document(self.draw, Kind::Any, dice).render(self.language), |lines| lines.len() > 2);
        let (first, rest) = lines.split_at(lines.len() / 2);
        self.write(Task::Continue, first.join(" "), rest.join(" "), dice)
    }

    /// A question about a fact of the world, without a passage.
    fn knowledge(&self, dice: &mut Dice) -> WorldRow {
        let life = self.draw.world.life(dice);
        let facts = life.sentences();
        if dice.percent(30) {
            let mut facts = facts.to_vec();
            dice.shuffle(&mut facts);
            let document = Document::of(&facts[..3]);
            let name = life.person.et[0];
            let instruction = match self.language {
                Language::English => format!("Who is {name}?"),
                Language::Estonian => format!("Kes on {name}?"),
                Language::Finnish => format!("Kuka on {name}?"),
            };
            let output = document.text(self.language);
            return WorldRow::Instruction { instruction, input: String::new(), output };
        }
        let asks = [Ask::Where, Ask::Job, Ask::What, Ask::What, Ask::Pastime, Ask::Age];
        let index = dice.below(asks.len());
        let asked = questions::ask(&facts[index], asks[index], self.language);
        let output = asked.answers.into_iter().next().unwrap_or_default();
        WorldRow::Instruction { instruction: asked.question, input: String::new(), output }
    }
}

/// A passage and a question with one answer in it. On the tests' side, what is asked about is held out.
pub(super) fn answer_test(draw: Draw<'_>, language: Language, dice: &mut Dice) -> AnswerTest {
    let draw_one = |dice: &mut Dice| {
        let passage = stories::document(draw, Kind::Passage, dice);
        let (asked, others): (Vec<_>, Vec<_>) =
            all_questions(&passage, language).into_iter().partition(|(held_out, _)| draw.side.takes(*held_out));
        if asked.is_empty() || draw.side == Side::Tests && !passage.is_clear(language) {
            return None;
        }
        let chosen = dice.below(asked.len());
        let (_, Asked { question, answers }) = asked[chosen].clone();
        // The same question may have another answer in another sentence.
        let same = asked.iter().chain(&others).filter(|(_, other)| other.question == question).count();
        (same == 1).then(|| AnswerTest { passage: passage.text(language), question, answers })
    };
    let empty = || AnswerTest { passage: String::new(), question: String::new(), answers: Vec::new() };
    dice.until(draw_one, Option::is_some).unwrap_or_else(empty)
}

/// All that can be asked about a passage, and whether what is asked about is held out.
fn all_questions(passage: &Document, language: Language) -> Vec<(bool, Asked)> {
    let about = |sentence: &Sentence| {
        let held_out = sentence.is_held_out();
        let sentence = *sentence;
        let asks = questions::askable(&sentence).into_iter();
        asks.map(move |ask| (held_out, questions::ask(&sentence, ask, language)))
    };
    let why = |rule: &Rule| {
        let reason = documents::because(rule, language).plain();
        let bare = reason.split_once(' ').map_or("", |(_, bare)| bare).to_owned();
        let question = questions::why(&rule.effect, language);
        (rule.is_held_out(), Asked { question, answers: vec![reason, bare] })
    };
    passage.sentences().flat_map(about).chain(passage.rules().map(why)).collect()
}

/// A premise and its likelier cause or effect.
pub(super) fn choice_test(draw: Draw<'_>, language: Language, dice: &mut Dice) -> ChoiceTest {
    let draw_one = |dice: &mut Dice| {
        let rule = causes::rule(draw, dice);
        let question = if dice.percent(50) { Question::Cause } else { Question::Effect };
        let (premise, right, wrong) = match question {
            Question::Cause => (rule.effect, rule.cause, dice.pick(&rule.unlikely_causes)),
            Question::Effect => (rule.cause, rule.effect, dice.pick(&rule.unlikely_effects)),
        };
        (rule, question, [premise, right, wrong])
    };
    let (_, question, sentences) = dice.until(draw_one, |(rule, _, sentences)| {
        let held_out = rule.is_held_out();
        draw.side.takes(held_out)
            && (held_out || !sentences.iter().any(|it| it.is_held_out() || it.reads_as_held_out(language)))
    });
    let [premise, right, wrong] = sentences.map(|sentence| sentence.wording(language));
    let answer = dice.below(2);
    let choices = if answer == 0 { [right, wrong] } else { [wrong, right] };
    ChoiceTest { premise, question, choices, answer }
}
