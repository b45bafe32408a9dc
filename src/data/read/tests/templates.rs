//! What each template reads of a row, in JSON and in tables.

use super::*;

fn rows(content: &str, template: RowTemplate, reading: &Reading) -> Vec<Row> {
    let rows = rows_by("a.jsonl", content, template, reading).unwrap_or_else(|error| panic!("{error}"));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn one(content: &str, template: RowTemplate) -> Row {
    rows(content, template, &Reading::default()).remove(0)
}

fn talk(turns: Vec<Turn>) -> Row {
    Row::Conversation(Conversation { turns })
}

fn marked(role: Role, text: &str, trained: bool) -> Turn {
    Turn { trained: Some(trained), ..Turn::new(role, text) }
}

#[test]
fn alpaca_rows_may_have_a_system_text_and_fields_of_other_names() {
    let row = r#"{"system": "s", "instruction": "i", "input": "x", "output": "o"}"#;
    let turns = vec![Turn::new(Role::System, "s"), Turn::with_input("i", "x"), Turn::new(Role::Assistant, "o")];
    assert_eq!(one(row, RowTemplate::Alpaca), talk(turns));
    let reading = named(&[("instruction", "juhis"), ("output", "andmed.vastus"), ("input", "a.b")]);
    let row = r#"{"juhis": "i", "andmed": {"vastus": "o", "muu": {"vastus": 5}}, "a.b": "x", "instruction": 7}"#;
    let expected = talk(vec![Turn::with_input("i", "x"), Turn::new(Role::Assistant, "o")]);
    assert_eq!(rows(row, RowTemplate::Alpaca, &reading), std::slice::from_ref(&expected));
    let table = "juhis,andmed.vastus,a.b,muu\ni,o,x,\n";
    assert_eq!(rows_by("a.csv", table, RowTemplate::Alpaca, &reading).unwrap()[0].1, expected);
    let error = rows_by("a.jsonl", r#"{"juhis": "i", "andmed": {}}"#, RowTemplate::Alpaca, &reading);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("no field `andmed.vastus`\n  hint: the row has `juhis`, `andmed`"), "{error}");
}

#[test]
fn messages_have_roles_parts_and_marks_of_what_is_trained_on() {
    let row = r#"{"messages": [
        {"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "u"}, {"type": "text", "text": "v"}, "w"]},
        {"role": "assistant", "content": "a", "weight": 0, "tool_calls": null}, {"role": "tool", "content": "t", "train": false},
        {"role": "assistant", "content": "b", "weight": 1.0, "name": "x", "tool_calls": []}]}"#;
    let expected = vec![
        Turn::new(Role::System, "s"),
        Turn::new(Role::User, "uvw"),
        marked(Role::Assistant, "a", false),
        marked(Role::Tool, "t", false),
        marked(Role::Assistant, "b", true),
    ];
    assert_eq!(one(&row.replace('\n', ""), RowTemplate::Messages), talk(expected));
    let share = r#"{"system": "s", "conversations": [{"from": "human", "value": "u"}, {"from": "function_call", "value": "{}"},
        {"from": "observation", "value": "t"}, {"from": "gpt", "value": "a"}]}"#;
    let expected = vec![
        Turn::new(Role::System, "s"),
        Turn::new(Role::User, "u"),
        Turn::new(Role::Assistant, "{}"),
        Turn::new(Role::Tool, "t"),
        Turn::new(Role::Assistant, "a"),
    ];
    assert_eq!(one(&share.replace('\n', ""), RowTemplate::Messages), talk(expected));
    let reading = named(&[("messages", "vestlus"), ("role", "kes"), ("content", "mida")]);
    let own = r#"{"vestlus": [{"kes": "user", "mida": "u"}], "messages": 5}"#;
    assert_eq!(rows(own, RowTemplate::Messages, &reading), [talk(vec![Turn::new(Role::User, "u")])]);
    let table = "messages\n\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"u\"\"}]\"\n";
    let in_table = rows_of("a.csv", table, RowTemplate::Messages).unwrap();
    assert_eq!(in_table[0].1, talk(vec![Turn::new(Role::User, "u")]), "JSON in a cell");
}

#[test]
fn what_messages_cannot_say_is_an_error() {
    for (message, what) in [
        (r#"{"role": "user"}"#, "message 1  the row has no field `content`"),
        (r#"{"content": "x"}"#, "message 1  the row has no field `role`"),
        (r#"{"role": "user", "content": null}"#, "the field `content` is null, must be a text"),
        (
            r#"{"role": "user", "content": [{"type": "image_url"}]}"#,
            "is of the type \"image_url\", must be {type: text",
        ),
        (r#"{"role": "assistant", "content": "", "tool_calls": [{}]}"#, "the message has `tool_calls`"),
        (r#"{"role": "user", "content": "x", "weight": 2}"#, "the field `weight` is a number, must be 0 or 1"),
        (r#"{"role": "user", "content": "x", "train": 1}"#, "the field `train` is a number, must be true or false"),
        (r#"{"role": "user", "content": "x", "train": true, "weight": 0}"#, "say different things"),
        (r#"5"#, "message 1  the message is a number, must be an object"),
    ] {
        let error = error_of("a.jsonl", format!("{{\"messages\": [{message}]}}"), RowTemplate::Messages);
        assert!(error.contains("a.jsonl:1") && error.contains(what), "{message}: {error}");
    }
    let error = error_of("a.jsonl", r#"{"messages": {}}"#, RowTemplate::Messages);
    assert!(error.contains("the field `messages` must be a list of messages"), "{error}");
    let systems = r#"{"system": "s", "messages": [{"role": "system", "content": "t"}]}"#;
    assert!(error_of("a.jsonl", systems, RowTemplate::Messages).contains("that differ"));
}

#[test]
fn a_prompt_and_its_completion_are_texts_or_messages() {
    let expected = talk(vec![Turn::new(Role::User, "p"), Turn::new(Role::Assistant, " c")]);
    assert_eq!(one(r#"{"prompt": "p", "completion": " c"}"#, RowTemplate::PromptCompletion), expected);
    let lists = r#"{"prompt": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "q"}],
        "completion": [{"role": "assistant", "content": "c"}]}"#;
    let turns =
        vec![marked(Role::User, "p", false), marked(Role::Assistant, "q", false), Turn::new(Role::Assistant, "c")];
    assert_eq!(one(&lists.replace('\n', ""), RowTemplate::PromptCompletion), talk(turns));
    let error = error_of("a.jsonl", r#"{"prompt": "p", "completion": 5}"#, RowTemplate::PromptCompletion);
    assert!(error.contains("`completion` is a number, must be a text or a list of messages"), "{error}");
}

#[test]
fn pairs_are_two_files_a_table_or_two_fields() {
    let pair = Row::Pair("Cat, \"big\"".into(), "Kass\nsuur".into());
    let paths = named(&[("first", "translation.en"), ("second", "translation.et")]);
    let nested = r#"{"translation": {"et": "Kass\nsuur", "en": "Cat, \"big\""}}"#;
    assert_eq!(rows(nested, RowTemplate::Translation, &paths), std::slice::from_ref(&pair));
    assert_eq!(rows_by("a.json", nested, RowTemplate::Translation, &paths).unwrap()[0].1, pair);
    let table = "en,et\n\"Cat, \"\"big\"\"\",\"Kass\nsuur\"\n";
    assert_eq!(rows_of("a.csv", table, RowTemplate::Translation).unwrap(), [(2, pair.clone())]);
    let named_columns = named(&[("first", "en"), ("second", "et")]);
    let wide = format!("id\t{}", table.replace("en,et\n", "et\ten\n7\t").replace("\",\"", "\"\t\""));
    let swapped = Row::Pair("Kass\nsuur".into(), "Cat, \"big\"".into());
    assert_eq!(rows_by("a.tsv", wide, RowTemplate::Translation, &named_columns).unwrap(), [(2, swapped)]);
    let bare = Reading { header: false, quotes: false, ..Reading::default() };
    let rows = rows_by("a.tsv", "\"a\tb\nc\td\"\n", RowTemplate::Translation, &bare).unwrap();
    let pair = |one: &str, other: &str| Row::Pair(one.into(), other.into());
    assert_eq!(rows, [(1, pair("\"a", "b")), (2, pair("c", "d\""))]);
    let numbered = Reading { header: false, ..named(&[("first", "3"), ("second", "1")]) };
    assert_eq!(rows_by("a.csv", "a,b,c\n", RowTemplate::Translation, &numbered).unwrap(), [(1, pair("c", "a"))]);
    let three = error_of("a.csv", "a,b,c\n", RowTemplate::Translation);
    assert!(three.contains("a.csv:1  the number of columns is 3, must be 2"), "{three}");
}

#[test]
fn tokens_say_themselves_what_is_trained_on() {
    let tokens = |ids: &[u32], trained: &[u8]| Row::Tokens {
        ids: ids.to_vec(),
        trained: trained.iter().map(|bit| *bit == 1).collect(),
    };
    for (row, expected) in [
        (r#"{"input_ids": [1, 5, 2]}"#, tokens(&[1, 5, 2], &[0, 1, 1])),
        (r#"{"input_ids": [1, 5, 2], "labels": [-100, -100, 2]}"#, tokens(&[1, 5, 2], &[0, 0, 1])),
        (r#"{"input_ids": [1, 5, 2], "labels": [1, 5, 2]}"#, tokens(&[1, 5, 2], &[0, 1, 1])),
        (r#"{"input_ids": [1, 5, 2], "loss_mask": [0, 1, 0]}"#, tokens(&[1, 5, 2], &[0, 1, 0])),
        (r#"{"input_ids": [1, 5, 2], "assistant_masks": [0, 0, 1], "labels": null}"#, tokens(&[1, 5, 2], &[0, 0, 1])),
        (r#"{"input_ids": [1, 5, 2], "trained": [false, true, true]}"#, tokens(&[1, 5, 2], &[0, 1, 1])),
        (r#"{"input_ids": [0, 0, 1, 5], "attention_mask": [0, 0, 1, 1]}"#, tokens(&[1, 5], &[0, 1])),
        (r#"{"input_ids": []}"#, tokens(&[], &[])),
    ] {
        assert_eq!(one(row, RowTemplate::Tokens), expected, "{row}");
    }
    let cell = rows_of("a.csv", "input_ids,labels\n\"[1, 5]\",\"[-100, 5]\"\n", RowTemplate::Tokens).unwrap();
    assert_eq!(cell[0].1, tokens(&[1, 5], &[0, 1]));
    for (row, what) in [
        (r#"{"labels": [1]}"#, "no field `input_ids`"),
        (r#"{"input_ids": "1 2"}"#, "the field `input_ids` is a text, must be a list of whole numbers"),
        (r#"{"input_ids": [1, 2.5]}"#, "item 1 of the field `input_ids` is a number, must be a whole number"),
        (r#"{"input_ids": [1, -2]}"#, "a token id is -2, must be a whole number from 0"),
        (r#"{"input_ids": [1, 4294967296]}"#, "a token id is 4294967296"),
        (r#"{"input_ids": [1, 2], "labels": [1]}"#, "the length of the field `labels` is 1, must be 2"),
        (r#"{"input_ids": [1, 2, 3], "labels": [2, 3, -100]}"#, "hint: labels are not shifted"),
        (r#"{"input_ids": [1, 2], "loss_mask": [0, 2]}"#, "item 1 of the field `loss_mask` is 2, must be 0 or 1"),
        (
            r#"{"input_ids": [1, 2], "loss_mask": [0, 1], "labels": [-100, -100]}"#,
            "`labels` and `loss_mask` say different",
        ),
    ] {
        let error = error_of("a.jsonl", row, RowTemplate::Tokens);
        assert!(error.contains(what), "{row}: {error}");
    }
}

/// The weights of rows, each of which has the field `w`.
fn weights(name: &str, content: &str) -> Result<Vec<f32>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let reading = named(&[("weight", "w"), ("text", "text")]);
    let source = Source { reading, ..source(RowTemplate::Plain, vec![path]) };
    Rows::open(&source, 0)?.map(|read| Ok(read?.weight)).collect()
}

#[test]
fn a_row_may_say_how_much_it_counts() {
    let json = "{\"text\": \"a\", \"w\": 2}\n{\"text\": \"b\", \"w\": 0.5}\n{\"w\": null, \"text\": \"c\"}\n{\"text\": \"d\"}\n{\"text\": \"e\", \"w\": 0}\n";
    assert_eq!(weights("a.jsonl", json).unwrap(), [2.0, 0.5, 1.0, 1.0, 0.0]);
    assert_eq!(weights("a.csv", "w,text\n1.5,a\n,b\n").unwrap(), [1.5, 1.0]);
    let error = |name: &str, content: &str| weights(name, content).unwrap_err().to_string();
    assert!(
        error("a.jsonl", "{\"text\": \"a\", \"w\": -1}")
            .contains("a.jsonl:1  the field `w` is a number, must be a number of at least 0")
    );
    assert!(error("a.jsonl", "{\"text\": \"a\", \"w\": 1e300}").contains("the field `w` is a number"));
    assert!(error("a.csv", "w,text\nmuch,a\n").contains("the field `w` is a text"));
    assert!(error("a.csv", "text\na\n").contains("the table has no column `w`"));
}
