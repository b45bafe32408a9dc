//! Readers on small files of every format, on broken ones, and on the real ones where they are.

use super::*;
use crate::eval::example::Asks;

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    files::write(&path, text).unwrap();
    path
}

/// Reads one file; errors come without the temporary folder.
fn read(kind: &TaskKind, name: &str, text: &str) -> Result<Vec<Example>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, name, text);
    examples(kind, &[path]).map_err(|e| e.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

fn english_to_estonian() -> TaskKind {
    TaskKind::Translation { from: "English".into(), to: "Estonian".into() }
}

fn translation(source: &str, references: &[&str]) -> Example {
    Example::Translation { source: source.into(), references: references.iter().map(|r| (*r).to_owned()).collect() }
}

#[test]
fn a_translation_is_read_from_tables_json_and_aligned_files_in_either_direction() {
    let expected = vec![translation("Good day!", &["Tere päevast!"]), translation("Thanks.", &["Tänan."])];
    for (name, text) in [
        ("a.tsv", "id\ten\ttopic\tet\n7\tGood day!\tx\tTere päevast!\n8\tThanks.\ty\tTänan.\n"),
        ("a.tsv", "est_Latn\teng_Latn\r\nTere päevast!\tGood day!\r\nTänan.\tThanks.\r\n"),
        (
            "a.jsonl",
            "{\"source\":\"Good day!\",\"references\":[\"Tere päevast!\"]}\n\n{\"source\":\"Thanks.\",\"target\":\"Tänan.\"}\n",
        ),
        (
            "a.json",
            "[{\"English\":\"Good day!\",\"Estonian\":\"Tere päevast!\"},\n {\"English\":\"Thanks.\",\"Estonian\":[\"Tänan.\"]}]",
        ),
        (
            "a.jsonl",
            "{\"translation\":{\"en\":\"Good day!\",\"et\":\"Tere päevast!\"}}\n{\"translation\":{\"en\":\"Thanks.\",\"et\":\"Tänan.\"}}",
        ),
    ] {
        assert_eq!(read(&english_to_estonian(), name, text).as_ref(), Ok(&expected), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (en, et) = (file(&folder, "x.en", "Good day!\nThanks.\n"), file(&folder, "x.et", "Tere päevast!\nTänan.\n"));
    let back = TaskKind::Translation { from: "Estonian".into(), to: "English".into() };
    assert_eq!(examples(&english_to_estonian(), &[en.clone(), et.clone()]).unwrap(), expected);
    assert_eq!(
        examples(&english_to_estonian(), &[et.clone(), en.clone()]).unwrap(),
        expected,
        "names say the language"
    );
    assert_eq!(examples(&back, &[en, et]).unwrap()[1], translation("Tänan.", &["Thanks."]));
}

#[test]
fn a_choice_is_read_from_xcopa_copa_and_rows_with_choices() {
    let expected = vec![Example::Choice {
        premise: "Tee & rada olid märjad.".into(),
        asks: Asks::Cause,
        choices: vec!["Sadas.".into(), "Oli kuiv.".into()],
        right: 0,
    }];
    for (name, text) in [
        (
            "a.jsonl",
            r#"{"premise":"Tee & rada olid märjad.","choice1":"Sadas.","choice2":"Oli kuiv.","question":"cause","label":0,"idx":3}"#,
        ),
        (
            "a.json",
            r#"[{"premise":"Tee & rada olid märjad.","choices":["Sadas.","Oli kuiv."],"question":"cause","label":0}]"#,
        ),
        (
            "a.xml",
            "<?xml version=\"1.0\"?>\n<copa-corpus>\n<item id=\"1\" asks-for=\"cause\" most-plausible-alternative=\"1\">\n<p>Tee &amp; rada olid märjad.</p>\n<a1>Sadas.</a1>\n<a2>Oli kuiv.</a2>\n</item>\n</copa-corpus>\n",
        ),
    ] {
        assert_eq!(read(&TaskKind::Choice, name, text).as_ref(), Ok(&expected), "{text}");
    }
}

#[test]
fn an_answer_is_read_from_nested_flat_and_simple_json() {
    let expected = vec![Example::Answer {
        context: "Mari elab Tartus.".into(),
        question: "Kus Mari elab?".into(),
        references: vec!["Tartus".into(), "Tartu linnas".into()],
    }];
    for text in [
        r#"{"version":"1","data":[{"title":"M","paragraphs":[{"context":"Mari elab Tartus.","qas":[
            {"id":"1","question":"Kus Mari elab?","answers":[{"text":"Tartus","answer_start":10},{"text":"Tartus","answer_start":10},{"text":"Tartu linnas"}]},
            {"id":"2","question":"Millal?","is_impossible":true,"answers":[]}]}]}]}"#,
        "{\n\"data\": [{\"context\":\"Mari elab Tartus.\",\"question\":\"Kus Mari elab?\",\"answers\":{\"text\":[\"Tartus\",\"Tartu linnas\"],\"answer_start\":[10,10]}}]}",
        r#"{"context":"Mari elab Tartus.","question":"Kus Mari elab?","answers":["Tartus","Tartu linnas"]}"#,
    ] {
        assert_eq!(read(&TaskKind::Answer, "a.json", text).as_ref(), Ok(&expected), "{text}");
    }
}

#[test]
fn a_text_may_be_plain_or_json_and_a_correction_two_files() {
    let texts = |texts: &[&str]| Ok(texts.iter().map(|t| Example::Text((*t).to_owned())).collect());
    assert_eq!(read(&TaskKind::Perplexity, "a.txt", "Üks.\nKaks.\n\nKolm.\n"), texts(&["Üks.\nKaks.", "Kolm."]));
    assert_eq!(read(&TaskKind::Perplexity, "a.jsonl", "{\"text\":\"Üks.\\nKaks.\"}\n"), texts(&["Üks.\nKaks."]));
    assert_eq!(read(&TaskKind::Perplexity, "a.txt", "[märkus]\nKaks.\n"), texts(&["[märkus]", "Kaks."]));
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (file(&folder, "vigane.txt", "Ma lähen kool.\n"), file(&folder, "õige.txt", "Ma lähen kooli.\n"));
    let pair =
        Example::Correction {
            source: "Ma lähen kool.".into(), references: vec!["Ma lähen kooli.".into()], gold: None
        };
    assert_eq!(examples(&TaskKind::Correction, &[a, b]).unwrap(), std::slice::from_ref(&pair));
    let row = r#"{"source":"Ma lähen kool.","correction":"Ma lähen kooli."}"#;
    assert_eq!(read(&TaskKind::Correction, "a.jsonl", row), Ok(vec![pair]));
}

type BadFile = (TaskKind, String, &'static str);

fn bad_choices() -> Vec<BadFile> {
    let choice = r#"{"premise":"P","choice1":"A","choice2":"B","question":"cause","label":0}"#;
    let broken = |what: &str, with: &str| format!("{choice}\n{}\n", choice.replace(what, with));
    vec![
        (
            TaskKind::Choice,
            broken(r#""premise":"P","#, ""),
            "a:2  field \"premise\" is missing\n  hint: the row has: choice1, choice2, question, label",
        ),
        (TaskKind::Choice, broken("0}", "2}"), "a:2  field \"label\" is 2, must be a number from 0 to 1"),
        (TaskKind::Choice, broken("0}", "-1}"), "a:2  field \"label\" is -1, must be a number from 0 to 1"),
        (
            TaskKind::Choice,
            broken("\"cause\"", "\"why\""),
            "a:2  field \"question\" is \"why\", must be cause or effect",
        ),
        (TaskKind::Choice, broken("\"B\"", "7"), "a:2  field \"choice2\" is a number, must be a text"),
        (TaskKind::Choice, broken("\"B\"", "\" \""), "a:2  field \"choice2\" is blank, must be a text"),
        (
            TaskKind::Choice,
            format!("{choice}\n{{\"premise\": \n"),
            "a:2  not valid JSON: EOF while parsing a value at line 1 column 12",
        ),
        (
            TaskKind::Choice,
            format!("{choice}\nnot json\n{choice}"),
            "a:2  not valid JSON: expected ident at line 1 column 2",
        ),
        (TaskKind::Choice, format!("{choice}\n[1]\n{choice}"), "a:2  the row is a list, must be a JSON object"),
        (
            TaskKind::Choice,
            "<?xml?>\n<item id=\"1\" asks-for=\"cause\" most-plausible-alternative=\"3\"></item>".into(),
            "a:2  most-plausible-alternative is \"3\", must be 1 or 2",
        ),
    ]
}

fn bad_answers_and_texts() -> Vec<BadFile> {
    vec![
        (TaskKind::Answer, "".into(), "a  the file is empty"),
        (TaskKind::Answer, " \n\n".into(), "a  the file is empty"),
        (TaskKind::Answer, "[]".into(), "a  no example in the file"),
        (
            TaskKind::Answer,
            "{\"data\": [{\"context\": \"x\", \"question\": \"y\", \"answers\": {\"text\": []}}]}".into(),
            "a:1: data[0]: answers  field \"text\" is an empty list, must be at least one text",
        ),
        (
            TaskKind::Answer,
            "{\n\"data\": [{\"context\": \"x\", \"answers\": []}]\n}".into(),
            "a: data[0]  field \"question\" is missing\n  hint: the row has: context, answers",
        ),
        (
            english_to_estonian(),
            "en\tlv\nx\ty\n".into(),
            "a:1  no column for Estonian\n  hint: the columns are: en, lv",
        ),
        (english_to_estonian(), "en\tet\nx\ty\nz\n".into(), "a:3  column \"et\" is missing or blank"),
        (
            english_to_estonian(),
            "just a line\n".into(),
            "a  the file's format is plain lines, must be a table with tabs, JSON rows, or two aligned text files",
        ),
        (
            TaskKind::Correction,
            "S a b\nA 0 9|||X|||c|||R|||-|||0\n".into(),
            "a:2  the edit's span is 0 9, must be two ascending numbers from 0 to 2",
        ),
    ]
}

#[test]
fn every_error_names_the_file_and_the_line() {
    for (kind, text, expected) in [bad_choices(), bad_answers_and_texts()].concat() {
        assert_eq!(read(&kind, "a", &text), Err(expected.to_owned()), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (file(&folder, "a.en", "x\ny\n"), file(&folder, "a.et", "x\n"));
    let error = examples(&english_to_estonian(), &[a.clone(), b]).unwrap_err().to_string();
    assert!(error.ends_with("aligned files must have equally many lines is 2 and 1"), "{error}");
    let c = file(&folder, "c.et", "x\n \n");
    assert!(examples(&english_to_estonian(), &[a, c]).unwrap_err().to_string().contains("c.et:2  the line is blank"));
    let missing = examples(&TaskKind::Choice, &[folder.path().join("nowhere.jsonl")]).unwrap_err().to_string();
    assert!(missing.contains("nowhere.jsonl  cannot read the file"), "{missing}");
}

fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if !folder.exists() {
        eprintln!("SKIPPED: ../shared is absent");
        return None;
    }
    Some(folder.join(name))
}

#[test]
fn the_real_test_sets_are_read_whole() {
    for (kind, name, count) in [
        (TaskKind::Choice, "eval/estcopa/test.et.jsonl", 500),
        (TaskKind::Choice, "eval/estcopa_gmt/val.et.jsonl", 100),
        (TaskKind::Choice, "eval/copa_en/copa-all.xml", 1000),
        (TaskKind::Answer, "eval/estqa/EstQA-test-v1.0.json", 603),
        (TaskKind::Answer, "eval/estqa/EstQA-train-v1.0.json", 776),
        (TaskKind::Correction, "eval/estgec_l2/test/source_gold_test.txt", 2029),
        (TaskKind::Correction, "eval/m2scorer_examples/source_gold", 3),
        (english_to_estonian(), "parallel/flores_sib200/flores_en_et.tsv", 1004),
        (TaskKind::Perplexity, "text_et/ud_ewt_test.txt", 7),
    ] {
        let Some(path) = shared(name) else { return };
        assert_eq!(examples(&kind, &[path]).unwrap().len(), count, "{name}");
    }
}

#[test]
fn detokenized_m2_sentences_are_nearly_all_as_the_corpus_has_them() {
    let Some(path) = shared("eval/estgec_l2/test/source_gold_test.txt") else { return };
    let Some(plain) = shared("eval/estgec_l2/test/source_sentences_test_detokenized.txt") else { return };
    let plain = files::read_text(&plain).unwrap();
    let examples = examples(&TaskKind::Correction, &[path]).unwrap();
    let same = examples
        .iter()
        .zip(plain.lines())
        .filter(|(example, line)| matches!(example, Example::Correction { source, .. } if source == line.trim()));
    let share = same.count() as f64 / examples.len() as f64;
    eprintln!("detokenized as in the corpus: {:.2} %", 100.0 * share);
    assert!(share > 0.999, "{share}");
}
