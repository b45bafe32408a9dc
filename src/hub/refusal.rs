//! A failed request as an error that a person can act on.

use super::client::Client;
use super::failure::{Failure, Refusal};
use super::repository::Kind;
use crate::error::Error;

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub kind: Kind,
    pub name: &'a super::Name,
    pub revision: &'a str,
    /// The file, where it was one.
    pub path: Option<&'a str>,
}

impl Asked<'_> {
    fn place(&self) -> String {
        let file = self.path.map(|path| format!(", file {path}")).unwrap_or_default();
        format!("{} {} at {}{file}", self.kind.word(), self.name, short(self.revision))
    }
}

/// A commit's first digits; other revisions as they are.
pub(super) fn short(revision: &str) -> &str {
    let is_commit = revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit { revision.get(..10).unwrap_or(revision) } else { revision }
}

/// The error of a request that failed `tries` times in a row.
pub(super) fn explain(client: &Client, asked: Asked<'_>, failure: Failure, tries: u32) -> Error {
    let endpoint = &client.environment().endpoint;
    let error = match failure {
        Failure::Final(error) => return error.at(asked.place()),
        Failure::Cut(why) => {
            let often = if tries > 1 { format!(", {tries} times in a row") } else { String::new() };
            Error::new(format!("no connection to {endpoint}, or one that was cut{often}: {}", client.unsaid(&why))).hint(
                "what has arrived is kept: run the same command again when the network is back; HF_HUB_OFFLINE=1 uses \
                 only what is in the cache",
            )
        }
        Failure::Refused(refusal) => refused(client, asked, &refusal, tries),
    };
    error.at(asked.place())
}

fn refused(client: &Client, asked: Asked<'_>, refusal: &Refusal, tries: u32) -> Error {
    let code = refusal.code.as_deref().unwrap_or("");
    let what = format!("the {} {}", asked.kind.word(), asked.name);
    let (what, hint) = match (refusal.status, code) {
        (401 | 403, "GatedRepo") => (format!("{what} is gated"), gated(client, asked)),
        (401, _) => (format!("{what} is not there, or not for everyone"), unauthorized(client)),
        (403, _) => (format!("{what} is not for the owner of this token"), forbidden(client)),
        (404, "EntryNotFound") => (format!("{what} has no such file"), String::new()),
        (404, "RevisionNotFound") => (
            format!("{what} has no revision {:?}", asked.revision),
            "give a branch, a tag or a commit; the default is main".to_owned(),
        ),
        (404, _) => (format!("{what} is not there"), missing(client, asked)),
        (429, _) => (
            format!("the Hub asks for fewer requests (429), {tries} times in a row"),
            "wait some minutes and run the same command again; with a token the limit is higher".to_owned(),
        ),
        (status, _) => (
            format!(
                "the Hub answers {status}, {}",
                if tries > 1 { format!("{tries} times in a row") } else { "once".into() }
            ),
            "what has arrived is kept: run the same command again later".to_owned(),
        ),
    };
    let said = refusal.message.as_deref().map(|message| format!(" (it says: {})", client.unsaid(message.trim())));
    let error = Error::new(format!("{what}{}", said.unwrap_or_default()));
    if hint.is_empty() { error } else { error.hint(hint) }
}

fn gated(client: &Client, asked: Asked<'_>) -> String {
    let page = format!("{}/{}{}", client.environment().endpoint, asked.kind.prefix(), asked.name);
    match &client.environment().token {
        None => format!("accept its terms at {page}, then set HF_TOKEN or run hf auth login"),
        Some(token) => format!("accept its terms at {page}, signed in as the owner of the token ({})", token.origin()),
    }
}

fn unauthorized(client: &Client) -> String {
    match &client.environment().token {
        None => "check the name; for a private or gated one set HF_TOKEN or run hf auth login".to_owned(),
        Some(token) => format!(
            "the token was refused, or may not read it: check the name and the token ({}); a new one is made at \
             {}/settings/tokens",
            token.origin(),
            client.environment().endpoint
        ),
    }
}

fn forbidden(client: &Client) -> String {
    match &client.environment().token {
        None => "set HF_TOKEN or run hf auth login".to_owned(),
        Some(token) => format!("the token ({}) lacks the right to read it", token.origin()),
    }
}

fn missing(client: &Client, asked: Asked<'_>) -> String {
    let other = match asked.kind {
        Kind::Dataset => "a model's name is no data set's",
        Kind::Model => "give a folder, or the name of a model on the Hub",
    };
    let token = match &client.environment().token {
        None => "; for a private one set HF_TOKEN",
        Some(_) => "",
    };
    format!("check the name at {}/{}{}: {other}{token}", client.environment().endpoint, asked.kind.prefix(), asked.name)
}
