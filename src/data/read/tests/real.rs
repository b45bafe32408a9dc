//! Files of people, with the numbers of rows and bytes of text that Python's own readers count.

use std::path::{Path, PathBuf};

use super::*;

fn shared() -> Option<PathBuf> {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if data.is_dir() {
        return Some(data.to_owned());
    }
    eprintln!("SKIPPED: ../shared is absent");
    None
}

/// Rows, and bytes of text in them.
fn count(data: &Path, template: RowTemplate, reading: Reading, names: &[&str]) -> (usize, usize) {
    let paths = names.iter().map(|name| data.join(name)).collect();
    let source = Source { reading, ..source(template, paths) };
    let rows: Result<Vec<Read>> = Rows::open(&source, 0).and_then(Iterator::collect);
    let rows = rows.unwrap_or_else(|error| panic!("{error}"));
    let bytes = |row: &Row| match row {
        Row::Document(text) => text.len(),
        Row::Pair(one, other) => one.len() + other.len(),
        Row::Conversation(talk) => talk.turns.iter().map(|turn| turn.text.len() + turn.input.len()).sum(),
        Row::Tokens { ids, .. } => ids.len(),
    };
    (rows.len(), rows.iter().map(|read| bytes(&read.row)).sum())
}

/// Counted with `json.load` and `len(text.encode())`.
#[test]
fn real_instructions_and_conversations_are_read_to_their_end() {
    let Some(data) = shared() else { return };
    let count = |template, reading, name: &str| count(&data, template, reading, &[&format!("instruct/{name}")]);
    let alpaca = |name: &str| count(RowTemplate::Alpaca, Reading::default(), name);
    let messages = |name: &str| count(RowTemplate::Messages, Reading::default(), name);
    let instruction = |name: &str| count(RowTemplate::Plain, named(&[("text", "instruction")]), name).0;
    assert_eq!(alpaca("alpaca_5000.json"), (5000, 1_791_527));
    assert_eq!(alpaca("alpaca_en_demo.json"), (999, 787_104));
    assert_eq!(alpaca("gsm8k_train_alpaca.json"), (7473, 3_542_491));
    assert_eq!(alpaca("torchtune_alpaca_tiny.json").0, 100);
    assert_eq!(count(RowTemplate::Alpaca, named(&[("output", "response")]), "torchtune_instruct_tiny.json").0, 2);
    assert_eq!(messages("dummy_conversation.json"), (500, 80_773));
    assert_eq!(messages("glaive_toolcall_en_demo.json"), (300, 506_392));
    assert_eq!(messages("torchtune_chat_tiny.json").0, 1);
    assert_eq!(instruction("seed_tasks_en.jsonl"), 175);
    assert_eq!(instruction("seed_tasks_est.jsonl"), 107);
    assert_eq!(instruction("user_oriented_instructions.jsonl"), 252);
}

/// Counted with `csv.DictReader` and by line ends.
#[test]
fn real_bitext_is_read_to_its_end_from_tables_and_from_two_files() {
    let Some(data) = shared() else { return };
    let count = |template, reading, names: &[&str]| count(&data, template, reading, names);
    let columns = named(&[("first", "en"), ("second", "et")]);
    let flores = count(RowTemplate::Translation, columns, &["parallel/flores_sib200/flores_en_et.tsv"]);
    assert_eq!(flores, (1004, 261_273));
    let patterns = ["parallel/flores_sib200/*_Latn/*.tsv"];
    assert_eq!(count(RowTemplate::Plain, Reading::default(), &patterns).0, 2 * (99 + 204 + 701));
    for (name, rows) in [("train", 7000), ("dev", 1000), ("test20", 1000)] {
        let sides = ["src", "pe"].map(|side| format!("parallel/mlqe_pe_et-en/{name}.{side}"));
        let read = count(RowTemplate::Translation, Reading::default(), &sides.each_ref().map(String::as_str));
        assert_eq!(read.0, rows, "{name}");
    }
}

#[test]
fn real_texts_are_read_to_their_end() {
    let Some(data) = shared() else { return };
    let count = |name| count(&data, RowTemplate::Plain, Reading::default(), &[name]).0;
    assert_eq!(count("text_en/c4_demo.jsonl"), 300);
    assert_eq!(count("text_et/estonian_law.txt"), 663);
}
