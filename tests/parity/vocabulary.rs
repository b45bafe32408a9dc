//! Extended tokenizers as others read them: the files that emakeel writes give them the ids that it has itself.

use std::path::Path;
use std::process::Command;

use emakeel::data::Tokenizer;
use serde_json::{Value, json};

use crate::peft::python;

/// FNV-1a over little-endian ids, as `tests/vocabulary/check.py` has it.
fn hash(ids: &[u32]) -> String {
    let bytes = ids.iter().flat_map(|id| id.to_le_bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[test]
fn an_extended_tokenizer_is_read_by_transformers_and_sentencepiece() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !shared.is_dir() {
        eprintln!("SKIPPED: ../shared is absent");
        return;
    }
    let Some(python) = python("import transformers, tokenizers, sentencepiece, numpy") else { return };
    let root = tempfile::tempdir().unwrap();
    let read = |name: &str| std::fs::read_to_string(shared.join(name)).unwrap();
    let learned = read("text_et/common_voice_10k.txt") + &read("text_et/evkk_essays_school.txt");
    let files = ["text_et/common_voice_10k.txt", "text_et/ud_ewt_test.txt", "text_en/wikitext2_valid.txt"];
    // As a model alone, as a json with or without a model beside it, and Llama 3's.
    let origins = ["llama2/tokenizer.model", "llama2", "tinyllama", "llama3/tokenizer.model"];
    let (mut jobs, mut expected) = (Vec::new(), Vec::new());
    for (number, origin) in origins.into_iter().enumerate() {
        let old = Tokenizer::open(&shared.join("tokenizers").join(origin)).unwrap();
        let extended = old.extend(learned.lines(), 2000).unwrap();
        let (folder, out) = (root.path().join(number.to_string()), root.path().join(format!("{number}.json")));
        extended.tokenizer.save(&folder).unwrap();
        assert_eq!(folder.join("tokenizer.model").exists(), number < 2, "{origin}");
        let (mut encoder, mut ids) = (extended.tokenizer.encoder(), Vec::new());
        for line in files.iter().flat_map(|file| read(file).split('\n').map(str::to_owned).collect::<Vec<_>>()) {
            ids.extend(encoder.encode(&line).unwrap());
            ids.push(u32::MAX);
        }
        assert!(ids.iter().filter(|id| **id != u32::MAX && **id >= extended.first).count() > 10_000);
        expected.push(json!([ids.len(), hash(&ids)]));
        jobs.push(json!({ "folder": folder, "files": files.map(|file| shared.join(file)), "out": out }));
    }
    let file = root.path().join("jobs.json");
    std::fs::write(&file, serde_json::to_string(&jobs).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vocabulary/check.py");
    let output = Command::new(python).arg(script).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (number, (origin, expected)) in origins.into_iter().zip(&expected).enumerate() {
        let text = std::fs::read_to_string(root.path().join(format!("{number}.json"))).unwrap();
        let found: Value = serde_json::from_str(&text).unwrap();
        assert!(found["lines"].as_u64().unwrap() > 10_000);
        for reader in ["tokenizers", "transformers", "sentencepiece"].iter().take(if number < 2 { 3 } else { 2 }) {
            assert_eq!(&found[reader], expected, "{origin} by {reader}");
        }
    }
}
