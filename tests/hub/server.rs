//! A small Hub: answers as huggingface.co does, at the time and in the way that a test orders.
//!
//! Large files (Parquet, safetensors, and what is longer than [`LARGE`]) are redirected to a second address, as to the
//! Hub's CDN; that one refuses a request that carries a token, as the storage behind the real one does.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use crate::sha1::Sha1;
use crate::wire::{Answer, Order, Request, read, read_body};

/// Files longer than this many bytes are named by SHA-256 and lie elsewhere.
pub const LARGE: usize = 4096;
/// Entries on a page of a list of files.
const PAGE: usize = 3;

#[derive(Default)]
pub struct Repository {
    pub commits: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    pub refs: BTreeMap<String, String>,
    /// Only this token may read it.
    pub token: Option<String>,
    pub gated: bool,
}

#[derive(Default)]
pub struct State {
    pub repositories: BTreeMap<String, Repository>,
    orders: Vec<(String, usize, Order)>,
    acts: Vec<(String, Box<dyn FnOnce() + Send>)>,
    log: Vec<Request>,
    pub cdn: String,
    pub hub: String,
    /// By token: the owner whose repositories it may write.
    pub writers: BTreeMap<String, String>,
    /// Large files by their SHA-256.
    pub objects: BTreeMap<String, Vec<u8>>,
    /// Parts of large files that are not whole yet, by their SHA-256 and number.
    pub parts: BTreeMap<(String, usize), Vec<u8>>,
}

/// A running server; its threads end with the process.
#[derive(Clone)]
pub struct Server {
    state: Arc<Mutex<State>>,
    pub endpoint: String,
}

impl Server {
    pub fn start() -> Self {
        let hub = TcpListener::bind("127.0.0.1:0").expect("a port");
        let cdn = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", hub.local_addr().expect("an address"));
        let state = State {
            cdn: format!("http://{}", cdn.local_addr().expect("an address")),
            hub: endpoint.clone(),
            ..State::default()
        };
        let server = Self { state: Arc::new(Mutex::new(state)), endpoint };
        for (listener, is_cdn) in [(hub, false), (cdn, true)] {
            let server = server.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let server = server.clone();
                    std::thread::spawn(move || server.serve(stream, is_cdn));
                }
            });
        }
        server
    }

    /// Adds a commit to `datasets/owner/name` or `models/owner/name`, and puts `main` there; returns it.
    pub fn commit(&self, repository: &str, files: &[(&str, &[u8])]) -> String {
        let files: BTreeMap<String, Vec<u8>> =
            files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
        let mut hash = Sha1::new();
        files.iter().for_each(|(path, bytes)| [path.as_bytes(), bytes].iter().for_each(|part| hash.update(part)));
        let commit = hash.finish();
        let mut state = self.state.lock().expect("the state");
        let repository = state.repositories.entry(repository.to_owned()).or_default();
        repository.commits.insert(commit.clone(), files);
        repository.refs.insert("main".to_owned(), commit.clone());
        commit
    }

    pub fn branch(&self, repository: &str, branch: &str, commit: &str) {
        self.change(repository, |it| it.refs.insert(branch.to_owned(), commit.to_owned()));
    }

    /// Only the bearer of this token may read it.
    pub fn private(&self, repository: &str, token: &str) {
        self.change(repository, |it| it.token = Some(token.to_owned()));
    }

    /// Nobody has accepted its terms.
    pub fn gated(&self, repository: &str) {
        self.change(repository, |it| it.gated = true);
    }

    /// A token that may write the repositories of an owner.
    pub fn writer(&self, token: &str, owner: &str) {
        self.state.lock().expect("the state").writers.insert(token.to_owned(), owner.to_owned());
    }

    /// The files that a branch has; `None` if it or the repository is not there.
    pub fn files(&self, repository: &str, branch: &str) -> Option<BTreeMap<String, Vec<u8>>> {
        let state = self.state.lock().expect("the state");
        state.repositories.get(repository)?.at(branch).map(|(_, files)| files.clone())
    }

    /// How many commits a repository has.
    pub fn commits(&self, repository: &str) -> usize {
        self.state.lock().expect("the state").repositories.get(repository).map_or(0, |it| it.commits.len())
    }

    fn change<T>(&self, repository: &str, change: impl FnOnce(&mut Repository) -> T) {
        let mut state = self.state.lock().expect("the state");
        change(state.repositories.entry(repository.to_owned()).or_default());
    }

    /// Orders for the next `count` requests whose method and path contain the text (`GET /cdn`).
    pub fn order(&self, text: &str, count: usize, order: Order) {
        self.state.lock().expect("the state").orders.push((text.to_owned(), count, order));
    }

    /// Takes back what is ordered and was not done yet.
    pub fn forget_orders(&self) {
        self.state.lock().expect("the state").orders.clear();
    }

    /// Does something before the next request whose method and path contain the text is answered.
    pub fn before(&self, text: &str, act: impl FnOnce() + Send + 'static) {
        self.state.lock().expect("the state").acts.push((text.to_owned(), Box::new(act)));
    }

    /// The requests so far; forgets them.
    pub fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().expect("the state").log)
    }

    fn serve(&self, stream: TcpStream, is_cdn: bool) {
        let mut reader = BufReader::new(stream.try_clone().expect("the connection"));
        let mut stream = stream;
        while let Some(mut request) = read(&mut reader) {
            let order = self.state.lock().expect("the state").take_order(&request);
            let length = match order {
                Some(Order::Deaf(count)) => Some(count),
                _ => request.length,
            };
            let Some(body) = read_body(&mut reader, length) else { return };
            request.body = body;
            let act = self.state.lock().expect("the state").take_act(&request);
            if let Some(act) = act {
                act();
            }
            let (answer, order) = {
                let mut state = self.state.lock().expect("the state");
                state.log.push(request.clone());
                if matches!(order, Some(Order::Deaf(_))) {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
                let answer = match order {
                    Some(Order::Status(status, headers)) => Answer::refusal(status, headers),
                    _ if matches!(request.method.as_str(), "POST" | "PUT") => state.written(&request, is_cdn),
                    _ if is_cdn => state.content(&request, matches!(order, Some(Order::Whole))),
                    _ => state.answer(&request),
                };
                (answer, order)
            };
            if matches!(order, Some(Order::Mute)) {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            if answer.send(&mut stream, &request.method, order.as_ref()).is_none() {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn git_id(bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()).as_bytes());
    hash.update(bytes);
    hash.finish()
}

/// Git's name for the pointer that stands for a large file.
pub fn pointer_id(bytes: &[u8]) -> String {
    let (hash, size) = (sha256(bytes), bytes.len());
    git_id(format!("version https://git-lfs.github.com/spec/v1\noid sha256:{hash}\nsize {size}\n").as_bytes())
}

pub fn is_large(path: &str, bytes: &[u8]) -> bool {
    bytes.len() > LARGE || path.ends_with(".parquet") || path.ends_with(".safetensors")
}

impl State {
    fn take_order(&mut self, request: &Request) -> Option<Order> {
        let text = format!("{} {}", request.method, request.path);
        let (_, left, order) =
            self.orders.iter_mut().find(|(part, left, _)| *left > 0 && text.contains(part.as_str()))?;
        *left -= 1;
        Some(order.clone())
    }

    fn take_act(&mut self, request: &Request) -> Option<Box<dyn FnOnce() + Send>> {
        let text = format!("{} {}", request.method, request.path);
        let found = self.acts.iter().position(|(part, _)| text.contains(part.as_str()))?;
        Some(self.acts.remove(found).1)
    }

    fn answer(&self, request: &Request) -> Answer {
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            ["api", "resolve-cache", kind, owner, name, commit, path @ ..] => {
                self.small_file(&format!("{kind}/{owner}/{name}"), commit, &path.join("/"), request.range)
            }
            ["api", kind, owner, name, rest @ ..] => self.api(&format!("{kind}/{owner}/{name}"), rest, request),
            ["datasets", owner, name, "resolve", rest @ ..] => {
                self.resolve(&format!("datasets/{owner}/{name}"), rest, request)
            }
            [owner, name, "resolve", rest @ ..] => self.resolve(&format!("models/{owner}/{name}"), rest, request),
            _ => Answer::refusal(404, ""),
        }
    }

    /// The repository, if who asks may read it.
    fn readable(&self, name: &str, request: &Request) -> Result<&Repository, Answer> {
        let known = self.repositories.get(name);
        let right = known.and_then(|known| known.token.as_deref());
        let strange = request.token.as_deref().is_some_and(|token| !token.starts_with("hf_"));
        match (known, request.token.as_deref()) {
            (_, Some(_)) if strange => Err(Answer::refusal(401, "X-Error-Message: Invalid username or password.")),
            (Some(known), None) if known.gated => Err(Answer::refusal(
                401,
                "X-Error-Code: GatedRepo\r\nX-Error-Message: Access to this dataset is restricted.",
            )),
            (Some(known), Some(_)) if known.gated => Err(Answer::refusal(
                403,
                "X-Error-Code: GatedRepo\r\nX-Error-Message: You are not in the authorized list.",
            )),
            (Some(known), token) if right.is_none() || token == right => Ok(known),
            (_, None) => Err(Answer::refusal(
                401,
                "X-Error-Code: RepoNotFound\r\nX-Error-Message: Invalid username or password.",
            )),
            _ => Err(Answer::refusal(404, "X-Error-Code: RepoNotFound\r\nX-Error-Message: Repository not found")),
        }
    }

    fn api(&self, name: &str, rest: &[&str], request: &Request) -> Answer {
        let repository = match self.readable(name, request) {
            Ok(repository) => repository,
            Err(refusal) => return refusal,
        };
        let (what, revision) = match rest {
            [] => ("revision", "main".to_owned()),
            [what, revision @ ..] => (*what, revision.join("/")),
        };
        let Some((commit, files)) = repository.at(&revision) else { return no_revision(&revision) };
        let id = name.split_once('/').expect("a kind").1;
        match what {
            "revision" => {
                let siblings: Vec<_> = files.keys().map(|path| serde_json::json!({ "rfilename": path })).collect();
                Answer::json(&serde_json::json!({
                    "_id": "0", "id": id, "sha": commit, "private": repository.token.is_some(), "gated": false, "disabled": false,
                    "downloads": 0, "likes": 0, "tags": [], "siblings": siblings,
                    "lastModified": "2026-01-01T00:00:00.000Z", "createdAt": "2026-01-01T00:00:00.000Z",
                }))
            }
            "tree" => self.tree(name, &revision, files, &request.query),
            _ => Answer::refusal(404, ""),
        }
    }

    /// A page of the list of files, with the address of the next one.
    fn tree(&self, name: &str, revision: &str, files: &BTreeMap<String, Vec<u8>>, query: &str) -> Answer {
        let mut entries: BTreeMap<String, serde_json::Value> = BTreeMap::new();
        for (path, bytes) in files {
            for (at, _) in path.match_indices('/') {
                let folder = &path[..at];
                let entry =
                    serde_json::json!({ "type": "directory", "oid": "0".repeat(40), "size": 0, "path": folder });
                entries.insert(folder.to_owned(), entry);
            }
            let oid = if is_large(path, bytes) { pointer_id(bytes) } else { git_id(bytes) };
            let mut entry = serde_json::json!({ "type": "file", "oid": oid, "size": bytes.len(), "path": path });
            if is_large(path, bytes) {
                entry["lfs"] = serde_json::json!({ "oid": sha256(bytes), "size": bytes.len(), "pointerSize": 130 });
            }
            entries.insert(path.clone(), entry);
        }
        let start = query.split('&').find_map(|part| part.strip_prefix("cursor=")?.parse().ok()).unwrap_or(0);
        let all: Vec<serde_json::Value> = entries.into_values().collect();
        let mut answer = Answer::json(&serde_json::Value::Array(all.iter().skip(start).take(PAGE).cloned().collect()));
        if start + PAGE < all.len() {
            let revision = revision.replace('/', "%2F");
            let next = format!("{}/api/{name}/tree/{revision}?recursive=true&cursor={}", self.hub, start + PAGE);
            answer.headers.push(("Link".into(), format!("<{next}>; rel=\"next\"")));
        }
        answer
    }

    fn resolve(&self, name: &str, rest: &[&str], request: &Request) -> Answer {
        let repository = match self.readable(name, request) {
            Ok(repository) => repository,
            Err(refusal) => return refusal,
        };
        // A branch may have slashes (`refs/convert/parquet`), which clients send encoded.
        let parts = if rest.first() == Some(&"refs") { 3 } else { 1 };
        let Some((revision, path)) = rest.split_at_checked(parts) else { return Answer::refusal(404, "") };
        let revision = revision.join("/");
        let Some((commit, files)) = repository.at(&revision) else { return no_revision(&revision) };
        let path = path.join("/");
        let Some(bytes) = files.get(&path) else {
            let mut answer = Answer::refusal(404, "X-Error-Code: EntryNotFound\r\nX-Error-Message: Entry not found");
            answer.headers.push(("X-Repo-Commit".into(), commit.to_owned()));
            return answer;
        };
        let place = match is_large(&path, bytes) {
            true => format!("{}/cdn/{name}/{commit}/{path}?signature=1", self.cdn),
            false => format!("/api/resolve-cache/{name}/{commit}/{path}?etag=1"),
        };
        let mut answer =
            Answer { status: if is_large(&path, bytes) { 302 } else { 307 }, headers: vec![], body: vec![] };
        answer.headers.push(("Location".into(), place.replace(' ', "%20")));
        answer.headers.push(("X-Repo-Commit".into(), commit.to_owned()));
        if is_large(&path, bytes) {
            answer.headers.push(("X-Linked-Size".into(), bytes.len().to_string()));
            answer.headers.push(("X-Linked-ETag".into(), format!("\"{}\"", sha256(bytes))));
        }
        answer
    }

    fn small_file(&self, name: &str, commit: &str, path: &str, range: Option<u64>) -> Answer {
        let found = self.repositories.get(name).and_then(|it| it.commits.get(commit)?.get(path));
        let Some(bytes) = found else { return Answer::refusal(404, "X-Error-Code: EntryNotFound") };
        let mut answer = Answer::part(bytes, range);
        answer.headers.push(("ETag".into(), format!("\"{}\"", git_id(bytes))));
        answer.headers.push(("X-Repo-Commit".into(), commit.to_owned()));
        answer
    }

    /// A large file, at the other address. Its `ETag` is one of its own, as there.
    fn content(&self, request: &Request, whole: bool) -> Answer {
        if request.token.is_some() {
            return Answer::refusal(400, "X-Error-Message: Only one auth mechanism is allowed");
        }
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let ["cdn", kind, owner, name, commit, path @ ..] = parts.as_slice() else { return Answer::refusal(404, "") };
        let repository = self.repositories.get(&format!("{kind}/{owner}/{name}"));
        let Some(bytes) = repository.and_then(|it| it.commits.get(*commit)?.get(&path.join("/"))) else {
            return Answer::refusal(404, "");
        };
        let mut answer = Answer::part(bytes, request.range.filter(|_| !whole));
        answer.headers.push(("ETag".into(), "\"of-the-cdn\"".into()));
        answer
    }
}

impl Repository {
    pub fn at(&self, revision: &str) -> Option<(&str, &BTreeMap<String, Vec<u8>>)> {
        let commit = self.refs.get(revision).map_or(revision, String::as_str);
        let (commit, files) = self.commits.get_key_value(commit)?;
        Some((commit, files))
    }
}

fn no_revision(revision: &str) -> Answer {
    let mut answer = Answer::refusal(404, "X-Error-Code: RevisionNotFound");
    answer.headers.push(("X-Error-Message".into(), format!("Invalid rev id: {revision}")));
    answer
}
