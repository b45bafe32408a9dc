//! Large files by the protocol of Git LFS: the Hub says which it does not have and where they go.
//!
//! # Source  git-lfs/docs/api/batch.md and basic-transfers.md; for parts, `huggingface_hub`'s `lfs.py`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Take};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::Url;
use reqwest::blocking::{Body, Response};
use reqwest::header::{ACCEPT, CONTENT_TYPE, ETAG};
use serde_json::{Map, Value, json};

use super::answer;
use super::content::OutFile;
use super::sending::{Sending, Step};
use crate::error::{Error, Result};
use crate::hub::download::{Transfer, token};
use crate::hub::failure::Failure;
use crate::progress::short_bytes;

/// Files that one request asks about.
const AT_ONCE: usize = 256;
/// A connection that sends fewer bytes a second than this counts as cut.
const SLOWEST: u64 = 16 << 10;
/// What the protocol calls itself.
const MEDIA: &str = "application/vnd.git-lfs+json";

/// A file that the Hub does not have yet, and what it says to do with it.
struct Missing<'f> {
    file: &'f OutFile,
    upload: Action,
    verify: Option<Action>,
}

/// An address, and what comes with it.
struct Action {
    href: String,
    header: Map<String, Value>,
}

impl Action {
    fn of(value: &Value) -> Option<Self> {
        let header = value.get("header").and_then(Value::as_object).cloned().unwrap_or_default();
        Some(Self { href: value.get("href")?.as_str()?.to_owned(), header })
    }
}

impl Sending<'_> {
    /// Sends the large files that the Hub does not have yet; returns their bytes.
    pub(super) fn send_large(&self, files: &[&OutFile]) -> Step<u64> {
        let mut missing = Vec::new();
        for some in files.chunks(AT_ONCE) {
            missing.extend(self.batch(some)?);
        }
        let bytes = missing.iter().map(|missing| missing.file.size).sum();
        self.transfer.total.store(bytes, Ordering::Relaxed);
        for one in &missing {
            self.send_one(one)?;
        }
        Ok(bytes)
    }

    /// Asks which files are missing, and where they go.
    fn batch<'f>(&self, files: &[&'f OutFile]) -> Step<Vec<Missing<'f>>> {
        let step = "asking where large files go";
        let address = format!("{}/{}.git/info/lfs/objects/batch", self.endpoint(), self.name);
        // The same bytes under two names are sent once.
        let by_hash: BTreeMap<&str, &OutFile> = files.iter().map(|file| (file.sha256.as_str(), *file)).collect();
        let objects: Vec<Value> =
            by_hash.values().map(|file| json!({ "oid": file.sha256, "size": file.size })).collect();
        let body = json!({
            "operation": "upload", "transfers": ["basic", "multipart"], "objects": objects, "hash_algo": "sha256",
            "ref": { "name": "main" },
        });
        let ask = || {
            let request = self.json_request(&address, &body).headers(token(self.client));
            answer::json(self.checked(request.header(ACCEPT, MEDIA))?)
        };
        let answer = self.told(step, self.tried(step, ask))?;
        let objects = answer.get("objects").and_then(Value::as_array);
        let objects = objects.ok_or_else(|| self.strange(step, "it has no objects"))?;
        let mut missing = Vec::new();
        for file in by_hash.into_values() {
            let said = objects.iter().find(|said| said.get("oid").and_then(Value::as_str) == Some(&file.sha256));
            let said = said.ok_or_else(|| self.strange(step, &format!("it says nothing of {}", file.path)))?;
            if let Some(error) = said.get("error") {
                let message = error.get("message").and_then(Value::as_str).unwrap_or("no reason");
                return Err(Error::new(format!("the Hub does not take the file: {}", self.client.unsaid(message)))
                    .at(format!("model {}, file {}", self.name, file.path)));
            }
            // No action: the Hub has it.
            let Some(actions) = said.get("actions") else { continue };
            let Some(upload) = actions.get("upload").and_then(Action::of) else { continue };
            missing.push(Missing { file, upload, verify: actions.get("verify").and_then(Action::of) });
        }
        Ok(missing)
    }

    /// Sends one file and has it verified.
    fn send_one(&self, missing: &Missing<'_>) -> Step<()> {
        let (file, upload) = (missing.file, &missing.upload);
        let step = format!("sending {} ({})", file.path, short_bytes(file.size));
        match upload.header.get("chunk_size").map(number) {
            None => {
                self.told(&step, self.tried(&step, || self.put(&upload.href, file, 0, file.size)))?;
            }
            Some(Some(chunk)) if chunk > 0 => self.send_parts(&step, missing, chunk)?,
            Some(_) => return Err(self.strange(&step, "the size of its parts is no number")),
        }
        let Some(verify) = &missing.verify else { return Ok(()) };
        let step = format!("having {} verified", file.path);
        let body = json!({ "oid": file.sha256, "size": file.size });
        let ask = || {
            let request = self.json_request(&verify.href, &body);
            // Another host gets no token.
            let own = self.is_hub(&verify.href);
            self.checked(if own { request.headers(token(self.client)) } else { request })
        };
        self.told(&step, self.tried(&step, ask)).map(|_| ())
    }

    /// Sends the parts of a file one after the other, and then says that they are one.
    fn send_parts(&self, step: &str, missing: &Missing<'_>, chunk: u64) -> Step<()> {
        let file = missing.file;
        let mut addresses: Vec<(u64, &str)> = Vec::new();
        for (key, value) in &missing.upload.header {
            if let (Ok(part), Some(address)) = (key.parse(), value.as_str()) {
                addresses.push((part, address));
            }
        }
        addresses.sort_unstable();
        if addresses.len() as u64 != file.size.div_ceil(chunk) {
            return Err(self.strange(step, "the number of its parts does not fit its size"));
        }
        let mut parts = Vec::new();
        for ((_, address), number) in addresses.into_iter().zip(0..) {
            let (start, length) = (number * chunk, chunk.min(file.size - number * chunk));
            let answer = self.told(step, self.tried(step, || self.put(address, file, start, length)))?;
            let etag = answer.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).filter(|etag| !etag.is_empty());
            let etag = etag.ok_or_else(|| self.strange(step, "a part has no ETag"))?;
            parts.push(json!({ "partNumber": number + 1, "etag": etag }));
        }
        let body = json!({ "oid": file.sha256, "parts": parts });
        let finish = || {
            let request = self.json_request(&missing.upload.href, &body).header(ACCEPT, MEDIA);
            self.checked(request.header(CONTENT_TYPE, MEDIA))
        };
        self.told(step, self.tried(step, finish)).map(|_| ())
    }

    /// Sends some bytes of a file; what was counted of a failed try is taken back.
    fn put(&self, address: &str, file: &OutFile, start: u64, length: u64) -> Result<Response, Failure> {
        let before = self.transfer.done.load(Ordering::Relaxed);
        let piece = Piece::open(file, start, length, Arc::clone(&self.transfer))?;
        let limit = self.client.environment().patience.silence + Duration::from_secs(length / SLOWEST);
        let request = self.web.files.put(address).body(Body::sized(piece, length)).timeout(limit);
        let sent = self.checked(request);
        if sent.is_err() {
            self.transfer.done.store(before, Ordering::Relaxed);
        }
        sent.map_err(|failure| match failure {
            // The token has no part in this: the storage behind the Hub refuses for reasons of its own.
            Failure::Refused(refusal) if !Failure::Refused(refusal.clone()).passes() => {
                let said = refusal.message.map(|message| format!(": {}", self.client.unsaid(message.trim())));
                Failure::Final(
                    Error::new(format!("the Hub's storage answers {}{}", refusal.status, said.unwrap_or_default()))
                        .at(format!("file {}", file.path))
                        .hint("its address may have grown old: run the same command again, which asks for a new one"),
                )
            }
            other => other,
        })
    }

    fn is_hub(&self, address: &str) -> bool {
        let origin = |address: &str| Url::parse(address).ok().map(|url| url.origin());
        origin(address).is_some_and(|it| Some(it) == origin(self.endpoint()))
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Some bytes of a file on their way: counted as they are read, and ended when a person asks to stop.
struct Piece {
    bytes: Take<File>,
    transfer: Arc<Transfer>,
}

impl Piece {
    fn open(file: &OutFile, start: u64, length: u64, transfer: Arc<Transfer>) -> Result<Self> {
        let failed = |e| Error::io(&file.place, "read the file", &e);
        let mut bytes = File::open(&file.place).map_err(failed)?;
        bytes.seek(SeekFrom::Start(start)).map_err(failed)?;
        Ok(Self { bytes: bytes.take(length), transfer })
    }
}

impl Read for Piece {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.transfer.stop.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("stopped"));
        }
        let count = self.bytes.read(buffer)?;
        self.transfer.done.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
