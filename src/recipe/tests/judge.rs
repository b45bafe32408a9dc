//! The judge of a comparison: what its keys mean, and what they may not say.

use insta::assert_snapshot;

use super::meaning::round_trip;
use super::*;

fn mistakes_in_judge(keys: &str) -> String {
    mistakes_below(&format!("compare: {{ tasks: [{{ task: choice, data: world }}], judge: {{ {keys} }} }}"))
}

fn judge(text: &str) -> JudgeSettings {
    round_trip(text).study.compare.and_then(|compare| compare.judge).expect("a judge")
}

#[test]
fn the_guides_example_means_what_it_says_and_comes_back_the_same() {
    let guide = include_str!("../../../docs/compare.md");
    let block = guide.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let judge = judge(block);
    assert_eq!((judge.model.as_str(), judge.mode, judge.questions), ("gpt-4o-mini", JudgeMode::Both, 100));
    assert_eq!(judge.tasks, Some(vec!["translation".to_owned(), "answer".to_owned()]));
    assert_eq!((judge.price, judge.budget), (Some(Price { input: 0.15, output: 0.6 }), Some(5.0)));
    assert!((judge.price.expect("a price").of(2e6, 1e6) - 0.9).abs() < 1e-12);
}

#[test]
fn a_judge_needs_only_a_model() {
    let judge = judge(&format!("{HEAD}compare: {{ tasks: [{{ task: choice, data: world }}], judge: {{ model: m }} }}"));
    assert_eq!(
        (judge.mode, judge.questions, judge.temperature, judge.max_tokens),
        (JudgeMode::Pairwise, 100, 0.0, 512)
    );
    assert_eq!((judge.endpoint, judge.requests_per_minute, judge.parallel, judge.timeout), (None, None, 4, 120.0));
}

#[test]
fn mistakes_of_a_judge_are_said_at_once() {
    assert_snapshot!(mistakes_in_judge("mode: single, against: base, questions: 0, temperature: 3, budget: 5"), @"
    recipe r.yaml:7:52  compare.judge.model is missing
      hint: the name that the endpoint has for the model
    recipe r.yaml:7:52  compare.judge.price is missing
      hint: a budget needs it: price: { input: 0.15, output: 0.6 }, for a million tokens
    recipe r.yaml:7:75  compare.judge.against has no effect: with mode: single no answers are compared
      hint: take it out
    recipe r.yaml:7:101  compare.judge.questions is 0, must be at least 1
    recipe r.yaml:7:117  compare.judge.temperature is 3, must be from 0 to 2
    ");
    assert_snapshot!(mistakes_in_judge("model: m, endpoint: localhost, timeout: 0, budget: -1, price: { input: -1 }, mode: pairs"), @r#"
    recipe r.yaml:7:81  compare.judge.endpoint is "localhost", must be an address such as http://localhost:8000/v1
    recipe r.yaml:7:101  compare.judge.timeout is 0, must be from 0.1 to 86400 seconds
    recipe r.yaml:7:112  compare.judge.budget is -1, must be more than 0 dollars
    recipe r.yaml:7:116  compare.judge.price.output is missing
      hint: dollars for a million tokens
    recipe r.yaml:7:132  compare.judge.price.input is -1, must be 0 dollars or more for a million tokens
    recipe r.yaml:7:144  compare.judge.mode is "pairs", must be pairwise, single or both
      hint: did you mean pairwise?
    "#);
    assert_snapshot!(mistakes_in_judge("model: m, key: sk-1, tasks: []"), @"
    recipe r.yaml:7:71  unknown key compare.judge.key
      hint: known keys: model, endpoint, tasks, mode, against, questions, temperature, max_tokens, requests_per_minute, parallel, timeout, price, budget, prompt
    recipe r.yaml:7:82  compare.judge.tasks is empty, must be kinds of tasks or their names
      hint: take it out to judge them all
    ");
}

#[test]
fn an_address_with_a_secret_in_it_is_refused_and_not_repeated() {
    for endpoint in ["https://me:sk-secret@host/v1", "https://host/v1?key=sk-secret", "https://host/v1#sk-secret"] {
        let said = mistakes_in_judge(&format!("model: m, endpoint: '{endpoint}'"));
        assert!(said.contains("must be an address without @, ? and #") && !said.contains("sk-secret"), "{said}");
    }
}
