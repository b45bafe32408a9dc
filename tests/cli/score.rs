//! `emakeel score`: what any program wrote, against references.

use serde_json::Value;

use crate::support::{Place, emakeel};

const RIGHT: &str = "Kass magab pliidi peal.\nHomme sajab terve päeva vihma.\nTa ei tulnud eile koju.\n";
const GOOD: &str = "Kass magab pliidi peal.\nHomme sajab vihma terve päeva.\nTa ei tulnud eile koju.\n";
const BAD: &str = "Koer jookseb.\nTäna on päike.\nTa tuli eile koju ära.\n";

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn two_systems_are_scored_with_signatures_and_compared_with_the_first() {
    let place = Place::new();
    let [right, good, bad] =
        [("right", RIGHT), ("good", GOOD), ("bad", BAD)].map(|(name, text)| place.write(name, text));
    let paths = [&bad, &good, &right].map(|path| path.display().to_string());
    let [bad, good, right] = paths.each_ref().map(String::as_str);
    let output = emakeel(&[
        "score",
        bad,
        good,
        "--ref",
        right,
        right,
        "--metric",
        "bleu,chrf++,ter,f1",
        "--ter-normalized",
        "--json",
    ]);
    assert!(output.status.success(), "{}", text(&output));
    let found: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(found["segments"], 3);
    let of_good = &found["systems"][1]["scores"];
    assert_eq!(of_good[0]["signature"], "nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0");
    // One shift of two words; 5 + 6 + 6 words.
    assert_eq!(of_good[2]["score"].as_f64(), Some(100.0 * (1.0 / 17.0)));
    assert!(of_good[0]["against_first"]["difference"].as_f64() > Some(10.0));
    assert!(of_good[2]["against_first"]["difference"].as_f64() < Some(-10.0));
    assert!(of_good[0]["against_first"]["p_holm"].as_f64() >= of_good[0]["against_first"]["p_value"].as_f64());
    assert_eq!(found["systems"][0]["scores"][0]["against_first"], Value::Null);
    let output = emakeel(&["score", good, "-r", right, "--test", "randomisation", "--tokenize", "char"]);
    let shown = text(&output);
    assert!(shown.contains("BLEU (char)") && shown.contains("|tok:char|") && shown.contains("TER"), "{shown}");
}

#[test]
fn corrections_are_scored_as_the_m2_scorer_does() {
    let place = Place::new();
    let gold = "S Ma lähen kool .\nA 2 3|||R|||kooli|||REQUIRED|||-NONE-|||0\n\nS Ta tulema .\n\
                A 1 2|||R|||tuleb||tuli|||REQUIRED|||-NONE-|||0\nA 0 1|||R|||Tema|||REQUIRED|||-NONE-|||1\n";
    let gold = place.write("gold.m2", gold).display().to_string();
    let answers = place.write("answers", "Ma lähen kooli .\nTa tuli siia .\n").display().to_string();
    let output = emakeel(&["score", &answers, "--m2", &gold, "--metric", "m2", "--json"]);
    assert!(output.status.success(), "{}", text(&output));
    let found: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let score = |at: usize| found["systems"][0]["scores"][at]["score"].as_f64();
    // Two of three edits are right, both that were wanted are found.
    assert_eq!((score(1), score(2)), (Some(100.0 * (2.0 / 3.0)), Some(100.0)));
}

#[test]
fn what_does_not_belong_together_is_said() {
    let place = Place::new();
    let [right, short] =
        [("right", RIGHT), ("short", "Kass.\n")].map(|(name, text)| place.write(name, text).display().to_string());
    for (arguments, code, expected) in [
        (vec!["score", &short, "--ref", &right], 1, "number of lines is 1, must be 3"),
        (vec!["score", &right], 2, "--ref"),
        (vec!["score", &right, "--ref", &right, "--tokenize", "flores200"], 1, "needs a SentencePiece model"),
        (vec!["score", &right, "--ref", &right, "--tokenize", "zh"], 1, "the tokenizer is zh, must be 13a"),
        (vec!["score", &right, "--ref", &right, "--smooth-value", "1"], 2, "--smooth-value has no effect"),
        (vec!["score", &right, "--ref", &right, "--metric", "m2"], 2, "--metric m2 and --m2 belong together"),
    ] {
        let output = emakeel(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output));
        assert!(text(&output).contains(expected), "{arguments:?}: {}", text(&output));
    }
}
