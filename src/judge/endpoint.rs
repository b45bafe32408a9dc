//! One request to an OpenAI-compatible endpoint, and what can go wrong with it.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::blocking::{Client, Response};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::access::{Access, KEY};
use crate::error::{Error, Result};
use crate::hub::environment::Token;
use crate::recipe::JudgeSettings;

/// The longest reply that is read, in bytes.
const LONGEST: u64 = 4 << 20;
/// Letters of a server's words that a message shows.
const SHOWN: usize = 300;

/// An endpoint with the settings of each request.
#[derive(Debug)]
pub(super) struct Endpoint {
    client: Client,
    pub(super) access: Access,
    model: String,
    temperature: f64,
    max_tokens: usize,
    /// Newer models of OpenAI know the limit by another name, and no temperature; a server says so at the first request.
    new_limit: AtomicBool,
    no_temperature: AtomicBool,
}

/// A turn of the conversation with the judge.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) role: &'static str,
    pub(super) content: String,
}

/// What the judge wrote.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    pub(super) text: String,
    /// Tokens read and written.
    pub(super) tokens: [f64; 2],
    /// Whether the server counted them; else they are a fourth of the characters.
    pub(super) counted: bool,
    /// Whether it was cut at the limit.
    pub(super) cut: bool,
}

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may go better the next time, after this wait if the server says one.
    Passing {
        /// What it was.
        what: String,
        /// How long the server asks to wait.
        after: Option<Duration>,
        /// Whether the judge may have written something all the same.
        perhaps_paid: bool,
    },
    /// It will not.
    Lasting(Error),
}

impl Endpoint {
    /// # Errors
    /// The key is not one that can be sent; OpenAI itself needs one.
    pub(super) fn new(settings: &JudgeSettings, access: Access) -> Result<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match access.key.as_ref().map(Token::secret) {
            Some(secret) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {secret}"))
                    .map_err(|_| Error::new(format!("{KEY} has letters that a key cannot have")))?;
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
            None if access.base.contains("api.openai.com") => {
                return Err(Error::new("the judge needs a key")
                    .at(&access.base)
                    .hint(format!("put it into the variable {KEY}; or name another server with OPENAI_BASE_URL")));
            }
            None => {}
        }
        let client = Client::builder()
            .default_headers(headers)
            .timeout(Duration::from_secs_f64(settings.timeout.clamp(0.001, 1e6)))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("emakeel/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Error::new(format!("cannot make a client: {}", told(e))))?;
        Ok(Self {
            client,
            access,
            model: settings.model.clone(),
            temperature: settings.temperature,
            max_tokens: settings.max_tokens,
            new_limit: AtomicBool::new(false),
            no_temperature: AtomicBool::new(false),
        })
    }

    /// Asks once; a request that the server wants in other words is sent again in them.
    pub(super) fn ask(&self, messages: &[Message]) -> Result<Reply, Trouble> {
        for _ in 0..2 {
            let (status, headers, body) = self.send(messages)?;
            if status == 400 && self.learn(&body) {
                continue;
            }
            return self.understood(status, &headers, &body, messages);
        }
        let (status, headers, body) = self.send(messages)?;
        self.understood(status, &headers, &body, messages)
    }

    fn send(&self, messages: &[Message]) -> Result<(u16, HeaderMap, String), Trouble> {
        let turns: Vec<Value> = messages.iter().map(|m| json!({ "role": m.role, "content": m.content })).collect();
        let mut body = json!({ "model": self.model, "messages": turns });
        let limit = if self.new_limit.load(Ordering::Relaxed) { "max_completion_tokens" } else { "max_tokens" };
        if let Some(keys) = body.as_object_mut() {
            keys.insert(limit.to_owned(), json!(self.max_tokens));
            if !self.no_temperature.load(Ordering::Relaxed) {
                keys.insert("temperature".to_owned(), json!(self.temperature));
            }
        }
        let url = format!("{}/chat/completions", self.access.base);
        let response = self.client.post(url).body(body.to_string()).send().map_err(|e| self.unsent(e))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok((status, headers, self.body(response)?))
    }

    fn body(&self, response: Response) -> Result<String, Trouble> {
        let mut bytes = Vec::new();
        response.take(LONGEST).read_to_end(&mut bytes).map_err(|e| Trouble::Passing {
            what: self.access.without_key(&format!("the reply broke off: {e}")),
            after: None,
            perhaps_paid: true,
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn unsent(&self, error: reqwest::Error) -> Trouble {
        if error.is_builder() {
            let error = Error::new(format!("the address of the judge cannot be used: {}", told(error)));
            return Trouble::Lasting(error.at(&self.access.base));
        }
        let (slow, refused) = (error.is_timeout(), error.is_connect());
        let what = match slow && !refused {
            true => "no answer within the timeout".to_owned(),
            false => self.access.without_key(&told(error)),
        };
        Trouble::Passing { what, after: None, perhaps_paid: slow && !refused }
    }

    /// Whether a refusal says that the request must be put in other words, which the next one is.
    fn learn(&self, body: &str) -> bool {
        let newly = |flag: &AtomicBool, is_meant: bool| is_meant && !flag.swap(true, Ordering::Relaxed);
        let limit = newly(&self.new_limit, body.contains("max_completion_tokens"));
        let temperature = newly(&self.no_temperature, body.contains("temperature") && body.contains("nsupported"));
        limit || temperature
    }

    fn understood(&self, status: u16, headers: &HeaderMap, body: &str, sent: &[Message]) -> Result<Reply, Trouble> {
        if status != 200 {
            return Err(self.refused(status, headers, body));
        }
        let passing = |what: String| Trouble::Passing { what, after: None, perhaps_paid: true };
        let value: Value = serde_json::from_str(body)
            .map_err(|e| passing(format!("the reply is not JSON ({e}): {}", self.shown(body))))?;
        let choice = value
            .pointer("/choices/0/message")
            .ok_or_else(|| passing(format!("the reply has no choices[0].message: {}", self.shown(body))))?;
        let text = self.access.without_key(choice.get("content").and_then(Value::as_str).unwrap_or_default());
        let count = |name: &str| value.pointer(&format!("/usage/{name}")).and_then(Value::as_f64);
        let usage = count("prompt_tokens").zip(count("completion_tokens"));
        let fourth = |letters: usize| (letters as f64 / 4.0).ceil();
        let read = || fourth(sent.iter().map(|message| message.content.chars().count()).sum());
        let tokens = usage.map_or_else(|| [read(), fourth(text.chars().count())], |(read, wrote)| [read, wrote]);
        let cut = value.pointer("/choices/0/finish_reason").and_then(Value::as_str) == Some("length");
        Ok(Reply { text, tokens, counted: usage.is_some(), cut })
    }

    fn refused(&self, status: u16, headers: &HeaderMap, body: &str) -> Trouble {
        let said = serde_json::from_str::<Value>(body).ok();
        let said = said.as_ref().and_then(|value| value.pointer("/error/message")?.as_str()).unwrap_or(body);
        let what = format!("the judge answers with status {status}: {}", self.shown(said));
        let hint = match status {
            401 | 403 if self.access.key.is_none() => "the server wants a key: put it into the variable OPENAI_API_KEY",
            401 | 403 => "check the key in OPENAI_API_KEY, and that it may use this model",
            404 => {
                "check compare.judge.endpoint (it ends before /chat/completions, often in /v1) and compare.judge.model"
            }
            408 | 409 | 425 | 429 | 500..=599 => {
                return Trouble::Passing { what, after: retry_after(headers), perhaps_paid: false };
            }
            300..=399 => "the server sends requests elsewhere: give compare.judge.endpoint that address",
            _ => "the server does not take the request: check compare.judge.model, max_tokens and temperature",
        };
        Trouble::Lasting(Error::new(what).at(&self.access.base).hint(hint))
    }

    /// The beginning of what a server says, without the key.
    fn shown(&self, said: &str) -> String {
        let said = self.access.without_key(said);
        let mut words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = words.char_indices().nth(SHOWN) {
            words.truncate(end);
            words.push('…');
        }
        if words.is_empty() { "nothing".to_owned() } else { words }
    }
}

/// An error with its causes, without the address.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// How long a server asks to wait: seconds, a date, or OpenAI's milliseconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| (0.0..1e9).contains(number));
    if let Some(milliseconds) = text("retry-after-ms").and_then(number) {
        return Some(Duration::from_secs_f64(milliseconds / 1000.0));
    }
    let text = text("retry-after")?;
    if let Some(seconds) = number(text) {
        return Some(Duration::from_secs_f64(seconds));
    }
    let then = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second();
    let seconds = then.saturating_sub(jiff::Timestamp::now().as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_how_long_to_wait_in_three_ways() {
        let after = |name: &'static str, value: &str| {
            retry_after(&HeaderMap::from_iter([(
                reqwest::header::HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )]))
        };
        assert_eq!(after("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(after("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(after("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let date = after("retry-after", "Fri, 01 Jan 2100 00:00:00 GMT").unwrap();
        assert!(date > Duration::from_secs(86_400 * 365), "{date:?}");
        for wrong in ["soon", "-1", "1e300", "inf"] {
            assert_eq!(after("retry-after", wrong), None, "{wrong}");
        }
    }
}
