//! Sentences of tasks, planted in a source with other case, punctuation and white space.

use std::path::Path;

use super::*;
use crate::data::world::{self, WorldRow};

/// The text as a careless hand might have copied it.
fn copied(text: &str, number: usize) -> String {
    match number % 4 {
        0 => text.to_uppercase(),
        1 => text.replace([',', '.', '"', '!', '?', '“', '”', '„'], ""),
        2 => text.split_whitespace().collect::<Vec<_>>().join(" \t "),
        _ => format!("„{}“ …", text.to_lowercase().replace('.', "!")),
    }
}

/// Plants texts among rows, one of them after every hundredth; says which rows went.
fn dropped(protected: &Protected, rows: Vec<Row>, planted: Vec<Row>) -> (usize, usize, Cleaned) {
    let settings = Clean { decontaminate: true, ..Clean::default() };
    let mut cleaner = Cleaner::new(&settings, None, protected).unwrap();
    let (mut found, mut others) = (0, 0);
    let mut planted = planted.into_iter();
    for (number, row) in rows.iter().enumerate() {
        others += usize::from(cleaner.decide(&cleaner.examine(row)) != Verdict::Keep);
        if number % 100 == 0
            && let Some(planted) = planted.next()
        {
            found += usize::from(cleaner.decide(&cleaner.examine(&planted)) == Verdict::Drop(Reason::Contaminated));
        }
    }
    (found, others, cleaner.cleaned())
}

#[test]
fn fifty_sentences_of_the_worlds_tasks_are_found_and_ten_thousand_other_rows_stay() {
    let tests: Vec<world::TranslationTest> = world::translation_tests(world::Language::Estonian, 200, 42)
        .into_iter()
        // Two words are too few to be looked for.
        .filter(|test| [&test.english, &test.other].iter().all(|text| text.split(' ').count() > 2))
        .collect();
    let mut protected = Protected::default();
    protected.add("translation", tests.iter().map(|test| [test.english.as_str(), test.other.as_str()]));
    let rows: Vec<Row> = (0..10_000)
        .map(|number| document(&format!("Rida {number}: {ESTONIAN} Kokku sai neid {}.", number * 7)))
        .collect();
    let planted = (0..50).map(|number| match number % 2 {
        0 => pair(&copied(&tests[number].english, number), "…"),
        _ => document(&copied(&tests[number].other, number / 2)),
    });
    let (found, others, cleaned) = dropped(&protected, rows, planted.collect());
    assert_eq!((found, others), (50, 0), "{cleaned:?}");
}

#[test]
fn the_worlds_own_training_rows_share_no_text_with_its_tasks() {
    let mut protected = Protected::default();
    let tests = world::translation_tests(world::Language::Estonian, 200, 42);
    protected.add("translation", tests.iter().map(|test| [test.english.as_str(), test.other.as_str()]));
    let texts = world::rows("estonian-text", 2000, 42).unwrap().into_iter().map(|row| match row {
        WorldRow::Text(text) => document(&text),
        other => panic!("{other:?}"),
    });
    let (_, others, cleaned) = dropped(&protected, texts.collect(), Vec::new());
    assert_eq!((others, cleaned.kept, cleaned.tasks[0].hit), (0, 2000, 0));
}

#[test]
fn fifty_sentences_of_flores_are_found_and_ten_thousand_sentences_of_newspapers_stay() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let (Ok(flores), Ok(news)) = (
        std::fs::read_to_string(shared.join("parallel/flores_sib200/flores_en_et.tsv")),
        std::fs::read_to_string(shared.join("text_et/common_voice_10k.txt")),
    ) else {
        eprintln!("SKIPPED: ../shared is absent");
        return;
    };
    let fields = |line: &'static str| -> Vec<&'static str> { line.split('\t').collect() };
    let flores: &'static str = Box::leak(flores.into_boxed_str());
    let pairs: Vec<[&str; 2]> = flores.lines().skip(1).map(fields).map(|fields| [fields[3], fields[4]]).collect();
    let mut protected = Protected::default();
    protected.add("flores", pairs.iter().copied());
    let rows: Vec<Row> = news.lines().map(document).collect();
    assert_eq!(rows.len(), 10_000);
    let planted = (0..50).map(|number| {
        let [english, estonian] = pairs[number * 20];
        match number % 3 {
            0 => pair(&copied(english, number), &copied(estonian, number + 1)),
            1 => document(&format!("{ESTONIAN}\n{} {ESTONIAN}", copied(estonian, number))),
            _ => Row::Conversation(Conversation::question("Tõlgi:", copied(english, number)).answered("…")),
        }
    });
    let (found, others, cleaned) = dropped(&protected, rows, planted.collect());
    eprintln!("flores: {cleaned:?}");
    assert_eq!((found, others), (50, 0));
    assert_eq!((cleaned.tasks[0].hit, cleaned.tasks[0].too_short), (50, 0));
}
