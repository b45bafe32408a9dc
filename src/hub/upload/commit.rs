//! The commit: one request with all that changes, which the Hub does whole or not at all.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::answer;
use super::base64::encoded;
use super::content::OutFile;
use super::remote::Remote;
use super::sending::{Sending, Step};
use crate::error::{Error, Result};
use crate::files;
use crate::hub::download::token;
use crate::hub::failure::Failure;
use crate::hub::refusal::short;

/// How long the Hub may take to make a commit.
const LONGEST: Duration = Duration::from_secs(300);
const STEP: &str = "making the commit";

/// A commit that is there.
#[derive(Debug)]
pub(super) struct Committed {
    pub commit: String,
    pub page: String,
}

impl Sending<'_> {
    /// Makes the commit on what was looked at, or on what it became if that has the same files.
    pub(super) fn commit(&self, before: Remote, small: &[&OutFile], large: &[&OutFile]) -> Step<Committed> {
        let mut parent = before;
        for is_last in [false, true] {
            let body = self.body(&parent.commit, small, large)?;
            match self.try_commit(&body) {
                Ok(committed) => return Ok(committed),
                Err((Failure::Refused(refusal), _)) if matches!(refusal.status, 409 | 412) => {
                    let now = self.look_again()?;
                    if !self.upload.create_pr && small.iter().chain(large).all(|file| now.has(file)) {
                        return Ok(self.there(now));
                    }
                    let changes = parent.changes(&now);
                    if is_last || !changes.is_empty() {
                        return Err(self.moved(&parent, &now, &changes));
                    }
                    parent = now;
                }
                failed => return self.told(STEP, failed),
            }
        }
        Err(self.strange(STEP, "the parent moved"))
    }

    fn try_commit(&self, body: &[u8]) -> super::sending::Tried<Committed> {
        let address = format!("{}/api/models/{}/commit/main{}", self.endpoint(), self.name, self.query());
        let send = || {
            let request = self.web.files.post(&address).headers(token(self.client)).timeout(LONGEST);
            let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(body.to_vec());
            let answer = answer::json(self.checked(request).map_err(|failure| self.once(failure))?)?;
            let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
            let commit = text("commitOid").unwrap_or_default();
            let page = text("pullRequestUrl").or_else(|| text("commitUrl"));
            Ok(Committed { commit, page: page.unwrap_or_else(|| format!("{}/{}", self.endpoint(), self.name)) })
        };
        self.tried(STEP, send)
    }

    /// A pull request whose answer did not arrive is not tried again: there might be two then.
    fn once(&self, failure: Failure) -> Failure {
        let unclear = match &failure {
            Failure::Cut(_) => true,
            Failure::Refused(refusal) => matches!(refusal.status, 500 | 502 | 504),
            Failure::Final(_) => false,
        };
        if !self.upload.create_pr || !unclear {
            return failure;
        }
        let page = format!("{}/{}/discussions", self.endpoint(), self.name);
        Failure::Final(
            Error::new("the answer to the pull request did not arrive, so it may be there or not")
                .hint(format!("look at {page} before you run the same command again")),
        )
    }

    /// The lines of the request.
    fn body(&self, parent: &str, small: &[&OutFile], large: &[&OutFile]) -> Result<Vec<u8>> {
        let header = json!({ "summary": self.upload.summary, "description": "", "parentCommit": parent });
        let mut lines = vec![json!({ "key": "header", "value": header }).to_string()];
        for file in small {
            let bytes = files::read(&file.place)?;
            if files::sha256(&bytes) != file.sha256 {
                return Err(Error::new("the file changed since it was looked at").at(file.place.display().to_string()));
            }
            let value = json!({ "content": encoded(&bytes), "path": file.path, "encoding": "base64" });
            lines.push(json!({ "key": "file", "value": value }).to_string());
        }
        for file in large {
            let value = json!({ "path": file.path, "algo": "sha256", "oid": file.sha256, "size": file.size });
            lines.push(json!({ "key": "lfsFile", "value": value }).to_string());
        }
        Ok((lines.join("\n") + "\n").into_bytes())
    }

    /// What an earlier try made.
    fn there(&self, now: Remote) -> Committed {
        let page = format!("{}/{}/commit/{}", self.endpoint(), self.name, now.commit);
        Committed { commit: now.commit, page }
    }

    fn moved(&self, before: &Remote, now: &Remote, changes: &[String]) -> Error {
        let listed = match changes {
            [] => "the same files, but it moves again and again".to_owned(),
            [..] => changes.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", "),
        };
        let (before, now) = (short(&before.commit), short(&now.commit));
        Error::new(format!("somebody else changed the repository meanwhile, from {before} to {now}: {listed}"))
            .at(format!("model {}", self.name))
            .hint("nothing was changed by this run; look at it there, then run the same command again")
    }
}
