//! Every format, and what is wrong with bad ones.

mod bad_rows;
mod compression;
mod damage;
mod json;
mod limits;
mod real;
mod speed;
mod tables;
mod templates;

use super::*;
use crate::data::{Role, Turn};
use crate::recipe::Documents;

fn source(template: RowTemplate, paths: Vec<PathBuf>) -> Source {
    Source {
        name: "rows".into(),
        origin: SourceOrigin::Files(paths),
        template,
        languages: None,
        reading: Reading::default(),
        limit: None,
        clean: crate::recipe::Clean::default(),
    }
}

/// Writes a file of that name and reads its rows.
fn rows_of(name: &str, content: impl AsRef<[u8]>, template: RowTemplate) -> Result<Vec<(u64, Row)>> {
    rows_by(name, content, template, &Reading::default())
}

/// As [`rows_of`], read in a way of its own.
fn rows_by(name: &str, content: impl AsRef<[u8]>, template: RowTemplate, reading: &Reading) -> Result<Vec<(u64, Row)>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, &content).unwrap();
    let source = Source { reading: reading.clone(), ..source(template, vec![path]) };
    let rows = Rows::open(&source, 0)?.collect::<Result<Vec<_>>>()?;
    assert!(rows.iter().map(|read| read.bytes).sum::<u64>() <= content.as_ref().len() as u64);
    Ok(rows.into_iter().map(|read| (read.place.line, read.row)).collect())
}

/// A reading in which fields have other names.
fn named(fields: &[(&str, &str)]) -> Reading {
    let fields = fields.iter().map(|(own, name)| ((*own).to_owned(), (*name).to_owned())).collect();
    Reading { fields, ..Reading::default() }
}

fn documents(content: impl AsRef<[u8]>) -> Vec<(u64, String)> {
    let rows = rows_of("a.txt", content, RowTemplate::Plain).unwrap();
    rows.into_iter()
        .map(|(line, row)| match row {
            Row::Document(text) => (line, text),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn error_of(name: &str, content: impl AsRef<[u8]>, template: RowTemplate) -> String {
    rows_of(name, content, template).unwrap_err().to_string()
}

#[test]
fn a_text_file_is_a_document_a_line_unless_blank_lines_stand_between() {
    let line = |line, text: &str| (line, text.to_owned());
    assert_eq!(documents("üks\nkaks\n"), [line(1, "üks"), line(2, "kaks")]);
    assert_eq!(
        documents("\n\nüks\r\nkaks\n\n"),
        [line(3, "üks"), line(4, "kaks")],
        "blank lines at the ends do not count"
    );
    assert_eq!(documents("\u{feff}üks\nkaks\n \n\nkolm"), [line(1, "üks\nkaks"), line(5, "kolm")]);
}

#[test]
fn json_arrays_and_lines_give_the_same_rows() {
    let array = "[\n  {\"text\": \"a\"},\n  {\"text\":\n \"b]\"}, \"c\"\n]\n";
    let rows = rows_of("a.json", array, RowTemplate::Plain).unwrap();
    let texts: Vec<(u64, Row)> =
        [(2, "a"), (3, "b]"), (4, "c")].map(|(line, text)| (line, Row::Document(text.into()))).to_vec();
    assert_eq!(rows, texts);
    let lines = "{\"text\": \"a\"}\n\n{\"text\": \"b]\"}\n\"c\"";
    for name in ["a.jsonl", "a.json"] {
        let rows = rows_of(name, lines, RowTemplate::Plain).unwrap();
        assert_eq!(
            rows.iter().map(|(_, row)| row).collect::<Vec<_>>(),
            texts.iter().map(|(_, row)| row).collect::<Vec<_>>()
        );
        assert_eq!(rows[1].0, 3);
    }
    assert_eq!(rows_of("a.json", "[]", RowTemplate::Plain).unwrap(), []);
}

#[test]
fn alpaca_rows_may_lack_an_input() {
    let text = r#"[{"instruction": "i", "input": "x", "output": "o"}, {"instruction": "i", "output": "o"},
                   {"instruction": "i", "input": null, "output": "o"}]"#;
    let rows = rows_of("a.json", text, RowTemplate::Alpaca).unwrap();
    let inputs: Vec<String> = rows
        .into_iter()
        .map(|(_, row)| match row {
            Row::Conversation(conversation) => conversation.turns[0].input.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(inputs, ["x", "", ""]);
}

#[test]
fn messages_are_read_by_both_sets_of_names() {
    let text = r#"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]}
{"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]}"#;
    let rows = rows_of("a.jsonl", text, RowTemplate::Messages).unwrap();
    let turns = [(Role::System, "s"), (Role::User, "u"), (Role::Assistant, "a")];
    let expected = Row::Conversation(Conversation { turns: turns.map(|(role, text)| Turn::new(role, text)).to_vec() });
    assert_eq!(rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), [expected.clone(), expected]);
}

#[test]
fn a_bad_row_names_its_file_and_line_and_what_is_missing() {
    let missing = error_of(
        "a.json",
        "[\n{\"instruction\": \"i\", \"output\": \"o\"},\n{\"instruction\": \"i\"}]",
        RowTemplate::Alpaca,
    );
    assert!(
        missing.contains("a.json:3  the row has no field `output`\n  hint: the row has `instruction`"),
        "{missing}"
    );
    let number = error_of("a.jsonl", "{\"text\": 5}", RowTemplate::Plain);
    assert!(number.contains("a.jsonl:1  the field `text` is a number, must be a text"), "{number}");
    let role = error_of("a.jsonl", r#"{"messages": [{"role": "narrator", "content": "x"}]}"#, RowTemplate::Messages);
    assert!(role.contains("a.jsonl:1: message 1  the field `role` is \"narrator\", must be system"), "{role}");
    let list = error_of("a.jsonl", "[1, 2]\n", RowTemplate::Alpaca);
    assert!(list.contains("the row is a number, must be an object"), "{list}");
}

#[test]
fn bad_json_names_its_line() {
    let line = error_of("a.jsonl", "{\"text\": \"a\"}\n{\"text\": }\n", RowTemplate::Plain);
    assert!(line.contains("a.jsonl:2:10  cannot read JSON: expected value"), "{line}");
    let element = error_of("a.json", "[\n{\"text\": \"a\"},\n{\"text\":\n x}]", RowTemplate::Plain);
    assert!(element.contains("a.json:4  cannot read JSON: expected value"), "{element}");
    let open = error_of("a.json", "[\n{\"text\": \"a\"},\n", RowTemplate::Plain);
    assert!(open.contains("a.json:3  the JSON array has no end"), "{open}");
    let comma = error_of("a.json", "[\"a\"\n\"b\"]", RowTemplate::Plain);
    assert!(comma.contains("a.json:2  the JSON array has no comma"), "{comma}");
    let more = error_of("a.json", "[\"a\"]\n x", RowTemplate::Plain);
    assert!(more.contains("a.json:2  'x' after the end"), "{more}");
}

#[test]
fn bad_utf8_names_its_line() {
    for name in ["a.txt", "a.jsonl"] {
        let error = error_of(name, b"\"one\"\n\"tw\xff\"\n", RowTemplate::Plain);
        assert!(error.contains(&format!("{name}:2  text is not valid UTF-8")), "{error}");
    }
    let array = error_of("a.json", b"[\"one\",\n\"tw\xff\"]", RowTemplate::Plain);
    assert!(array.contains("a.json:2  text is not valid UTF-8"), "{array}");
}

#[test]
fn unreadable_files_are_refused_before_anything_is_read() {
    assert!(error_of("a.txt", "", RowTemplate::Plain).contains("a.txt  the file is empty"));
    assert!(error_of("a.parquet", "x", RowTemplate::Plain).contains("a.parquet  the file is not Parquet"));
    assert!(error_of("a.arrow", "x", RowTemplate::Plain).contains("a.arrow  the file is not an Arrow"));
    assert!(error_of("a.jsonl", b"PK\x03\x04", RowTemplate::Plain).contains("the file is a zip archive"));
    let tar = [&[b'x'; 257][..], b"ustar\x0000"].concat();
    assert!(error_of("a.txt", tar, RowTemplate::Plain).contains("the file is a tar archive"));
    assert!(error_of("a.txt", b"\x04\x22\x4d\x18", RowTemplate::Plain).contains("lz4 -d"));
    assert!(error_of("a.txt", "x", RowTemplate::Alpaca).contains("no fields"));
    let absent = Rows::open(&source(RowTemplate::Plain, vec!["/nowhere/a.txt".into()]), 0).unwrap_err().to_string();
    assert!(absent.contains("/nowhere/a.txt  cannot read the file"), "{absent}");
}

fn bitext(left: &str, right: &str) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir().unwrap();
    let paths = [("a.en", left), ("a.et", right)].map(|(name, text)| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    });
    Rows::open(&source(RowTemplate::Translation, paths.to_vec()), 0)?.map(|read| read.map(|read| read.row)).collect()
}

#[test]
fn aligned_files_give_pairs_and_uneven_ones_an_error_with_both_counts() {
    let pair = |one: &str, other: &str| Row::Pair(one.into(), other.into());
    assert_eq!(bitext("one\n\ntwo\n", "üks\n\nkaks").unwrap(), [pair("one", "üks"), pair("", ""), pair("two", "kaks")]);
    let error = bitext("one\ntwo\nthree\n", "üks\n").unwrap_err().to_string();
    assert!(error.contains("a.en has 3, ") && error.contains("a.et has 1"), "{error}");
    let error = bitext("one\n", "üks\nkaks\n").unwrap_err().to_string();
    assert!(error.contains("a.en has 1, ") && error.contains("a.et has 2"), "{error}");
    let one = error_of("a.txt", "x", RowTemplate::Translation);
    assert!(one.contains("a.txt  bitext in plain text must be two files"), "{one}");
    let nameless = error_of("a.jsonl", "{}", RowTemplate::Translation);
    assert!(nameless.contains("a.jsonl  the two fields of a pair have no names"), "{nameless}");
}

#[test]
fn documents_are_what_the_recipe_says() {
    let text = "üks\nkaks\n\n\nkolm\n\n";
    let read = |documents| {
        let reading = Reading { documents: Some(documents), ..Reading::default() };
        let rows = rows_by("a.txt", text, RowTemplate::Plain, &reading).unwrap();
        rows.into_iter().map(|(line, row)| (line, format!("{row:?}"))).collect::<Vec<_>>()
    };
    let row = |line, text: &str| (line, format!("{:?}", Row::Document(text.into())));
    assert_eq!(read(Documents::Line), [row(1, "üks"), row(2, "kaks"), row(5, "kolm")]);
    assert_eq!(read(Documents::BlankLine), [row(1, "üks\nkaks"), row(5, "kolm")]);
    assert_eq!(read(Documents::File), [row(1, "üks\nkaks\n\n\nkolm")]);
}

#[test]
fn a_pattern_is_what_it_matches_in_order() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    for name in ["b-2.txt", "b-1.txt", "a.txt", ".b-0.txt", "b-3.json", "inner/b-4.txt", "x[1].txt"] {
        std::fs::write(folder.path().join(name), "text\n").unwrap();
    }
    let names = |patterns: &[&str]| -> Result<Vec<String>> {
        let paths: Vec<PathBuf> = patterns.iter().map(|pattern| folder.path().join(pattern)).collect();
        let files = expanded(&paths)?;
        Ok(files.iter().map(|file| file.strip_prefix(folder.path()).unwrap().display().to_string()).collect())
    };
    assert_eq!(names(&["b-*.txt"]).unwrap(), ["b-1.txt", "b-2.txt"]);
    assert_eq!(names(&["**/b-*.txt"]).unwrap(), ["b-1.txt", "b-2.txt", "inner/b-4.txt"]);
    assert_eq!(names(&["b-[23].*", "a.txt"]).unwrap(), ["b-2.txt", "b-3.json", "a.txt"], "in the order written");
    assert_eq!(names(&["x[1].txt"]).unwrap(), ["x[1].txt"], "a file that is there is no pattern");
    let nothing = names(&["a.txt", "c-*.txt"]).unwrap_err().to_string();
    assert!(nothing.contains("c-*.txt  the pattern matches no file"), "{nothing}");
    assert!(names(&["***"]).unwrap_err().to_string().contains("the pattern cannot be read"));
}

#[test]
fn a_folder_is_its_files_in_order_and_a_limit_counts_over_all() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("b.txt", "three\n"), ("a.txt", "one\ntwo\n"), (".hidden", "no\n")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let mut all = source(RowTemplate::Plain, vec![folder.path().to_owned()]);
    let texts = |source: &Source| -> Vec<String> {
        let rows = Rows::open(source, 0).unwrap();
        rows.map(|read| match read.unwrap().row {
            Row::Document(text) => text,
            other => panic!("{other:?}"),
        })
        .collect()
    };
    assert_eq!(texts(&all), ["one", "two", "three"]);
    all.limit = Some(2);
    assert_eq!(texts(&all), ["one", "two"]);
}
