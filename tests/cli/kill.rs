//! A study killed at any moment, again and again, ends with the same bytes as one that was left alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use emakeel::random::Stream;
use serde_json::Value;

use crate::support::program;

const KILLS: u64 = 20;

const SMALL_STUDY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recipes/small-study.yaml");
const MORE_PIECES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recipes/more-pieces.yaml");

fn start(recipe: &str, runs: &Path) -> Child {
    // A cache of its own, so that tokenizing is killed too.
    program()
        .env("EMAKEEL_CACHE", runs.with_extension("cache"))
        .args(["run", recipe, "--quiet", "--threads", "2"])
        .arg("--runs")
        .arg(runs)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

fn run_to_the_end(recipe: &str, runs: &Path) {
    let output = start(recipe, runs).wait_with_output().expect("the program ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Everything a study leaves, by path: contents as they are, logs without their clocks.
fn state(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    collect(root, root, &mut found);
    found
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("the run folder can be read") {
        let path = entry.expect("an entry").path();
        let name = path.strip_prefix(root).expect("inside").to_string_lossy().into_owned();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.file_name().is_some_and(|n| n == "log.jsonl") {
            let text = std::fs::read_to_string(&path).expect("a log");
            found.insert(name, without_clocks(&text).into_bytes());
        } else if !name.contains("tfevents") {
            found.insert(name, std::fs::read(&path).expect("a file"));
        }
    }
}

fn without_clocks(log: &str) -> String {
    let lines = log.lines().map(|line| {
        let mut value: Value = serde_json::from_str(line).expect("a line of JSON");
        let fields = value.as_object_mut().expect("an object");
        for clock in ["seconds", "tokens_per_s"] {
            fields.remove(clock);
        }
        value.to_string()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn twenty_kills_leave_the_same_bytes_as_none() {
    kill_and_compare(SMALL_STUDY, KILLS);
}

#[test]
fn kills_leave_the_same_bytes_where_a_base_is_extended() {
    kill_and_compare(MORE_PIECES, KILLS / 2);
}

fn kill_and_compare(recipe: &str, kills: u64) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let (calm, stormy) = (place.path().join("calm"), place.path().join("stormy"));
    let began = std::time::Instant::now();
    run_to_the_end(recipe, &calm);
    // Kills fall anywhere in the first half of what an undisturbed run takes, so that many hit every stage.
    let longest = began.elapsed().as_millis() as u64 / 2;
    let moments = Stream::new(2026, "kills");
    let mut finished = 0;
    for kill in 0..kills {
        let mut child = start(recipe, &stormy);
        std::thread::sleep(Duration::from_millis(20 + moments.below_at(kill, longest)));
        finished += u32::from(child.try_wait().expect("a status").is_some());
        // On Unix this is SIGKILL: no handler runs.
        let _ = child.kill();
        child.wait().expect("the program ends");
    }
    assert!(finished < kills as u32, "every run ended before its kill: the test kills nothing");
    run_to_the_end(recipe, &stormy);
    let (left, right) = (state(&calm), state(&stormy));
    let names: Vec<_> = left.keys().collect();
    let only: Vec<_> = left
        .keys()
        .filter(|k| !right.contains_key(*k))
        .chain(right.keys().filter(|k| !left.contains_key(*k)))
        .collect();
    assert!(only.is_empty(), "only on one side of {} files: {only:?}", names.len());
    for (name, bytes) in &left {
        assert!(right.get(name) == Some(bytes), "{name} differs after {kills} kills");
    }
}
