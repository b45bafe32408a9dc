//! What the small Hub does when something is written to it: repositories, large files, commits and pull requests.
//!
//! Files over [`WHOLE`] bytes are sent in parts. Large files go to the second address, which refuses a token.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::server::{Repository, State, git_id, is_large, sha256};
use crate::sha1::Sha1;
use crate::wire::{Answer, Request};

/// Files longer than this many bytes are sent in parts.
pub const WHOLE: usize = 20_000;
/// Bytes of a part.
const PART: usize = 8192;

type Files = BTreeMap<String, Vec<u8>>;

impl State {
    pub fn written(&mut self, request: &Request, is_cdn: bool) -> Answer {
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        if is_cdn {
            return self.put(parts.as_slice(), request);
        }
        let body = || serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
        match parts.as_slice() {
            ["api", "validate-yaml"] => Answer::json(&json!({ "errors": [], "warnings": [] })),
            ["api", "repos", "create"] => self.create(&body(), request),
            ["api", "models", owner, name, "preupload", "main"] => self.preupload(owner, name, &body(), request),
            [owner, name, "info", "lfs", "objects", "batch"] => {
                self.batch(owner, name.trim_end_matches(".git"), &body(), request)
            }
            ["lfs-complete", oid] => self.complete(oid),
            ["lfs-verify"] => self.verify(&body(), request),
            ["api", "models", owner, name, "commit", "main"] => self.commit_of(owner, name, request),
            _ => Answer::refusal(404, ""),
        }
    }

    /// Whether the token may write what the owner has.
    fn may_write(&self, owner: &str, request: &Request) -> Result<String, Answer> {
        let token = request.token.clone().unwrap_or_default();
        match self.writers.get(&token) {
            _ if !token.starts_with("hf_") => {
                Err(said(401, &format!("Invalid username or password: {token} is not a token")))
            }
            Some(known) if known == owner => Ok(token),
            _ => Err(said(403, "You don't have the rights to create a model under this namespace")),
        }
    }

    fn create(&mut self, body: &Value, request: &Request) -> Answer {
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let (owner, name) = (text("organization"), text("name"));
        let token = match self.may_write(&owner, request) {
            Ok(token) => token,
            Err(refusal) => return refusal,
        };
        let key = format!("models/{owner}/{name}");
        if self.repositories.contains_key(&key) {
            return said(409, "You already created this model repo");
        }
        let private = body["private"] == true || body["visibility"] == "private";
        let repository = Repository { token: private.then_some(token), ..Repository::default() };
        self.repositories.insert(key.clone(), repository);
        let attributes = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n".to_vec();
        self.add_commit(&key, "main", BTreeMap::from([(".gitattributes".to_owned(), attributes)]));
        Answer::json(&json!({ "url": format!("{}/{owner}/{name}", self.hub), "name": format!("{owner}/{name}") }))
    }

    fn preupload(&self, owner: &str, name: &str, body: &Value, request: &Request) -> Answer {
        if let Err(refusal) = self.may_propose(owner, request) {
            return refusal;
        }
        let known = self.repositories.get(&format!("models/{owner}/{name}")).and_then(|it| it.at("main"));
        let described = |file: &Value| {
            let (path, size) = (file["path"].as_str().unwrap_or_default(), file["size"].as_u64().unwrap_or(0));
            let large = is_large(path, &vec![0; size as usize]);
            let known = known.and_then(|(_, files)| files.get(path));
            let oid = known.map(|bytes| if large { sha256(bytes) } else { git_id(bytes) });
            json!({ "path": path, "uploadMode": if large { "lfs" } else { "regular" }, "shouldIgnore": false, "oid": oid })
        };
        let files: Vec<Value> = body["files"].as_array().into_iter().flatten().map(described).collect();
        Answer::json(&json!({ "files": files }))
    }

    /// Everybody with a token may propose; only the owner may write. Both look alike until the commit.
    fn may_propose(&self, owner: &str, request: &Request) -> Result<(), Answer> {
        if request.query.contains("create_pr=1") || request.path.contains(".git/") {
            let known = request.token.as_deref().is_some_and(|token| self.writers.contains_key(token));
            return if known { Ok(()) } else { Err(said(401, "Invalid username or password.")) };
        }
        self.may_write(owner, request).map(|_| ())
    }

    fn batch(&self, owner: &str, name: &str, body: &Value, request: &Request) -> Answer {
        if let Err(refusal) = self.may_propose(owner, request) {
            return refusal;
        }
        if !self.repositories.contains_key(&format!("models/{owner}/{name}")) {
            return said(404, "Repository not found");
        }
        let object = |object: &Value| {
            let (oid, size) = (object["oid"].as_str().unwrap_or_default(), object["size"].as_u64().unwrap_or(0));
            if self.objects.contains_key(oid) {
                return json!({ "oid": oid, "size": size });
            }
            let verify = json!({ "href": format!("{}/lfs-verify", self.hub) });
            let upload = match size as usize > WHOLE {
                false => json!({ "href": format!("{}/lfs/{oid}?signature=1", self.cdn) }),
                true => {
                    let mut header = json!({ "chunk_size": PART.to_string() });
                    for part in 1..=(size as usize).div_ceil(PART) {
                        header[format!("{part:05}")] = json!(format!("{}/lfs/{oid}/{part}?signature=1", self.cdn));
                    }
                    json!({ "href": format!("{}/lfs-complete/{oid}", self.hub), "header": header })
                }
            };
            json!({ "oid": oid, "size": size, "actions": { "upload": upload, "verify": verify } })
        };
        let objects: Vec<Value> = body["objects"].as_array().into_iter().flatten().map(object).collect();
        Answer::json(&json!({ "transfer": "basic", "objects": objects }))
    }

    fn put(&mut self, path: &[&str], request: &Request) -> Answer {
        if request.token.is_some() {
            return said(400, "Only one auth mechanism is allowed");
        }
        let mut answer = Answer { status: 200, headers: vec![], body: vec![] };
        match path {
            ["lfs", oid] if sha256(&request.body) == **oid => {
                self.objects.insert((*oid).to_owned(), request.body.clone());
            }
            ["lfs", oid, part] => {
                self.parts.insert(((*oid).to_owned(), part.parse().expect("a number")), request.body.clone());
                answer.headers.push(("ETag".into(), format!("\"part-{part}\"")));
            }
            _ => return said(400, "The bytes are not those of the name"),
        }
        answer
    }

    fn complete(&mut self, oid: &str) -> Answer {
        let bytes: Vec<u8> =
            self.parts.iter().filter(|((of, _), _)| of == oid).flat_map(|(_, part)| part.clone()).collect();
        if sha256(&bytes) != oid {
            return said(400, "The parts are not those of the name");
        }
        self.objects.insert(oid.to_owned(), bytes);
        Answer::json(&json!({}))
    }

    fn verify(&self, body: &Value, request: &Request) -> Answer {
        match (request.token.is_some(), self.objects.contains_key(body["oid"].as_str().unwrap_or_default())) {
            (true, true) => Answer::json(&json!({})),
            (false, _) => said(401, "Invalid username or password."),
            (_, false) => said(404, "No such object"),
        }
    }

    fn commit_of(&mut self, owner: &str, name: &str, request: &Request) -> Answer {
        if let Err(refusal) = self.may_propose(owner, request) {
            return refusal;
        }
        let key = format!("models/{owner}/{name}");
        let Some((head, files)) = self.repositories.get(&key).and_then(|it| it.at("main")) else {
            return said(404, "Repository not found");
        };
        let (head, mut files) = (head.to_owned(), files.clone());
        for line in String::from_utf8_lossy(&request.body).lines() {
            let line: Value = serde_json::from_str(line).expect("a line of JSON");
            let value = &line["value"];
            let path = value["path"].as_str().unwrap_or_default().to_owned();
            match line["key"].as_str() {
                Some("header") => {
                    if value["parentCommit"].as_str().is_some_and(|parent| parent != head) {
                        return said(412, "A commit has happened since. Please refresh and try again.");
                    }
                }
                Some("file") => {
                    files.insert(path, decoded(value["content"].as_str().expect("content")));
                }
                Some("lfsFile") => match self.objects.get(value["oid"].as_str().unwrap_or_default()) {
                    Some(bytes) => {
                        files.insert(path, bytes.clone());
                    }
                    None => return said(400, "Your push was rejected because it has a pointer to nothing"),
                },
                other => return said(400, &format!("an operation {other:?}")),
            }
        }
        let pull = request.query.contains("create_pr=1");
        let number = self.repositories[&key].refs.len();
        let branch = if pull { format!("refs/pr/{number}") } else { "main".to_owned() };
        let commit = self.add_commit(&key, &branch, files);
        let page = format!("{}/{owner}/{name}", self.hub);
        let mut answer = json!({ "success": true, "commitOid": commit, "commitUrl": format!("{page}/commit/{commit}"), "hookOutput": "" });
        if pull {
            answer["pullRequestUrl"] = json!(format!("{page}/discussions/{number}"));
        }
        Answer::json(&answer)
    }

    pub fn add_commit(&mut self, key: &str, branch: &str, files: Files) -> String {
        let repository = self.repositories.get_mut(key).expect("the repository");
        let mut hash = Sha1::new();
        hash.update(format!("{key} {} {branch}", repository.commits.len()).as_bytes());
        files.iter().for_each(|(path, bytes)| [path.as_bytes(), bytes].iter().for_each(|part| hash.update(part)));
        let commit = hash.finish();
        repository.commits.insert(commit.clone(), files);
        repository.refs.insert(branch.to_owned(), commit.clone());
        commit
    }
}

fn said(status: u16, message: &str) -> Answer {
    let mut answer = Answer::json(&json!({ "error": message }));
    answer.status = status;
    answer
}

/// Base64 without its checks.
fn decoded(text: &str) -> Vec<u8> {
    let value =
        |c: u8| b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|x| *x == c);
    let mut bytes = Vec::new();
    for four in text.as_bytes().chunks(4) {
        let bits = four.iter().fold(0, |bits, c| bits << 6 | value(*c).unwrap_or(0));
        let padding = four.iter().filter(|c| **c == b'=').count();
        bytes.extend([bits >> 16, bits >> 8, bits].iter().take(3 - padding).map(|byte| *byte as u8));
    }
    bytes
}
