//! The program with recipes that name data sets and models of the Hub.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use crate::model::write_small_model;
use crate::server::Server;
use crate::wire::Order;
use crate::{WORDS, data_requests, program, rows, text};

/// A study on the built-in model; `source` are the keys of its only source.
fn recipe(folder: &Path, source: &str, base: &str) -> std::path::PathBuf {
    let path = folder.join("study.yaml");
    let written = format!(
        "name: study\nbase: {base}\nsources:\n  words: {{ {source} }}\n\
         pretrain: {{ tokens: 512, sequence_length: 64, batch: 4, mixture: {{ words: 1 }} }}\n"
    );
    std::fs::write(&path, written).expect("written");
    path
}

const BUILT_IN: &str = "{ builtin: tiny-english }";

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn cache(&self) -> std::path::PathBuf {
        self.folder.path().join("cache")
    }

    /// Tokens are cached apart for each folder of runs: what is not fetched again comes from the Hub's cache alone.
    fn command(&self, command: &str, endpoint: &str, runs: &str) -> std::process::Command {
        let mut program = program(endpoint, &self.cache());
        program
            .arg(command)
            .arg(self.folder.path().join("study.yaml"))
            .arg("--runs")
            .arg(self.folder.path().join(runs))
            .env("EMAKEEL_CACHE", self.folder.path().join("tokens").join(runs));
        program
    }

    fn data(&self, endpoint: &str, runs: &str) -> Output {
        self.command("data", endpoint, runs).output().expect("the program runs")
    }
}

#[test]
fn a_recipe_reads_rows_of_the_hub_and_a_second_run_fetches_nothing() {
    let (server, place) = (Server::start(), Place::new());
    server
        .commit(WORDS, &[("train-1.jsonl", &rows(0, 200)), ("train-2.jsonl", &rows(200, 200)), ("test.jsonl", b"{}")]);
    recipe(place.folder.path(), "hub: keel/words", BUILT_IN);
    let first = place.data(&server.endpoint, "a");
    assert!(first.status.success(), "{}", text(&first));
    assert!(text(&first).contains("400"), "the ledger counts 400 rows: {}", text(&first));
    assert_eq!(data_requests(&server.requests()).len(), 2);
    let second = place.data(&server.endpoint, "b");
    assert_eq!(second.stdout, first.stdout);
    assert_eq!(data_requests(&server.requests()), []);
    let offline = place.command("data", "http://127.0.0.1:1", "c").env("HF_HUB_OFFLINE", "1").output().unwrap();
    assert_eq!(offline.stdout, first.stdout, "{}", text(&offline));
}

#[test]
fn a_limit_fetches_no_more_files_than_its_rows_are_in() {
    let (server, place) = (Server::start(), Place::new());
    server.commit(WORDS, &[("train-1.jsonl", &rows(0, 200)), ("train-2.jsonl", &rows(200, 200))]);
    recipe(place.folder.path(), "hub: keel/words, limit: 150", BUILT_IN);
    let output = place.data(&server.endpoint, "a");
    assert!(output.status.success(), "{}", text(&output));
    let fetched = data_requests(&server.requests());
    assert_eq!(fetched, [("train-1.jsonl".to_owned(), None)]);
}

#[test]
fn mistakes_about_the_hub_name_the_place_in_the_recipe() {
    let (server, place) = (Server::start(), Place::new());
    server.commit(WORDS, &[("train.jsonl", &rows(0, 20)), ("test.jsonl", &rows(0, 20))]);
    recipe(place.folder.path(), "hub: keel/words, split: dev", BUILT_IN);
    let split = place.data(&server.endpoint, "a");
    assert_eq!(split.status.code(), Some(1));
    assert!(text(&split).contains("sources.words"), "{}", text(&split));
    assert!(text(&split).contains("it has train, test"), "{}", text(&split));
    recipe(place.folder.path(), "hub: keel/other", BUILT_IN);
    let mut wrong = place.command("data", &server.endpoint, "a");
    let wrong = wrong.env("HF_TOKEN", "a_stolen_secret").output().unwrap();
    assert!(text(&wrong).contains("study.yaml:4:"), "{}", text(&wrong));
    assert!(text(&wrong).contains("the token was refused"), "{}", text(&wrong));
    assert!(!text(&wrong).contains("a_stolen_secret"), "{}", text(&wrong));
}

#[test]
fn a_process_that_is_killed_goes_on_where_it_was() {
    let (server, place) = (Server::start(), Place::new());
    let bytes = rows(0, 4000);
    server.commit(WORDS, &[("train.jsonl", &bytes)]);
    recipe(place.folder.path(), "hub: keel/words", BUILT_IN);
    server.order("GET /cdn", 1, Order::Slow(1000));
    let mut command = place.command("data", &server.endpoint, "a");
    let mut killed = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program runs");
    let blobs = place.cache().join("datasets--keel--words/blobs");
    let partial = || {
        let entries = std::fs::read_dir(&blobs).into_iter().flatten().flatten();
        entries.map(|entry| entry.metadata().map_or(0, |data| data.len())).max().unwrap_or(0)
    };
    let began = Instant::now();
    while partial() < 20_000 && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    killed.kill().expect("killed");
    killed.wait().expect("ended");
    let had = partial();
    assert!((20_000..bytes.len() as u64).contains(&had), "{had} of {}", bytes.len());
    server.requests();
    let output = place.data(&server.endpoint, "a");
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(data_requests(&server.requests()), [("train.jsonl".to_owned(), Some(had))]);
    let fresh = Place::new();
    recipe(fresh.folder.path(), "hub: keel/words", BUILT_IN);
    assert_eq!(fresh.data(&server.endpoint, "a").stdout, output.stdout);
}

/// A model of two layers, as files by name.
pub fn model(folder: &Path) -> Vec<(String, Vec<u8>)> {
    write_small_model(folder);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        files.push((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap()));
    }
    files
}

#[test]
fn a_base_of_the_hub_is_fetched_with_what_it_needs() {
    let (server, place) = (Server::start(), Place::new());
    let mut files = model(&place.folder.path().join("model"));
    files.push(("pytorch_model.bin".to_owned(), vec![0; 10_000]));
    let borrowed: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    server.commit("models/keel/small", &borrowed);
    server.commit(WORDS, &[("train.jsonl", &rows(0, 50))]);
    for base in ["{ model: keel/small }", "{ model: keel/small, revision: main }"] {
        recipe(place.folder.path(), "hub: keel/words", base);
        let output = place.data(&server.endpoint, "a");
        assert!(output.status.success(), "{}", text(&output));
    }
    let fetched = data_requests(&server.requests());
    assert!(fetched.iter().any(|(name, _)| name.ends_with(".safetensors")), "{fetched:?}");
    assert!(!fetched.iter().any(|(name, _)| name == "pytorch_model.bin"), "{fetched:?}");
    recipe(place.folder.path(), "hub: keel/words", "{ model: keel/none }");
    let none = place.data(&server.endpoint, "a");
    assert!(text(&none).contains("the model keel/none is not there"), "{}", text(&none));
}

#[test]
fn a_run_keeps_the_commit_that_it_began_with() {
    let (server, place) = (Server::start(), Place::new());
    let commit = server.commit(WORDS, &[("train.jsonl", &rows(0, 50))]);
    recipe(place.folder.path(), "hub: keel/words", BUILT_IN);
    let run = || place.command("run", &server.endpoint, "a").output().expect("the program runs");
    let first = run();
    assert!(first.status.success(), "{}", text(&first));
    let lock = || -> serde_json::Value {
        let text = std::fs::read_to_string(place.folder.path().join("a/study/lock.json")).expect("a lock file");
        serde_json::from_str(&text).expect("JSON")
    };
    assert_eq!(lock()["hub"]["sources.words"]["commit"], commit.as_str());
    let newer = server.commit(WORDS, &[("train.jsonl", &rows(50, 50))]);
    assert_ne!(newer, commit);
    server.requests();
    let again = run();
    assert!(again.status.success(), "{}", text(&again));
    assert!(server.requests().is_empty(), "the noted commit needs no question");
    assert_eq!(lock()["hub"]["sources.words"]["commit"], commit.as_str());
    assert!(!text(&again).contains("changed since"), "{}", text(&again));
}

/// The Hub's own Python client finds the small Hub to be one, and what emakeel fetched to be its own cache.
#[test]
fn huggingface_hub_reads_the_small_hub_and_our_cache() {
    let Some(python) = std::env::var_os("EMAKEEL_PYTHON") else {
        return eprintln!("SKIPPED: EMAKEEL_PYTHON names no Python with huggingface_hub");
    };
    let (server, place) = (Server::start(), Place::new());
    let commit = server.commit(
        WORDS,
        &[
            ("README.md", b"---\nconfigs:\n- {config_name: default, data_files: \"data/*.jsonl\"}\n---\nWords.\n"),
            ("data/train-1.jsonl", &rows(0, 3000)),
            ("data/train-2.jsonl", &rows(3000, 2000)),
            ("data/small.jsonl", &rows(0, 3)),
        ],
    );
    server.branch(WORDS, "refs/convert/parquet", &commit);
    recipe(place.folder.path(), "hub: keel/words", BUILT_IN);
    let ours = place.data(&server.endpoint, "a");
    assert!(ours.status.success(), "{}", text(&ours));
    server.requests();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hub/check.py");
    let run = |cache: &Path| {
        let mut python = std::process::Command::new(&python);
        python.env("NO_PROXY", "127.0.0.1").env_remove("HF_TOKEN").env_remove("HF_HUB_OFFLINE");
        let output = python.arg(&script).arg(&server.endpoint).arg(cache).output().expect("Python runs");
        assert!(output.status.success(), "{}", text(&output));
        assert!(text(&output).contains(&commit), "{}", text(&output));
        let mut fetched = data_requests(&server.requests());
        fetched.sort();
        fetched
    };
    assert_eq!(run(&place.cache()), [], "emakeel had fetched all that the client reads");
    let names = ["README.md", "small.jsonl", "train-1.jsonl", "train-2.jsonl"];
    assert_eq!(run(&place.folder.path().join("empty")), names.map(|name| (name.to_owned(), None)));
}
