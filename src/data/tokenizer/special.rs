//! Which ids begin and end a document: what the files beside a tokenizer say, else the usual names.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Place, Result};
use crate::files;

/// Files that travel with a tokenizer.
const COMPANIONS: [&str; 4] =
    ["tokenizer_config.json", "special_tokens_map.json", "tokenizer.model", "chat_template.jinja"];
const USUAL_BOS: [&str; 3] = ["<s>", "<|begin_of_text|>", "<bos>"];
const USUAL_EOS: [&str; 4] = ["</s>", "<|end_of_text|>", "<|endoftext|>", "<eos>"];

/// The files beside a tokenizer, as they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Companions {
    files: Vec<(String, Vec<u8>)>,
}

impl Companions {
    /// Reads those that are in a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut companions = Self::default();
        for name in COMPANIONS {
            let path = folder.join(name);
            if path.is_file() {
                companions.add(name, files::read(&path)?);
            }
        }
        Ok(companions)
    }

    /// Adds a file, in the place of one of the same name.
    pub fn add(&mut self, name: &str, content: Vec<u8>) {
        self.files.retain(|(known, _)| known != name);
        self.files.push((name.to_owned(), content));
    }

    /// Names and contents.
    pub fn files(&self) -> &[(String, Vec<u8>)] {
        &self.files
    }

    /// The file of that name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.iter().find(|(known, _)| known == name).map(|(_, content)| content.as_slice())
    }

    /// Leaves a file out.
    pub fn remove(&mut self, name: &str) {
        self.files.retain(|(known, _)| known != name);
    }

    /// The names of tokens by id, where `tokenizer_config.json` lists them.
    pub fn names(&self) -> Result<HashMap<u32, String>> {
        let name = "tokenizer_config.json";
        let Some(content) = self.get(name) else { return Ok(HashMap::new()) };
        let value: Value =
            serde_json::from_slice(content).map_err(|e| Error::new(format!("cannot read JSON: {e}"))).at(name)?;
        let listed = value.get("added_tokens_decoder").and_then(Value::as_object);
        let each = listed.into_iter().flatten();
        Ok(each
            .filter_map(|(id, token)| Some((id.parse().ok()?, token.get("content")?.as_str()?.to_owned())))
            .collect())
    }

    /// What the files say a special token is, for a key like `bos_token`.
    pub fn named(&self, key: &str) -> Result<Option<(String, &str)>> {
        for (name, content) in self.files.iter().filter(|(name, _)| name.ends_with(".json")) {
            let value: Value =
                serde_json::from_slice(content).map_err(|e| Error::new(format!("cannot read JSON: {e}"))).at(name)?;
            let token = value.get(key);
            let token = token.and_then(Value::as_str).or_else(|| token?.get("content")?.as_str());
            if let Some(token) = token {
                return Ok(Some((token.to_owned(), name)));
            }
        }
        Ok(None)
    }
}

/// The tokens that begin and end a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ends {
    pub bos: (String, u32),
    pub eos: (String, u32),
}

impl Ends {
    /// Finds them: what the companions name, what the tokenizer itself names, the usual names.
    pub fn find(
        companions: &Companions,
        own: (Option<String>, Option<String>),
        special: &HashMap<String, u32>,
    ) -> Result<Self> {
        let bos = find("bos_token", companions, own.0, &USUAL_BOS, special)?;
        let eos = find("eos_token", companions, own.1, &USUAL_EOS, special)?;
        Ok(Self { bos, eos })
    }
}

fn find(
    key: &str,
    companions: &Companions,
    own: Option<String>,
    usual: &[&str],
    special: &HashMap<String, u32>,
) -> Result<(String, u32)> {
    let with_id = |name: &str| special.get(name).map(|id| (name.to_owned(), *id));
    if let Some((name, file)) = companions.named(key)? {
        return with_id(&name).ok_or_else(|| {
            Error::new(format!("{key} is {name:?}, which is no special token of the tokenizer")).at(file)
        });
    }
    if let Some(found) = own.as_deref().and_then(with_id) {
        return Ok(found);
    }
    usual.iter().find_map(|name| with_id(name)).ok_or_else(|| {
        Error::new(format!("the tokenizer has no {key}"))
            .hint(format!("put a tokenizer_config.json with \"{key}\" beside it"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_beside_the_tokenizer_names_the_ends() {
        let special = HashMap::from([("<s>".to_owned(), 1), ("</s>".to_owned(), 2), ("<|eot|>".to_owned(), 3)]);
        let mut companions = Companions::default();
        let usual = Ends::find(&companions, (None, None), &special).unwrap();
        assert_eq!((usual.bos.1, usual.eos.1), (1, 2));
        companions.add("tokenizer_config.json", br#"{"bos_token": null, "eos_token": {"content": "<|eot|>"}}"#.into());
        let named = Ends::find(&companions, (None, None), &special).unwrap();
        assert_eq!((named.bos.1, named.eos.1), (1, 3));
        companions.add("tokenizer_config.json", br#"{"eos_token": "<none>"}"#.into());
        let error = Ends::find(&companions, (None, None), &special).unwrap_err().to_string();
        assert!(error.contains("eos_token is \"<none>\", which is no special token"), "{error}");
    }
}
