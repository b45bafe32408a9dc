//! The cache of tokenized sources: shared by studies, made once, safe against kills and full disks, listed and cleaned.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Place, SmallDisk, emakeel};

/// A study with a source of so many documents, and what `data` needs to show it.
struct Study {
    place: Place,
}

impl Study {
    fn new(documents: usize) -> Self {
        let place = Place::new();
        place.model("model");
        let words = ["kass", "koer", "mari", "loeb", "jookseb", "raamatut", "metsas", "magab"];
        let document = |n: usize| (0..60).map(|w| words[(n * 31 + w * w) % 8]).collect::<Vec<_>>().join(" ");
        place.write("et.txt", &(0..documents).map(|n| format!("{n} {}\n", document(n))).collect::<String>());
        let root = place.root().display();
        place.write(
            "study.yaml",
            &format!(
                "name: cached\nseed: 1\ndevice: cpu\nbase: {{ model: {root}/model }}\nsources:\n  et: {{ path: {root}/et.txt, template: plain }}\npretrain: {{ sequence_length: 16, tokens: 64, batch: 2, mixture: {{ et: 1.0 }} }}\n"
            ),
        );
        Self { place }
    }

    fn cache(&self) -> PathBuf {
        self.place.path("cache")
    }

    /// `emakeel data` on the study, in a run folder of that name.
    fn data(&self, runs: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_emakeel"));
        command.args(["data", "--json", "--runs"]).arg(self.place.path(runs)).arg("--cache").arg(self.cache());
        command.arg(self.place.path("study.yaml")).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.cache().join("tokens")).into_iter().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        files
    }

    fn token_files(&self) -> Vec<PathBuf> {
        self.files().into_iter().filter(|path| path.extension().is_some_and(|end| end == "tokens")).collect()
    }

    /// `emakeel cache` and more words.
    fn cache_command(&self, words: &[&str]) -> String {
        let cache = self.cache().display().to_string();
        done(emakeel(&[&["cache", "--cache", cache.as_str()], words].concat()))
    }
}

/// What a command that must succeed printed.
fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn finish(child: Child) -> (String, String) {
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (done(output), said)
}

fn start(mut command: Command) -> Child {
    command.spawn().expect("the program starts")
}

#[test]
fn two_processes_at_once_tokenize_once_and_two_studies_share_the_result() {
    let study = Study::new(60_000);
    let first = start(study.data("one"));
    // The second comes while the first is at work.
    for _ in 0..500 {
        std::thread::sleep(Duration::from_millis(10));
        if study.files().iter().any(|path| path.extension().is_some_and(|end| end == "partial")) {
            break;
        }
    }
    let second = start(study.data("two"));
    let ((first, _), (second, said)) = (finish(first), finish(second));
    assert_eq!(first, second);
    assert!(said.contains("another process is tokenizing it; waiting for that"), "{said}");
    assert_eq!(study.token_files().len(), 1);
    let ledger = fs::read_to_string(study.place.path("one/cached/data/pretrain.ledger.json")).expect("a ledger");
    let key = study.token_files()[0].file_stem().expect("a name").to_string_lossy().into_owned();
    assert!(ledger.contains(&key), "the run folder names what it used");
}

#[test]
fn a_process_killed_while_it_tokenizes_leaves_nothing_that_is_used_or_kept() {
    let study = Study::new(40_000);
    let calm = finish(start(study.data("calm"))).0;
    let [path] = &study.token_files()[..] else { panic!("one file") };
    let bytes = fs::read(path).expect("tokens");
    let mut killed = 0;
    for moment in [20, 60, 100, 150, 200, 300, 400, 500] {
        fs::remove_dir_all(study.cache().join("tokens")).expect("removed");
        let mut child = start(study.data("killed"));
        std::thread::sleep(Duration::from_millis(moment));
        // On Unix this is SIGKILL: no handler runs.
        let _ = child.kill();
        child.wait().expect("it ends");
        let left = study.files();
        killed += u32::from(left.iter().any(|path| path.extension().is_some_and(|end| end == "partial")));
        assert_eq!(finish(start(study.data("killed"))).0, calm);
        assert!(fs::read(path).expect("tokens") == bytes, "killed after {moment} ms");
        let partial = study.files().into_iter().find(|path| path.extension().is_some_and(|end| end == "partial"));
        assert_eq!(partial, None, "killed after {moment} ms");
    }
    assert!(killed > 0, "no kill fell into the tokenizing");
}

#[test]
fn a_full_disk_is_an_error_that_leaves_nothing_and_more_room_is_enough() {
    let study = Study::new(4000);
    fs::create_dir(study.cache()).expect("made");
    let Some(mounted) = SmallDisk::mount(&study.cache(), "128k") else {
        eprintln!("SKIPPED: a small disk cannot be mounted here (needs root)");
        return;
    };
    let output = study.data("runs").output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("hint: free some disk space"), "{said}");
    assert_eq!(study.files(), [] as [PathBuf; 0]);
    drop(mounted);
    finish(start(study.data("runs")));
    assert_eq!(study.token_files().len(), 1);
}

#[test]
fn entries_are_listed_and_removed() {
    let study = Study::new(50);
    let root = study.cache().display().to_string();
    assert_eq!(study.cache_command(&[]), format!("0 entries, 0 B in {root}\n"));
    finish(start(study.data("runs")));
    let list: Value = serde_json::from_str(&study.cache_command(&["--json"])).expect("JSON");
    let entry = &list["entries"][0];
    assert_eq!((entry["source"].as_str(), entry["rows"].as_u64()), (Some("et"), Some(50)));
    let bytes = fs::metadata(&study.token_files()[0]).expect("a file").len();
    assert_eq!(entry["bytes"].as_u64(), Some(bytes));
    let text = study.cache_command(&[]);
    let key = entry["key"].as_str().expect("a key").get(..12).expect("64 digits");
    assert!(text.starts_with("source      rows    tokens        size     last used  key\net"), "{text}");
    assert!(text.contains(key) && text.contains("s ago") && text.contains("1 entry, "), "{text}");
    let kept = study.cache_command(&["clean"]);
    assert_eq!(kept, "0 entries removed, 0 B freed\n", "it was used within 30 days");
    let dry = study.cache_command(&["clean", "--older-than", "0d", "--dry-run"]);
    assert!(dry.contains("1 entry would be removed") && study.token_files().len() == 1, "{dry}");
    let cleaned = study.cache_command(&["clean", "--all"]);
    assert!(cleaned.contains("1 entry removed, ") && cleaned.contains(" freed"), "{cleaned}");
    assert_eq!(study.files(), [] as [PathBuf; 0]);
    let wrong = emakeel(&["cache", "clean", "--older-than", "soon"]);
    assert_eq!(wrong.status.code(), Some(2));
    let both = emakeel(&["cache", "clean", "--older-than", "1d", "--all"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn the_variable_says_where_the_cache_is_when_the_flag_does_not() {
    let study = Study::new(5);
    let named = |variable: &Path, flag: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_emakeel"));
        command.args(["cache", "--json"]).args(flag).env("EMAKEEL_CACHE", variable);
        let list: Value = serde_json::from_str(&done(command.output().expect("it ends"))).expect("JSON");
        list["folder"].as_str().map(PathBuf::from)
    };
    let here = study.place.path("here");
    assert_eq!(named(&here, &[]), Some(here.clone()));
    assert_eq!(named(&here, &["--cache", "/nowhere"]), Some("/nowhere".into()));
}
