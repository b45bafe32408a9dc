//! `emakeel data`: what is trained on is seen to the token, on a terminal, in a file and in a browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{Place, emakeel};

/// What a text may hold that a terminal or a browser must not obey.
const HOSTILE: &str =
    "Kass \u{1b}[31mmagab</span><script>alert(1)</script> & \"laual\" ⟦</s>⟧ \u{202e}tagurpidi\u{7}\tja koer jookseb.";

fn quickstart(place: &Place, arguments: &[&str]) -> Output {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/quickstart.yaml").display().to_string();
    let runs = place.path("runs").display().to_string();
    emakeel(&[&["data", &recipe, "--runs", &runs, "--quiet"], arguments].concat())
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// A study on a file of two documents and one of a row.
fn on_files(place: &Place) -> PathBuf {
    place.model("model");
    place.write("et.txt", &format!("Mari loeb raamatut ja joob teed.\n\n{HOSTILE}\n"));
    let row =
        serde_json::json!([{ "instruction": "Mis on <b>see</b>?\u{1b}[2J", "input": "", "output": "kass\nja koer" }]);
    place.write("rows.json", &row.to_string());
    let root = place.root().display();
    place.write(
        "study.yaml",
        &format!(
            "name: look\nseed: 1\ndevice: cpu\nbase: {{ model: {root}/model }}\nsources:\n  et: {{ path: {root}/et.txt, template: plain }}\n  rows: {{ path: {root}/rows.json, template: alpaca }}\npretrain: {{ sequence_length: 96, tokens: 768, batch: 4, mixture: {{ et: 1.0 }} }}\nadapters:\n  general: {{ on: pretrain, rank: 2, alpha: 4, sequence_length: 400, batch: 1, tokens: 400, mixture: {{ rows: 1.0 }} }}\n",
        ),
    )
}

fn data(place: &Place, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_emakeel"));
    command.arg("data").arg(on_files(place)).arg("--quiet").arg("--runs").arg(place.path("runs")).args(arguments);
    command
}

#[test]
fn without_colours_brackets_stand_around_what_is_trained_on() {
    let place = Place::new();
    let short = ["--set", "pretrain.sequence_length=64", "--set", "adapters.defaults.sequence_length=96"];
    let of = |stage: &str, more: &[&str]| {
        text(&quickstart(&place, &[&["--show", "1", "--stage", stage], &short[..], more].concat()))
    };
    insta::assert_snapshot!("pretrain", of("pretrain", &["--step", "2"]));
    insta::assert_snapshot!("translation", of("translation", &["--tokens"]));
}

#[test]
fn the_whole_study_fits_a_hundred_columns() {
    let text = text(&quickstart(&Place::new(), &[]));
    for stage in ["pretrain", "general@base", "ratio-1-3", "then-general"] {
        assert!(text.lines().any(|line| line == stage), "{stage} is in:\n{text}");
    }
    let widest = text.lines().max_by_key(|line| line.chars().count()).expect("lines");
    assert!(widest.chars().count() <= 100, "{widest}");
    assert_eq!(text.matches("a sequence holds 256").count(), 7, "the sequence length is marked in every stage");
}

#[test]
fn nothing_in_the_data_reaches_the_terminal_as_more_than_text() {
    let place = Place::new();
    let output = data(&place, &["--show", "2"]).output().expect("the program runs");
    let text = text(&output);
    let wrong: Vec<char> = text.chars().filter(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}').collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    for written in ["\\u{1b}[31m", "\\u{202e}", "\\u{7}", "⇥", "\\u{27e6}\\u{3c}/s>\\u{27e7}", "⟦kass⏎\nja koer</s>⟧"]
    {
        assert!(text.contains(written), "{written:?} is not in:\n{text}");
    }
    let root = place.root().display();
    assert!(text.contains(&format!("et · {root}/et.txt:3 · ")), "the file and line of a document:\n{text}");
    assert!(text.contains(&format!("rows · {root}/rows.json:1 · ")), "the file and line of a row:\n{text}");
}

#[test]
fn colours_take_the_place_of_brackets() {
    let place = Place::new();
    let shown = |variable: &str| {
        text(
            &data(&place, &["--show", "1", "--stage", "pretrain"])
                .env(variable, "1")
                .output()
                .expect("the program runs"),
        )
    };
    let coloured = shown("CLICOLOR_FORCE");
    assert!(coloured.contains("\u{1b}[1m\u{1b}[32m") && !coloured.contains('⟦'), "{coloured}");
    let plain = shown("NO_COLOR");
    assert!(!plain.contains('\u{1b}') && plain.contains('⟦'), "{plain}");
}

#[test]
fn json_has_every_id_of_the_sequences_shown() {
    let place = Place::new();
    let output = data(&place, &["--show", "3", "--json"]).output().expect("the program runs");
    let json: Value = serde_json::from_str(&text(&output)).expect("one JSON object");
    let pretrain = &json["stages"][0];
    assert!(pretrain["sources"][0]["trained_tokens"].as_u64() > Some(0), "what was there stays: {pretrain}");
    assert_eq!(pretrain["lengths"]["rows"], 2);
    assert_eq!(pretrain["sources"][0]["duplicates"], 0);
    let shown = pretrain["shown"].as_array().expect("sequences");
    assert_eq!(shown.len(), 3);
    for sequence in shown {
        let documents = sequence["documents"].as_array().expect("documents");
        let count = |key: &str| documents.iter().filter_map(|it| it[key].as_array()).map(Vec::len).sum::<usize>();
        assert_eq!((count("ids"), count("trained")), (96, 96));
    }
}

#[test]
fn a_stage_or_step_that_is_not_there_is_refused() {
    let place = Place::new();
    let refused = |arguments: &[&str]| {
        let output = data(&place, arguments).output().expect("the program runs");
        assert!(output.stdout.is_empty());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = refused(&["--stage", "genral"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no stage is named genral") && said.contains("pretrain, general"), "{said}");
    let (code, said) = refused(&["--show", "1", "--stage", "pretrain", "--step", "3"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("pretrain  --step is 3, must be at most 2"), "{said}");
}

#[test]
fn the_page_is_well_formed_and_needs_nothing_else() {
    let place = Place::new();
    let path = place.path("page.html");
    let output = data(&place, &["--html", &path.display().to_string()]).output().expect("the program runs");
    let terminal = text(&output);
    assert!(!terminal.contains('⟦'), "sequences are on the page only, unless --show asks for them");
    let page = fs::read_to_string(&path).expect("a page");
    let tags = well_formed(&page);
    for wanted in ["table", "svg", "article", "title"] {
        assert!(tags.iter().any(|tag| tag == wanted), "{wanted} is on the page");
    }
    for outside in ["<script", "src=", "url(", "@import", "href=\"http", "\u{1b}", "\u{202e}"] {
        assert!(!page.contains(outside), "{outside:?} is on the page");
    }
    assert_eq!(page.matches("<article>").count(), 3 + 3, "three sequences of each stage");
}

/// Reads a page tag by tag; returns the tags. Every tag is closed in turn, and `<`, `>` and `&` stand for nothing else.
pub fn well_formed(page: &str) -> Vec<String> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    let (mut open, mut seen): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        if open.last().is_some_and(|tag| tag != "style") {
            escaped(before);
        }
        let end = tag.find('>').expect("a tag has an end");
        let inside = &tag[1..end];
        rest = &tag[end + 1..];
        assert!(!inside.contains('<'), "a < inside a tag: {inside}");
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "before {}", rest.chars().take(60).collect::<String>());
            continue;
        }
        let name: String = inside.chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(!name.is_empty(), "an unescaped <: {inside}");
        let attributes = inside[name.len()..].trim_end_matches('/');
        assert_eq!(attributes.matches('"').count() % 2, 0, "quotes come in pairs: {inside}");
        attributes.split('"').skip(1).step_by(2).for_each(escaped);
        if !inside.ends_with('/') {
            open.push(name.clone());
        }
        seen.push(name);
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} stay open");
    seen
}

fn escaped(text: &str) {
    assert!(!text.contains('>'), "an unescaped >: {text}");
    for part in text.split('&').skip(1) {
        let known = ["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|name| part.starts_with(name));
        assert!(known, "an unescaped &: {text}");
    }
}
