//! The whole of it: on a thread of its own, while this one shows how far it is and listens for Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::blocking::{RequestBuilder, Response};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::Upload;
use super::answer::{self, checked, explain};
use super::base64::encoded;
use super::content::OutFile;
use crate::error::{Error, Result};
use crate::hub::client::{Client, Web};
use crate::hub::download::{Transfer, token};
use crate::hub::failure::Failure;
use crate::hub::name::Name;
use crate::hub::retry::{Attempts, stopped};
use crate::progress::{Bar, Progress};

/// Files that one request asks about.
const AT_ONCE: usize = 256;

/// What a step of sending comes to.
pub(super) type Step<T> = Result<T>;

/// A request's outcome: the failure, and how often it was tried.
pub(super) type Tried<T> = Result<T, (Failure, u32)>;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The commit that has the files.
    pub commit: String,
    /// Where people see it: the commit, or the pull request.
    pub page: String,
    /// The files that the commit changed; none if all were there already.
    pub changed: Vec<String>,
    /// Bytes of large files that the Hub did not have yet.
    pub bytes: u64,
}

/// One sending of files to one repository.
pub(super) struct Sending<'a> {
    pub client: &'a Client,
    pub web: &'a Web,
    pub name: &'a Name,
    pub upload: &'a Upload,
    pub transfer: Arc<Transfer>,
}

/// Sends files to a model repository, in one commit; makes the repository if it is not there.
///
/// # Errors
/// There is no token; the Hub refuses, or cannot be reached for longer than the client's patience; somebody else
/// changed the repository meanwhile; `stop` said so. The repository is then as it was.
pub fn send(
    client: &Client,
    name: &Name,
    upload: &Upload,
    progress: Progress,
    stop: &dyn Fn() -> bool,
) -> Result<Sent> {
    let place = format!("model {name}");
    if client.environment().offline {
        return Err(Error::new("HF_HUB_OFFLINE says that the Hub must not be asked").at(place));
    }
    if client.environment().token.is_none() {
        return Err(Error::new("there is no token, and nobody may write without one").at(place).hint(format!(
            "set HF_TOKEN or run hf auth login; a token that may write is made at {}/settings/tokens",
            client.environment().endpoint
        )));
    }
    let transfer = Arc::new(Transfer::default());
    let sending = Sending { client, web: client.web()?, name, upload, transfer: Arc::clone(&transfer) };
    std::thread::scope(|scope| {
        let work = scope.spawn(|| sending.run());
        let (mut bar, mut shown): (Option<Bar>, u64) = (None, 0);
        while !work.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
            if stop() {
                transfer.stop.store(true, Ordering::Relaxed);
            }
            let (done, total) = (transfer.done.load(Ordering::Relaxed), transfer.total.load(Ordering::Relaxed));
            match &mut bar {
                Some(bar) => bar.advance(done.saturating_sub(shown), ""),
                None if total > 0 => bar = Some(progress.bar("sending", "bytes", done, total)),
                None => {}
            }
            shown = shown.max(done);
        }
        let outcome = work.join().unwrap_or_else(|_| Err(Error::new("the thread that sends ended without a word")));
        if let (Some(bar), Ok(_)) = (bar, &outcome) {
            bar.finish(name.to_string());
        }
        outcome
    })
}

impl Sending<'_> {
    fn run(&self) -> Step<Sent> {
        let before = self.open()?;
        self.check_privacy(&before)?;
        let files: Vec<&OutFile> = self.upload.files.iter().filter(|file| !before.has(file)).collect();
        if files.is_empty() {
            let page = format!("{}/{}", self.endpoint(), self.name);
            return Ok(Sent { commit: before.commit, page, changed: Vec::new(), bytes: 0 });
        }
        let (large, small): (Vec<&OutFile>, Vec<&OutFile>) = self.split(&files)?;
        let bytes = self.send_large(&large)?;
        let committed = self.commit(before, &small, &large)?;
        let changed = files.iter().map(|file| file.path.clone()).collect();
        Ok(Sent { commit: committed.commit, page: committed.page, changed, bytes })
    }

    /// Which files the Hub wants as large ones, and which inside the commit.
    fn split<'f>(&self, files: &[&'f OutFile]) -> Step<(Vec<&'f OutFile>, Vec<&'f OutFile>)> {
        let step = "asking which files are large";
        let address = format!("{}/api/models/{}/preupload/main{}", self.endpoint(), self.name, self.query());
        let (mut large, mut small) = (Vec::new(), Vec::new());
        for some in files.chunks(AT_ONCE) {
            let described = some
                .iter()
                .map(|file| json!({ "path": file.path, "size": file.size, "sample": encoded(&file.sample) }));
            let body = json!({ "files": described.collect::<Vec<Value>>() });
            let answer = self.told(step, self.tried(step, || self.post(&address, &body)))?;
            for file in some {
                let said = answer.get("files").and_then(Value::as_array).into_iter().flatten();
                let said = said.into_iter().find(|said| said.get("path").and_then(Value::as_str) == Some(&file.path));
                match said.and_then(|said| said.get("uploadMode")?.as_str()) {
                    _ if said.is_some_and(|said| said.get("shouldIgnore") == Some(&Value::Bool(true))) => {
                        return Err(Error::new(format!("the repository's .gitignore leaves {} out", file.path))
                            .at(format!("model {}", self.name))
                            .hint("take the line out of it"));
                    }
                    // An empty file cannot be a large one.
                    Some("lfs") if file.size > 0 => large.push(*file),
                    Some(_) => small.push(*file),
                    None => return Err(self.strange(step, &format!("it says nothing of {}", file.path))),
                }
            }
        }
        Ok((large, small))
    }

    /// What stands behind an address where a pull request is asked for.
    pub(super) fn query(&self) -> &'static str {
        if self.upload.create_pr { "?create_pr=1" } else { "" }
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.client.environment().endpoint
    }

    /// Posts JSON with the token, and reads JSON.
    pub(super) fn post(&self, address: &str, body: &Value) -> Result<Value, Failure> {
        answer::json(checked(self.json_request(address, body).headers(token(self.client)).send()?)?)
    }

    pub(super) fn json_request(&self, address: &str, body: &Value) -> RequestBuilder {
        self.web.files.post(address).header(CONTENT_TYPE, "application/json").body(body.to_string())
    }

    /// Tries until it succeeds, trying again is of no use, or a person asks to stop.
    pub(super) fn tried<T>(&self, step: &str, mut request: impl FnMut() -> Result<T, Failure>) -> Tried<T> {
        let mut attempts = Attempts::new(self.client.environment().patience, &self.transfer.stop);
        loop {
            if self.transfer.stop.load(Ordering::Relaxed) {
                return Err((stopped_at(step), attempts.failed()));
            }
            match request() {
                Ok(value) => return Ok(value),
                Err(_) if self.transfer.stop.load(Ordering::Relaxed) => {
                    return Err((stopped_at(step), attempts.failed()));
                }
                Err(failure) => attempts.after(failure).map_err(|failure| (failure, attempts.failed()))?,
            }
        }
    }

    /// An outcome with its failure as an error for people.
    pub(super) fn told<T>(&self, step: &str, outcome: Tried<T>) -> Step<T> {
        outcome.map_err(|(failure, tries)| explain(self.client, self.name, step, failure, tries))
    }

    /// The error of an answer that makes no sense.
    pub(super) fn strange(&self, step: &str, why: &str) -> Error {
        Error::new(format!("{step}: the Hub's answer makes no sense: {}", self.client.unsaid(why)))
            .at(format!("model {}", self.name))
            .hint("is HF_ENDPOINT the address of a Hub?")
    }

    /// Sends a request that may go to another host, which gets no token, and checks the answer.
    pub(super) fn checked(&self, request: RequestBuilder) -> Result<Response, Failure> {
        checked(request.send()?)
    }
}

fn stopped_at(step: &str) -> Failure {
    match stopped() {
        Failure::Final(_) => Failure::Final(Error::interrupted(format!("{step}: stopped")).hint(
            "nothing was changed there; run the same command again: large files that arrived are not sent again",
        )),
        other => other,
    }
}
