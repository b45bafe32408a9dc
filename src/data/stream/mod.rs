//! All steps of a run of training, addressable by index.
//!
//! Sources are tokenized once into files of a cache; rows are sorted into those trained on, held out and left out; each
//! source's order is divided into rounds by the mixture's weights; a packing plans which rows make which
//! sequence. Nothing of it depends on what was asked before or on the number of threads, so the index of a step is the
//! whole position of a run.
//!
//! | module | concept |
//! |---|---|
//! | `cache` | files of tokens, and the folder that keeps them for all studies |
//! | `build`, `tokenize` | making such a file, once for all processes |
//! | `key`, `fingerprint` | what the tokens depend on; telling whether files changed without reading them |
//! | `stats` | what a source holds |
//! | `part`, `row_set` | which rows of a source are used |
//! | `held_out` | the rows that are kept out of training |
//! | `repeats` | how many rows are there more than once |
//! | `rotation` | in which order they are read |
//! | `interleave` | which source's turn it is |
//! | `concat`, `best_fit` | the two packings |
//! | `count` | the ledger of a plan |
//! | `span` | which rows a sequence is made of |

mod best_fit;
mod build;
mod cache;
mod concat;
mod count;
mod fingerprint;
mod held_out;
mod interleave;
mod key;
mod part;
mod repeats;
mod rotation;
mod row_set;
mod span;
mod stats;
#[cfg(test)]
mod tests;
mod tokenize;

pub use cache::{CacheEntry, CacheFolder, Cleaned, examine_cache_file};
pub use held_out::{HeldOut, held_out};
pub use key::source_fingerprint;
pub use span::Span;
pub use stats::Stats;

use best_fit::BestFit;
pub(crate) use best_fit::{Item, Packed};
use concat::Concat;
use part::Part;
use rotation::Rotation;

use crate::data::clean::Protected;
use crate::data::ledger::{Ledger, SourceLedger};
use crate::data::template::Template;
use crate::data::{Sequence, Tokenizer};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::random;
use crate::recipe::{
    Amount, Budget, MixtureUnit, Packing, RowTemplate, SourceOrigin, StoppingStrategy, Study, Training,
};

/// Of each source, at most about this many held-out tokens are evaluated; all held-out rows stay out of training.
const MOST_HELD_OUT: u64 = 1 << 20;

/// Every step of a run of training. The index of a step is the whole position, so resuming is asking for the next one.
#[derive(Debug)]
pub struct Stream {
    mixed: Mixed,
    plan: Plan,
    batch: usize,
    /// Tokens after each number of steps, from none.
    tokens: Vec<u64>,
    held_out: Vec<Sequence>,
    ledger: Ledger,
}

#[derive(Debug)]
enum Plan {
    Concat(Concat),
    BestFit(BestFit),
}

/// The sources of a mixture.
#[derive(Debug)]
struct Mixed {
    parts: Vec<Part>,
    rotations: Vec<Rotation>,
    stopping: StoppingStrategy,
}

impl Mixed {
    fn len(&self) -> usize {
        self.parts.len()
    }

    fn get(&self, source: usize) -> Option<(&Part, &Rotation)> {
        Some((self.parts.get(source)?, self.rotations.get(source)?))
    }

    /// In which proportion sequences are taken from the sources.
    fn proportions(&self) -> Vec<f64> {
        let pairs = self.parts.iter().zip(&self.rotations);
        let of = |(part, rotation): (&Part, &Rotation)| match part.amount {
            // Until the first of them ends; what a round has of each is another matter.
            Amount::Share(share) if self.stopping == StoppingStrategy::AllExhaustedWithoutReplacement => {
                share * if rotation.by_rows() { rotation.tokens_a_row() } else { 1.0 }
            }
            _ => rotation.tokens_per_round(),
        };
        pairs.map(of).collect()
    }

    /// The tokens that each source gives to the first `rounds` rounds.
    fn ends(&self, rounds: u64) -> Vec<u64> {
        let pairs = self.parts.iter().zip(&self.rotations);
        pairs.map(|(part, rotation)| rotation.tokens_before(part, rotation.bound(part, rounds))).collect()
    }

    /// Rows as a sequence of documents.
    fn unpack(&self, items: &[Item]) -> Result<Sequence> {
        let mut sequence = Sequence { bounds: vec![0], ..Sequence::default() };
        for item in items {
            if let Some(part) = self.parts.get(usize::from(item.source)) {
                part.copy(item.row, part.piece(item.row, u64::from(item.start)), &mut sequence)?;
            }
        }
        Ok(sequence)
    }
}

impl Stream {
    /// Tokenizes the sources of a mixture (once: the result is kept in `cache`) and plans all steps.
    ///
    /// `stage` names the run's randomness: the same name, seed and sources give the same steps. `protected` are the texts
    /// of evaluation sets, which sources that are decontaminated must not have.
    ///
    /// # Errors
    /// A source cannot be read, has a row that the recipe does not allow, or has no row left.
    pub fn open(
        study: &Study,
        training: &Training,
        tokenizer: &Tokenizer,
        stage: &str,
        cache: &CacheFolder,
        protected: &Protected,
        progress: &Progress,
    ) -> Result<Self> {
        check(training)?;
        let (parts, ledgers) = parts(study, training, tokenizer, cache, protected, progress)?;
        let mixed = mix(parts, study, training, stage);
        let stream = random::Stream::new(study.seed, &format!("{stage} sequences"));
        let (length, batch) = (training.sequence_length, training.batch);
        let (plan, step_tokens) = match training.packing {
            Packing::Concat => {
                let (plan, tokens) = Concat::plan(&mixed, training.budget, length, batch);
                (Plan::Concat(plan), tokens)
            }
            Packing::BestFit => {
                let (plan, tokens) = BestFit::plan(&mixed, training.budget, length, batch, stream)?;
                (Plan::BestFit(plan), tokens)
            }
        };
        if step_tokens.is_empty() {
            return Err(Error::new("the budget does not reach the first row of any source")
                .hint("train on more epochs or tokens"));
        }
        let mut tokens = vec![0];
        tokens.extend(step_tokens.iter().scan(0, |sum, step| {
            *sum += step;
            Some(*sum)
        }));
        let held_out = evaluated(&mixed, training)?;
        let ledger = count::ledger(stage, training, &mixed, &plan, &tokens, ledgers, held_out.len());
        Ok(Self { mixed, plan, batch, tokens, held_out, ledger })
    }

    /// Number of steps.
    pub fn steps(&self) -> u64 {
        self.tokens.len() as u64 - 1
    }

    /// The sequences of a step: exactly `batch` of them, fewer only at the last step of a budget in epochs.
    ///
    /// # Errors
    /// There is no step of that index; or the tokens of a source are damaged or cannot be read.
    pub fn step(&self, index: u64) -> Result<Vec<Sequence>> {
        self.check_step(index)?;
        match &self.plan {
            Plan::Concat(plan) => plan.step(&self.mixed, index as usize, self.batch),
            Plan::BestFit(plan) => plan.step(&self.mixed, index, self.batch),
        }
    }

    fn check_step(&self, index: u64) -> Result<()> {
        match index < self.steps() {
            true => Ok(()),
            false => Err(Error::new("the step").got(index).expected(format!("below {}", self.steps()))),
        }
    }

    /// Tokens read, masked ones included, when `steps` steps are done.
    pub fn tokens_after(&self, steps: u64) -> u64 {
        let last = self.tokens.last().copied().unwrap_or(0);
        usize::try_from(steps).ok().and_then(|steps| self.tokens.get(steps)).copied().unwrap_or(last)
    }

    /// Sequences that are never trained on, for the held-out loss; about a million tokens of each source at most.
    pub fn held_out(&self) -> &[Sequence] {
        &self.held_out
    }

    /// Where every row and token goes, over the whole run.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

fn check(training: &Training) -> Result<()> {
    if training.sequence_length < 2 || u32::try_from(training.sequence_length).is_err() {
        return Err(Error::new("sequence_length").got(training.sequence_length).expected("at least 2"));
    }
    if training.batch == 0 {
        return Err(Error::new("batch").got(0).expected("at least 1"));
    }
    match training.budget {
        Budget::Tokens(0) => Err(Error::new("the budget").got("0 tokens").expected("at least 1")),
        Budget::Epochs(epochs) if !(epochs > 0.0 && epochs.is_finite()) => {
            Err(Error::new("the budget").got(format!("{epochs} epochs")).expected("more than 0"))
        }
        _ => Ok(()),
    }
}

fn parts(
    study: &Study,
    training: &Training,
    tokenizer: &Tokenizer,
    cache: &CacheFolder,
    protected: &Protected,
    progress: &Progress,
) -> Result<(Vec<Part>, Vec<SourceLedger>)> {
    let mut sorted = (Vec::new(), Vec::new());
    let template = Template::open(&training.template, tokenizer)?.training(training.train_on);
    for part in &training.mixture.parts {
        let source = study.sources.iter().find(|source| source.name == part.source);
        let source = source.ok_or_else(|| Error::new(format!("there is no source named {}", part.source)))?;
        let recipe = key::Recipe::new(study, source, part, &template, protected);
        let (file, cached) = build::open(&recipe, tokenizer, cache, progress)?;
        let files = match &source.origin {
            SourceOrigin::Files(paths) => crate::data::read::expanded(paths)?,
            SourceOrigin::Hub(dataset) => crate::data::read::hub::names(&crate::data::read::hub::open(dataset)?),
            SourceOrigin::World { generator, .. } => vec![format!("world {generator}").into()],
        };
        let whole = source.template != RowTemplate::Plain;
        let part = Part::new((&source.name, part.amount), whole, file, files, training);
        let (part, ledger) = part.sort(cached, training)?;
        sorted.0.push(part);
        sorted.1.push(ledger);
    }
    match sorted.0.len() {
        0 => Err(Error::new("the mixture has no source")),
        count if count > usize::from(u16::MAX) => {
            Err(Error::new("the number of sources of a mixture").got(count).expected("at most 65535"))
        }
        _ => Ok(sorted),
    }
}

fn mix(parts: Vec<Part>, study: &Study, training: &Training, stage: &str) -> Mixed {
    let rounds = match training.budget {
        Budget::Tokens(_) => f64::INFINITY,
        Budget::Epochs(epochs) => epochs,
    };
    let order = |part: &Part| random::Stream::new(study.seed, &format!("{stage} order of {}", part.name));
    let by_rows = |part: &Part| match part.amount {
        Amount::Share(_) => training.mixture.by == MixtureUnit::Rows,
        Amount::Rows(_) => true,
        Amount::Tokens(_) | Amount::Epochs(_) => false,
    };
    let mut rotations: Vec<Rotation> =
        parts.iter().map(|part| Rotation::new(part, by_rows(part), rounds, order(part))).collect();
    let amounts: Vec<Amount> = parts.iter().map(|part| part.amount).collect();
    rotation::divide(&mut rotations, &amounts, training.mixture.stopping);
    Mixed { parts, rotations, stopping: training.mixture.stopping }
}

/// The held-out rows, source by source, packed as those trained on.
fn evaluated(mixed: &Mixed, training: &Training) -> Result<Vec<Sequence>> {
    let length = training.sequence_length;
    let mut sequences = Vec::new();
    for (source, part) in mixed.parts.iter().enumerate() {
        let mut left = MOST_HELD_OUT;
        let mut rows = Vec::new();
        for row in part.held_out.iter() {
            rows.extend(part.items(source as u16, row));
            left = left.saturating_sub(part.length(row));
            if left == 0 {
                break;
            }
        }
        match training.packing {
            Packing::BestFit => {
                let packed = Packed::best_fit(&rows, length as u32);
                for index in 0..packed.len() {
                    sequences.push(mixed.unpack(packed.sequence(index))?);
                }
            }
            Packing::Concat => {
                let items: Vec<Item> = rows.into_iter().map(|(item, _)| item).collect();
                let ids = mixed.unpack(&items)?.ids;
                sequences.extend(ids.chunks(length).filter(|chunk| chunk.len() > 1).map(concat::cut));
            }
        }
    }
    Ok(sequences)
}
