//! SentencePiece models: read, then a text to ids and back.
//!
//! The first byte of an input is the length of a text, which follows it; the model is the rest.
#![no_main]

use emakeel::data::Tokenizer;
use emakeel_fuzz::{start, watch};
use libfuzzer_sys::fuzz_target;

/// What any model should be tried on.
const TEXT: &str = "  Kass magas  õues, <s>abab</s> 12 ▁\n\u{fdd0}中😀";

fuzz_target!(init: start(), |input: &[u8]| watch(|| read(input)));

fn read(input: &[u8]) {
    let Some((length, rest)) = input.split_first() else { return };
    let (text, model) = rest.split_at(rest.len().min(usize::from(*length)));
    let Ok(tokenizer) = Tokenizer::from_sentencepiece(model) else { return };
    for text in [&String::from_utf8_lossy(text), TEXT] {
        let mut encoder = tokenizer.encoder();
        for ids in [encoder.encode(text), encoder.encode_continuation(text)].into_iter().flatten() {
            assert!(ids.iter().all(|id| (*id as usize) < tokenizer.vocabulary()));
            let mut stream = tokenizer.text_stream();
            ids.iter().for_each(|id| drop(stream.push(*id)));
            stream.finish();
            tokenizer.decode(&ids);
        }
    }
}
