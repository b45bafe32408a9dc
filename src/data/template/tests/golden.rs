//! Texts, ids and spans against those of transformers: `tests/golden/make_templates.py`.

use serde_json::Value;

use super::*;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../../tests/golden/templates.json")).unwrap()
}

/// The golden file's tokenizers, opened from folders as anybody's are.
fn opened(golden: &Value, name: &str) -> Tokenizer {
    let folder = tempfile::tempdir().unwrap();
    for (file, key) in [("tokenizer.json", "tokenizer"), ("tokenizer_config.json", "config")] {
        files::write(&folder.path().join(file), golden["tokenizers"][name][key].to_string()).unwrap();
    }
    Tokenizer::open(folder.path()).unwrap()
}

pub(super) fn conversation(talk: &Value) -> Conversation {
    let role = |name: &str| match name {
        "system" => Role::System,
        "user" => Role::User,
        _ => Role::Assistant,
    };
    let turns = talk.as_array().unwrap().iter();
    let turns = turns.map(|turn| Turn::new(role(turn[0].as_str().unwrap()), turn[1].as_str().unwrap()));
    Conversation { turns: turns.collect() }
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn ids_spans_texts_and_prompts_are_those_of_transformers() {
    let golden = golden();
    let mut compared = 0;
    for name in ["first", "legacy", "bytes"] {
        let tokenizer = opened(&golden, name);
        let mut encoder = tokenizer.encoder();
        for case in golden["cases"].as_array().unwrap().iter().filter(|case| case["tokenizer"] == name) {
            let chosen = ChatTemplate::named(case["template"].as_str().unwrap()).unwrap();
            let template = Template::open(&chosen, &tokenizer).unwrap();
            let talk = conversation(&case["talk"]);
            let label = format!("{name} {chosen:?} {talk:?}");
            let encoded = template.encode(&talk, &mut encoder);
            if let Some(refused) = case["refused"].as_str() {
                let error = encoded.unwrap_err().to_string();
                assert!(error.contains(refused) && error.contains("message 2"), "{error}");
                continue;
            }
            let encoded = encoded.expect(&label);
            let mut expected = ids(&case["ids"]);
            let mut mask = case["mask"].as_str().unwrap().to_owned();
            let mut prompt = ids(&case["prompt"]);
            if expected.first() != Some(&tokenizer.bos()) {
                expected.insert(0, tokenizer.bos());
                prompt.insert(0, tokenizer.bos());
                mask.insert(0, '0');
            }
            assert_eq!(encoded.ids, expected, "{label}");
            let ours: String = encoded.trained.iter().map(|trained| if *trained { '1' } else { '0' }).collect();
            assert_eq!(ours, mask, "{label}");
            assert_eq!(template.render(&talk, &tokenizer).unwrap().text, case["text"].as_str().unwrap());
            let asked = Conversation { turns: talk.turns[..talk.turns.len() - 1].to_vec() };
            assert_eq!(template.encode_prompt(&asked, &mut encoder).unwrap(), prompt, "{label}");
            compared += 1;
        }
    }
    assert!(compared >= 75, "{compared}");
}

#[test]
fn jinja_writes_what_jinja_writes() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = opened(&golden, "first");
    let talk = conversation(&serde_json::json!([["user", " Tere, ab! "], ["assistant", "Hea\n"]]));
    let mut wrong = Vec::new();
    for case in golden["snippets"].as_array().unwrap() {
        let path = folder.path().join("template.jinja");
        files::write(&path, case["template"].as_str().unwrap()).unwrap();
        let written = Template::open(&ChatTemplate::File(path), &tokenizer).and_then(|template| match &template.kind {
            Kind::Jinja(jinja) => jinja.text_of(&talk.turns, false),
            Kind::Pieces(_) => unreachable!(),
        });
        match (&written, case["text"].as_str()) {
            (Ok(ours), Some(theirs)) if ours == theirs => {}
            (Err(_), None) => {}
            _ => wrong.push((case["template"].as_str().unwrap(), written.map_err(|e| e.to_string()), &case["text"])),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
