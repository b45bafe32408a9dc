//! Data sets and models of the Hub, from a small Hub of the tests' own: fetching, going on after a cut, offline, errors.

mod library;
#[path = "../support/model.rs"]
mod model;
mod program;
mod publish;
mod server;
#[path = "../../src/hub/sha1.rs"]
mod sha1;
mod store;
mod upload;
mod wire;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use emakeel::hub::environment::{Environment, Patience, Token};
use emakeel::hub::{Client, Dataset, Name, Wanted};
use emakeel::progress::Progress;

use server::Server;
use wire::Request;

/// A data set's name on the test's Hub.
pub const WORDS: &str = "datasets/keel/words";

/// Rows of `{"text": …}`; the same number gives the same rows.
pub fn rows(start: usize, count: usize) -> Vec<u8> {
    let row = |n: usize| format!("{{\"text\": \"sõna number {n} on siin {}\"}}\n", n * 7919 % 1000);
    (start..start + count).map(row).collect::<String>().into_bytes()
}

/// A client of the test's Hub that soon gives up.
pub fn client(server: &Server, cache: &Path) -> Client {
    Client::new(environment(server, cache))
}

pub fn environment(server: &Server, cache: &Path) -> Environment {
    Environment {
        endpoint: server.endpoint.clone(),
        token: None,
        cache: cache.to_owned(),
        offline: false,
        patience: Patience { tries: 4, first_wait: Duration::from_millis(5), silence: Duration::from_secs(5) },
    }
}

pub fn with_token(server: &Server, cache: &Path, token: &str) -> Client {
    Client::new(Environment { token: Some(Token::new(token, "HF_TOKEN")), ..environment(server, cache) })
}

pub fn wanted() -> Wanted {
    Wanted::of(Name::new("keel/words").expect("a name"))
}

/// The contents of all files of a data set, fetched one after the other.
pub fn contents(dataset: &Dataset) -> emakeel::error::Result<Vec<Vec<u8>>> {
    let mut files = dataset.files(false, Progress::silent());
    (0..files.len()).map(|index| Ok(std::fs::read(files.path(index)?).expect("the file"))).collect()
}

/// Requests for the bytes of files, as the path's end and the first byte.
pub fn data_requests(requests: &[Request]) -> Vec<(String, Option<u64>)> {
    let is_data = |request: &&Request| {
        request.method == "GET"
            && (request.path.starts_with("/cdn/") || request.path.starts_with("/api/resolve-cache/"))
    };
    let name = |request: &Request| request.path.rsplit('/').next().unwrap_or_default().to_owned();
    requests.iter().filter(is_data).map(|request| (name(request), request.range)).collect()
}

/// The program with the test's Hub and cache and nothing else of the Hub's in its environment.
pub fn program(endpoint: &str, cache: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_emakeel"));
    for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy"] {
        command.env_remove(name);
    }
    command.env("HF_ENDPOINT", endpoint).env("HF_HOME", cache).env("HF_HUB_CACHE", cache);
    command
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
