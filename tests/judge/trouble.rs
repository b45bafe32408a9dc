//! A judge that fails, hangs, talks nonsense or gives the key away.

use std::process::Stdio;
use std::time::{Duration, Instant};

use emakeel::judge::{self, Access, Patience};
use emakeel::progress::Progress;
use emakeel::recipe::Recipe;

use crate::PROMPTS;
use crate::place::{KEY, Place, text};
use crate::server::{Fault, Server};

#[test]
fn what_fails_is_tried_again_and_the_verdicts_are_the_same() {
    let (steady, quiet) = (Server::start(), Place::new("parallel: 1"));
    assert!(quiet.judge(&steady.base).status.success());
    for fault in [
        Fault::Status(429, "", "{\"error\": {\"message\": \"slow down, KEY\"}}"),
        Fault::Status(500, "", "KEY"),
        Fault::Status(503, "", ""),
        Fault::Body("{\"choices\": [{\"message\": KEY"),
        Fault::Body("{\"error\": {\"message\": \"overloaded KEY\"}}"),
        Fault::Close,
        Fault::Cut,
        Fault::Hang,
    ] {
        let (server, place) = (Server::start(), Place::new("parallel: 1, timeout: 1"));
        server.faults(std::slice::from_ref(&fault));
        let output = place.judge(&server.base);
        assert!(output.status.success(), "{fault:?}: {}", text(&output));
        assert_eq!(server.requests().len(), PROMPTS + 1, "{fault:?}");
        assert_eq!(place.json(), quiet.json(), "{fault:?}");
        place.holds_no_key(&output);
    }
}

#[test]
fn the_wait_that_a_server_asks_for_is_kept_and_one_that_is_too_long_ends_it() {
    let (server, place) = (Server::start(), Place::new("parallel: 2, questions: 1"));
    server.faults(&[Fault::Status(429, "Retry-After: 3\r\n", "")]);
    let began = Instant::now();
    let output = place.judge(&server.base);
    assert!(output.status.success() && began.elapsed() >= Duration::from_secs(3), "{}", text(&output));
    let (server, place) = (Server::start(), Place::new("parallel: 2, questions: 1"));
    server.always(Fault::Status(429, "Retry-After: 90000\r\n", "{\"error\": {\"message\": \"quota of KEY\"}}"));
    let output = place.judge(&server.base);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("the judge answers with status 429: quota of [key]"), "{said}");
    assert!(said.contains("the server asks to wait 1d 1h") && said.contains("every verdict so far is kept"), "{said}");
    place.holds_no_key(&output);
}

#[test]
fn a_refusal_ends_it_at_once_and_its_words_are_shown_without_the_key() {
    for (status, hint) in [
        (401, "check the key in OPENAI_API_KEY"),
        (403, "check the key in OPENAI_API_KEY"),
        (404, "check compare.judge.endpoint"),
        (400, "check compare.judge.model, max_tokens and temperature"),
        (302, "the server sends requests elsewhere"),
    ] {
        let (server, place) = (Server::start(), Place::new("parallel: 1"));
        let body = "{\"error\": {\"message\": \"Incorrect API key provided: KEY. Partly: sk-proj-****es-81!\"}}";
        server.always(Fault::Status(status, "", body));
        let output = place.judge(&server.base);
        let said = text(&output);
        assert_eq!((output.status.code(), server.requests().len()), (Some(1), 1), "{said}");
        assert!(said.contains(&format!("status {status}: Incorrect API key provided: [key]")), "{said}");
        assert!(said.contains(hint), "{said}");
        place.holds_no_key(&output);
    }
}

#[test]
fn a_reply_without_a_verdict_is_asked_again_once_and_counted() {
    let (server, place) = (Server::start(), Place::new("parallel: 1, questions: 1"));
    server.faults(&[
        Fault::Says("Both are fine, KEY."),
        Fault::Says("Verdict: A"),
        Fault::Says("?"),
        Fault::Says("??"),
    ]);
    let output = place.judge(&server.base);
    assert!(output.status.success(), "{}", text(&output));
    let requests = server.requests();
    assert_eq!(requests.len(), 6 + 2);
    assert_eq!(requests[1].body["messages"][1]["content"], "Both are fine, [key].");
    assert!(requests[1].prompt().contains("has no verdict"), "{}", requests[1].prompt());
    let json = place.json();
    assert_eq!((&json["unreadable"], &json["left_out"], &json["answered"]), (&1.into(), &1.into(), &6.into()));
    place.holds_no_key(&output);
    assert!(place.judge(&server.base).status.success());
    assert_eq!(server.requests().len(), 0, "what cannot be read is not asked for ever");
}

#[test]
fn a_server_that_wants_newer_words_gets_them() {
    let (server, place) = (Server::start(), Place::new("parallel: 1, questions: 1"));
    server.faults(&[
        Fault::Status(400, "", "{\"error\": {\"message\": \"Use 'max_completion_tokens' instead.\"}}"),
        Fault::Status(400, "", "{\"error\": {\"message\": \"Unsupported value: 'temperature'\"}}"),
    ]);
    let output = place.judge(&server.base);
    assert!(output.status.success(), "{}", text(&output));
    let last = server.requests().pop().expect("a request");
    assert_eq!(last.body["max_completion_tokens"], 512);
    assert!(last.body.get("max_tokens").is_none() && last.body.get("temperature").is_none());
}

#[test]
fn patience_has_an_end_and_what_was_judged_is_kept() {
    let (server, place) = (Server::start(), Place::new("parallel: 1"));
    server.faults(&[Fault::NoUsage, Fault::NoUsage]);
    server.always(Fault::Status(500, "", "KEY is down"));
    let recipe = Recipe::open(place.run().join("recipe.yaml"), &[]).expect("a recipe");
    let mut access =
        Access::from_variables(Some(&server.base), |name| (name == "OPENAI_API_KEY").then(|| KEY.to_owned()));
    let milliseconds = Duration::from_millis;
    access.patience = Patience { tries: 4, first_wait: milliseconds(5), whole_wait: milliseconds(1000) };
    let error =
        judge::run(&place.run(), &recipe, access.clone(), Progress::silent(), &|| false).expect_err("it is down");
    let said = error.to_string();
    assert!(said.contains("status 500: [key] is down") && said.contains("tried 4 times"), "{said}");
    assert_eq!((server.requests().len(), place.read("verdicts.jsonl").lines().count()), (2 + 4, 2));
    let error = judge::run(&place.run(), &recipe, access, Progress::silent(), &|| true).expect_err("it is stopped");
    assert_eq!((error.exit_code(), server.count()), (130, 0), "{error}");
}

#[test]
fn a_process_that_is_killed_goes_on_where_it_was() {
    let (server, place) = (Server::start(), Place::new("parallel: 2"));
    server.delay(Duration::from_millis(40));
    for _ in 0..2 {
        let mut child = place
            .compare(&server.base, &["--judge"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("runs");
        let before = server.count();
        while server.count() < before + 10 {
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
    let output = place.judge(&server.base);
    assert!(output.status.success(), "{}", text(&output));
    // What was under way when it was killed is asked again, and nothing else.
    assert!((PROMPTS..=PROMPTS + 4).contains(&server.requests().len()));
    let (steady, quiet) = (Server::start(), Place::new("parallel: 1"));
    assert!(quiet.judge(&steady.base).status.success());
    assert_eq!(place.json(), quiet.json());
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_between_requests_and_keeps_what_is_judged() {
    let (server, place) = (Server::start(), Place::new("parallel: 2"));
    server.delay(Duration::from_millis(40));
    let child =
        place.compare(&server.base, &["--judge"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    while server.count() < 10 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill runs").success());
    let output = child.wait_with_output().expect("ended");
    let (asked, kept) = (server.requests().len(), place.read("verdicts.jsonl").lines().count());
    assert_eq!((output.status.code(), asked), (Some(130), kept), "{}", text(&output));
    assert!(
        text(&output).contains(&format!("judging was stopped after {kept} of {PROMPTS} prompts")),
        "{}",
        text(&output)
    );
    assert!(place.judge(&server.base).status.success());
    assert_eq!(server.requests().len(), PROMPTS - kept);
}

#[test]
fn requests_keep_their_distance() {
    let (server, place) = (Server::start(), Place::new("parallel: 4, questions: 1, requests_per_minute: 120"));
    let began = Instant::now();
    assert!(place.judge(&server.base).status.success());
    // Six requests half a second apart.
    assert!(began.elapsed() >= Duration::from_millis(2500), "{:?}", began.elapsed());
}

#[test]
fn what_is_missing_is_said() {
    let (server, place) = (Server::start(), Place::new(""));
    let said =
        |place: &Place, arguments: &[&str]| text(&place.compare(&server.base, arguments).output().expect("runs"));
    assert!(
        said(&place, &["--judge"]).contains("the recipe has no judge\n  hint: add compare: { judge: { model: NAME } }")
    );
    place.recipe("against: keelepu");
    let words = said(&place, &["--judge"]);
    assert!(words.contains("there is no candidate \"keelepu\"") && words.contains("alusmudel, keelepuu"), "{words}");
    place.recipe("tasks: [choice]");
    assert!(said(&place, &["--judge"]).contains("there is no task \"choice\" in which something is written"));
    place.recipe("questions: 3");
    let mut command = place.compare("https://api.openai.com/v1", &["--judge"]);
    let words = text(&command.env_remove("OPENAI_API_KEY").output().expect("runs"));
    assert!(words.contains("the judge needs a key") && words.contains("OPENAI_API_KEY"), "{words}");
    std::fs::remove_file(place.run().join("comparison.json")).expect("removed");
    assert!(said(&place, &["--judge"]).contains("there is no comparison in this run folder"));
    assert_eq!(server.requests().len(), 0);
}
