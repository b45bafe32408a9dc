//! Who asks the Hub, and with what patience.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hf_hub::{HFClient, HFClientSync};
use reqwest::redirect::Policy;

use super::environment::Environment;
use crate::error::{Error, Result};

/// A client of the Hub; cheap to clone. Nothing is opened before something is asked.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    environment: Environment,
    web: OnceLock<Result<Web>>,
}

/// The connections.
pub(super) struct Web {
    /// `hf-hub`'s client, for commits and lists of files.
    pub api: HFClientSync,
    /// For files; other hosts get no token.
    pub files: reqwest::blocking::Client,
    /// The same, for looking where a file is.
    pub heads: reqwest::blocking::Client,
}

impl Client {
    /// A client as the variables of this process say; see [`super::environment`].
    pub fn from_environment() -> Self {
        Self::new(Environment::read())
    }

    /// A client as told.
    pub fn new(environment: Environment) -> Self {
        Self { shared: Arc::new(Shared { environment, web: OnceLock::new() }) }
    }

    /// What it was told.
    pub fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    /// The connections.
    ///
    /// # Errors
    /// The endpoint is no address, or the system's certificates cannot be read.
    pub(super) fn web(&self) -> Result<&Web> {
        self.shared.web.get_or_init(|| connect(&self.shared.environment)).as_ref().map_err(Clone::clone)
    }

    /// A text of the Hub or of a library without the token, should it be in it.
    pub(super) fn unsaid(&self, text: &str) -> String {
        match &self.environment().token {
            Some(token) => text.replace(token.secret(), "(the token)"),
            None => text.to_owned(),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("environment", self.environment()).finish_non_exhaustive()
    }
}

fn connect(environment: &Environment) -> Result<Web> {
    let agent = concat!("emakeel/", env!("CARGO_PKG_VERSION"));
    let silence = environment.patience.silence;
    let within = Duration::from_secs(10).min(silence);
    let failed = |e: &dyn fmt::Display| {
        Error::new(format!("cannot prepare a connection to {}: {e}", environment.endpoint)).hint(
            "HF_ENDPOINT must be an address such as https://huggingface.co; https needs the system's certificates",
        )
    };
    let asynchronous = reqwest::Client::builder().user_agent(agent).connect_timeout(within).read_timeout(silence);
    let mut api = HFClient::builder()
        .endpoint(&environment.endpoint)
        .cache_dir(&environment.cache)
        .client(asynchronous.build().map_err(|e| failed(&e))?)
        // Trying again is counted in one place, `retry`.
        .retry_max_attempts(0);
    if let Some(token) = &environment.token {
        api = api.token(token.secret());
    }
    // Of a blocking client the time limit counts for each read, not for all of them.
    let blocking = || reqwest::blocking::Client::builder().user_agent(agent).connect_timeout(within).timeout(silence);
    Ok(Web {
        api: api.build_sync().map_err(|e| failed(&e))?,
        files: blocking().build().map_err(|e| failed(&e))?,
        heads: blocking().redirect(Policy::none()).build().map_err(|e| failed(&e))?,
    })
}
