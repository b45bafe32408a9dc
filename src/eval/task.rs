//! A task: its examples with the words they are asked in, its metrics, and how it goes by name.

use crate::data::template::Fields;
use crate::data::{Conversation, Tokenizer};
use crate::error::{Error, Place, Result};
use crate::model::Config;
use crate::random::Stream;
use crate::recipe::{
    ChatTemplate, Choose, Compare, MetricSettings, MetricWord, Study, TaskData, TaskKind, TaskSettings,
};

use super::asking::Asking;
use super::bleu::Bleu;
use super::chrf::Chrf;
use super::example::Example;
use super::language::Language;
use super::metric::Metric;
use super::naming::{self, distinct_names, file_name, name_of};
use super::prediction::Prediction;
use super::result::TaskResult;
use super::ter::Ter;
use super::tokens::Tokens;
use super::writing::Answers;
use super::{from_world, held_out, letters, read};

/// Examples taken from the built-in world where the recipe sets no limit.
const WORLD_EXAMPLES: usize = 200;

/// Examples of one kind from one place, ready to be asked.
#[derive(Debug, Clone)]
pub struct Task {
    pub(super) name: String,
    pub(super) kind: TaskKind,
    pub(super) choose: Choose,
    pub(super) answers: Answers,
    /// The language of the answers.
    pub(super) language: Language,
    pub(super) items: Vec<Item>,
    pub(super) template: ChatTemplate,
    pub(super) batch: usize,
    pub(super) max_new_tokens: usize,
    metrics: Metrics,
    seed: u64,
}

/// What answers are scored by. Answers do not follow from it, so that it is left out of what is written about a task.
#[derive(Clone)]
struct Metrics(Vec<Metric>);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// An example and the words that ask for its answer.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) example: Example,
    pub(super) question: Conversation,
}

impl Item {
    /// The number of the turn that it is in its conversation; 0 for all that is no conversation.
    pub(super) fn turn(&self) -> usize {
        match self.example {
            Example::Turn { number, .. } => number,
            _ => 0,
        }
    }
}

impl Task {
    /// Loads all tasks of a study's comparison.
    ///
    /// # Errors
    /// As [`Task::load_some`].
    pub fn load_all(study: &Study) -> Result<Vec<Self>> {
        Self::load_some(study, |_| true)
    }

    /// Loads those tasks of a study's comparison that are wanted; each has a name of its own among all.
    ///
    /// # Errors
    /// As [`Task::load`], for all tasks at once; a source whose held-out rows are asked for cannot be read or has none.
    pub fn load_some(study: &Study, is_wanted: impl Fn(&TaskSettings) -> bool) -> Result<Vec<Self>> {
        Self::load_those(study, |_, settings| is_wanted(settings))
    }

    /// Loads those tasks of a study's comparison that are named: by their names, by their file names
    /// (`translation-english-estonian-world`), or by the first words of one if no other task begins so.
    ///
    /// # Errors
    /// As [`Task::load_some`]; no task has a name, or several have it.
    pub fn load_named(study: &Study, asked: &[String]) -> Result<Vec<Self>> {
        let names = study.compare.as_ref().map_or(Vec::new(), |compare| distinct_names(&compare.tasks));
        if names.is_empty() {
            return Err(Error::new("the recipe compares nothing, so it has no tasks"));
        }
        let places = asked.iter().map(|asked| naming::meant(&names, asked)).collect::<Result<Vec<usize>>>()?;
        Self::load_those(study, |place, _| places.contains(&place))
    }

    fn load_those(study: &Study, is_wanted: impl Fn(usize, &TaskSettings) -> bool) -> Result<Vec<Self>> {
        let Some(compare) = &study.compare else { return Ok(Vec::new()) };
        let (mut tasks, mut errors) = (Vec::new(), Vec::new());
        let named = compare.tasks.iter().zip(distinct_names(&compare.tasks)).zip(1usize..);
        for ((settings, name), number) in named.filter(|((settings, _), number)| is_wanted(number - 1, settings)) {
            let task = match &settings.data {
                TaskData::HeldOut { source } => held_out::items(study, source, compare.limit)
                    .at(&name)
                    .and_then(|items| Self::of(settings, items, compare, study.seed)),
                TaskData::World { .. } | TaskData::File { .. } => Self::load(settings, compare, study.seed),
            };
            match task {
                Ok(task) => tasks.push(Self { name, ..task }),
                Err(error) => errors.push(error.at(format!("task {number}"))),
            }
        }
        Error::all(errors).map_or(Ok(tasks), Err)
    }

    /// Loads one task: reads its files, or asks the built-in world.
    ///
    /// With a limit, a seeded choice of that many examples is taken, in the order of the file.
    ///
    /// # Errors
    /// As [`read::examples`] and [`Tokens::named`]; a world task in a language that the world does not speak; the task is
    /// about rows of a study's source (see [`Task::load_all`]).
    pub fn load(settings: &TaskSettings, compare: &Compare, seed: u64) -> Result<Self> {
        let name = name_of(settings, false);
        let (from, language) = languages(settings);
        let items = match &settings.data {
            TaskData::World { .. } => {
                let count = compare.limit.unwrap_or(WORLD_EXAMPLES);
                let mut items = from_world::items(&settings.kind, &from, &language, count, seed).at(&name)?;
                if settings.choose == Choose::Letter {
                    items.iter_mut().for_each(|item| letters::show(&mut item.question, &item.example, &language));
                }
                items
            }
            TaskData::File { paths, .. } => {
                let groups = read::groups(&settings.kind, paths, &settings.row).at(&name)?;
                let asking = Asking::new(settings, &from, &language).at(&name)?;
                let ask = |((example, row), number): ((Example, Fields), usize)| {
                    let question = asking.question(&example, &row).at(format!("example {number}")).at(&name)?;
                    Ok(Item { question, example })
                };
                let examples = limited(groups, compare.limit, seed).into_iter().flatten();
                examples.zip(0..).map(ask).collect::<Result<_>>()?
            }
            TaskData::HeldOut { .. } => {
                return Err(Error::new("held-out rows are those of a study's source")).at(&name);
            }
        };
        Self::of(settings, items, compare, seed)
    }

    /// A task with its examples.
    fn of(settings: &TaskSettings, items: Vec<Item>, compare: &Compare, seed: u64) -> Result<Self> {
        let name = name_of(settings, false);
        if items.is_empty() {
            return Err(Error::new("the task has no examples").at(name));
        }
        let annotated = items.iter().all(|item| item.example.gold().is_some());
        let metrics = Metrics(metrics(settings, annotated).at(&name)?);
        Ok(Self {
            answers: Answers::new(&settings.read).at(&name)?,
            name,
            kind: settings.kind.clone(),
            choose: settings.choose,
            language: languages(settings).1,
            items,
            metrics,
            template: compare.template.clone(),
            batch: compare.batch.max(1),
            max_new_tokens: settings.max_new_tokens,
            seed,
        })
    }

    /// How tables name it: `translation English→Estonian, flores_en_et`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name as a file name: `translation-english-estonian-flores-en-et`.
    pub fn file_name(&self) -> String {
        file_name(&self.name)
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no example; a loaded task has some.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The examples, in order.
    pub fn examples(&self) -> impl Iterator<Item = &Example> {
        self.items.iter().map(|item| &item.example)
    }

    /// What is asked, in the order of the examples: the words that every candidate reads, without a chat template.
    pub fn questions(&self) -> impl Iterator<Item = String> {
        self.items.iter().map(|item| {
            let turns = item.question.turns.iter().flat_map(|turn| [turn.text.trim(), turn.input.trim()]);
            turns.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
        })
    }

    /// What kind of task it is.
    pub fn kind(&self) -> &TaskKind {
        &self.kind
    }

    /// The most tokens that an answer may have; 0 where none is written.
    pub fn max_new_tokens(&self) -> usize {
        self.max_new_tokens
    }

    /// Its metrics; the most telling one first.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics.0
    }

    /// Checks that every prompt fits the model, before hours of training are spent.
    ///
    /// # Errors
    /// Names the task, the example and its number of tokens.
    pub fn check_lengths(&self, tokenizer: &Tokenizer, config: &Config) -> Result<()> {
        self.check(tokenizer, config.max_position_embeddings).at(self.name())
    }

    /// Scores predictions of this task, such as those that an earlier run kept.
    ///
    /// # Errors
    /// The predictions are not of these examples.
    pub fn result(&self, predictions: Vec<Prediction>) -> Result<TaskResult> {
        if predictions.len() != self.len() {
            return Err(Error::new("number of predictions")
                .got(predictions.len())
                .expected(self.len())
                .at(self.name())
                .hint("they belong to another state of the recipe; remove them and the task is answered again"));
        }
        let pairs = predictions.iter().zip(&self.items).zip(0usize..);
        let other = pairs.into_iter().find(|((prediction, item), at)| {
            prediction.example != *at
                || prediction.references != item.example.references()
                || prediction.gold.as_ref() != item.example.gold()
        });
        if let Some((_, at)) = other {
            return Err(Error::new(format!("prediction {at} is not of example {at} of this task"))
                .at(self.name())
                .hint("the examples have changed; remove the predictions and the task is answered again"));
        }
        Ok(TaskResult::of(&self.name, self.metrics(), &self.language, self.seed, predictions))
    }
}

/// The languages of what is given and of what is answered.
fn languages(settings: &TaskSettings) -> (Language, Language) {
    match &settings.kind {
        TaskKind::Translation { from, to } => (Language::named(from), Language::named(to)),
        _ => (Language::named(settings.data.language()), Language::named(settings.data.language())),
    }
}

/// The metrics of a task: those asked for, or what is usual for its kind; the most telling one first.
/// `annotated`: every example has annotators' edits.
pub(super) fn metrics(settings: &TaskSettings, annotated: bool) -> Result<Vec<Metric>> {
    let bleu = || -> Result<Metric> {
        let MetricSettings { tokenize, model, lowercase, .. } = &settings.metric;
        let tokens = Tokens::named(tokenize.name(), model.as_deref())?;
        Ok(Metric::Bleu(Bleu { tokens, lowercase: *lowercase, ..Bleu::default() }))
    };
    if settings.metrics.is_empty() {
        return usual_metrics(settings, annotated, bleu);
    }
    let metric = |word: &MetricWord| {
        Ok(match word {
            MetricWord::Bleu => bleu()?,
            MetricWord::Chrf => Metric::Chrf(Chrf::default()),
            MetricWord::ChrfPlusPlus => Metric::Chrf(Chrf::plus_plus()),
            MetricWord::Ter => Metric::Ter(Ter::default()),
            MetricWord::ExactMatch => Metric::ExactMatch,
            MetricWord::SameText => Metric::SameText,
            MetricWord::F1 => Metric::F1,
            MetricWord::InLanguage => Metric::InLanguage,
        })
    };
    settings.metrics.iter().map(metric).collect()
}

fn usual_metrics(settings: &TaskSettings, annotated: bool, bleu: impl Fn() -> Result<Metric>) -> Result<Vec<Metric>> {
    Ok(match settings.kind {
        TaskKind::Translation { .. } => {
            let mut metrics = vec![bleu()?, Metric::Chrf(Chrf::default()), Metric::Chrf(Chrf::plus_plus())];
            metrics.extend(settings.metric.ter.then(|| Metric::Ter(Ter::default())));
            metrics
        }
        TaskKind::Choice if settings.choose == Choose::Letter => vec![Metric::AccuracyWritten, Metric::Readable],
        TaskKind::Choice => {
            vec![Metric::Accuracy, Metric::AccuracyUnnormalised, Metric::AccuracyPerByte, Metric::AccuracyGain]
        }
        TaskKind::Answer => vec![Metric::F1, Metric::ExactMatch],
        TaskKind::Correction => {
            let mut metrics = vec![Metric::EditF05, Metric::SameText, Metric::Chrf(Chrf::default())];
            if annotated {
                metrics.splice(0..0, [Metric::MaxMatchF05, Metric::MaxMatchPrecision, Metric::MaxMatchRecall]);
            }
            metrics
        }
        TaskKind::Perplexity => {
            vec![Metric::BitsPerByte, Metric::Perplexity, Metric::PerplexityPerWord, Metric::PerplexityPerByte]
        }
        TaskKind::Conversation => vec![Metric::InLanguage],
    })
}

/// A seeded choice of at most `limit` examples, in their order.
fn limited<T>(examples: Vec<T>, limit: Option<usize>, seed: u64) -> Vec<T> {
    let Some(limit) = limit.filter(|limit| *limit < examples.len()) else { return examples };
    let order = Stream::new(seed, "examples of a task").permutation(examples.len());
    let mut chosen = vec![false; examples.len()];
    for &index in order.iter().take(limit) {
        if let Some(place) = chosen.get_mut(index as usize) {
            *place = true;
        }
    }
    examples.into_iter().zip(chosen).filter_map(|(example, chosen)| chosen.then_some(example)).collect()
}

#[cfg(test)]
mod tests;
