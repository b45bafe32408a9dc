//! What the files beside a tokenizer call its special tokens, and the chat template that came with it.

use serde_json::Value;

use super::Tokenizer;
use super::special::Companions;
use crate::error::{Error, Place, Result};

/// The names by which chat templates know special tokens, as transformers has them.
const NAMES: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

impl Companions {
    fn config(&self) -> Result<Option<Value>> {
        let file = "tokenizer_config.json";
        let Some(bytes) = self.get(file) else { return Ok(None) };
        serde_json::from_slice(bytes).map(Some).map_err(|e| Error::new(format!("cannot read JSON: {e}"))).at(file)
    }

    /// Whether transformers opens the tokenizer with its class `LlamaTokenizer` and without `legacy: true`.
    pub(super) fn is_llama_class(&self) -> Result<bool> {
        let Some(config) = self.config()? else { return Ok(false) };
        let class = config.get("tokenizer_class").and_then(Value::as_str).unwrap_or_default();
        let legacy = config.get("legacy").and_then(Value::as_bool).unwrap_or(false);
        Ok(matches!(class, "LlamaTokenizer" | "LlamaTokenizerFast") && !legacy)
    }
}

impl Tokenizer {
    /// The special tokens that have names: `bos_token`, `<s>`. One that the tokenizer's files leave out has none.
    ///
    /// # Errors
    /// A file beside the tokenizer is damaged.
    pub fn named_tokens(&self) -> Result<Vec<(&'static str, String)>> {
        let mut named = Vec::new();
        for name in NAMES {
            if let Some((token, _)) = self.companions.named(name)? {
                named.push((name, token));
            }
        }
        if self.companions.get("tokenizer_config.json").is_none() {
            for (name, token) in [("bos_token", &self.ends.bos.0), ("eos_token", &self.ends.eos.0)] {
                if !named.iter().any(|(known, _)| *known == name) {
                    named.push((name, token.clone()));
                }
            }
        }
        Ok(named)
    }

    /// The id of a special token.
    pub fn special_id(&self, name: &str) -> Option<u32> {
        self.specials.named(name)
    }

    /// Whether an id is a special token, other than the unknown one.
    pub fn is_special(&self, id: u32) -> bool {
        self.specials.contains(id) && self.unknown != Some(id)
    }

    /// Where the names of special tokens stand in a text, in bytes; overlapping ones are joined.
    pub fn special_names_in(&self, text: &str) -> Vec<std::ops::Range<usize>> {
        self.specials.written_in(text)
    }

    /// The chat template that came with the tokenizer: `chat_template.jinja` beside it, or else the `chat_template` of
    /// its `tokenizer_config.json` (of several the one named `default`).
    ///
    /// # Errors
    /// The file is damaged, or has several templates and none named `default`.
    pub fn chat_template(&self) -> Result<Option<String>> {
        if let Some(file) = self.companions.get("chat_template.jinja") {
            let text = String::from_utf8(file.to_vec());
            return text.map(Some).map_err(|_| Error::new("the file is not UTF-8 text").at("chat_template.jinja"));
        }
        let Some(config) = self.companions.config()? else { return Ok(None) };
        match config.get("chat_template") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Array(named)) => {
                let of = |one: &'_ Value, key: &str| one.get(key).and_then(Value::as_str).map(str::to_owned);
                let default = named.iter().find(|one| of(one, "name").as_deref() == Some("default"));
                default.and_then(|one| of(one, "template")).map(Some).ok_or_else(|| {
                    Error::new("chat_template has no template named default")
                        .at("tokenizer_config.json")
                        .hint("write the one that is meant to a .jinja file and give its path")
                })
            }
            Some(_) => Err(Error::new("chat_template is no text").at("tokenizer_config.json")),
        }
    }
}
