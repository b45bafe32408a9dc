//! Whole rows through a cleaner.

mod figures;
mod planted;

use rayon::prelude::*;

use super::*;
use crate::data::Conversation;
use crate::recipe::{LanguageCheck, Near, Sizes};

const ESTONIAN: &str = "Laupäeval läks kogu pere metsa seenele ja õhtuks oli korv kukeseeni täis.";
const ENGLISH: &str = "On Saturday the whole family went to the forest and filled a basket with mushrooms.";

fn document(text: &str) -> Row {
    Row::Document(text.to_owned())
}

fn pair(first: &str, second: &str) -> Row {
    Row::Pair(first.to_owned(), second.to_owned())
}

fn verdicts(settings: &Clean, languages: Option<[&str; 2]>, protected: &Protected, rows: &[Row]) -> Vec<Verdict> {
    let languages = languages.map(|names| names.map(str::to_owned));
    let mut cleaner = Cleaner::new(settings, languages.as_ref(), protected).unwrap();
    let examined: Vec<Examined> = rows.par_iter().map(|row| cleaner.examine(row)).collect();
    examined.iter().map(|examined| cleaner.decide(examined)).collect()
}

fn check(is: Option<&str>) -> Option<LanguageCheck> {
    let is = is.map(str::to_owned);
    Some(LanguageCheck { is, confidence: LanguageCheck::CONFIDENCE, least: LanguageCheck::LEAST })
}

#[test]
fn settings_that_ask_for_nothing_keep_every_row() {
    let rows = [document(""), document("a"), document("a"), pair("a", "a"), Row::Conversation(Conversation::default())];
    assert_eq!(verdicts(&Clean::default(), None, &Protected::default(), &rows), [Verdict::Keep; 5]);
}

#[test]
fn each_sentence_of_a_pair_is_told_to_be_in_its_own_language() {
    let settings = Clean { language: check(None), ..Clean::default() };
    let rows =
        [pair(ENGLISH, ESTONIAN), pair(ESTONIAN, ENGLISH), pair(ENGLISH, ENGLISH), pair("Ma ei tea.", "Ei tea.")];
    let other = Verdict::Drop(Reason::OtherLanguage);
    let found = verdicts(&settings, Some(["English", "Estonian"]), &Protected::default(), &rows);
    assert_eq!(found, [Verdict::Keep, other, other, Verdict::Keep]);
}

#[test]
fn a_conversation_is_told_to_be_in_a_language_by_all_that_is_said() {
    let settings = Clean { language: check(Some("Estonian")), ..Clean::default() };
    let talk = |question: &str, answer: &str| Row::Conversation(Conversation::question(question, "").answered(answer));
    let rows = [talk("Mida pere laupäeval tegi?", ESTONIAN), talk("What did the family do?", ENGLISH)];
    let found = verdicts(&settings, None, &Protected::default(), &rows);
    assert_eq!(found, [Verdict::Keep, Verdict::Drop(Reason::OtherLanguage)]);
}

#[test]
fn a_language_that_cannot_be_told_is_refused() {
    let refused = |settings: Clean, languages: Option<[String; 2]>| {
        let protected = Protected::default();
        let cleaner = Cleaner::new(&settings, languages.as_ref(), &protected);
        cleaner.map(|_| ()).map_err(|error| error.to_string()).unwrap_err()
    };
    let error = refused(Clean { language: check(Some("Võro")), ..Clean::default() }, None);
    assert!(error.starts_with("no text can be told to be in Võro"), "{error}");
    refused(Clean { language: check(None), ..Clean::default() }, None);
    refused(Clean { language: check(None), ..Clean::default() }, Some(["English".into(), "Võro".into()]));
}

#[test]
fn the_first_reason_of_the_list_is_named_and_rows_that_go_make_no_others_duplicates() {
    let settings = Clean {
        duplicates: Duplicates::Exact,
        words: Sizes { least: Some(3), most: None },
        decontaminate: true,
        ..Clean::default()
    };
    let protected = Protected::of(["Kaks last ehitasid liivast lossi."]);
    let rows = [
        document("Kaks last ehitasid liivast lossi!"),
        document("Kaks last ehitasid liivast lossi!"),
        document("Liiga lühike"),
        document("Liiga lühike"),
        document("Vihm lakkas alles õhtul."),
        document("Vihm  lakkas alles õhtul."),
    ];
    let drop = Verdict::Drop;
    let found = verdicts(&settings, None, &protected, &rows);
    let (contaminated, few) = (drop(Reason::Contaminated), drop(Reason::TooFewWords));
    assert_eq!(found, [contaminated, contaminated, few, few, Verdict::Keep, drop(Reason::Duplicate)]);
}

#[test]
fn every_row_is_counted_once() {
    let settings = Clean { duplicates: Duplicates::Exact, decontaminate: true, ..Clean::default() };
    let mut protected = Protected::default();
    protected.add("lossid", [["Kaks last ehitasid liivast lossi."], ["Mere ääres puhus tugev tuul."]]);
    let mut cleaner = Cleaner::new(&settings, None, &protected).unwrap();
    for text in ["Mere ääres puhus tugev tuul", "a", "b", "a", "c"] {
        let examined = cleaner.examine(&document(text));
        cleaner.decide(&examined);
    }
    let expected = serde_json::json!({
        "kept": 3,
        "dropped": { "contaminated": 1, "duplicate": 1 },
        "tasks": [{ "task": "lossid", "examples": 2, "too_short": 0, "hit": 1 }],
    });
    assert_eq!(serde_json::to_value(cleaner.cleaned()).unwrap(), expected);
}

#[test]
fn nearly_the_same_words_are_duplicates_of_the_first_that_has_them() {
    let first = format!("{ESTONIAN} Järgmisel päeval küpsetati neist pirukas, millest jätkus veel naabritelegi.");
    let second = first.replace("pirukas", "suur  PIRUKAS");
    let other = format!("{ESTONIAN} Pühapäeval sadas vihma ja keegi ei tahtnud enam toast välja minna.");
    let near = Near { words: 2, similarity: 0.7, hashes: 256 };
    let settings = Clean { duplicates: Duplicates::Near(near), ..Clean::default() };
    let rows = [&first, &second, &other, &first].map(|text| document(text));
    let drop = Verdict::Drop;
    assert_eq!(
        verdicts(&settings, None, &Protected::default(), &rows),
        [Verdict::Keep, drop(Reason::NearDuplicate), Verdict::Keep, drop(Reason::Duplicate)]
    );
}

#[test]
fn what_stays_does_not_depend_on_the_number_of_threads() {
    let settings = Clean {
        duplicates: Duplicates::Near(Near::default()),
        language: check(Some("Estonian")),
        decontaminate: true,
        ..Clean::default()
    };
    let rows: Vec<Row> = crate::data::world::rows("estonian-text", 400, 7)
        .unwrap()
        .into_iter()
        .chain(crate::data::world::rows("english-text", 50, 7).unwrap())
        .chain(crate::data::world::rows("estonian-text", 400, 8).unwrap())
        .map(|row| match row {
            crate::data::world::WorldRow::Text(text) => document(&text),
            other => panic!("{other:?}"),
        })
        .collect();
    let Row::Document(text) = &rows[5] else { panic!() };
    let protected = Protected::of([text.as_str()]);
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| verdicts(&settings, None, &protected, &rows))
    };
    let one = with_threads(1);
    assert_eq!(one, with_threads(4));
    for reason in [Reason::Contaminated, Reason::OtherLanguage] {
        assert!(one.contains(&Verdict::Drop(reason)), "{reason}");
    }
    assert!(one.iter().filter(|verdict| **verdict == Verdict::Keep).count() > 100);
}

#[test]
fn the_fingerprint_knows_all_that_decides_and_nothing_else() {
    let (none, some, other) = (Protected::default(), Protected::of(["a b c d e"]), Protected::of(["a b c d f"]));
    let off = Clean::default();
    let on = Clean { decontaminate: true, ..Clean::default() };
    let exact = Clean { duplicates: Duplicates::Exact, ..on.clone() };
    let all = [(&off, &some), (&on, &some), (&on, &other), (&exact, &none), (&exact, &some)];
    let prints = all.map(|(settings, protected)| fingerprint(settings, protected));
    for (at, print) in prints.iter().enumerate() {
        assert!(!prints[..at].contains(print), "{at}");
    }
    assert_eq!(prints[0], "");
    assert_eq!(fingerprint(&on, &none), "");
    let exact_only = Clean { decontaminate: false, ..exact.clone() };
    assert_eq!(fingerprint(&exact_only, &some), fingerprint(&exact, &none));
    assert!(prints[3].starts_with("clean 1 {\"duplicates\":\"exact\""), "{}", prints[3]);
}
