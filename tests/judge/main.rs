//! Judging the answers of a run folder, by a small judge of the tests' own and by people: what goes right and what wrong.

mod people;
mod place;
mod server;
mod trouble;

use std::collections::HashSet;

use place::{CANDIDATES, KEY, Place, QUESTIONS, text};
use server::{Fault, Server};

/// Every pair of three candidates, in both orders.
const PROMPTS: usize = QUESTIONS * 6;

#[test]
fn every_pair_is_asked_in_both_orders_and_a_second_run_asks_nothing() {
    let (server, place) = (Server::start(), Place::new("parallel: 3"));
    let output = place.judge(&server.base);
    assert!(output.status.success(), "{}", text(&output));
    let requests = server.requests();
    assert_eq!(requests.len(), PROMPTS);
    assert!(requests.iter().all(|request| request.key.as_deref() == Some(KEY)));
    assert!(requests.iter().all(|request| request.body["model"] == "kohtunik" && request.body["temperature"] == 0.0));
    let shown = |prompt: &str| {
        let part = |from: &str, to: &str| {
            prompt.split(from).nth(1).and_then(|p| p.split(to).next()).unwrap_or_default().to_owned()
        };
        (part("--- question ---", "--- answer A"), part("A ---", "--- answer B"), part("B ---", "--- end"))
    };
    let prompts: HashSet<_> = requests.iter().map(|request| shown(&request.prompt())).collect();
    assert_eq!(prompts.len(), PROMPTS);
    let is_there_turned = |(q, a, b): &(String, String, String)| prompts.contains(&(q.clone(), b.clone(), a.clone()));
    assert!(prompts.iter().all(is_there_turned));
    let first = ["judge.json", "judge.md", "verdicts.jsonl"].map(|name| place.read(name));
    let again = place.judge(&server.base);
    assert_eq!((server.requests().len(), &again.stdout), (0, &output.stdout));
    assert_eq!(["judge.json", "judge.md", "verdicts.jsonl"].map(|name| place.read(name)), first);
    place.holds_no_key(&output);
    insta_like(&place);
}

/// The first candidate wins three of four questions against either of the others.
fn insta_like(place: &Place) {
    let json = place.json();
    assert_eq!((&json["comparisons"], &json["left_out"], &json["unreadable"]), (&24.into(), &0.into(), &0.into()));
    let overall = &json["overall"];
    for (at, (wins, losses, rate)) in [(12, 4, 75.0), (8, 8, 50.0), (4, 12, 25.0)].into_iter().enumerate() {
        assert_eq!(overall[at]["candidate"], CANDIDATES[at]);
        assert_eq!((&overall[at]["wins"], &overall[at]["losses"]), (&wins.into(), &losses.into()), "{overall}");
        assert_eq!(overall[at]["win_rate"]["value"], rate);
    }
    assert_eq!(json["position"]["first_wins"]["value"], 50.0);
    assert_eq!(json["position"]["changes"]["value"], 0.0);
    let agreement = &json["tasks"][0]["agreement"][0];
    assert_eq!((&agreement["metric"], &agreement["pairs"]), (&"F1".into(), &24.into()));
    assert_eq!(agreement["same_preference"]["value"], 100.0);
    assert_eq!(agreement["spearman"], 1.0);
    let report = place.read("judge.md");
    assert!(report.contains("| alusmudel | 75.0 % ("), "{report}");
    assert!(report.contains("- the answer shown first wins 50.0 % ("), "{report}");
}

#[test]
fn a_judge_that_always_prefers_the_first_is_found_out() {
    let (server, place) = (Server::start(), Place::new("parallel: 2"));
    server.prefer_the_first();
    let output = place.judge(&server.base);
    assert!(output.status.success(), "{}", text(&output));
    let json = place.json();
    assert_eq!((&json["overall"][0]["ties"], &json["overall"][0]["wins"]), (&16.into(), &0.into()));
    assert_eq!(json["position"]["first_wins"]["value"], 100.0);
    assert_eq!(json["position"]["flips"]["value"], 100.0);
}

#[test]
fn single_answers_get_scores_and_equal_answers_are_asked_once() {
    let (server, place) = (Server::start(), Place::new("mode: both, against: keelepuu, questions: 5"));
    place.answers(2, |question| place::number(1, question));
    place.answers(0, |question| place::number(if question < 4 { 1 } else { 0 }, question));
    let output = place.judge(&server.base);
    assert!(output.status.success(), "{}", text(&output));
    let json = place.json();
    // The third answers as the second does and is left out; the first answers as it does to some questions.
    let (compared, same) =
        (json["comparisons"].as_u64().expect("a count"), json["same_answers"].as_u64().expect("a count"));
    assert!(compared + same == 5 && compared > 0 && same > 0, "{json}");
    // Both orders, a score for either of two answers, one for both where they are the same.
    assert_eq!(server.requests().len() as u64, 2 * compared + 2 * compared + same);
    assert_eq!(json["twins"][0], CANDIDATES[2]);
    assert_eq!(json["scores"].as_array().map(Vec::len), Some(2));
    assert!(place.read("judge.md").contains("as they answer the same as another: tõlkija@alusmudel"));
}

#[test]
fn the_recipe_can_bring_its_own_wording() {
    let (server, place) = (Server::start(), Place::new("questions: 1"));
    let prompt = place.path("sõnastus.txt");
    std::fs::write(&prompt, "{question} = {reference}? --- answer A --- {answer_a} --- answer B --- {answer_b} ---")
        .expect("written");
    let set = format!("compare.judge.prompt={}", prompt.display());
    let output = place.compare(&server.base, &["--judge", "--set", &set]).output().expect("runs");
    assert!(output.status.success(), "{}", text(&output));
    let requests = server.requests();
    assert!(requests.len() == 6 && requests[0].prompt().ends_with(" ---") && !requests[0].prompt().contains('{'));
    std::fs::write(&prompt, "Mis on parem?").expect("written");
    let output = place.compare(&server.base, &["--judge", "--set", &set]).output().expect("runs");
    assert!(
        text(&output).contains("sõnastus.txt  part 1 of the wording must be a text with {question}"),
        "{}",
        text(&output)
    );
}

#[test]
fn what_costs_too_much_is_not_asked() {
    // A reply costs 100 · 10 + 10 · 100 = 2000 millionths of a dollar.
    let keys = "parallel: 1, max_tokens: 20, price: { input: 10, output: 100 }";
    let (server, place) = (Server::start(), Place::new(&format!("{keys}, budget: 0.05")));
    let output = place.judge(&server.base);
    assert_eq!(output.status.code(), Some(1));
    let asked = server.requests().len();
    let said = text(&output);
    assert!(
        said.contains(&format!("the budget of $0.05 ended the judging after {asked} of {PROMPTS} prompts")),
        "{said}"
    );
    assert!(said.contains("raise compare.judge.budget"), "{said}");
    // What it could have cost at most (each byte a token) is still below the budget; what it did cost, too.
    let spent = asked as f64 * 0.002;
    assert!((1..25).contains(&asked) && (place.json()["cost"].as_f64().expect("a cost") - spent).abs() < 1e-9);
    assert!(place.read("judge.md").contains("the budget of $0.05 ended"));
    let again = place.judge(&server.base);
    assert_eq!((server.requests().len(), again.status.code()), (0, Some(1)), "the budget is the folder's");
    let more = place.compare(&server.base, &["--judge", "--set", "compare.judge.budget=5"]).output().expect("runs");
    assert!(more.status.success(), "{}", text(&more));
    assert_eq!(server.requests().len(), PROMPTS - asked);
}

#[test]
fn tokens_that_the_server_does_not_count_are_estimated() {
    let (server, place) = (Server::start(), Place::new("questions: 1, price: { input: 1, output: 1 }"));
    server.always(Fault::NoUsage);
    let output = place.judge(&server.base);
    assert!(output.status.success() && text(&output).contains("written, in part estimated"), "{}", text(&output));
    let json = place.json();
    let expected =
        server.requests().iter().map(|asked| (asked.prompt().chars().count() as f64 / 4.0).ceil()).sum::<f64>();
    assert_eq!(json["tokens"][0], expected);
}

#[test]
fn a_run_with_a_judge_ends_with_what_it_says_and_check_tells_before_how_much_it_asks() {
    let (server, place) = (Server::start(), Place::new(""));
    let recipe = "name: judged\nbase: { builtin: tiny-english }\nsources:\n  juhised: { builtin: estonian-instructions, rows: 50 }\n\
                  adapters:\n  one: { tokens: 1K, batch: 1, sequence_length: 128, rank: 2, optimizer: { learning_rate: 0.05 },\n\
                  \x20        mixture: { juhised: 1 } }\n\
                  compare:\n  limit: 4\n  tasks:\n    - { task: answer, data: world, max_new_tokens: 8 }\n\
                  \x20   - { task: choice, data: world }\n  merged: true\n\
                  \x20 judge: { model: kohtunik, mode: both, tasks: answer }\n";
    std::fs::write(place.path("judged.yaml"), recipe).expect("written");
    let with = |command: &str, base: &str, more: &[&str]| {
        let mut program = place.program(base);
        program.arg(command).arg(place.path("judged.yaml")).arg("--runs").arg(place.path("runs")).args(more);
        program.output().expect("runs")
    };
    let checked = with("check", &server.base, &[]);
    // Two candidates that answer in their own way: each question in both orders, and two answers alone.
    assert!(
        text(&checked).contains("judge                16 prompts for kohtunik at most, about "),
        "{}",
        text(&checked)
    );
    let nobody = "http://127.0.0.1:9/v1";
    assert!(server.requests().is_empty(), "check asks nothing");
    let alone = with("run", nobody, &["--set", "compare.judge.timeout=2"]);
    let said = text(&alone);
    assert!(alone.status.code() == Some(1) && said.contains("F1") && said.contains("127.0.0.1:9"), "{said}");
    let output = with("run", &server.base, &[]);
    let said = text(&output);
    assert!(output.status.success() && said.contains("F1") && said.contains("kohtunik"), "{said}");
    let asked = server.requests().len();
    assert!((8..=16).contains(&asked), "{asked}");
    let run = place.path("runs").join("judged");
    assert!(std::fs::read_to_string(run.join("judge/judge.md")).expect("a report").contains("| one |"));
    assert!(std::fs::read_to_string(run.join("report.html")).expect("a report").contains("kohtunik"));
    let json = with("run", &server.base, &["--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON alone");
    assert!(json["judge"]["prompts"].is_u64() && server.requests().is_empty(), "{json}");
    place.holds_no_key(&output);
}
