//! Chat templates in Jinja: rendered alone, then for a tokenizer, with what is trained on.
#![no_main]

use std::sync::OnceLock;

use emakeel::data::Tokenizer;
use emakeel::data::template::jinja::{encode_any, render_any};
use emakeel_fuzz::{start, watch};
use libfuzzer_sys::fuzz_target;

static TOKENIZER: OnceLock<Tokenizer> = OnceLock::new();

fuzz_target!(init: start(), |input: &[u8]| watch(|| read(input)));

fn read(input: &[u8]) {
    let Ok(template) = std::str::from_utf8(input) else { return };
    if render_any(template).is_ok() {
        let texts = ["<|user|> Tere, kuidas läheb? <|assistant|> Hästi. [INST] Ole lahke. [/INST]"; 3];
        let tokenizer = TOKENIZER.get_or_init(|| Tokenizer::train(texts, 330).expect("the texts are enough"));
        let _ = encode_any(template, tokenizer);
    }
}
