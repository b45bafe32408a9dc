//! Bad rows: an error with a place, or counted.

use super::*;

fn skipping(name: &str, content: &[u8], template: RowTemplate) -> (Vec<u64>, Skipped) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let mut source = source(template, vec![path]);
    source.reading.on_bad_row = OnBadRow::Skip;
    let mut rows = Rows::open(&source, 0).unwrap();
    let lines = rows.by_ref().map(|read| read.unwrap_or_else(|error| panic!("{error}")).place.line).collect();
    (lines, rows.skipped().clone())
}

/// The file, the lines of its good rows, and of each bad row the place and the reason.
type Case = (&'static str, &'static [u8], RowTemplate, &'static [u64], &'static [&'static str]);

const CASES: [Case; 7] = [
    (
        "a.jsonl",
        b"{\"text\": \"a\"}\n{\"text\": \n\n{\"txt\": \"b\"}\n{\"text\": 5}\n{\"text\": \"\xff\"}\n\"c\"\n",
        RowTemplate::Plain,
        &[1, 7],
        &[
            "a.jsonl:2:9  cannot read JSON: EOF while parsing a value",
            "a.jsonl:4  the row has no field `text`",
            "a.jsonl:5  the field `text` is a number, must be a text",
            "a.jsonl:6  text is not valid UTF-8",
        ],
    ),
    (
        "a.json",
        b"[\n\"a\",\n{\"text\":\n nul},\n{},\n\"\xff\",\n\"b\"]",
        RowTemplate::Plain,
        &[2, 7],
        &[
            "a.json:4  cannot read JSON: expected ident",
            "a.json:5  the row has no field `text`",
            "a.json:6  text is not valid UTF-8",
        ],
    ),
    (
        "a.csv",
        b"id,text\r\n1,\"x\r\ny\"\r\n2\r\n\r\n3,\xff\r\n4,\"a\",b\r\n5,z",
        RowTemplate::Plain,
        &[2, 8],
        &[
            "a.csv:4  the number of cells is 1, must be 2",
            "a.csv:6  text is not valid UTF-8",
            "a.csv:7  the number of cells is 3, must be 2",
        ],
    ),
    ("a.txt", b"a\n\xff\nb\n", RowTemplate::Plain, &[1, 3], &["a.txt:2  text is not valid UTF-8"]),
    ("a.txt", b"a\nb\xff\nc\n\nd\n", RowTemplate::Plain, &[5], &["a.txt:2  text is not valid UTF-8"]),
    (
        "a.jsonl",
        b"{\"instruction\": \"i\", \"output\": null}\n{\"instruction\": \"i\", \"output\": \"o\"}\n[]\n",
        RowTemplate::Alpaca,
        &[2],
        &["a.jsonl:1  the field `output` is null, must be a text", "a.jsonl:3  the row is a list, must be an object"],
    ),
    (
        "a.jsonl",
        b"{\"input_ids\": [1, 2]}\n{\"input_ids\": [1, \"2\"]}\n",
        RowTemplate::Tokens,
        &[1],
        &["a.jsonl:2  item 1 of the field `input_ids` is a text"],
    ),
];

#[test]
fn a_bad_row_is_an_error_or_counted_as_the_recipe_says() {
    for (name, content, template, good, bad) in CASES {
        let (lines, skipped) = skipping(name, content, template);
        assert_eq!(lines, good, "{name} {skipped:?}");
        assert_eq!(skipped.count, bad.len() as u64, "{name} {skipped:?}");
        for (found, expected) in skipped.first.iter().zip(bad) {
            assert!(found.contains(expected), "{found}\nis not {expected}");
        }
        let error = error_of(name, content, template);
        assert!(error.contains(bad[0]), "{error}\nis not {}", bad[0]);
    }
}

#[test]
fn a_pair_with_a_bad_side_is_one_bad_row() {
    let folder = tempfile::tempdir().unwrap();
    let paths = [("a.en", &b"one\ntwo\nthr\xffe\n"[..]), ("a.et", b"\xffks\nkaks\nkolm\n")].map(|(name, text)| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    });
    let mut source = source(RowTemplate::Translation, paths.to_vec());
    source.reading.on_bad_row = OnBadRow::Skip;
    let mut rows = Rows::open(&source, 0).unwrap();
    assert_eq!(rows.by_ref().map(|read| read.unwrap().place.line).collect::<Vec<_>>(), [2]);
    let first = &rows.skipped().first;
    assert!(first[0].contains("a.et:1  text is not valid") && first[1].contains("a.en:3  text"), "{first:?}");
}

#[test]
fn only_the_first_ten_reasons_are_kept_and_only_good_rows_count_towards_a_limit() {
    let content: String = (0..100).map(|row| if row % 4 == 3 { "\"x\"\n" } else { "{}\n" }).collect();
    let (lines, skipped) = skipping("a.jsonl", content.as_bytes(), RowTemplate::Plain);
    assert_eq!((lines.len(), skipped.count, skipped.first.len()), (25, 75, 10));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, content).unwrap();
    let mut source = source(RowTemplate::Plain, vec![path]);
    (source.reading.on_bad_row, source.limit) = (OnBadRow::Skip, Some(2));
    let mut rows = Rows::open(&source, 0).unwrap();
    assert_eq!(rows.by_ref().count(), 2);
    assert_eq!(rows.skipped().count, 6);
}

#[test]
fn a_file_whose_structure_is_broken_is_an_error_also_where_bad_rows_are_skipped() {
    let skip = Reading { on_bad_row: OnBadRow::Skip, ..Reading::default() };
    for (name, content) in [
        ("a.json", &b"[\"a\", \"b\""[..]),
        ("a.json", b"[\"a\"] x"),
        ("a.csv", b"id,body\n1,x\n"),
        ("a.parquet", b"PAR1 and nothing else PAR1"),
        ("a.arrow", b"ARROW1\0\0\xff\xff\xff\xff"),
    ] {
        let error = rows_by(name, content, RowTemplate::Plain, &skip).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    let missing = rows_by("a.csv", "id,body\n1,x\n", RowTemplate::Plain, &skip).unwrap_err().to_string();
    assert!(
        missing.contains("a.csv:1  the table has no column `text`\n  hint: its columns are `id`, `body`"),
        "{missing}"
    );
    let twice = rows_by("a.csv", "text,text\n1,x\n", RowTemplate::Plain, &skip).unwrap_err().to_string();
    assert!(twice.contains("two columns have the name `text`"), "{twice}");
}
