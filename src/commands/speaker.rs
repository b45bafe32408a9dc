//! A model that is ready to answer: what `generate` and `chat` share.

use std::path::Path;

use crate::adapter::Adapter;
use crate::cli::ModelArgs;
use crate::data::template::Template;
use crate::data::{Conversation, Tokenizer};
use crate::device::{self, DeviceChoice};
use crate::error::{Error, Place, Result};
use crate::model::{Llama, Sampling};
use crate::recipe::ChatTemplate;
use crate::study::{self, OpenedModel};

/// Prompts that are answered side by side.
const ROWS_AT_ONCE: usize = 16;

/// A loaded model with its tokenizer, template and sampling.
pub struct Speaker {
    /// The model; adapters are attached to it.
    pub model: Llama,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    weights_hash: String,
    template: Template,
    sampling: Sampling,
}

impl Speaker {
    /// Loads the model that the flags name.
    pub fn open(args: &ModelArgs) -> Result<Self> {
        let device = device::open(args.device.parse::<DeviceChoice>()?)?;
        let dtype = device::dtype_named(&args.dtype)
            .ok_or_else(|| Error::usage("--dtype").got(format!("{:?}", args.dtype)).expected("f32, bf16 or f16"))?;
        let OpenedModel { model, tokenizer, weights_hash } = study::open_model(&args.model, dtype, &device)?;
        let template = Template::open(&template_named(&args.template)?, &tokenizer)?;
        let sampling = Sampling {
            temperature: args.temperature,
            top_k: args.top_k.unwrap_or(0),
            top_p: args.top_p.unwrap_or(1.0),
            seed: args.seed,
            stop_ids: template.ends(&tokenizer),
            rows_at_once: ROWS_AT_ONCE,
            ..Sampling::greedy(&model, args.max_new_tokens)
        };
        Ok(Self { model, tokenizer, weights_hash, template, sampling })
    }

    /// Loads an adapter for this model.
    ///
    /// # Errors
    /// It was trained on other weights, or does not fit.
    pub fn load_adapter(&self, folder: &Path) -> Result<Adapter> {
        let adapter = Adapter::load_for(folder, &self.model)?;
        adapter.check_base(&self.weights_hash).at(folder.display().to_string())?;
        adapter.prepare(self.model.dtype(), self.model.device())
    }

    /// The ids of a conversation that waits for an answer.
    pub fn prompt(&self, conversation: &Conversation) -> Result<Vec<u32>> {
        self.template.encode_prompt(conversation, &mut self.tokenizer.encoder())
    }

    /// The ids of a text as it is.
    pub fn raw_prompt(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = vec![self.tokenizer.bos()];
        ids.extend(self.tokenizer.encode(text)?);
        Ok(ids)
    }

    /// Answers one prompt, handing out the words as they come; returns all of them.
    pub fn answer(
        &self,
        prompt: Vec<u32>,
        stop: &dyn Fn() -> bool,
        on_text: &mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<String> {
        let mut text = String::new();
        let mut stream = self.tokenizer.text_stream();
        let mut failed = None;
        let mut take = |piece: String| {
            text.push_str(&piece);
            if failed.is_none() {
                failed = on_text(&piece).err();
            }
        };
        let mut on_token = |_row: usize, id: u32| take(stream.push(id));
        self.model.generate(&[prompt], &self.sampling, stop, &mut on_token)?;
        take(stream.finish());
        match failed {
            Some(error) => Err(error),
            None => Ok(text),
        }
    }

    /// Answers several prompts together.
    pub fn answers(&self, prompts: &[Vec<u32>], stop: &dyn Fn() -> bool) -> Result<Vec<String>> {
        let ids = self.model.generate(prompts, &self.sampling, stop, &mut |_, _| {})?;
        Ok(ids.iter().map(|ids| self.tokenizer.decode(ids).trim().to_owned()).collect())
    }
}

/// A template by the name that recipes use.
pub fn template_named(name: &str) -> Result<ChatTemplate> {
    ChatTemplate::named(name)
        .ok_or_else(|| Error::usage("--template").got(format!("{name:?}")).expected(ChatTemplate::known()))
}

/// The name under which an adapter's folder is spoken of.
pub fn folder_name(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_else(|| folder.display().to_string())
}
