//! How a task puts its examples: in the kind's own words, or in those of the task.

use serde_json::{Value, json};

use crate::data::template::{Fields, Phrase};
use crate::data::{Conversation, Role, Turn};
use crate::error::{Place, Result};
use crate::recipe::{Choose, TaskSettings};

use super::example::{Asks, Example};
use super::language::Language;
use super::{letters, wording};

/// The words of a task.
pub(super) struct Asking {
    own: Option<Own>,
    from: Language,
    language: Language,
    choose: Choose,
}

/// Words that the task has of its own.
struct Own {
    system: Option<Phrase>,
    instruction: Phrase,
    input: Option<Phrase>,
}

impl Asking {
    /// The words of a task in its language: those of that language, else the first.
    ///
    /// # Errors
    /// A prompt that is no Jinja.
    pub(super) fn new(settings: &TaskSettings, from: &Language, language: &Language) -> Result<Self> {
        let fitting = settings.prompts.iter().find(|(name, _)| language.is_called(name));
        let own = fitting.or_else(|| settings.prompts.first()).map(|(name, words)| -> Result<Own> {
            let compiled = |key: &str, text: &str| Phrase::compile(text).at(format!("prompts.{name}.{key}"));
            Ok(Own {
                system: words.system.as_deref().map(|text| compiled("system", text)).transpose()?,
                instruction: compiled("instruction", &words.instruction)?,
                input: words.input.as_deref().map(|text| compiled("input", text)).transpose()?,
            })
        });
        let (from, language) = (from.clone(), language.clone());
        Ok(Self { own: own.transpose()?, from, language, choose: settings.choose })
    }

    /// The question that an example asks; `row` has the fields that it was read from.
    ///
    /// # Errors
    /// The prompt names what neither the example nor its row has.
    pub(super) fn question(&self, example: &Example, row: &Fields) -> Result<Conversation> {
        let Some(own) = &self.own else {
            let mut question = wording::question(example, &self.from, &self.language);
            if self.choose == Choose::Letter {
                letters::show(&mut question, example, &self.language);
            }
            return Ok(question);
        };
        let fields = self.fields(example, row);
        let render = |phrase: &Phrase| phrase.render(&fields);
        let input = own.input.as_ref().map(render).transpose()?.unwrap_or_default();
        let mut question = Conversation::question(render(&own.instruction)?, input);
        // A conversation has its system message before its first turn.
        let begins = !matches!(example, Example::Turn { number, .. } if *number > 0);
        if let Some(system) = own.system.as_ref().filter(|_| begins) {
            question.turns.insert(0, Turn::new(Role::System, render(system)?));
        }
        Ok(question)
    }

    /// What prompts may name: the row's fields, and the parts of the example over them.
    fn fields(&self, example: &Example, row: &Fields) -> Fields {
        let mut fields = row.clone();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("from", json!(self.from.name()));
        put("to", json!(self.language.name()));
        put("language", json!(self.language.name()));
        match example {
            Example::Translation { source, .. } | Example::Correction { source, .. } => put("source", json!(source)),
            Example::Choice { premise, asks, choices, .. } => {
                let question = match asks {
                    Asks::Cause => "cause",
                    Asks::Effect => "effect",
                    Asks::Question(question) => question,
                };
                put("context", json!(premise));
                put("question", json!(question));
                put("choices", json!(choices));
                // Choices that are scored as the answer are not shown.
                let options = (self.choose == Choose::Letter).then(|| letters::listed(choices));
                put("options", json!(options.unwrap_or_default()))
            }
            Example::Answer { context, question, .. } => {
                put("context", json!(context));
                put("question", json!(question))
            }
            Example::Text(text) => put("text", json!(text)),
            Example::Turn { question, .. } => put("question", json!(question)),
        };
        fields
    }
}
