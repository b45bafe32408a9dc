//! Figures on real texts: run with `--ignored --nocapture`, and read.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::*;

fn shared() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !shared.is_dir() {
        eprintln!("SKIPPED: ../shared is absent");
        return None;
    }
    Some(shared)
}

fn lines(path: PathBuf) -> Vec<String> {
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

fn flores(shared: &Path) -> Vec<[String; 2]> {
    let rows = lines(shared.join("parallel/flores_sib200/flores_en_et.tsv"));
    let fields = rows.iter().skip(1).map(|row| row.split('\t').map(str::to_owned).collect::<Vec<_>>());
    fields.map(|fields| [fields[3].clone(), fields[4].clone()]).collect()
}

#[test]
#[ignore = "prints a table; nothing to fail"]
fn how_well_languages_are_told() {
    let Some(shared) = shared() else { return };
    let flores = flores(&shared);
    let column = |at: usize| flores.iter().map(|pair| pair[at].clone()).collect::<Vec<_>>();
    let sets = [
        ("FLORES English", Lang::Eng, column(0)),
        ("FLORES Estonian", Lang::Est, column(1)),
        ("news Estonian", Lang::Est, lines(shared.join("text_et/common_voice_10k.txt"))),
        ("essays Estonian", Lang::Est, lines(shared.join("text_et/evkk_essays_school.txt"))),
        ("web Estonian", Lang::Est, lines(shared.join("text_et/ud_ewt_train.txt"))),
        ("encyclopedia English", Lang::Eng, lines(shared.join("text_en/wikitext2_valid.txt"))),
    ];
    println!("texts, characters, number, right %, right and sure %, taken for another and sure %");
    for (name, language, texts) in &sets {
        for length in [20, 50, 100, 200] {
            let long = texts.iter().filter(|text| text.chars().count() >= length);
            let cut: Vec<String> = long.map(|text| text.chars().take(length).collect()).collect();
            let told: Vec<_> = cut.iter().filter_map(|text| whatlang::detect(text)).collect();
            let share = |count: usize| 100.0 * count as f64 / cut.len().max(1) as f64;
            let right = told.iter().filter(|info| info.lang() == *language).count();
            let sure: Vec<_> = told.iter().filter(|info| info.confidence() >= LanguageCheck::CONFIDENCE).collect();
            let right_sure = sure.iter().filter(|info| info.lang() == *language).count();
            let wrong_sure = sure.len() - right_sure;
            println!(
                "{name} | {length} | {} | {:.1} | {:.1} | {:.2}",
                cut.len(),
                share(right),
                share(right_sure),
                share(wrong_sure)
            );
        }
    }
}

fn everything() -> Clean {
    Clean {
        duplicates: Duplicates::Exact,
        characters: Sizes { least: Some(1), most: Some(1_000_000) },
        words: Sizes { least: Some(3), most: Some(100_000) },
        ratio: Some(3.0),
        longest_word: Some(40),
        letters: Some(0.6),
        repeated_lines: Some(0.3),
        untranslated: true,
        language: check(Some("Estonian")),
        decontaminate: true,
    }
}

/// Rows that go, by reason, with a few of each to look at.
fn show(name: &str, settings: &Clean, languages: Option<[&str; 2]>, protected: &Protected, rows: &[Row]) {
    let found = verdicts(settings, languages, protected, rows);
    println!("\n== {name}: {} rows", rows.len());
    for reason in Reason::ALL {
        let hit: Vec<&Row> =
            rows.iter().zip(&found).filter(|(_, found)| **found == Verdict::Drop(reason)).map(|(row, _)| row).collect();
        if !hit.is_empty() {
            println!("{reason}: {} ({:.2} %)", hit.len(), 100.0 * hit.len() as f64 / rows.len() as f64);
        }
        for row in hit.iter().step_by((hit.len() / 6).max(1)).take(6) {
            let shown: String = format!("{row:?}").chars().take(220).collect();
            println!("      {shown}");
        }
    }
}

#[test]
#[ignore = "prints tables; nothing to fail"]
fn what_goes_from_real_texts_and_why() {
    let Some(shared) = shared() else { return };
    let mut protected = Protected::default();
    let flores = flores(&shared);
    protected.add("flores", flores.iter().map(|pair| pair.iter().map(String::as_str)));
    let values = |path: &str| {
        let rows = lines(shared.join(path));
        rows.iter().map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap()).collect::<Vec<_>>()
    };
    let field = |value: &serde_json::Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let copa = values("eval/estcopa/test.et.jsonl");
    let copa: Vec<Vec<String>> =
        copa.iter().map(|value| ["premise", "choice1", "choice2"].map(|key| field(value, key)).to_vec()).collect();
    protected.add("estcopa", copa.iter().map(|texts| texts.iter().map(String::as_str)));
    let qa: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(shared.join("eval/estqa/EstQA-test-v1.0.json")).unwrap())
            .unwrap();
    let mut contexts = Vec::new();
    strings(&qa, "context", &mut contexts);
    protected.add("estqa", contexts.iter().map(|text| [text.as_str()]));
    println!("{:?}", protected.report(&[]));

    let texts =
        ["common_voice_10k", "estonian_law", "evkk_academic", "evkk_essays_school", "ud_ewt_train", "tara_doku"];
    for name in texts {
        let rows: Vec<Row> =
            lines(shared.join(format!("text_et/{name}.txt"))).iter().map(|line| document(line)).collect();
        show(name, &everything(), None, &protected, &rows);
        let near = Clean { duplicates: Duplicates::Near(Near::default()), ..Clean::default() };
        show(&format!("{name}, near"), &near, None, &protected, &rows);
    }
    let pairs = Clean { words: Sizes { least: Some(3), most: Some(100) }, language: check(None), ..everything() };
    let first = lines(shared.join("parallel/mlqe_pe_et-en/train.src"));
    let second = lines(shared.join("parallel/mlqe_pe_et-en/train.pe"));
    let mlqe: Vec<Row> = first.iter().zip(&second).map(|(first, second)| pair(first, second)).collect();
    show("mlqe_pe_et-en", &pairs, Some(["Estonian", "English"]), &protected, &mlqe);
    let mined: Vec<Row> = flores.iter().map(|[english, estonian]| pair(english, estonian)).collect();
    let without = Clean { decontaminate: false, ..pairs };
    show("flores_en_et", &without, Some(["English", "Estonian"]), &protected, &mined);
    for (name, language) in [("alpaca_5000", "English"), ("gsm8k_train_alpaca", "English")] {
        let text = std::fs::read_to_string(shared.join(format!("instruct/{name}.json"))).unwrap();
        let values: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let talk = |value| {
            let [instruction, input, output] = ["instruction", "input", "output"].map(|key| field(value, key));
            Row::Conversation(Conversation::question(instruction, input).answered(output))
        };
        let rows: Vec<Row> = values.iter().map(talk).collect();
        let settings = Clean { language: check(Some(language)), repeated_lines: None, ..everything() };
        show(name, &settings, None, &protected, &rows);
        let near = Clean { duplicates: Duplicates::Near(Near::default()), ..Clean::default() };
        show(&format!("{name}, near"), &near, None, &protected, &rows);
    }
}

fn strings(value: &serde_json::Value, key: &str, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (name, value) in map {
                match value {
                    serde_json::Value::String(text) if name == key => found.push(text.clone()),
                    other => strings(other, key, found),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| strings(value, key, found)),
        _ => {}
    }
}

#[test]
#[ignore = "prints times; nothing to fail"]
fn how_fast_rows_are_examined() {
    let Some(shared) = shared() else { return };
    let flores = flores(&shared);
    let mut protected = Protected::default();
    protected.add("flores", flores.iter().map(|pair| pair.iter().map(String::as_str)));
    let sentences = lines(shared.join("text_et/estonian_law.txt"));
    let none = Clean { language: None, decontaminate: false, duplicates: Duplicates::None, ..everything() };
    let settings = [
        ("everything but near", everything()),
        ("without language", Clean { language: None, ..everything() }),
        ("lengths and letters", none),
        ("exact only", Clean { duplicates: Duplicates::Exact, ..Clean::default() }),
        ("decontaminate only", Clean { decontaminate: true, ..Clean::default() }),
        ("language only", Clean { language: check(Some("Estonian")), ..Clean::default() }),
        ("near only", Clean { duplicates: Duplicates::Near(Near::default()), ..Clean::default() }),
    ];
    for together in [1, 10, 40] {
        let rows: Vec<Row> =
            sentences.chunks(together).take(20_000 / together).map(|lines| document(&lines.join("\n"))).collect();
        let bytes: usize = rows.iter().map(|row| if let Row::Document(text) = row { text.len() } else { 0 }).sum();
        println!("rows of {} bytes", bytes / rows.len());
        for (name, settings) in &settings {
            let cleaner = Cleaner::new(settings, None, &protected).unwrap();
            let start = Instant::now();
            let reasons = rows.iter().filter(|row| cleaner.examine(row).reason.is_some()).count();
            let seconds = start.elapsed().as_secs_f64();
            println!("  {name:20} {:8.1} MB/s ({reasons} go)", bytes as f64 / seconds / 1e6);
        }
    }
}
