//! JSON lists, objects around lists, and how little of a file is in memory.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::json::Values;
use super::super::open::Opened;
use super::super::scan::Scanner;
use super::super::shape::Shape;
use super::*;

fn texts(name: &str, content: &str) -> Vec<(u64, String)> {
    let rows = rows_of(name, content, RowTemplate::Plain).unwrap_or_else(|error| panic!("{content}: {error}"));
    rows.into_iter()
        .map(|(line, row)| match row {
            Row::Document(text) => (line, text),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_one_list_in_an_object_is_the_rows() {
    let rows = [(1, "a".to_owned()), (2, "b".to_owned())];
    for content in [
        "{\"version\": \"v2\", \"data\": [{\"text\": \"a\"},\n{\"text\": \"b\"}], \"more\": {\"x\": [1]}}",
        "{\"data\": [\"a\",\n\"b\"]}\n",
        "{\"da\\u0074a\": [\"a\",\n\"b\" ] , \"n\": 5 }",
    ] {
        assert_eq!(texts("a.json", content), rows, "{content}");
    }
    let two = error_of("a.json", "{\"train\": [\"a\"], \"test\": [\"b\"]}", RowTemplate::Plain);
    assert!(two.contains("a.json  the JSON object has several lists, `train` and `test`"), "{two}");
    let none = error_of("a.json", "{\"a\": 1}", RowTemplate::Plain);
    assert!(none.contains("a.json:1  the row has no field `text`\n  hint: the row has `a`"), "{none}");
}

#[test]
fn an_object_that_is_a_row_is_not_around_rows() {
    let list = r#"{"messages": [{"role": "user", "content": "u"}]}"#;
    assert_eq!(rows_of("a.json", list, RowTemplate::Messages).unwrap().len(), 1);
    assert_eq!(texts("a.json", "{\"tags\": [1], \"text\": \"a\"}\n"), [(1, "a".to_owned())]);
    assert_eq!(
        texts("a.json", "{\"tags\": [1],\n \"text\": \"a\"}\n{\n\"text\": \"b\"} "),
        [(1, "a".into()), (3, "b".into())]
    );
    // Two objects in a row are rows even where neither has the field.
    let error = error_of("a.json", "{\"data\": [1]}\n{\"data\": [2]}", RowTemplate::Plain);
    assert!(error.contains("a.json:1  the row has no field `text`"), "{error}");
}

#[test]
fn a_list_that_is_longer_than_the_look_is_found_and_so_is_a_second_one_after_it() {
    let row = format!("{{\"text\": \"{}\"}}", "x".repeat(1000));
    let list = vec![row.as_str(); 3000].join(",\n");
    assert_eq!(texts("a.json", &format!("{{\"version\": 1, \"data\": [{list}], \"n\": 1}}")).len(), 3000);
    let error = error_of("a.json", format!("{{\"data\": [{list}],\n\"more\": [1]}}"), RowTemplate::Plain);
    assert!(error.contains("a.json:3001  the JSON object has a second list, `more` beside `data`"), "{error}");
    let error = error_of("a.json", format!("{{\"data\": [{list}]"), RowTemplate::Plain);
    assert!(error.contains("a.json:3000  the JSON object has no end"), "{error}");
    let text = format!("{{\n\"text\": \"{}\"}}\n{{\"text\": \"b\"}}", "x".repeat(3_000_000));
    assert_eq!(texts("a.json", &text)[1], (3, "b".to_owned()), "a first row that is longer than the look");
}

#[test]
fn a_list_is_read_by_any_name_that_says_json_and_lines_too() {
    for name in ["a.jsonl", "a.json", "a"] {
        assert_eq!(texts(name, " [\"a\",\"b\"]").len(), 2, "{name}");
    }
    for name in ["a.jsonl", "a.json", "a", "a.ndjson", "A.JSONL"] {
        assert_eq!(texts(name, "{\"text\": \"a\"}\n{\"text\": \"b\"}").len(), 2, "{name}");
    }
    let lines = Reading { format: Some(FileFormat::Jsonl), ..Reading::default() };
    let error = rows_by("a.txt", "[1]\n", RowTemplate::Alpaca, &lines).unwrap_err().to_string();
    assert!(error.contains("a.txt:1  the row is a list, must be an object"), "{error}");
    let text = Reading { format: Some(FileFormat::Text), ..Reading::default() };
    let rows = rows_by("a.jsonl", "{}\n[]\n", RowTemplate::Plain, &text).unwrap();
    assert_eq!(rows[0].1, Row::Document("{}".into()));
}

#[test]
fn marks_inside_texts_and_between_values_are_told_apart() {
    let hard = r#"[{"text": "]}\\"}, {"text": "\"],[{"} ,{"a": {"b": [["}"]]}, "text": "ä\u00f5"}, "x"]"#;
    let rows: Vec<String> = texts("a.json", hard).into_iter().map(|(_, text)| text).collect();
    assert_eq!(rows, ["]}\\", "\"],[{", "äõ", "x"]);
    for (bad, what) in [
        ("[\"a\",,\"b\"]", "',' where an element"),
        ("[\"a\"}", "has no comma"),
        ("[{\"text\": \"a\"]", "cannot read JSON"),
        ("[\"a\"", "has no end"),
        ("[\"a", "has no end"),
        ("[}", "'}' where an element"),
    ] {
        let error = error_of("a.json", bad, RowTemplate::Plain);
        assert!(error.contains(what), "{bad}: {error}");
    }
}

/// Makes a list of rows while it is read, and counts how far that was.
struct Endless {
    row: usize,
    rows: usize,
    waiting: Vec<u8>,
    given: Arc<AtomicUsize>,
}

impl io::Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.waiting.is_empty() && self.row <= self.rows {
            let start = if self.row == 0 { "[" } else { ",\n" };
            let row = format!("{start}{{\"text\": \"row {} [{{\\\"\", \"other\": [{{}}, \"]\"]}}", self.row);
            self.waiting = if self.row == self.rows { b"]".to_vec() } else { row.into_bytes() };
            self.row += 1;
        }
        let count = self.waiting.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.waiting[..count]);
        self.waiting.drain(..count);
        self.given.fetch_add(count, Ordering::Relaxed);
        Ok(count)
    }
}

#[test]
fn a_long_list_is_read_as_it_comes_and_never_as_a_whole() {
    let rows = 200_000;
    let given = Arc::new(AtomicUsize::new(0));
    let stream = Endless { row: 0, rows, waiting: Vec::new(), given: Arc::clone(&given) };
    let scanner = Scanner::new(Opened::of_reader(stream, "endless").unwrap()).unwrap();
    let layout = Arc::new(Layout::new(&source(RowTemplate::Plain, vec![])));
    let mut values = Values::new(scanner, Shape::List, layout);
    let (mut count, mut consumed) = (0, 0);
    while let Some(found) = values.next().unwrap() {
        let Row::Document(text) = found.row.unwrap().row else { panic!("no document") };
        assert_eq!(text, format!("row {count} [{{\""));
        assert_eq!(found.line, count + 1);
        consumed += format!(",\n{{\"text\": \"row {count} [{{\\\"\", \"other\": [{{}}, \"]\"]}}").len();
        assert!(given.load(Ordering::Relaxed) <= consumed + (1 << 18) + 1024, "read ahead at row {count}");
        count += 1;
    }
    assert_eq!(count, rows as u64);
}
