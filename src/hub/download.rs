//! One file: asked for from where an earlier try ended, checked, and put in its place whole.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, LOCATION, RANGE,
};
use reqwest::{StatusCode, Url};

use super::cache::is_etag;
use super::checksum;
use super::client::{Client, Web};
use super::failure::{Failure, Refusal};
use super::refusal::explain;
use super::repository::{Entry, Repository};
use super::retry::{Attempts, retry, stopped};
use crate::error::{Error, Result};
use crate::files;
use crate::progress::short_bytes;

/// Redirects of a look at a file that are followed on the Hub itself: a repository that has a new name.
const MOST_REDIRECTS: usize = 5;

/// How far a file is, for those who watch.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    /// Bytes that are there.
    pub done: AtomicU64,
    /// Bytes in all; 0 before anything is fetched.
    pub total: AtomicU64,
    /// Set when nobody wants the file any more.
    pub stop: AtomicBool,
}

/// What the Hub says of a file.
#[derive(Debug)]
struct Look {
    /// The name of its content.
    etag: String,
    /// Bytes.
    size: u64,
}

/// The file in the cache, fetched if it is not there yet.
///
/// # Errors
/// It cannot be fetched, or what arrives is not what the Hub says; offline, it is not in the cache.
pub(super) fn fetch(repository: &Repository, entry: &Entry, transfer: &Transfer) -> Result<PathBuf> {
    if let Some(path) = cached(repository, entry) {
        return Ok(path);
    }
    let client = &repository.client;
    if client.environment().offline {
        return Err(Error::new(format!("file {} is not in the cache, and HF_HUB_OFFLINE is set", entry.path))
            .at(repository.place())
            .hint(format!("run once without HF_HUB_OFFLINE; the cache is {}", client.environment().cache.display())));
    }
    let explained = |failure, tries| explain(client, repository.asked(&entry.path), failure, tries);
    let address = repository.address(&entry.path);
    let web = client.web()?;
    let look = retry(client.environment().patience, || look(client, web, &address));
    let look = look.map_err(|(failure, tries)| explained(failure, tries))?;
    let (cache, etag) = (&repository.cache, &look.etag);
    let blob = cache.blob(etag);
    if !is_whole(&blob, Some(look.size)) {
        let _lock = cache.lock(etag, &transfer.stop).map_err(|failure| explained(failure, 1))?;
        if !is_whole(&blob, Some(look.size)) {
            files::make_folder(blob.parent().unwrap_or(&blob))?;
            let partial = cache.partial(etag);
            Fetching { client, web, address: &address, look: &look, partial: &partial, transfer }
                .to_the_end()
                .map_err(|(failure, tries)| explained(failure, tries))?;
            std::fs::rename(&partial, &blob).map_err(|e| Error::io(&blob, "put the file in its place", &e))?;
        }
    }
    cache.link(repository.commit(), &entry.path, etag)
}

/// The file, if it is in the cache.
pub(super) fn cached(repository: &Repository, entry: &Entry) -> Option<PathBuf> {
    let path = repository.cache.snapshot(repository.commit()).join(&entry.path);
    is_whole(&path, entry.size).then_some(path)
}

fn is_whole(path: &Path, size: Option<u64>) -> bool {
    path.metadata().is_ok_and(|data| data.is_file() && size.is_none_or(|size| size == data.len()))
}

/// Asks for a file's name and size. Redirects to other hosts are not followed: they do not say them.
fn look(client: &Client, web: &Web, address: &str) -> Result<Look, Failure> {
    let invalid = |e: &dyn std::fmt::Display| Failure::Final(Error::new(format!("{address} is no address: {e}")));
    let mut url = Url::parse(address).map_err(|e| invalid(&e))?;
    for _ in 0..=MOST_REDIRECTS {
        let request = web.heads.head(url.clone()).headers(token(client)).header(ACCEPT_ENCODING, "identity");
        let answer = request.send()?;
        let headers = answer.headers();
        let next = header(headers, LOCATION.as_str()).and_then(|place| url.join(place).ok());
        if answer.status().is_redirection()
            && let Some(next) = next.filter(|next| next.origin() == url.origin())
            && header(headers, "x-linked-etag").is_none()
        {
            url = next;
            continue;
        }
        if !answer.status().is_success() && !answer.status().is_redirection() {
            return Err(Failure::Refused(Refusal::of(answer.status().as_u16(), headers)));
        }
        return read_look(headers);
    }
    Err(Failure::Final(Error::new("the Hub redirects in a circle")))
}

fn read_look(headers: &HeaderMap) -> Result<Look, Failure> {
    let etag = header(headers, "x-linked-etag").or_else(|| header(headers, ETAG.as_str())).unwrap_or_default();
    let etag = etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"');
    let size = header(headers, "x-linked-size").or_else(|| header(headers, CONTENT_LENGTH.as_str()));
    match size.and_then(|size| size.parse().ok()) {
        Some(size) if is_etag(etag) => Ok(Look { etag: etag.to_owned(), size }),
        _ => Err(Failure::Final(
            Error::new("the Hub's answer does not say the name and size of the file's content").hint(
                "is HF_ENDPOINT the address of a Hub, or of a mirror that passes X-Linked-Etag and X-Linked-Size on?",
            ),
        )),
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The header that says who asks, if anyone.
pub(super) fn token(client: &Client) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(token) = &client.environment().token
        && let Ok(mut value) = format!("Bearer {}", token.secret()).parse::<reqwest::header::HeaderValue>()
    {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    headers
}

/// A content on its way.
struct Fetching<'a> {
    client: &'a Client,
    web: &'a Web,
    address: &'a str,
    look: &'a Look,
    partial: &'a Path,
    transfer: &'a Transfer,
}

impl Fetching<'_> {
    /// Fetches what is missing, as often as it takes, and checks the whole.
    fn to_the_end(&self) -> Result<(), (Failure, u32)> {
        let open = || {
            let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(self.partial);
            file.map_err(|e| self.disk("write the file", &e))
        };
        let mut file = open().map_err(|failure| (failure, 1))?;
        let mut attempts = Attempts::new(self.client.environment().patience, &self.transfer.stop);
        let mut whole_again = false;
        let mut have = self.begin(&mut file).map_err(|failure| (failure, 1))?;
        loop {
            while have < self.look.size {
                let before = have;
                let piece = self.piece(&mut file, &mut have);
                if have > before {
                    attempts.progressed();
                }
                if let Err(failure) = piece {
                    attempts.after(failure).map_err(|failure| (failure, attempts.failed()))?;
                }
            }
            file.sync_all().map_err(|e| (self.disk("write the file", &e), 1))?;
            if checksum::matches(self.partial, &self.look.etag).map_err(|error| (error.into(), 1))? {
                return Ok(());
            }
            file.set_len(0).map_err(|e| (self.disk("write the file", &e), 1))?;
            if std::mem::replace(&mut whole_again, true) {
                return Err((Failure::Final(damaged()), 1));
            }
            have = 0;
        }
    }

    /// Bytes that an earlier try left; refuses a file that the disk has no place for.
    fn begin(&self, file: &mut File) -> Result<u64, Failure> {
        let mut have = file.metadata().map_err(|e| self.disk("read the file", &e))?.len();
        if have > self.look.size {
            file.set_len(0).map_err(|e| self.disk("write the file", &e))?;
            have = 0;
        }
        let (missing, folder) = (self.look.size - have, self.partial.parent().unwrap_or(self.partial));
        if let Ok(free) = fs4::available_space(folder)
            && free < missing
        {
            return Err(Failure::Final(
                Error::new("free disk space of the Hub's cache")
                    .got(short_bytes(free))
                    .expected(format!("at least {}", short_bytes(missing)))
                    .hint("free some, or move the cache to a larger disk with HF_HUB_CACHE"),
            ));
        }
        self.transfer.done.store(have, Ordering::Relaxed);
        self.transfer.total.store(self.look.size, Ordering::Relaxed);
        Ok(have)
    }

    /// One request for the rest; `have` counts what arrived, also where it fails.
    fn piece(&self, file: &mut File, have: &mut u64) -> Result<(), Failure> {
        let mut request = self.web.files.get(self.address).headers(token(self.client));
        request = request.header(ACCEPT_ENCODING, "identity");
        if *have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
        }
        let mut answer = request.send()?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT if *have > 0 => self.check_range(answer.headers(), *have)?,
            // A server that does not know ranges sends all.
            StatusCode::OK => *have = 0,
            // What is there is not a beginning of what the server has.
            StatusCode::RANGE_NOT_SATISFIABLE => {
                *have = 0;
                file.set_len(0).map_err(|e| self.disk("write the file", &e))?;
                return Err(Failure::Cut("the server has fewer bytes than have arrived".to_owned()));
            }
            status => {
                let hub = Url::parse(self.address).map(|url| url.origin());
                let elsewhere = hub.is_ok_and(|hub| hub != answer.url().origin());
                let refusal = Refusal::of(status.as_u16(), answer.headers());
                return Err(Failure::Refused(Refusal { elsewhere, ..refusal }));
            }
        }
        file.set_len(*have).map_err(|e| self.disk("write the file", &e))?;
        file.seek(SeekFrom::Start(*have)).map_err(|e| self.disk("write the file", &e))?;
        self.body(&mut answer, file, have)
    }

    fn check_range(&self, headers: &HeaderMap, have: u64) -> Result<(), Failure> {
        let expected = format!("bytes {have}-{}/{}", self.look.size - 1, self.look.size);
        match header(headers, CONTENT_RANGE.as_str()) {
            Some(range) if range == expected => Ok(()),
            other => Err(Failure::Cut(format!("the server sent {other:?} where {expected:?} was asked for"))),
        }
    }

    fn body(&self, answer: &mut impl Read, file: &mut File, have: &mut u64) -> Result<(), Failure> {
        let mut buffer = vec![0; 1 << 17];
        loop {
            if self.transfer.stop.load(Ordering::Relaxed) {
                return Err(stopped());
            }
            let count = match answer.read(&mut buffer) {
                Ok(0) if *have < self.look.size => return Err(Failure::Cut("the file ended too soon".to_owned())),
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Failure::Cut(e.to_string())),
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            file.write_all(bytes).map_err(|e| self.disk("write the file", &e))?;
            *have += count as u64;
            self.transfer.done.store((*have).min(self.look.size), Ordering::Relaxed);
            if *have > self.look.size {
                return Err(Failure::Final(Error::new("the server sends more bytes than it said the file has")));
            }
        }
    }

    fn disk(&self, action: &str, source: &std::io::Error) -> Failure {
        Failure::Final(Error::io(self.partial, action, source))
    }
}

fn damaged() -> Error {
    Error::new("what arrives is not what the Hub says that it is: the hash differs, two times in a row")
        .hint("a proxy or mirror between here and the Hub may change files; nothing of it was kept")
}
