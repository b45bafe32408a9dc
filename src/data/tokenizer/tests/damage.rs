//! Files that are cut off, changed, or no tokenizers at all.

use super::super::*;
use super::llama3::byte_level_of_llama_3;
use super::{byte_level, golden, shared};

#[test]
fn a_model_cut_off_anywhere_is_an_error_or_smaller_but_never_a_panic() {
    let Some(path) = shared("checkpoints/stories260K/tok512.model") else { return };
    let bytes = std::fs::read(path).unwrap();
    for end in (0..bytes.len()).step_by(7) {
        let _ = Tokenizer::from_bytes(&bytes[..end]);
    }
    for at in (0..bytes.len()).step_by(5) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        if let Ok(tokenizer) = Tokenizer::from_bytes(&damaged) {
            let _ = tokenizer.encode("Once upon a time. õ");
        }
    }
}

/// Bytes of a file with some changed, moved, cut out, or put in.
fn damaged(mut bytes: Vec<u8>, changes: &[(usize, u8, u8)]) -> Vec<u8> {
    for (at, value, how) in changes {
        let at = at % bytes.len().max(1);
        match how % 4 {
            0 => bytes.insert(at, *value),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(at.max(bytes.len() / 2)),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = *value),
        }
    }
    bytes
}

#[test]
fn damaged_files_are_errors_or_other_tokenizers_but_never_panics() {
    let golden = golden();
    let digits = golden["small"][8]["model"].as_str().unwrap().as_bytes().chunks(2);
    let model: Vec<u8> =
        digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
    let trained = Tokenizer::train((0..50).map(|n| format!("kass number {n} magab")), 290).unwrap();
    let jsons = [
        trained.companions.get("tokenizer.json").unwrap().to_vec(),
        byte_level(),
        byte_level_of_llama_3(&["a b", "Ġ a"]),
    ];
    let changes = proptest::collection::vec(proptest::prelude::any::<(usize, u8, u8)>(), 1..6);
    let printable = proptest::collection::vec((proptest::prelude::any::<usize>(), 0x20..0x7fu8, 0..4u8), 1..4);
    let config = proptest::test_runner::Config { cases: 400, ..Default::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&(changes, printable), |(changes, printable)| {
        let mut read = vec![Tokenizer::from_sentencepiece(&damaged(model.clone(), &changes))];
        read.extend(jsons.iter().map(|json| Tokenizer::from_json(&damaged(json.clone(), &printable))));
        read.extend(jsons.iter().map(|json| Tokenizer::from_json(&damaged(json.clone(), &changes))));
        for tokenizer in read.into_iter().flatten() {
            if let Ok(ids) = tokenizer.encode("kass magab, abc 12\n õ <s>") {
                let _ = tokenizer.decode(&ids);
            }
            let _ = tokenizer.extend(["kassid kassid magavad magavad"; 2], 3);
        }
        Ok(())
    });
    outcome.unwrap();
    let mut runner = proptest::test_runner::TestRunner::default();
    let any = runner.run(&proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), |bytes| {
        let _ = (Tokenizer::from_sentencepiece(&bytes), Tokenizer::from_json(&bytes), Tokenizer::from_bytes(&bytes));
        Ok(())
    });
    any.unwrap();
}
