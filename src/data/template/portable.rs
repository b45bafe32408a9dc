//! A template as the Jinja text that other programs read from a model's files.
//!
//! `{% generation %}` marks what is trained on and is known to few readers, so it is left out; what is written stays the
//! same. Templates written in pieces have a Jinja text here that writes the same characters; a reader tokenizes the whole
//! at once.

use std::sync::LazyLock;

use fancy_regex::Regex;

use super::{CHATML, LLAMA_2_CHAT, LLAMA_3, TULU};
use crate::data::Tokenizer;
use crate::error::{Error, Place, Result};
use crate::files;
use crate::recipe::ChatTemplate;

const ALPACA: &str = include_str!("formats/alpaca.jinja");
const PLAIN: &str = include_str!("formats/plain.jinja");

/// The text of a template; `None` where the model's own is wanted and it has none.
///
/// # Errors
/// A file cannot be read or is no UTF-8.
pub fn portable(template: &ChatTemplate, tokenizer: &Tokenizer) -> Result<Option<String>> {
    let text = match template {
        ChatTemplate::LlammasChat | ChatTemplate::Tulu => TULU.to_owned(),
        ChatTemplate::Alpaca => ALPACA.to_owned(),
        ChatTemplate::Plain => PLAIN.to_owned(),
        ChatTemplate::Llama2Chat => LLAMA_2_CHAT.to_owned(),
        ChatTemplate::Llama3 => LLAMA_3.to_owned(),
        ChatTemplate::Chatml => CHATML.to_owned(),
        ChatTemplate::Model => return tokenizer.chat_template(),
        ChatTemplate::File(path) => String::from_utf8(files::read(path)?)
            .map_err(|_| Error::new("the template is not UTF-8 text"))
            .at(path.display().to_string())?,
    };
    Ok(Some(without_marks(&text)))
}

/// Takes the marks of what is trained on out of a Jinja text, with the white space that they take away.
fn without_marks(text: &str) -> String {
    static MARK: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(\s*\{%-|\{%\+?)\s*(?:end)?generation\s*(-%\}\s*|\+?%\})").ok());
    MARK.as_ref().map_or_else(|| text.to_owned(), |mark| mark.replace_all(text, "").into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::conversation::Conversation;
    use crate::data::template::Template;

    #[test]
    fn marks_go_with_the_space_that_they_take() {
        assert_eq!(without_marks("a\n  {%- generation -%}\n b {%- endgeneration -%} c"), "abc");
        assert_eq!(without_marks("a {% generation %} b {% endgeneration %}c"), "a  b c");
    }

    #[test]
    fn a_portable_template_writes_the_characters_of_the_one_that_was_trained() {
        let tokenizer = Tokenizer::open(std::path::Path::new("assets/tiny-estonian")).unwrap();
        let names = ["llammas-chat", "alpaca", "plain", "llama-2-chat", "llama-3", "chatml", "tulu"];
        let place = tempfile::tempdir().unwrap();
        for name in names {
            let template = ChatTemplate::named(name).unwrap();
            let text = portable(&template, &tokenizer).unwrap().unwrap();
            assert!(!text.contains("generation -%}"), "{name}");
            let file = place.path().join(format!("{name}.jinja"));
            std::fs::write(&file, text).unwrap();
            let (own, other) = (
                Template::open(&template, &tokenizer).unwrap(),
                Template::open(&ChatTemplate::File(file), &tokenizer).unwrap(),
            );
            let conversation = Conversation::question("Mis on taevas?", "");
            let ids = |template: &Template| {
                let ids = template.encode_prompt(&conversation, &mut tokenizer.encoder()).unwrap();
                tokenizer.decode(&ids)
            };
            assert_eq!(ids(&own), ids(&other), "{name}");
        }
    }
}
