//! The judge of a comparison.

use super::super::count::Count;
use super::super::judge::{JudgeSettings, Price};
use super::super::places::Findings;
use super::super::written;

const KEY: &str = "compare.judge";

pub(super) fn judge(written: &written::Judge, findings: &mut Findings<'_>) -> JudgeSettings {
    let key = |name: &str| format!("{KEY}.{name}");
    if written.model.as_ref().is_none_or(|model| model.trim().is_empty()) {
        findings.missing(&key("model"), "the name that the endpoint has for the model");
    }
    if let Some(endpoint) = &written.endpoint {
        check_endpoint(endpoint, findings);
    }
    let mode = written.mode.unwrap_or_default();
    if !mode.pairs() {
        findings.no_effect(&key("against"), "with mode: single no answers are compared");
    }
    let mut count = |name: &str, value: Option<Count>, default: u64, most: u64| {
        findings.count(&key(name), value.unwrap_or(Count(default)), 1..=most, "")
    };
    let questions = count("questions", written.questions, 100, u64::MAX);
    let max_tokens = count("max_tokens", written.max_tokens, 512, 1 << 20);
    let parallel = count("parallel", written.parallel, 4, 256);
    let requests_per_minute =
        written.requests_per_minute.map(|value| count("requests_per_minute", Some(value), 1, 1_000_000));
    let mut number =
        |name: &str, value: f64, fits: bool, expected: &str| findings.number(&key(name), value, fits, expected, "");
    let temperature = written.temperature.unwrap_or(0.0);
    let temperature = number("temperature", temperature, (0.0..=2.0).contains(&temperature), "from 0 to 2");
    let timeout = written.timeout.unwrap_or(120.0);
    let timeout = number("timeout", timeout, (0.1..=86_400.0).contains(&timeout), "from 0.1 to 86400 seconds");
    let budget = written.budget.map(|budget| number("budget", budget, budget > 0.0, "more than 0 dollars"));
    let price = written.price.as_ref().map(|written| price(written, findings));
    if budget.is_some() && price.is_none() {
        findings.missing(&key("price"), "a budget needs it: price: { input: 0.15, output: 0.6 }, for a million tokens");
    }
    if written.prompt.as_ref().is_some_and(|path| path.is_empty()) {
        findings.wrong(&key("prompt"), "empty", "the path of a file", "");
    }
    let tasks = written.tasks.as_ref().map(|words| words.at("").map(|(_, word)| word.to_owned()).collect());
    if tasks.as_ref().is_some_and(Vec::is_empty) {
        findings.wrong(&key("tasks"), "empty", "kinds of tasks or their names", "take it out to judge them all");
    }
    JudgeSettings {
        model: written.model.clone().unwrap_or_default(),
        endpoint: written.endpoint.as_ref().map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
        tasks,
        mode,
        against: written.against.clone(),
        questions,
        temperature,
        max_tokens,
        requests_per_minute,
        parallel,
        timeout,
        price,
        budget,
        prompt: written.prompt.as_ref().map(Into::into),
    }
}

/// An address, and nothing secret in it: the recipe is kept in the run folder.
fn check_endpoint(endpoint: &str, findings: &mut Findings<'_>) {
    let key = format!("{KEY}.endpoint");
    let host = ["http://", "https://"].iter().find_map(|scheme| endpoint.strip_prefix(scheme));
    if endpoint.contains(['@', '?', '#']) {
        // What it is stays unsaid: it may hold a key.
        let hint = "the recipe is kept in the run folder; the key comes from OPENAI_API_KEY";
        findings.wrong(&key, "one with a name or a query in it", "an address without @, ? and #", hint);
    } else if host.is_none_or(|host| host.is_empty() || host.starts_with('/') || host.contains(char::is_whitespace)) {
        findings.wrong(&key, format!("{endpoint:?}"), "an address such as http://localhost:8000/v1", "");
    }
}

fn price(written: &written::Price, findings: &mut Findings<'_>) -> Price {
    let mut of = |name: &str, value: Option<f64>| {
        let key = format!("{KEY}.price.{name}");
        match value {
            Some(value) => findings.number(&key, value, value >= 0.0, "0 dollars or more for a million tokens", ""),
            None => {
                findings.missing(&key, "dollars for a million tokens");
                0.0
            }
        }
    };
    Price { input: of("input", written.input), output: of("output", written.output) }
}
