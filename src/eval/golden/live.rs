//! sacreBLEU asked now, about the outputs of real systems in ../shared, with every option and several references.
//!
//! Runs with the Python that `EMAKEEL_PYTHON` names; without it, or without sacreBLEU there, it is skipped, loudly.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Example, assert_corpus, lines, shared};

fn python() -> Option<PathBuf> {
    let Some(python) = std::env::var_os("EMAKEEL_PYTHON").map(PathBuf::from) else {
        eprintln!("SKIPPED: EMAKEEL_PYTHON is not set");
        return None;
    };
    let tried = Command::new(&python).args(["-c", "import sacrebleu, regex"]).output();
    if tried.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!("SKIPPED: {} cannot import sacrebleu and regex", python.display());
    None
}

/// What sacreBLEU says about each request, in order.
fn asked(python: &Path, requests: &[Value]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics.py");
    let mut child = Command::new(python)
        .args([script, "--check"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let text: String = requests.iter().map(|request| format!("{request}\n")).collect();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Systems' outputs with their references, each a path and its lines.
struct Texts {
    folder: tempfile::TempDir,
    sets: Vec<(PathBuf, Vec<PathBuf>)>,
}

impl Texts {
    fn write(&self, name: &str, lines: &[String]) -> PathBuf {
        let path = self.folder.path().join(name);
        crate::files::write(&path, lines.join("\n") + "\n").unwrap();
        path
    }
}

/// Machine translation against post-edits (and the source as a second, wild reference), learners' sentences and a
/// published system's corrections of them against both each other, and Estonian FLORES moved by one sentence.
fn real_texts(data: &Path) -> Texts {
    let mut texts = Texts { folder: tempfile::tempdir().unwrap(), sets: Vec::new() };
    let first = |path: &str, count: usize| -> Vec<String> { lines(&data.join(path)).into_iter().take(count).collect() };
    let kinds = ["mt", "pe", "src"].map(|kind| first(&format!("parallel/mlqe_pe_et-en/dev.{kind}"), 400));
    let [mt, pe, source] = ["mt", "pe", "src"].map(|kind| format!("dev.{kind}"));
    let paths = [texts.write(&mt, &kinds[0]), texts.write(&pe, &kinds[1]), texts.write(&source, &kinds[2])];
    texts.sets.push((paths[0].clone(), vec![paths[1].clone(), paths[2].clone()]));
    let corrected = texts.write("corrected", &first("eval/estgec_l2/system_output_nelb-1.3b.txt", 500));
    let learners = texts.write("learners", &first("eval/estgec_l2/test/source_sentences_test_detokenized.txt", 500));
    texts.sets.push((corrected, vec![learners]));
    let last = |line: &String| line.split('\t').next_back().unwrap_or_default().to_owned();
    let flores = first("parallel/flores_sib200/flores_en_et.tsv", 302);
    let estonian: Vec<String> = flores.iter().skip(1).map(last).collect();
    let (moved, right) = (texts.write("moved", &estonian[1..]), texts.write("right", &estonian[..300]));
    texts.sets.push((moved, vec![right]));
    texts
}

#[test]
fn sacrebleu_says_the_same_of_three_systems() {
    let (Some(python), Some(data)) = (python(), shared("data")) else { return };
    let texts = real_texts(&data);
    let request =
        |(output, references): &(PathBuf, Vec<PathBuf>)| json!({ "output": output, "references": references });
    let answers = asked(&python, &texts.sets.iter().map(request).collect::<Vec<_>>());
    assert_eq!(answers.len(), 3);
    for ((output, references), answer) in texts.sets.iter().zip(&answers) {
        let columns: Vec<Vec<String>> = references.iter().map(|path| lines(path)).collect();
        let of_line = |at: usize| columns.iter().map(|column| column[at].clone()).collect();
        let examples: Vec<Example> =
            lines(output).into_iter().enumerate().map(|(at, line)| (line, of_line(at))).collect();
        let name = output.display().to_string();
        let compared = assert_corpus(&name, &examples, answer);
        println!("{name}: {} segments, {compared} variants equal sacreBLEU's", examples.len());
        assert_eq!(compared, 22);
    }
}
