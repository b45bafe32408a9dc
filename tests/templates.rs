//! Chat templates on real conversations, and other people's templates, against transformers.
//!
//! `python tests/golden/make_templates.py --big FOLDER --data ../shared/data` writes what is compared; the environment
//! variable EMAKEEL_TEMPLATE_GOLDEN names FOLDER.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::PathBuf;
use std::time::Instant;

use emakeel::data::template::Template;
use emakeel::data::{Conversation, Role, Tokenizer, Turn};
use emakeel::recipe::ChatTemplate;
use serde_json::Value;

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("EMAKEEL_TEMPLATE_GOLDEN").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("SKIPPED: EMAKEEL_TEMPLATE_GOLDEN names no folder of tests/golden/make_templates.py --big");
    }
    folder
}

fn conversation(talk: &Value) -> Conversation {
    let turns = talk.as_array().expect("turns").iter().map(|turn| {
        let role = match turn[0].as_str() {
            Some("system") => Role::System,
            Some("user") => Role::User,
            _ => Role::Assistant,
        };
        Turn::new(role, turn[1].as_str().expect("words"))
    });
    Conversation { turns: turns.collect() }
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().expect("ids").iter().map(|id| id.as_u64().expect("an id") as u32).collect()
}

#[test]
fn real_conversations_have_the_ids_spans_and_texts_of_transformers() {
    let Some(folder) = folder() else { return };
    let tokenizers = ["first", "legacy"]
        .map(|name| (name, Tokenizer::open(&folder.join("tokenizers").join(name)).expect("a tokenizer")));
    let file = std::fs::File::open(folder.join("golden.jsonl")).expect("golden.jsonl");
    let mut rows: Vec<Value> = Vec::new();
    for line in std::io::BufReader::new(file).lines() {
        rows.push(serde_json::from_str(&line.expect("a line")).expect("JSON"));
    }
    for (name, tokenizer) in &tokenizers {
        let mut compared: BTreeMap<&str, (usize, usize, usize, f64)> = BTreeMap::new();
        let mut encoder = tokenizer.encoder();
        for of_template in rows.chunk_by(|a, b| a["template"] == b["template"] && a["tokenizer"] == b["tokenizer"]) {
            if of_template[0]["tokenizer"] != *name {
                continue;
            }
            let chosen = of_template[0]["template"].as_str().expect("a name");
            let template = Template::open(&ChatTemplate::named(chosen).expect("known"), tokenizer).expect("a template");
            for row in of_template {
                let talk = conversation(&row["talk"]);
                let started = Instant::now();
                let encoded = template.encode(&talk, &mut encoder).expect("encoded");
                let seconds = started.elapsed().as_secs_f64();
                let (mut expected, mut prompt) = (ids(&row["ids"]), ids(&row["prompt"]));
                let mut mask = row["mask"].as_str().expect("a mask").to_owned();
                if expected.first() != Some(&tokenizer.bos()) {
                    expected.insert(0, tokenizer.bos());
                    prompt.insert(0, tokenizer.bos());
                    mask.insert(0, '0');
                }
                let label = format!("{name} {chosen} {}", row["text"]);
                assert_eq!(encoded.ids, expected, "{label}");
                let ours: String = encoded.trained.iter().map(|trained| if *trained { '1' } else { '0' }).collect();
                assert_eq!(ours, mask, "{label}");
                assert_eq!(template.render(&talk, tokenizer).expect("text").text, row["text"].as_str().expect("text"));
                let asked = Conversation { turns: talk.turns[..talk.turns.len() - 1].to_vec() };
                assert_eq!(template.encode_prompt(&asked, &mut encoder).expect("prompt"), prompt, "{label}");
                assert_eq!(expected[..prompt.len()], prompt, "the prompt is what stands before the answer: {label}");
                let counts = compared.entry(chosen).or_default();
                counts.0 += 1;
                counts.1 += expected.len();
                counts.2 += encoded.targets();
                counts.3 += seconds;
            }
        }
        for (template, (rows, tokens, targets, seconds)) in compared {
            assert!(rows >= 1000);
            eprintln!(
                "{name:>8} {template:>14}: {rows} conversations, {tokens} ids, {targets} targets, {:.0} rows/s on one thread",
                rows as f64 / seconds
            );
        }
    }
}

#[test]
fn rows_a_second_on_two_threads() {
    let Some(folder) = folder() else { return };
    let tokenizer = Tokenizer::open(&folder.join("tokenizers/first")).expect("a tokenizer");
    let file = std::fs::File::open(folder.join("golden.jsonl")).expect("golden.jsonl");
    let rows = std::io::BufReader::new(file).lines().map(|line| line.expect("a line"));
    let rows = rows.map(|line| serde_json::from_str::<Value>(&line).expect("JSON"));
    let rows = rows.filter(|row| row["template"] == "chatml" && row["tokenizer"] == "first");
    let talks: Vec<Conversation> = rows.map(|row| conversation(&row["talk"])).collect();
    for name in ["chatml", "llammas-chat", "llama-3"] {
        let template = Template::open(&ChatTemplate::named(name).expect("known"), &tokenizer).expect("a template");
        let started = Instant::now();
        let tokens: usize = std::thread::scope(|scope| {
            let halves = talks.chunks(talks.len().div_ceil(2)).map(|half| {
                let template = &template;
                let mut encoder = tokenizer.encoder();
                scope.spawn(move || {
                    let mut tokens = 0;
                    for talk in (0..5).flat_map(|_| half) {
                        tokens += template.encode(talk, &mut encoder).expect("encoded").ids.len();
                    }
                    tokens
                })
            });
            halves.collect::<Vec<_>>().into_iter().map(|half| half.join().expect("a thread")).sum()
        });
        let (rows, seconds) = (5 * talks.len(), started.elapsed().as_secs_f64());
        eprintln!(
            "{name}: {:.0} rows/s, {:.2} M tokens/s on 2 threads",
            rows as f64 / seconds,
            tokens as f64 / seconds / 1e6
        );
    }
}

#[test]
fn public_templates_write_the_texts_that_transformers_writes() {
    let Some(folder) = folder() else { return };
    let Ok(bytes) = std::fs::read(folder.join("public.json")) else {
        eprintln!("SKIPPED: make_templates.py --public was not run");
        return;
    };
    let cases: Vec<Value> = serde_json::from_slice(&bytes).expect("JSON");
    let tokenizer = Tokenizer::open(&folder.join("tokenizers/first")).expect("a tokenizer");
    let own = tempfile::tempdir().expect("a folder");
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let path = own.path().join("template.jinja");
        std::fs::write(&path, case["template"].as_str().expect("a template")).expect("written");
        let talk = conversation(&case["talk"]);
        let prompt = case["prompt"].as_bool().expect("a flag");
        let written = Template::open(&ChatTemplate::File(path), &tokenizer)
            .and_then(|template| template.text(&talk, prompt, &tokenizer));
        let counts = counts.entry(name).or_default();
        counts.0 += 1;
        match (&written, case["text"].as_str()) {
            (Ok(ours), Some(theirs)) if ours == theirs => counts.1 += 1,
            (Err(_), None) => counts.1 += 1,
            _ => wrong.push(format!(
                "{name} {talk:?}\n  ours {written:?}\n  theirs {:?} {:?}",
                case["text"], case["refused"]
            )),
        }
    }
    for (name, (all, equal)) in &counts {
        eprintln!("{name}: {equal} of {all} equal");
    }
    assert!(wrong.is_empty(), "{} wrong, among them\n{}", wrong.len(), wrong[..wrong.len().min(6)].join("\n"));
}
