//! Reads Llama 3's `tokenizer.model` as Meta has it: a line for each piece, its bytes in base64, a space, and its rank.
//!
//! The file does not say how a text is cut into words, nor which special tokens there are: both are Llama 3's own. Two
//! pieces may be joined wherever the result is a piece, the result of the lowest rank first; a word that is a piece is
//! never cut. A `tokenizer.json` says the same with a list of merges, in the order in which transformers writes it.
//!
//! # Source  `llama/tokenizer.py` of github.com/meta-llama/llama3, `TikTokenConverter` of transformers

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::pieces::{LONGEST, byte_characters};
use super::words::LLAMA_3;
use crate::error::{Error, Result};

/// Pieces that Llama 3's file has. Another number means another model, with words of another kind.
const LLAMA_3_PIECES: usize = 128_000;
/// Special tokens after the pieces.
const SPECIAL: usize = 256;
/// The first.
pub(super) const BEGIN: &str = "<|begin_of_text|>";

/// Whether a file is lines of a base64 piece, a space and a rank.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    read_line(line).is_some()
}

/// The `tokenizer.json` that says what the file says.
///
/// # Errors
/// A line is no piece and rank, or the pieces are not Llama 3's in number.
pub(super) fn tokenizer_json(bytes: &[u8], named: &HashMap<u32, String>) -> Result<Vec<u8>> {
    let pieces = read(bytes)?;
    if pieces.len() != LLAMA_3_PIECES {
        return Err(Error::new("the pieces of the tiktoken file")
            .got(pieces.len())
            .expected(format!("{LLAMA_3_PIECES}, as Llama 3 has"))
            .hint("how another model cuts a text into words is not in its file; use its tokenizer.json"));
    }
    written(&pieces, named)
}

/// The pieces in the order of their ranks.
fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut pieces = Vec::new();
    for (number, line) in
        bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty())
    {
        let (piece, rank) = read_line(line).ok_or_else(|| {
            Error::new("a line of the tiktoken file is no base64 and rank").at(format!("line {}", number + 1))
        })?;
        if piece.len() > LONGEST {
            return Err(Error::new("the length of a piece of the tiktoken file")
                .at(format!("line {}", number + 1))
                .got(piece.len())
                .expected(format!("at most {LONGEST} bytes")));
        }
        if rank as usize != pieces.len() {
            return Err(Error::new("a rank of the tiktoken file")
                .at(format!("line {}", number + 1))
                .got(rank)
                .expected(pieces.len())
                .hint("ranks are ids; is the file cut off? fetch it again"));
        }
        pieces.push(piece);
    }
    Ok(pieces)
}

fn read_line(line: &[u8]) -> Option<(Vec<u8>, u32)> {
    let (piece, rank) = std::str::from_utf8(line).ok()?.trim_end().split_once(' ')?;
    Some((from_base64(piece)?, rank.parse().ok()?))
}

/// The bytes of a base64 text; `None` if it is none, or empty.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if digits.is_empty() || !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let (mut bytes, mut bits, mut count) = (Vec::with_capacity(text.len() / 4 * 3), 0u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

fn written(pieces: &[Vec<u8>], named: &HashMap<u32, String>) -> Result<Vec<u8>> {
    let mut characters = [' '; 256];
    for (character, byte) in byte_characters() {
        if let Some(place) = characters.get_mut(usize::from(byte)) {
            *place = character;
        }
    }
    let spell =
        |piece: &[u8]| -> String { piece.iter().filter_map(|byte| characters.get(usize::from(*byte))).collect() };
    let first = pieces.len();
    let special = special_names(first, named);
    let added = special.iter().enumerate().map(|(index, name)| {
        json!({
            "id": first + index, "content": name, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    });
    let ids: Map<String, Value> = pieces.iter().enumerate().map(|(id, piece)| (spell(piece), json!(id))).collect();
    if ids.len() != pieces.len() {
        return Err(Error::new("two pieces of the tiktoken file are the same").hint("is the file damaged?"));
    }
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added.collect::<Vec<_>>(),
        "normalizer": null,
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
            { "type": "Split", "pattern": { "Regex": LLAMA_3 }, "behavior": "Isolated", "invert": false },
            byte_level(false, true, false),
        ] },
        "post_processor": post_processor(special.first().map_or(BEGIN, String::as_str), first),
        "decoder": byte_level(true, true, true),
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": true,
            "vocab": ids,
            "merges": merges(pieces).into_iter().map(|(left, right)| format!("{} {}", spell(left), spell(right))).collect::<Vec<_>>(),
        },
    });
    serde_json::to_vec(&file).map_err(|e| Error::new(format!("cannot write the tokenizer: {e}")))
}

fn byte_level(prefix: bool, trim: bool, regex: bool) -> Value {
    json!({ "type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": regex })
}

/// Puts the first special token before every text.
fn post_processor(begin: &str, id: usize) -> Value {
    let start = |kind: u32| json!({ "SpecialToken": { "id": begin, "type_id": kind } });
    let text = |id: &str, kind: u32| json!({ "Sequence": { "id": id, "type_id": kind } });
    json!({ "type": "Sequence", "processors": [
        byte_level(true, false, true),
        {
            "type": "TemplateProcessing",
            "single": [start(0), text("A", 0)],
            "pair": [start(0), text("A", 0), start(1), text("B", 1)],
            "special_tokens": { begin: { "id": begin, "ids": [id], "tokens": [begin] } },
        },
    ] })
}

/// Every way in which a piece is two others, in the order of ranks: of the piece, of its left part, of its right part.
fn merges(pieces: &[Vec<u8>]) -> Vec<(&[u8], &[u8])> {
    let ranks: HashMap<&[u8], usize> =
        pieces.iter().enumerate().map(|(rank, piece)| (piece.as_slice(), rank)).collect();
    let mut all = Vec::new();
    for piece in pieces {
        let cuts = (1..piece.len()).map(|at| piece.split_at(at));
        let mut known: Vec<_> =
            cuts.filter_map(|(left, right)| Some((*ranks.get(left)?, *ranks.get(right)?, left, right))).collect();
        known.sort_unstable();
        all.extend(known.into_iter().map(|(.., left, right)| (left, right)));
    }
    all
}

/// The names of the special tokens: what a file beside the tokenizer calls them, else Llama 3's.
fn special_names(first: usize, named: &HashMap<u32, String>) -> Vec<String> {
    let mut reserved = 0..;
    let usual = |index: usize, reserved: &mut std::ops::RangeFrom<u32>| match index {
        0 => BEGIN.to_owned(),
        1 => "<|end_of_text|>".to_owned(),
        6 => "<|start_header_id|>".to_owned(),
        7 => "<|end_header_id|>".to_owned(),
        9 => "<|eot_id|>".to_owned(),
        _ => format!("<|reserved_special_token_{}|>", reserved.next().unwrap_or_default()),
    };
    let usual: Vec<String> = (0..SPECIAL).map(|index| usual(index, &mut reserved)).collect();
    // All of them or none: names of two lists together could say one name twice.
    let beside: Option<Vec<String>> =
        (first..first + SPECIAL).map(|id| named.get(&u32::try_from(id).ok()?).cloned()).collect();
    beside.unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_and_what_is_none_is_not() {
        assert_eq!(from_base64("IQ==").unwrap(), b"!");
        assert_eq!(from_base64("VGVyZQ==").unwrap(), b"Tere");
        assert_eq!(from_base64("w7XDpA==").unwrap(), "õä".as_bytes());
        assert_eq!(from_base64("+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
        for text in ["", "=", "====", "IQ", "I===", "I!==", "IQ=Q"] {
            assert_eq!(from_base64(text), None, "{text}");
        }
    }

    #[test]
    fn lines_are_pieces_in_the_order_of_their_ranks() {
        assert_eq!(read(b"IQ== 0\nIg== 1\n\n").unwrap(), [b"!", b"\""]);
        let wrong = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert!(wrong(b"IQ== 0\nIg== 2\n").contains("line 2"), "{}", wrong(b"IQ== 0\nIg== 2\n"));
        assert!(wrong(b"IQ== 0\nIg==\n").contains("no base64 and rank"));
        assert!(is_one(b"IQ== 0\n") && !is_one(b"\x0a\x0b") && !is_one(b"{"));
    }

    #[test]
    fn a_piece_is_made_in_every_way_it_can_be() {
        let pieces: Vec<Vec<u8>> = ["a", "b", "ab", "ba", "aba"].map(|piece| piece.as_bytes().to_vec()).into();
        let merges: Vec<String> =
            merges(&pieces).into_iter().map(|(l, r)| String::from_utf8([l, b" ", r].concat()).unwrap()).collect();
        assert_eq!(merges, ["a b", "b a", "a ba", "ab a"]);
    }

    #[test]
    fn special_tokens_have_the_names_of_the_file_beside() {
        let names = special_names(10, &HashMap::new());
        assert_eq!((names[8].as_str(), names[9].as_str()), ("<|reserved_special_token_4|>", "<|eot_id|>"));
        assert_eq!(names[255], "<|reserved_special_token_250|>");
        let named: HashMap<u32, String> = (10..266).map(|id| (id, format!("<{id}>"))).collect();
        assert_eq!(special_names(10, &named)[8], "<18>");
        assert_eq!(special_names(11, &named)[8], "<|reserved_special_token_4|>", "one is missing");
    }
}
