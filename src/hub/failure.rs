//! What became of a request that did not succeed, from `hf-hub` or from our own.

use std::time::Duration;

use hf_hub::HFError;
use reqwest::header::HeaderMap;

use crate::error::Error;

/// A request that did not succeed.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// The Hub answered, with no.
    Refused(Refusal),
    /// There was no answer, or it ended too soon.
    Cut(String),
    /// Trying again would change nothing.
    Final(Error),
}

/// An answer that is none.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The Hub's own word for it: `GatedRepo`, `RepoNotFound`, `RevisionNotFound`, `EntryNotFound`.
    pub code: Option<String>,
    /// What the Hub says to people.
    pub message: Option<String>,
    /// How long it asks to wait.
    pub wait: Option<Duration>,
    /// Whether it came from another host than the Hub: one that large files are redirected to.
    pub elsewhere: bool,
}

impl Failure {
    /// Whether trying again may help. The address of a large file that another host refuses is asked for anew each time.
    pub fn passes(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                matches!(refusal.status, 408 | 425 | 429 | 500 | 502 | 503 | 504) || refusal.elsewhere
            }
            Self::Cut(_) => true,
            Self::Final(_) => false,
        }
    }

    /// How long the Hub asks to wait.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.wait,
            _ => None,
        }
    }
}

impl Refusal {
    /// Reads the status and headers of an answer that is not a success.
    pub fn of(status: u16, headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            status,
            code: text("x-error-code"),
            message: text("x-error-message"),
            wait: text("retry-after").and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs),
            elsewhere: false,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        if error.is_builder() {
            return Self::Final(Error::new(format!("cannot make the request: {}", chain(&error.without_url()))));
        }
        Self::Cut(chain(&error.without_url()))
    }
}

impl From<HFError> for Failure {
    fn from(error: HFError) -> Self {
        let refusal = |status: u16, code: Option<&String>, message: Option<&String>, wait| {
            let (code, message) = (code.cloned(), message.cloned());
            Self::Refused(Refusal { status, code, message, wait, elsewhere: false })
        };
        match &error {
            HFError::Http { context: c } => {
                refusal(c.status.as_u16(), c.error_code.as_ref(), c.server_message.as_ref(), None)
            }
            HFError::AuthRequired { context: c } => {
                refusal(401, c.error_code.as_ref(), c.server_message.as_ref(), None)
            }
            HFError::Forbidden { context: c } => refusal(403, c.error_code.as_ref(), c.server_message.as_ref(), None),
            HFError::RateLimited { retry_after, context: c } => {
                refusal(429, c.error_code.as_ref(), c.server_message.as_ref(), *retry_after)
            }
            HFError::RepoNotFound { context, .. }
            | HFError::RevisionNotFound { context, .. }
            | HFError::EntryNotFound { context, .. } => {
                let code = context.as_ref().and_then(|c| c.error_code.as_ref());
                refusal(404, code, context.as_ref().and_then(|c| c.server_message.as_ref()), None)
            }
            HFError::Request { source, .. } if !source.is_builder() => Self::Cut(chain(source)),
            // What `hf-hub` could not read may be a page of a proxy that goes away.
            HFError::Json(_) | HFError::MalformedResponse { .. } => Self::Cut(error.to_string()),
            _ => Self::Final(Error::new(format!("the request to the Hub failed: {error}"))),
        }
    }
}

/// An error with what it says of its causes; the outermost alone often says nothing.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(cause) = inner {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(&format!(": {cause_text}"));
        }
        inner = cause.source();
    }
    text
}
