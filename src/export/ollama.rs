//! Ollama's Modelfile: which files a model is made of, how a conversation becomes text, and where an answer ends.
//!
//! Ollama's templates are not Jinja; those that have a name here are written out in its own language. It goes over them
//! once for each question and answer, and leaves out what stands after the last `.Response`.

use crate::error::{Error, Result};
use crate::recipe::ChatTemplate;

/// What a Modelfile says.
pub struct Modelfile<'a> {
    /// The model's GGUF file, beside the Modelfile.
    pub model: &'a str,
    /// The adapter's GGUF file, if it is not in the model.
    pub adapter: Option<&'a str>,
    /// How a conversation becomes text.
    pub template: &'a ChatTemplate,
    /// The name of the token after an answer: `</s>`.
    pub end: &'a str,
}

const ALPACA: &str =
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.";

/// The text of a Modelfile.
///
/// A template that came with the model, or from a file, is in the model's GGUF file; the Modelfile has none then, and
/// Ollama takes the one of its own that it finds to be the same.
///
/// # Errors
/// A name would end the line or the text it stands in.
pub fn modelfile(parts: &Modelfile<'_>) -> Result<String> {
    let plain = |name: &str| match name.contains(['\n', '\r', '"']) {
        true => {
            Err(Error::new("a name in the Modelfile").got(format!("{name:?}")).expected("no quotes and no line ends"))
        }
        false => Ok(name.to_owned()),
    };
    let mut text = format!("FROM ./{}\n", plain(parts.model)?);
    if let Some(adapter) = parts.adapter {
        text.push_str(&format!("ADAPTER ./{}\n", plain(adapter)?));
    }
    let end = plain(parts.end)?;
    if let Some(template) = template(parts.template, &end) {
        text.push_str(&format!("TEMPLATE \"\"\"{template}\"\"\"\n"));
    }
    for stop in stops(parts.template, &end) {
        text.push_str(&format!("PARAMETER stop \"{stop}\"\n"));
    }
    Ok(text)
}

/// A template in Ollama's language; `None` for those that have no name.
fn template(template: &ChatTemplate, end: &str) -> Option<String> {
    Some(match template {
        ChatTemplate::LlammasChat | ChatTemplate::Tulu => format!(
            "{{{{ if .System }}}}<|system|>\n{{{{ .System }}}}\n{{{{ end }}}}\
             {{{{ if .Prompt }}}}<|user|>\n{{{{ .Prompt }}}}\n{{{{ end }}}}<|assistant|>\n{{{{ .Response }}}}{end}\n"
        ),
        ChatTemplate::Alpaca => format!(
            "{{{{ if .System }}}}{{{{ .System }}}}{{{{ else }}}}{ALPACA}{{{{ end }}}}\n\n\
             ### Instruction:\n{{{{ .Prompt }}}}\n\n### Response:{{{{ .Response }}}}{end}\n\n"
        ),
        ChatTemplate::Plain => {
            format!("{{{{ if .System }}}}{{{{ .System }}}}\n{{{{ end }}}}{{{{ .Prompt }}}}\n{{{{ .Response }}}}{end}\n")
        }
        // The space before an answer is the answer's own first character; BOS stands before each further question.
        ChatTemplate::Llama2Chat => format!(
            "[INST] {{{{ if .System }}}}<<SYS>>\n{{{{ .System }}}}\n<</SYS>>\n\n{{{{ end }}}}\
             {{{{ .Prompt }}}} [/INST]{{{{ .Response }}}} {end}<s>"
        ),
        ChatTemplate::Llama3 => {
            let turn = |role: &str, words: &str, end: &str| {
                format!("<|start_header_id|>{role}<|end_header_id|>\n\n{{{{ {words} }}}}{end}")
            };
            turns(&turn("system", ".System", "<|eot_id|>"), &turn("user", ".Prompt", "<|eot_id|>"))
                + &turn("assistant", ".Response", "<|eot_id|>")
        }
        ChatTemplate::Chatml => {
            let turn = |role: &str, words: &str| format!("<|im_start|>{role}\n{{{{ {words} }}}}<|im_end|>\n");
            turns(&turn("system", ".System"), &turn("user", ".Prompt")) + &turn("assistant", ".Response")
        }
        ChatTemplate::Model | ChatTemplate::File(_) => return None,
    })
}

/// The turns before an answer, each where there is one.
fn turns(system: &str, user: &str) -> String {
    format!("{{{{ if .System }}}}{system}{{{{ end }}}}{{{{ if .Prompt }}}}{user}{{{{ end }}}}")
}

/// Texts that end an answer: the end token, and what begins the next turn.
fn stops(template: &ChatTemplate, end: &str) -> Vec<String> {
    let next: &[&str] = match template {
        ChatTemplate::LlammasChat | ChatTemplate::Tulu => &["<|user|>", "<|assistant|>"],
        ChatTemplate::Alpaca => &["### Instruction:"],
        ChatTemplate::Llama2Chat => &["[INST]"],
        ChatTemplate::Llama3 => &["<|eot_id|>", "<|start_header_id|>"],
        ChatTemplate::Chatml => &["<|im_end|>", "<|im_start|>"],
        ChatTemplate::Plain | ChatTemplate::Model | ChatTemplate::File(_) => &[],
    };
    std::iter::once(end).chain(next.iter().copied()).map(str::to_owned).collect()
}
