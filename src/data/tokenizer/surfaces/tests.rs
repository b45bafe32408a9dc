//! Pieces against SentencePiece's own, as tests/golden/make_surfaces.py recorded them.

use std::io::Write;
use std::process::{Command, Stdio};

use super::super::tiktoken::from_base64;
use super::*;

fn golden() -> serde_json::Value {
    serde_json::from_str(include_str!("../../../../tests/golden/surfaces.json")).unwrap()
}

fn texts() -> Vec<String> {
    serde_json::from_value(golden()["texts"].clone()).unwrap()
}

#[test]
fn models_of_both_types_give_sentencepieces_pieces() {
    let golden = golden();
    let models = golden["models"].as_array().unwrap();
    assert_eq!(models.len(), 6);
    for (number, model) in models.iter().enumerate() {
        let surfaces = Surfaces::from_bytes(&from_base64(model["model"].as_str().unwrap()).unwrap()).unwrap();
        for (text, pieces) in texts().iter().zip(model["pieces"].as_array().unwrap()) {
            let expected: Vec<String> = serde_json::from_value(pieces.clone()).unwrap();
            assert_eq!(surfaces.pieces(text), expected, "model {number}, {text:?}");
        }
    }
}

/// Trains models with the rules that most published ones have, and asks about 3,000 real lines. Runs with the Python that
/// `EMAKEEL_PYTHON` names.
#[test]
fn a_model_with_nmt_nfkc_gives_the_same_pieces_of_real_lines() {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    let python = std::env::var_os("EMAKEEL_PYTHON").filter(|python| {
        Command::new(python).args(["-c", "import sentencepiece"]).output().is_ok_and(|output| output.status.success())
    });
    let Some(python) = python.filter(|_| data.exists()) else {
        eprintln!("SKIPPED: ../shared is absent, or EMAKEEL_PYTHON has no sentencepiece");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let corpus = data.join("text_et/common_voice_10k.txt");
    let mut lines = texts();
    for (file, count) in [("text_et/common_voice_10k.txt", 1500), ("text_en/wikitext2_valid.txt", 1500)] {
        lines.extend(files::read_text(&data.join(file)).unwrap().lines().take(count).map(str::to_owned));
    }
    for kind in ["unigram", "bpe"] {
        let model = folder.path().join(kind);
        let train = format!(
            "import sentencepiece as s; s.SentencePieceTrainer.train(input={:?}, model_prefix={:?}, model_type='{kind}', \
             vocab_size=3000, minloglevel=2, character_coverage=0.998)",
            corpus.display().to_string(),
            model.display().to_string()
        );
        assert!(Command::new(&python).args(["-c", &train]).status().unwrap().success());
        let model = model.with_extension("model");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/make_surfaces.py");
        let asked: String = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
        files::write(&folder.path().join("asked"), &asked).unwrap();
        let input = std::fs::File::open(folder.path().join("asked")).unwrap();
        let output =
            Command::new(&python).arg(script).arg("--check").arg(&model).stdin(Stdio::from(input)).output().unwrap();
        std::io::stderr().write_all(&output.stderr).unwrap();
        let answers = String::from_utf8(output.stdout).unwrap();
        assert_eq!(answers.lines().count(), lines.len());
        let surfaces = Surfaces::open(&model).unwrap();
        for (line, answer) in lines.iter().zip(answers.lines()) {
            let expected: Vec<String> = serde_json::from_str(answer).unwrap();
            assert_eq!(surfaces.pieces(line), expected, "{kind}, {line:?}");
        }
        println!("{kind}: {} lines", lines.len());
    }
}

#[test]
fn a_damaged_model_is_refused_and_never_panics() {
    let model = from_base64(golden()["models"][0]["model"].as_str().unwrap()).unwrap();
    assert!(Surfaces::from_bytes(b"version https://git-lfs.github.com/spec/v1\n").is_err());
    assert!(Surfaces::from_bytes(b"").is_err());
    for at in (0..model.len()).step_by(7) {
        let mut damaged = model.clone();
        damaged[at] ^= 0x5a;
        if let Ok(surfaces) = Surfaces::from_bytes(&damaged) {
            texts().iter().for_each(|text| drop(surfaces.pieces(text)));
        }
        let _ = Surfaces::from_bytes(&model[..at]);
    }
}
