//! Chat templates in Jinja, rendered as transformers renders them.
//!
//! `trim_blocks` and `lstrip_blocks` are on, a template's last line feed is left out, and a template sees `messages`,
//! `tools` and `documents` (both none), `add_generation_prompt`, and the special tokens that the tokenizer's files name.
//! What is not there is undefined: written as nothing, and an error where something of it is asked. `raise_exception`,
//! `strftime_now`, `tojson`, `break` and `continue`, `{% generation %}` and methods of Python's texts are known.
//!
//! A template comes from people that one may not know: its work is counted, and one that computes for ever, or writes
//! without end, is an error; so is one that the engine panics at, or whose `break` or `continue` leaves a block that the
//! engine would not close. The date is that at which the template was opened.
//!
//! Source: `utils/chat_template_utils.py` of transformers 5.
//!
//! | module | concept |
//! |---|---|
//! | `generation` | the tags around what the assistant says |
//! | `held` | what a namespace may hold |
//! | `jumps` | `break` and `continue` |
//! | `marks` | private characters around what must be found again |
//! | `json` | `tojson` |
//! | `phrase` | words of one's own for a row |
//! | `python` | methods of texts |
//! | `written` | a conversation as text, and where in it each turn's words are |
//! | `encode` | the text as ids, and which of them are trained on |

mod encode;
mod generation;
mod held;
mod json;
mod jumps;
mod marks;
mod phrase;
mod python;
mod written;

use std::panic::AssertUnwindSafe;

use jiff::Zoned;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Value};

use crate::data::{Conversation, Role, Tokenizer, Turn};
use crate::error::{Error, Result};
use crate::recipe::TrainOn;
use marks::Marks;

pub use phrase::{Expression, Fields, Phrase};

/// What one rendering may do: as many instructions, or 64 times as many bytes.
const FUEL: u64 = 5_000_000;
/// The same for templates of strangers to the program: about 64 MB.
const LITTLE_FUEL: u64 = 1_000_000;
/// Bytes of a template; values can be nested in each other as deeply as it is long.
const LONGEST: usize = 1 << 17;
/// Calls within calls.
const RECURSION: usize = 200;
const NAME: &str = "chat template";

/// A compiled template.
#[derive(Debug)]
pub(super) struct Jinja {
    environment: Environment<'static>,
    /// The special tokens by the names that templates know.
    named: Vec<(&'static str, String)>,
    /// Whether it has `{% generation %}`.
    has_generation: bool,
    /// As it was given.
    pub(super) text: String,
    /// The token that ends a turn of the assistant.
    pub(super) end: Option<u32>,
    /// What the next turn of the user begins with, where that is text.
    pub(super) next_turn: Option<String>,
}

/// A turn as templates see it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    role: &'static str,
    content: String,
}

impl Message {
    /// The words as they are, or the trimmed words and the trimmed input on lines of their own.
    fn of(turn: &Turn) -> Self {
        let input = turn.input.trim();
        let content = if input.is_empty() { turn.text.clone() } else { format!("{}\n{input}", turn.text.trim()) };
        let role = match turn.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        Self { role, content }
    }
}

impl Jinja {
    /// Compiles a template for a tokenizer whose special tokens have these names.
    ///
    /// # Errors
    /// It is no Jinja.
    pub(super) fn compile(text: &str, named: Vec<(&'static str, String)>) -> Result<Self> {
        Self::compile_with(text, named, FUEL)
    }

    fn compile_with(text: &str, named: Vec<(&'static str, String)>, fuel: u64) -> Result<Self> {
        // Jinja reads every kind of line end as a line feed.
        let source = text.replace("\r\n", "\n").replace('\r', "\n");
        if source.len() > LONGEST {
            return Err(Error::new("the length of the chat template")
                .got(source.len())
                .expected(format!("at most {LONGEST} bytes")));
        }
        jumps::check(&source)?;
        let (source, has_generation) = generation::rewritten(&held::rewritten(&source))?;
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(from_jinja)?;
        environment.set_syntax(syntax);
        environment.set_fuel(Some(fuel));
        environment.set_recursion_limit(RECURSION);
        environment.set_unknown_method_callback(python::method);
        environment.add_filter("tojson", json::tojson);
        environment.add_filter("trim", python::trim);
        environment.add_filter(held::FILTER, held::held);
        environment.add_filter(generation::FILTER, |text: &str, marks: &str| {
            let mut marks = marks.chars();
            let (start, end) = (marks.next().unwrap_or_default(), marks.next().unwrap_or_default());
            format!("{start}{text}{end}")
        });
        environment.add_function("raise_exception", python::raise);
        let now = Zoned::now();
        environment.add_function("strftime_now", move |format: &str| python::strftime(&now, format));
        guarded(|| environment.add_template_owned(NAME, source))?;
        Ok(Self { environment, named, has_generation, text: text.to_owned(), end: None, next_turn: None })
    }

    /// What its texts follow from: itself, and the names of special tokens.
    pub(super) fn fingerprint(&self) -> String {
        format!("{:?} {:?}", self.text, self.named)
    }

    /// The text of turns, without marks: what transformers gives with `tokenize=False`.
    ///
    /// # Errors
    /// The template refuses them, or takes its generation blocks apart.
    pub(super) fn text_of(&self, turns: &[Turn], prompt: bool) -> Result<String> {
        let messages: Vec<Message> = turns.iter().map(Message::of).collect();
        let marks = Marks::free(messages.iter().map(|m| m.content.as_str()).chain([self.text.as_str()]))?;
        let text = self.render(&messages, prompt, &marks)?;
        marks.read(&text).map(|read| read.text).ok_or_else(torn)
    }

    /// The text of messages, with the marks of generation blocks in it.
    fn render(&self, messages: &[Message], prompt: bool, marks: &Marks) -> Result<String> {
        let list: Value = messages
            .iter()
            .map(|message| {
                let content = Value::from(message.content.as_str());
                Value::from_pairs([("role", Value::from(message.role)), ("content", content)])
            })
            .collect();
        let none = || Value::from(());
        let mut variables = vec![
            ("messages", list),
            ("tools", none()),
            ("documents", none()),
            ("add_generation_prompt", Value::from(prompt)),
            (generation::MARKS, Value::from(marks.generation())),
        ];
        variables.extend(self.named.iter().map(|(name, token)| (*name, Value::from(token.as_str()))));
        let template = self.environment.get_template(NAME).map_err(from_jinja)?;
        guarded(|| template.render(Value::from_pairs(variables)))
    }
}

/// Calls the engine, which was written for templates of people that one knows.
fn guarded<T>(call: impl FnOnce() -> std::result::Result<T, minijinja::Error>) -> Result<T> {
    std::panic::catch_unwind(AssertUnwindSafe(call))
        .map_err(|_| Error::new("the template engine fails at this template"))?
        .map_err(from_jinja)
}

fn from_jinja(error: minijinja::Error) -> Error {
    let line = error.line().map(|line| format!(" (line {line} of the template)")).unwrap_or_default();
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let made = Error::new(format!("{what}{line}"));
    match error.kind() {
        ErrorKind::OutOfFuel => made.hint("the template works without end, or writes far more than it is given"),
        _ => made,
    }
}

/// Renders any text as a template of a small conversation: what a fuzzer calls. The work and the memory are bounded.
#[doc(hidden)]
pub fn render_any(template: &str) -> Result<String> {
    let named = vec![("bos_token", "<s>".to_owned()), ("eos_token", "</s>".to_owned())];
    let jinja = Jinja::compile_with(template, named, LITTLE_FUEL)?;
    let turns = [(Role::System, "Ole lahke."), (Role::User, "Tere!"), (Role::Assistant, " Tere! </s>")];
    let turns = turns.map(|(role, text)| Turn::new(role, text));
    jinja.text_of(&turns, true)?;
    jinja.text_of(&turns, false)
}

/// Makes ids of a small conversation by any text as a template, in all the ways there are: what a fuzzer calls. The work is
/// bounded as in [`render_any`].
#[doc(hidden)]
pub fn encode_any(template: &str, tokenizer: &Tokenizer) -> Result<()> {
    let mut jinja = Jinja::compile_with(template, tokenizer.named_tokens()?, LITTLE_FUEL)?;
    jinja.look(tokenizer);
    let talk = Conversation::question("Tere! <s>", "").answered(" Tere! </s>");
    let mut encoder = tokenizer.encoder();
    for train_on in [TrainOn::Assistant, TrainOn::Last, TrainOn::All] {
        // What cannot be found for one of them, may be for another.
        let _ = (jinja.encode(&talk, train_on, &mut encoder), jinja.show(&talk, train_on, tokenizer));
    }
    jinja.encode_prompt(&talk, &mut encoder).map(drop)
}

fn torn() -> Error {
    Error::new("the template takes what its generation blocks write apart")
}
