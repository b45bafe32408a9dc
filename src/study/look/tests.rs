//! Sequences taken apart: every id is there once, no character is torn, and what is trained on is what is marked.

use super::excerpt::{Excerpt, Place, Shown};
use crate::data::stream::Span;
use crate::data::{Sequence, Tokenizer};

const PLACE: Place = Place { step: 1, steps: 1, sequence: 1, of: 1 };

fn tokenizer() -> Tokenizer {
    Tokenizer::train(["kass magab laual ja koer magab laua all"], 280).unwrap()
}

fn joined(tokenizer: &Tokenizer, texts: &[&str]) -> Sequence {
    let document = |text: &&str| {
        let ids = tokenizer.encode(text).unwrap();
        [vec![tokenizer.bos()], ids, vec![tokenizer.eos()]].concat()
    };
    let ids: Vec<u32> = texts.iter().flat_map(document).collect();
    let trained = (0..ids.len()).map(|at| at > 0).collect();
    Sequence { trained, bounds: vec![0, ids.len() as u32], weights: Vec::new(), ids }
}

/// A span of a row that is `length` tokens long.
fn span(start: u64, end: u64, length: u64) -> Span {
    Span { source: "s".into(), place: "s.txt:1".into(), start, end, length }
}

/// Spans of whole rows, which begin where the tokens that begin one do.
fn whole(sequence: &Sequence, tokenizer: &Tokenizer) -> Vec<Span> {
    let rows = sequence.ids.split(|id| *id == tokenizer.bos()).skip(1);
    rows.map(|ids| span(0, ids.len() as u64 + 1, ids.len() as u64 + 1)).collect()
}

fn shown(excerpt: &Excerpt) -> Vec<Vec<String>> {
    let document = |document: &super::excerpt::Document| {
        let name = |shown: &Shown| match shown {
            Shown::Special(name) => name.clone(),
            Shown::Text(range) => document.text[range.clone()].to_owned(),
        };
        document.pieces.iter().map(|piece| name(&piece.shown)).collect()
    };
    excerpt.documents.iter().map(document).collect()
}

proptest::proptest! {
    #[test]
    fn pieces_hold_every_id_once_and_the_whole_text(texts in proptest::collection::vec("\\PC{0,12}", 1..4)) {
        let tokenizer = tokenizer();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let sequence = joined(&tokenizer, &texts);
        let excerpt = Excerpt::new(PLACE, &sequence, &whole(&sequence, &tokenizer), true, &tokenizer);
        let pieces = || excerpt.documents.iter().flat_map(|document| &document.pieces);
        let ids: Vec<u32> = pieces().flat_map(|piece| piece.ids.clone()).collect();
        proptest::prop_assert_eq!(&ids, &sequence.ids);
        proptest::prop_assert_eq!(excerpt.documents.len(), texts.len());
        for (document, text) in excerpt.documents.iter().zip(&texts) {
            proptest::prop_assert!(document.begins && document.ends);
            proptest::prop_assert_eq!(document.text.strip_prefix(' ').unwrap_or(&document.text), *text);
        }
        proptest::prop_assert_eq!(excerpt.targets(), sequence.targets());
    }
}

#[test]
fn a_character_of_several_tokens_is_one_piece() {
    let tokenizer = tokenizer();
    let sequence = joined(&tokenizer, &["kass 猫"]);
    let excerpt = Excerpt::new(PLACE, &sequence, &whole(&sequence, &tokenizer), false, &tokenizer);
    let document = &excerpt.documents[0];
    let cat = document.pieces.iter().find(|piece| piece.ids.len() > 1).unwrap();
    assert_eq!((cat.ids.len(), &cat.shown), (3, &Shown::Text(document.text.len() - 3..document.text.len())));
    assert_eq!(shown(&excerpt)[0].concat(), "<s> kass 猫</s>");
}

#[test]
fn a_sequence_that_begins_inside_a_document_says_so() {
    let tokenizer = tokenizer();
    let mut sequence = joined(&tokenizer, &["猫 magab", "koer"]);
    // The first token of the cat, and the one that begins its document, are in the sequence before.
    let torn = sequence.ids.iter().position(|id| tokenizer.decode(&[*id]) == "\u{fffd}").unwrap() + 1;
    sequence.ids.drain(..torn);
    sequence.ids.pop();
    sequence.trained = (0..sequence.ids.len()).map(|at| at > 0).collect();
    sequence.bounds = vec![0, sequence.ids.len() as u32];
    let (first, all) = (sequence.ids.iter().position(|id| *id == tokenizer.bos()).unwrap(), sequence.ids.len());
    let (torn, first, rest) = (torn as u64, first as u64, (all - first) as u64);
    let spans = [span(torn, torn + first, torn + first), span(0, rest, rest + 1)];
    let excerpt = Excerpt::new(PLACE, &sequence, &spans, true, &tokenizer);
    let ends: Vec<_> = excerpt.documents.iter().map(|document| (document.begins, document.ends)).collect();
    assert_eq!(ends, [(false, true), (true, false)]);
    assert_eq!(shown(&excerpt)[0].concat(), "\u{fffd}\u{fffd} magab</s>");
    assert!(!excerpt.documents[0].pieces[0].trained);
    assert!(excerpt.documents[1].pieces[0].trained, "the token that begins a later document is predicted");
}
