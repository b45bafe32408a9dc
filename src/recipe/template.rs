//! How conversations become text, and which of their words are trained on.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// How a conversation becomes text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatTemplate {
    /// `<|user|>\n…\n<|assistant|>\n…</s>\n`.
    LlammasChat,
    /// The Stanford Alpaca prompt.
    Alpaca,
    /// The words alone, one turn a line.
    Plain,
    /// `<s>[INST] <<SYS>>…<</SYS>> … [/INST] … </s>`.
    Llama2Chat,
    /// `<|start_header_id|>user<|end_header_id|>\n\n…<|eot_id|>`.
    Llama3,
    /// `<|im_start|>user\n…<|im_end|>\n`.
    Chatml,
    /// `<|user|>\n…\n<|assistant|>\n…</s>\n` as Tülu writes it: the whole text is tokenized at once.
    Tulu,
    /// The template that came with the base's tokenizer.
    Model,
    /// A Jinja file.
    File(PathBuf),
}

/// What a recipe may say, in the order in which messages list it.
const KNOWN: [&str; 9] = [
    "llammas-chat",
    "alpaca",
    "plain",
    "llama-2-chat",
    "llama-3",
    "chatml",
    "tulu",
    "model",
    "the path of a .jinja file",
];

impl ChatTemplate {
    /// The template of that name, or in that file: a path ends in `.jinja`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "llammas-chat" => Self::LlammasChat,
            "alpaca" => Self::Alpaca,
            "plain" => Self::Plain,
            "llama-2-chat" => Self::Llama2Chat,
            "llama-3" => Self::Llama3,
            "chatml" => Self::Chatml,
            "tulu" => Self::Tulu,
            "model" => Self::Model,
            path if path.ends_with(".jinja") => Self::File(path.into()),
            _ => return None,
        })
    }

    /// Its name, or its path, as recipes write it.
    pub fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::LlammasChat => "llammas-chat",
            Self::Alpaca => "alpaca",
            Self::Plain => "plain",
            Self::Llama2Chat => "llama-2-chat",
            Self::Llama3 => "llama-3",
            Self::Chatml => "chatml",
            Self::Tulu => "tulu",
            Self::Model => "model",
            Self::File(path) => return path.to_string_lossy(),
        })
    }

    /// All that can be said: `llammas-chat, alpaca, … or the path of a .jinja file`.
    pub fn known() -> String {
        super::mismatch::one_of(&KNOWN)
    }
}

impl Serialize for ChatTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl<'de> Deserialize<'de> for ChatTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl Visitor<'_> for NameVisitor {
            type Value = ChatTemplate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&ChatTemplate::known())
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<ChatTemplate, E> {
                ChatTemplate::named(name).ok_or_else(|| E::unknown_variant(name, &KNOWN))
            }
        }

        deserializer.deserialize_any(NameVisitor)
    }
}

impl JsonSchema for ChatTemplate {
    fn schema_name() -> Cow<'static, str> {
        "ChatTemplate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let about = [
            ("llammas-chat", "`<|user|>\\n…\\n<|assistant|>\\n…</s>\\n`, piece by piece."),
            ("alpaca", "The Stanford Alpaca prompt."),
            ("plain", "The words alone, one turn a line."),
            ("llama-2-chat", "`[INST] <<SYS>>`, the format of Llama 2 Chat."),
            ("llama-3", "Header ids and `<|eot_id|>`, the format of Llama 3 Instruct."),
            ("chatml", "`<|im_start|>` and `<|im_end|>`."),
            ("tulu", "`<|user|>\\n…\\n<|assistant|>\\n…</s>\\n`, tokenized as a whole."),
            ("model", "The chat template that came with the base's tokenizer."),
        ];
        let named = about.map(|(name, about)| json_schema!({ "const": name, "description": about, "type": "string" }));
        let file =
            json_schema!({ "type": "string", "pattern": "\\.jinja$", "description": "The path of a Jinja file." });
        let all: Vec<Schema> = named.into_iter().chain([file]).collect();
        json_schema!({ "description": "How a conversation becomes text.", "anyOf": all })
    }
}

/// Whose words are trained on. A turn that says itself whether it is trained on is heard first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TrainOn {
    /// All that the assistant says, and the end of each of its turns.
    #[default]
    Assistant,
    /// The last thing that the assistant says, and its end.
    Last,
    /// Every token of the conversation but BOS.
    All,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_written_as_it_is_read() {
        for name in KNOWN.iter().take(8).copied().chain(["talk/own.jinja"]) {
            let template = ChatTemplate::named(name).unwrap();
            assert_eq!(template.name(), name);
            let json = serde_json::to_string(&template).unwrap();
            assert_eq!(serde_json::from_str::<ChatTemplate>(&json).unwrap(), template);
        }
        assert_eq!(ChatTemplate::named("own"), None);
        let error = serde_json::from_str::<ChatTemplate>("\"alpacca\"").unwrap_err().to_string();
        assert!(error.contains("alpacca"), "{error}");
    }
}
