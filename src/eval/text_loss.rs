//! Held-out rows, and how well a model predicts them: texts whole, conversations by what the assistant says.

use std::path::Path;

use super::window;
use crate::data::Tokenizer;
use crate::data::read::{Row, Rows};
use crate::data::template::Template;
use crate::error::{Error, Place, Result};
use crate::model::{Batch, Llama};
use crate::recipe::{ChatTemplate, Clean, Reading, RowTemplate, Source, SourceOrigin};

/// What a row may be, in the order in which it is tried on the first one.
const TRIED: [RowTemplate; 4] =
    [RowTemplate::Messages, RowTemplate::PromptCompletion, RowTemplate::Alpaca, RowTemplate::Plain];

/// Rows as a model reads them.
#[derive(Debug)]
pub struct HeldOut {
    batch: Batch,
    bytes: u64,
    rows: u64,
}

impl HeldOut {
    /// Reads a file of text, or of JSON rows with `text`, `instruction` and `output`, `prompt` and `completion`, or
    /// `messages`; at most `limit` rows of it. Texts longer than the context are cut into windows; of a conversation that
    /// is longer, what the context holds counts.
    ///
    /// # Errors
    /// The file cannot be read; a row is none of these; nothing is there to predict.
    pub fn open(
        path: &Path,
        (tokenizer, template): (&Tokenizer, &ChatTemplate),
        context: usize,
        limit: Option<u64>,
    ) -> Result<Self> {
        let place = path.display().to_string();
        let template = Template::open(template, tokenizer)?;
        let mut listener = window::Listener::new(&template, tokenizer, context);
        let encoder = &mut tokenizer.encoder();
        let (mut documents, mut bytes, mut rows) = (Vec::new(), 0, 0);
        for read in open(path, limit)? {
            match read?.row {
                Row::Document(text) => {
                    bytes += text.len() as u64;
                    let length = window::LENGTH.min(context);
                    documents.extend(window::windows(tokenizer.bos(), &encoder.encode(&text)?, length));
                }
                Row::Conversation(talk) => {
                    let (document, text) = listener.heard(&talk)?;
                    bytes += text.len() as u64;
                    documents.push(document);
                }
                Row::Pair(..) | Row::Tokens { .. } => return Err(Error::new("the row is no text").at(place)),
            }
            rows += 1;
        }
        let batch = window::batch(&documents).at(place.as_str())?;
        if batch.targets.is_empty() || bytes == 0 {
            return Err(Error::new("there is nothing to predict").at(place).hint("rows need a text or an answer"));
        }
        Ok(Self { batch, bytes, rows })
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The loss of a model on the rows, over the bytes of what it is to predict.
    ///
    /// # Units   bits per byte
    /// # Errors  a number is not finite
    pub fn loss(&self, model: &Llama) -> Result<f64> {
        let nats: f64 = model.log_likelihoods(&self.batch)?.iter().sum();
        Ok(-nats / std::f64::consts::LN_2 / self.bytes as f64)
    }
}

/// Opens a file as the first kind of rows that its first row is one of.
fn open(path: &Path, limit: Option<u64>) -> Result<Rows> {
    let source = |template| Source {
        name: path.display().to_string(),
        origin: SourceOrigin::Files(vec![path.to_owned()]),
        template,
        languages: None,
        reading: Reading::default(),
        limit,
        clean: Clean::default(),
    };
    let mut last = None;
    for template in TRIED {
        let first = Rows::open(&source(template), 0).and_then(|mut rows| rows.next().transpose());
        match first {
            Ok(Some(_)) => return Rows::open(&source(template), 0),
            Ok(None) => last = Some(Error::new("the file has no rows").at(path.display().to_string())),
            Err(error) => last = Some(error),
        }
    }
    // What is wrong with it as a text says most about a file that is nothing.
    Err(last.unwrap_or_else(|| Error::new("the file has no rows").at(path.display().to_string())))
}
