//! Llama 3's own file and byte-level encoding, against tiktoken and the `tokenizers` crate.

use serde_json::Value;

use super::super::*;
use super::{byte_level, hash, holds_llama_cpps_vectors, shared};

/// A byte-level tokenizer with Llama 3's words and these merges of written bytes.
pub(in super::super) fn byte_level_of_llama_3(merges: &[&str]) -> Vec<u8> {
    let mut file: Value = serde_json::from_slice(&byte_level()).unwrap();
    let ids = file["model"]["vocab"].as_object_mut().unwrap();
    ids.retain(|piece, _| piece.chars().count() == 1);
    for merge in merges {
        let id = ids.len();
        ids.insert(merge.replace(' ', ""), id.into());
    }
    let first = ids.len();
    for (index, token) in file["added_tokens"].as_array_mut().unwrap().iter_mut().enumerate() {
        token["id"] = (first + index).into();
        token["special"] = true.into();
    }
    file["model"]["merges"] = serde_json::json!(merges);
    let bytes =
        serde_json::json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let split = serde_json::json!({"type": "Split", "pattern": {"Regex": words::LLAMA_3}, "behavior": "Isolated", "invert": false});
    file["pre_tokenizer"] = serde_json::json!({"type": "Sequence", "pretokenizers": [split, bytes]});
    serde_json::to_vec(&file).unwrap()
}

#[test]
fn the_byte_engine_gives_the_ids_of_the_tokenizers_crate() {
    let file = byte_level_of_llama_3(&["e r", "Ġ t", "Ġt h", "a s", "Ġ k", "Ġk as", "Ã µ"]);
    let ours = Tokenizer::from_bytes(&file).unwrap();
    assert!(matches!(ours.engine, Engine::Bytes(_)));
    let mut theirs = tokenizers::Tokenizer::from_bytes(&file).unwrap();
    theirs.with_truncation(None).unwrap();
    theirs.set_encode_special_tokens(true);
    let mut runner = proptest::test_runner::TestRunner::default();
    let texts = "([a-zõ ]{0,6}|kass|th|[0-9]{0,5}|<\\|end_of_text\\|>|'[sSlL]{1,2}|\\PC{0,3}|\r?\n|[ \t]{0,4}){0,8}";
    let outcome = runner.run(&texts, |text| {
        let ids = ours.encode(&text).unwrap();
        proptest::prop_assert_eq!(ids.as_slice(), theirs.encode(text.as_str(), false).unwrap().get_ids().to_vec());
        proptest::prop_assert_eq!(ours.decode(&ids), text);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn llama_3s_own_file_gives_tiktokens_ids() {
    let Some(folder) = shared("tokenizers/llama3") else { return };
    let tokenizer = Tokenizer::open(&folder).unwrap();
    assert!(matches!(tokenizer.engine, Engine::Bytes(_)));
    assert_eq!((tokenizer.vocabulary(), tokenizer.bos(), tokenizer.eos()), (128_256, 128_000, 128_001));
    let golden: Value = serde_json::from_str(include_str!("../../../../tests/golden/llama3.json")).unwrap();
    for (text, ids) in golden["texts"].as_array().unwrap().iter().zip(golden["ids"].as_array().unwrap()) {
        let found = tokenizer.encode(text.as_str().unwrap()).unwrap();
        assert_eq!(&serde_json::json!(found), ids, "{text}");
        assert_eq!(tokenizer.decode(&found), text.as_str().unwrap());
    }
    let mut lines = 0;
    for (file, hashed) in golden["files"].as_object().unwrap() {
        let text = std::fs::read_to_string(shared(file).unwrap()).unwrap();
        let mut encoder = tokenizer.encoder();
        let mut ids = Vec::new();
        for line in text.split('\n') {
            ids.extend(encoder.encode(line).unwrap());
            ids.push(u32::MAX);
            lines += 1;
        }
        assert_eq!(&serde_json::json!([ids.len(), hash(&ids)]), hashed, "{file}");
    }
    assert!(lines > 100_000, "only {lines} lines are covered");
}

#[test]
fn llama_cpps_vectors_of_llama_3_hold() {
    let Some(folder) = shared("tokenizers") else { return };
    let tokenizer = Tokenizer::open(&folder.join("llama3/tokenizer.model")).unwrap();
    holds_llama_cpps_vectors(&tokenizer, &folder, "bpe");
}

#[test]
fn llama_3s_file_is_saved_as_json_and_read_back() {
    let Some(path) = shared("tokenizers/llama3/tokenizer.model") else { return };
    let folder = tempfile::tempdir().unwrap();
    let original = Tokenizer::open(&path).unwrap();
    original.save(folder.path()).unwrap();
    let file: Value = serde_json::from_slice(&std::fs::read(folder.path().join("tokenizer.json")).unwrap()).unwrap();
    // As transformers converts it.
    assert_eq!(file["model"]["merges"].as_array().unwrap().len(), 280_147);
    assert_eq!(
        file["added_tokens"][9],
        serde_json::json!({"id": 128_009, "content": "<|eot_id|>", "single_word": false,
        "lstrip": false, "rstrip": false, "normalized": false, "special": true})
    );
    let read = Tokenizer::open(folder.path()).unwrap();
    assert_eq!(read.fingerprint(), original.fingerprint());
    assert_eq!(read.encode("x<|eot_id|>").unwrap(), original.encode("x<|eot_id|>").unwrap());
    assert!(read.encode("x<|eot_id|>").unwrap().iter().all(|id| *id < 128_000));
}

#[test]
#[ignore = "it measures: not beside other tests"]
fn llama_3_is_encoded_faster_than_by_the_tokenizers_crate() {
    let Some(path) = shared("tokenizers/llama3/tokenizer.model") else { return };
    let ours = Tokenizer::open(&path).unwrap();
    let theirs = tokenizers::Tokenizer::from_bytes(ours.companions.get("tokenizer.json").unwrap()).unwrap();
    for file in ["text_et/evkk_academic.txt", "text_en/wikitext2_test.txt"] {
        let text = std::fs::read_to_string(shared(file).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let clock = std::time::Instant::now();
        let mut encoder = ours.encoder();
        let count: usize = lines.iter().map(|line| encoder.encode(line).unwrap().len()).sum();
        let our_time = clock.elapsed().as_secs_f64();
        let clock = std::time::Instant::now();
        let same: usize = lines.iter().map(|line| theirs.encode_fast(*line, false).unwrap().len()).sum();
        let their_time = clock.elapsed().as_secs_f64();
        assert_eq!(count, same);
        let rate = |time: f64| text.len() as f64 / 1e6 / time;
        println!("{file}: {:.1} MB/s here, {:.1} MB/s by the crate", rate(our_time), rate(their_time));
        assert!(our_time < their_time);
    }
}
