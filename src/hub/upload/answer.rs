//! What the Hub answers to those who send, and what its refusals mean to them.

use std::io::Read;

use reqwest::blocking::Response;
use serde_json::Value;

use crate::error::Error;
use crate::hub::client::Client;
use crate::hub::failure::{Failure, Refusal};
use crate::hub::name::Name;

/// The longest body of a refusal that is read.
const LONGEST: u64 = 4096;

/// An answer that is a success; one that is not, with what the Hub says to people.
pub(super) fn checked(answer: Response) -> Result<Response, Failure> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let mut refusal = Refusal::of(answer.status().as_u16(), answer.headers());
    if refusal.message.is_none() {
        let mut body = String::new();
        // A body that cannot be read says nothing; the status stays.
        let _ = answer.take(LONGEST).read_to_string(&mut body);
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        refusal.message = ["error", "message"].iter().find_map(|key| body.get(key)?.as_str()).map(str::to_owned);
    }
    Err(Failure::Refused(refusal))
}

/// The body of an answer as JSON.
pub(super) fn json(answer: Response) -> Result<Value, Failure> {
    let bytes = answer.bytes()?;
    serde_json::from_slice(&bytes).map_err(|e| Failure::Cut(format!("the answer is not JSON: {e}")))
}

/// The error of a step of sending that failed `tries` times in a row.
pub(super) fn explain(client: &Client, name: &Name, step: &str, failure: Failure, tries: u32) -> Error {
    let endpoint = &client.environment().endpoint;
    let often = if tries > 1 { format!(", {tries} times in a row") } else { String::new() };
    const AGAIN: &str = "nothing was changed there; run the same command again: large files that arrived are not sent \
                         again";
    let error = match failure {
        Failure::Final(error) => error,
        Failure::Cut(why) => {
            let why = client.unsaid(&why);
            Error::new(format!("{step}: no connection to {endpoint}, or one that was cut{often}: {why}")).hint(AGAIN)
        }
        Failure::Refused(refusal) => {
            let (what, hint) = meaning(client, name, refusal.status, refusal.code.as_deref());
            let said = refusal.message.as_deref().map(|message| client.unsaid(message.trim()));
            let said = said.map(|message| format!(" (it says: {message})")).unwrap_or_default();
            let what = what.unwrap_or_else(|| format!("the Hub answers {}{often}", refusal.status));
            Error::new(format!("{step}: {what}{said}")).hint(hint.unwrap_or_else(|| AGAIN.to_owned()))
        }
    };
    error.at(format!("model {name}"))
}

/// What a status means, and what to do about it.
fn meaning(client: &Client, name: &Name, status: u16, code: Option<&str>) -> (Option<String>, Option<String>) {
    let endpoint = &client.environment().endpoint;
    let origin = client.environment().token.as_ref().map_or("none", |token| token.origin());
    let (what, hint) = match (status, code) {
        (401, _) => (
            "the token was refused (401)".to_owned(),
            format!("check the token ({origin}); one that may write is made at {endpoint}/settings/tokens"),
        ),
        (403, _) => (
            format!("the owner of this token may not write to {name} (403)"),
            format!(
                "the token ({origin}) needs the right to write, and {} must be your name or an organisation of yours; \
                 --create-pr proposes a change to somebody else's",
                name.owner()
            ),
        ),
        (404, _) => ("the repository is not there (404)".to_owned(), format!("check the name at {endpoint}/{name}")),
        (413, _) => {
            ("the Hub finds it too large (413)".to_owned(), "see the Hub's limits on files and storage".to_owned())
        }
        (429, _) => (
            "the Hub asks for fewer requests (429)".to_owned(),
            "wait some minutes and run the same command again: large files that arrived are not sent again".to_owned(),
        ),
        _ => return (None, None),
    };
    (Some(what), Some(hint))
}
