//! Plans, packings, the cache and the ledger, on small sources whose rows can be told apart.

mod cached;
mod mixtures;
mod plans;
mod rows;

use std::path::{Path, PathBuf};

use super::*;
use crate::recipe::{
    Base, BaseOrigin, ChatTemplate, Mixture, MixturePart, NoTarget, OptimizerSettings, Recompute, RowTemplate,
    Schedule, ScheduleKind, Source, TooLong, TrainOn,
};

/// Sources in a folder of their own, and a tokenizer that gives each digit a token.
struct Fixture {
    folder: tempfile::TempDir,
    sources: Vec<Source>,
    tokenizer: Tokenizer,
    seed: u64,
}

fn digits() -> Tokenizer {
    Tokenizer::train(["0123456789 ab ab tere tere hästi hästi . Mis on? Mis on?"; 3], 300).unwrap()
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), sources: Vec::new(), tokenizer: digits(), seed: 11 }
    }

    /// A source of documents; document `i` is its own number in digits, filled up with zeros to `lengths[i]` tokens.
    fn documents(mut self, name: &str, lengths: &[usize]) -> Self {
        let lines = lengths.iter().enumerate().map(|(row, length)| {
            // BOS, the space before the text and EOS are three tokens.
            let number = format!("{}{row:04}", self.sources.len() + 1);
            format!("{number}{}\n", "0".repeat(length.saturating_sub(3 + number.len())))
        });
        let text: String = lines.collect();
        self.add(name, "txt", &text, RowTemplate::Plain);
        self
    }

    fn add(&mut self, name: &str, extension: &str, text: &str, template: RowTemplate) {
        let path = self.folder.path().join(format!("{name}.{extension}"));
        std::fs::write(&path, text).unwrap();
        self.sources.push(Source {
            name: name.into(),
            origin: SourceOrigin::Files(vec![path]),
            template,
            languages: None,
            reading: crate::recipe::Reading::default(),
            limit: None,
            clean: crate::recipe::Clean::default(),
        });
    }

    /// A source of questions and answers, `answers[i]` tokens long (the question is longer than one token).
    fn questions(mut self, name: &str, answers: &[usize]) -> Self {
        let rows: Vec<String> = answers
            .iter()
            .enumerate()
            .map(|(row, length)| {
                let instruction = format!("{}{row:04}", self.sources.len() + 1);
                format!("{{\"instruction\": \"{instruction}\", \"output\": \"{}\"}}\n", "7".repeat(*length))
            })
            .collect();
        self.add(name, "jsonl", &rows.concat(), RowTemplate::Alpaca);
        self
    }

    fn study(&self) -> Study {
        Study {
            name: "test".into(),
            seed: self.seed,
            device: crate::device::DeviceChoice::Cpu,
            base: Base {
                origin: BaseOrigin::BuiltIn("none".into()),
                tokenizer: None,
                dtype: candle_core::DType::F32,
                tf32: false,
            },
            sources: self.sources.clone(),
            pretrain: None,
            adapters: Vec::new(),
            compare: None,
        }
    }

    fn cache(&self) -> CacheFolder {
        CacheFolder::new(self.folder.path().join("cache"))
    }

    /// The files of tokens in the cache, by name.
    fn cached(&self) -> Vec<PathBuf> {
        files_of(&self.cache().root().join("tokens"))
            .into_iter()
            .filter(|p| p.extension().unwrap() == "tokens")
            .collect()
    }

    fn open(&self, training: &Training) -> Result<Stream> {
        Stream::open(
            &self.study(),
            training,
            &self.tokenizer,
            "stage",
            &self.cache(),
            &Protected::default(),
            &Progress::silent(),
        )
    }
}

/// The files of a folder, by name; none where there is no folder.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn training(weights: &[(&str, f64)], packing: Packing, budget: Budget) -> Training {
    Training {
        sequence_length: 32,
        batch: 4,
        micro_batch: 1,
        budget,
        packing,
        too_long: TooLong::Error,
        no_target: NoTarget::Error,
        optimizer: OptimizerSettings {
            learning_rate: 1e-3,
            weight_decay: 0.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip: None,
            ..OptimizerSettings::default()
        },
        schedule: Schedule { kind: ScheduleKind::Constant, warmup: 0.0, final_learning_rate: 1e-3 },
        template: ChatTemplate::Plain,
        train_on: TrainOn::Assistant,
        mixture: Mixture {
            parts: weights
                .iter()
                .map(|(source, weight)| MixturePart {
                    source: (*source).into(),
                    amount: Amount::Share(*weight),
                    forward_share: 0.5,
                })
                .collect(),
            by: MixtureUnit::Tokens,
            stopping: StoppingStrategy::FirstExhausted,
        },
        checkpoint_every: 10,
        evaluate_every: 0,
        held_out: 0.0,
        neftune_alpha: 0.0,
        recompute: Recompute::Nothing,
    }
}

fn all_steps(stream: &Stream) -> Vec<Vec<Sequence>> {
    (0..stream.steps()).map(|step| stream.step(step).unwrap()).collect()
}

/// The documents of sequences that are cut anywhere: what stands between one BOS and the next.
fn documents(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<String> {
    let documents = ids.split(|id| *id == tokenizer.bos()).skip(1);
    documents
        .map(|ids| tokenizer.decode(ids.strip_suffix(&[tokenizer.eos()]).expect("each document ends with EOS")))
        .collect()
}

fn check_shape(stream: &Stream, training: &Training) {
    let steps = all_steps(stream);
    let mut tokens = 0;
    for (index, step) in steps.iter().enumerate() {
        let last = index + 1 == steps.len() && matches!(training.budget, Budget::Epochs(_));
        assert!(step.len() == training.batch || last && !step.is_empty() && step.len() < training.batch);
        for sequence in step {
            assert!(!sequence.is_empty() && sequence.len() <= training.sequence_length);
            assert_eq!((sequence.bounds[0], *sequence.bounds.last().unwrap() as usize), (0, sequence.len()));
            assert_eq!(sequence.trained.len(), sequence.len());
            for bounds in sequence.bounds.windows(2) {
                assert!(bounds[0] < bounds[1]);
                assert!(!sequence.trained[bounds[0] as usize], "the first token of a document is no target");
            }
            tokens += sequence.len() as u64;
        }
        for (spans, sequence) in stream.spans(index as u64).unwrap().iter().zip(step) {
            assert!(spans.iter().all(|span| span.start < span.end && span.end <= span.length));
            let lengths = spans.iter().map(|span| span.end - span.start);
            assert_eq!(lengths.sum::<u64>(), sequence.len() as u64, "spans are all of a sequence");
        }
        assert_eq!(stream.tokens_after(index as u64 + 1), tokens);
    }
    assert_eq!((stream.tokens_after(0), stream.ledger().tokens), (0, tokens));
    let trained: usize = steps.iter().flatten().map(Sequence::targets).sum();
    assert_eq!(stream.ledger().trained_tokens, trained as u64);
    assert_eq!(stream.ledger().sequences, steps.iter().map(Vec::len).sum::<usize>() as u64);
    for source in &stream.ledger().sources {
        assert_eq!(source.tokens_read, source.trained_tokens + source.masked_tokens);
        let rows = [source.held_out, source.too_long, source.no_target, source.usable];
        assert_eq!(source.rows, rows.iter().map(|count| count.rows).sum::<u64>());
        let tokens = rows.iter().map(|count| count.tokens).sum::<u64>() + source.truncated.tokens;
        assert_eq!(source.tokens, tokens);
    }
    assert!(stream.step(stream.steps()).is_err());
}
