//! The gate's parts: what is found in files, and what a card lacks.

use std::path::Path;

use super::*;
use crate::study::card::{SECTIONS, write_card};

fn found_in(bytes: &[u8], name: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    secrets::found(&path, Some("my-own-secret"), Path::new("/srv/runs/mine")).unwrap().join("; ")
}

#[test]
fn secrets_and_paths_are_found_and_what_looks_a_little_like_them_is_not() {
    for (text, expected) in [
        ("x my-own-secret y", "the token itself"),
        ("token: hf_abcdefghijklmnopqrstuvwx", "a token of the Hub (hf_…)"),
        ("\"sk-proj-abcdefghijklmnopqrstuvwx\"", "a key of an API (sk-…)"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
        ("path: /home/mari/data.json", "a path of this machine (/home/mari…)"),
        ("\"/root/x\"", "a path of this machine (/root/x…)"),
        ("at C:\\Users\\mari", "a path of this machine (C:\\…)"),
        ("see /srv/runs/mine/data", "the path of the run folder"),
    ] {
        assert!(found_in(text.as_bytes(), "README.md").contains(expected), "{text}");
    }
    for text in [
        "https://example.org/home/page and hf_hub and sk-short",
        "the folders /home/ and /root/",
        "half_abcdefghijklmnopqrstuvwxyz",
        "-----BEGIN CERTIFICATE-----",
        "ratio 1:3, a\\b",
    ] {
        assert_eq!(found_in(text.as_bytes(), "README.md"), "", "{text}");
    }
}

#[test]
fn what_lies_across_two_pieces_of_a_large_file_is_found() {
    for at in [(1 << 20) - 5, (1 << 20) - 1, 1 << 20, (1 << 20) + 3] {
        let mut bytes = vec![b' '; 3 << 20];
        bytes[at..at + 13].copy_from_slice(b"my-own-secret");
        assert_eq!(found_in(&bytes, "model.safetensors"), "the token itself", "{at}");
    }
}

#[test]
fn paths_are_looked_for_in_the_header_of_weights_and_not_in_the_weights() {
    let header = br#"{"__metadata__":{"from":"/home/mari/x"}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header);
    assert!(found_in(&bytes, "a.safetensors").contains("/home/mari"));
    let mut bytes = 2u64.to_le_bytes().to_vec();
    bytes.extend_from_slice(b"{} /home/mari/x");
    assert_eq!(found_in(&bytes, "a.safetensors"), "");
    assert_eq!(found_in(b"/home/mari", "tokenizer.json"), "");
    assert_eq!(found_in(b"hf_abcdefghijklmnopqrstuvwx", "tokenizer.json"), "what looks like a token of the Hub (hf_…)");
}

#[test]
fn a_card_without_one_of_its_parts_is_refused() {
    let text = "name: s\nbase: { builtin: tiny-english }\nsources:\n  a: { path: a.txt, text: plain }\nadapters:\n  \
                x: { tokens: 1K, mixture: { a: 1 } }\n";
    let recipe = Recipe::parse(&text.replace(", text: plain", ""), "r.yaml", &[]).unwrap();
    let place = tempfile::tempdir().unwrap();
    let subject = Subject::of(&recipe.study.adapters[0]);
    let mut facts = CardFacts::read(place.path(), &recipe.study, subject).unwrap();
    facts.license = Some("mit".into());
    let none = gate::card_lacks(&write_card(&facts), &facts);
    assert!(none.contains("the base is no model of the Hub") && none.contains("--base owner/name"), "{none}");
    facts.base.hash = Some("ab12".into());
    let card = write_card(&facts);
    assert_eq!(gate::card_lacks(&card, &facts), "");
    for section in SECTIONS {
        assert!(gate::card_lacks(&card.replace(section, ""), &facts).contains(section), "{section}");
    }
    for (part, expected) in [("license: mit\n", "license"), ("ab12", "the hash"), ("library_name", "library_name")] {
        let lacks = gate::card_lacks(&card.replace(part, ""), &facts);
        assert!(lacks.contains(expected), "{part}: {lacks}");
    }
}
