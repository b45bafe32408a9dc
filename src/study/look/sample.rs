//! Rows of a source, read and tokenized once more to be described: how long they are, in which language, how many twice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use rayon::prelude::*;
use serde::Serialize;

use super::lengths::Lengths;
use crate::data::read::{Row, Rows};
use crate::data::template::{self, Template, translation::Wording};
use crate::data::tokenizer::Encoder;
use crate::error::{Error, Place, Result};
use crate::random;
use crate::recipe::{MixturePart, Source, Training};
use crate::study::ground::Ground;

/// Rows that are read of a source, at most.
const MOST_ROWS: usize = 20_000;
/// Bytes of text that are read of a source, at most about.
const MOST_BYTES: usize = 32 << 20;
/// Texts whose language is told, at most about.
const MOST_TOLD: usize = 2_000;
/// Characters of a text from which its language is told: fewer tell too little, more tell nothing new.
const TELLING: std::ops::RangeInclusive<usize> = 20..=600;
/// A language that cannot be told.
const UNSURE: &str = "unsure";

/// What the first rows of a source are like.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Sample {
    /// Rows read.
    pub rows: u64,
    /// Whether these are all rows.
    pub whole: bool,
    /// Tokens of the rows, in the stage's template, nothing cut.
    pub tokens: u64,
    /// Characters of the rows' texts, before any template.
    pub characters: u64,
    /// Rows whose texts are those of an earlier row.
    pub duplicates: u64,
    /// Texts by the language that they seem to be in.
    pub languages: BTreeMap<&'static str, u64>,
    /// Rows by their tokens.
    #[serde(skip)]
    pub lengths: Lengths,
}

/// Samples that several stages share.
#[derive(Debug, Default)]
pub(super) struct Samples(HashMap<String, Sample>);

impl Samples {
    /// The sample of a source in a stage's template.
    pub fn of(&mut self, ground: &Ground<'_>, training: &Training, name: &str) -> Result<Sample> {
        let key = format!("{name} {:?}", training.template);
        if let Some(known) = self.0.get(&key) {
            return Ok(known.clone());
        }
        let study = ground.study;
        let missing = || Error::new(format!("there is no source named {name}"));
        let source = study.sources.iter().find(|source| source.name == name).ok_or_else(missing)?;
        let part = training.mixture.parts.iter().find(|part| part.source == name).ok_or_else(missing)?;
        let sample = Sample::take(ground, training, source, part).at(format!("source {name}"))?;
        self.0.insert(key, sample.clone());
        Ok(sample)
    }
}

impl Sample {
    fn take(ground: &Ground<'_>, training: &Training, source: &Source, part: &MixturePart) -> Result<Self> {
        let mut rows = Rows::open_with(source, ground.study.seed, ground.progress)?;
        let (mut read, mut bytes) = (Vec::new(), 0);
        let mut whole = false;
        while read.len() < MOST_ROWS && bytes < MOST_BYTES {
            let Some(row) = rows.next().transpose()? else {
                whole = true;
                break;
            };
            bytes += texts(&row.row).iter().map(|text| text.len()).sum::<usize>();
            read.push(row.row);
        }
        let whole = whole || rows.next().is_none();
        let wording = source.languages.clone().map(|languages| {
            let stream = random::Stream::new(ground.study.seed, &format!("translation {}", source.name));
            Wording::new(languages, part.forward_share, stream)
        });
        let tokenizer = &ground.tokenizer;
        let template = Template::open(&training.template, tokenizer)?.training(training.train_on);
        let numbered = read.par_iter().enumerate();
        let tokens: Result<Vec<u64>> = numbered
            .map_init(
                || tokenizer.encoder(),
                |encoder, (index, row)| tokens(row, index as u64, &template, wording.as_ref(), encoder),
            )
            .collect();
        Ok(Self::count(&read, &tokens?, whole))
    }

    fn count(read: &[Row], tokens: &[u64], whole: bool) -> Self {
        let mut sample = Self { rows: read.len() as u64, whole, ..Self::default() };
        let mut seen = HashSet::new();
        for (row, tokens) in read.iter().zip(tokens) {
            sample.tokens += tokens;
            sample.lengths.add(*tokens, 1);
            let texts = texts(row);
            sample.characters += texts.iter().map(|text| text.chars().count() as u64).sum::<u64>();
            let mut hash = DefaultHasher::new();
            texts.hash(&mut hash);
            sample.duplicates += u64::from(!seen.insert(hash.finish()));
        }
        let told: Vec<&'static str> = read
            .par_iter()
            .step_by(read.len().div_ceil(MOST_TOLD).max(1))
            .flat_map_iter(|row| texts(row).into_iter().filter_map(language))
            .collect();
        for language in told {
            *sample.languages.entry(language).or_default() += 1;
        }
        sample
    }
}

/// The texts of a row.
pub(super) fn texts(row: &Row) -> Vec<&str> {
    match row {
        Row::Document(text) => vec![text],
        Row::Pair(first, second) => vec![first, second],
        Row::Tokens { .. } => Vec::new(),
        Row::Conversation(talk) => {
            let each = talk.turns.iter().flat_map(|turn| [turn.text.as_str(), turn.input.as_str()]);
            each.filter(|text| !text.is_empty()).collect()
        }
    }
}

/// Tokens of a row that is not cut.
fn tokens(
    row: &Row,
    index: u64,
    template: &Template,
    wording: Option<&Wording>,
    encoder: &mut Encoder<'_>,
) -> Result<u64> {
    let encoded = match row {
        Row::Document(text) => template::encode_document(text, encoder)?,
        Row::Tokens { ids, .. } => return Ok(ids.len() as u64),
        Row::Conversation(talk) => template.encode(talk, encoder)?,
        Row::Pair(first, second) => {
            let wording = wording.ok_or_else(|| Error::new("the rows are pairs of sentences without languages"))?;
            template.encode(&wording.conversation(index, (first, second)), encoder)?
        }
    };
    Ok(encoded.ids.len() as u64)
}

/// The English name of a text's language, or that it cannot be told; nothing for a text that is too short to tell.
fn language(text: &str) -> Option<&'static str> {
    if text.chars().take(*TELLING.start()).count() < *TELLING.start() {
        return None;
    }
    let start: String = text.chars().take(*TELLING.end()).collect();
    let told = whatlang::detect(&start).filter(whatlang::Info::is_reliable);
    Some(told.map_or(UNSURE, |info| info.lang().eng_name()))
}
