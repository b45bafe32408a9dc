//! The blind page and the ratings that come back from it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::PROMPTS;
use crate::place::{CANDIDATES, Place, text};
use crate::server::Server;

/// Makes a page; its data, as a browser reads them.
fn page(place: &Place, arguments: &[&str]) -> (String, Value) {
    let file = place.path("leht.html");
    let blind = ["--blind", file.to_str().expect("a name")];
    let output = place.compare("http://127.0.0.1:9", &[&blind[..], arguments].concat()).output().expect("runs");
    assert!(output.status.success(), "{}", text(&output));
    let html = std::fs::read_to_string(file).expect("the page");
    let data = html.split("id=\"pairs\">").nth(1).and_then(|rest| rest.split("</script>").next()).expect("data");
    let data = serde_json::from_str(data).expect("JSON");
    (html, data)
}

/// A person who prefers the larger number, but for every `wrong`th pair.
fn rate(place: &Place, data: &Value, name: &str, wrong: usize) -> PathBuf {
    let number = |value: &Value| -> u32 {
        let digits: String = value.as_str().expect("a text").chars().filter(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    };
    let pairs = data["pairs"].as_array().expect("pairs");
    let ratings = pairs.iter().enumerate().map(|(at, pair)| {
        let left = number(&pair["left"]) > number(&pair["right"]);
        let choice = if at % wrong == wrong - 1 {
            "bad"
        } else if left {
            "left"
        } else {
            "right"
        };
        json!({ "id": pair["id"], "choice": choice })
    });
    let ratings = json!({
        "format": "emakeel ratings 1", "page": data["page"], "rater": name, "ratings": ratings.collect::<Vec<_>>(),
    });
    let path = place.path(&format!("ratings-{name}.json"));
    std::fs::write(&path, ratings.to_string()).expect("written");
    path
}

fn ratings(place: &Place, files: &[&PathBuf]) -> std::process::Output {
    let arguments: Vec<&str> = files.iter().flat_map(|file| ["--ratings", file.to_str().expect("a name")]).collect();
    place.compare("http://127.0.0.1:9", &arguments).output().expect("runs")
}

#[test]
fn ratings_of_two_people_come_back_and_agree_with_the_judge() {
    let (server, place) = (Server::start(), Place::new("parallel: 4"));
    assert!(place.judge(&server.base).status.success());
    assert_eq!(server.requests().len(), PROMPTS);
    let (html, data) = page(&place, &["--questions", "20"]);
    assert!(CANDIDATES.iter().all(|name| !html.contains(name)));
    assert_eq!(data["pairs"].as_array().map(Vec::len), Some(20));
    let (mari, jüri) = (rate(&place, &data, "Mari", 1000), rate(&place, &data, "Jüri", 4));
    let output = ratings(&place, &[&mari, &jüri]);
    assert!(output.status.success(), "{}", text(&output));
    let json: Value = serde_json::from_str(&place.read("ratings.json")).expect("JSON");
    assert_eq!((&json["raters"][0]["ratings"], &json["raters"][1]["both_bad"]), (&20.into(), &5.into()));
    let strengths: Vec<f64> =
        (0..3).map(|at| json["overall"][at]["strength"]["value"].as_f64().expect("a number")).collect();
    assert!(strengths[0] > strengths[1] && strengths[1] > strengths[2], "{strengths:?}");
    let agreement = json["agreement"].as_array().expect("a list");
    let of = |first: &str, second: &str| {
        agreement.iter().find(|row| row["first"] == first && row["second"] == second).expect("a row")
    };
    let judge = of("Mari", "judge kohtunik");
    assert_eq!(
        (&judge["shared"], &judge["same"]["value"], &judge["kappa"]["value"]),
        (&20.into(), &json!(100.0), &json!(1.0))
    );
    let other = of("Mari", "Jüri");
    assert_eq!(other["same"]["value"], 75.0);
    let kappa = other["kappa"]["value"].as_f64().expect("a number");
    assert!(kappa > 0.4 && kappa < 0.75, "{kappa}");
    assert!(
        place.read("ratings.md").contains("| Mari | judge kohtunik | 20 | 100.0 % ("),
        "{}",
        place.read("ratings.md")
    );
}

#[test]
fn the_same_page_comes_out_again_and_another_seed_shows_other_pairs() {
    let place = Place::new("");
    let (first, data) = page(&place, &["--questions", "6"]);
    assert_eq!(page(&place, &["--questions", "6"]).0, first);
    assert_ne!(page(&place, &["--questions", "6", "--seed", "8"]).1["page"], data["page"]);
    let two = [CANDIDATES[0], CANDIDATES[2]].join(",");
    let (_, data) = page(&place, &["--candidates", &two, "--task", "answer"]);
    assert_eq!(data["pairs"].as_array().map(Vec::len), Some(8), "each question once: there is only one pair");
    let elsewhere = Place::new("");
    assert_ne!(page(&elsewhere, &["--questions", "6"]).1["page"], data["page"], "another folder has another secret");
}

#[test]
fn files_that_are_no_ratings_of_this_page_say_where_they_are_wrong() {
    let place = Place::new("");
    let missing = place.path("none.json");
    assert!(text(&ratings(&place, &[&missing])).contains("no blind page was made from this run folder"));
    let (_, data) = page(&place, &["--questions", "6"]);
    let whole = rate(&place, &data, "Mari", 1000);
    let text_of = std::fs::read_to_string(&whole).expect("the file");
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&text_of).expect("JSON");
        change(&mut value);
        let path = place.path("broken.json");
        std::fs::write(&path, value.to_string()).expect("written");
        text(&ratings(&place, &[&path]))
    };
    let said = broken(&|value| {
        value["ratings"][2]["choice"] = "both".into();
        value["ratings"][3]["id"] = "0123".into();
        value["ratings"][5]["id"] = value["ratings"][4]["id"].clone();
    });
    assert!(said.contains("broken.json: ratings[2]  choice is \"both\", must be left, right, tie or bad"), "{said}");
    assert!(said.contains("broken.json: ratings[3]  there is no pair \"0123\" on this page"), "{said}");
    assert!(said.contains("ratings[5]  pair") && said.contains("is rated twice"), "{said}");
    assert!(broken(&|value| value["page"] = "x".into()).contains("page \"x\" was not made from this run folder"));
    assert!(broken(&|value| value["format"] = "x".into()).contains("format is \"x\", must be \"emakeel ratings 1\""));
    assert!(broken(&|value| *value = json!([1])).contains("broken.json:1:"));
    assert!(ratings(&place, &[&whole]).status.success());
    place.answers(1, |_| 77);
    let said = text(&ratings(&place, &[&whole]));
    assert!(said.contains("of answers that have changed since, are left out"), "{said}");
}
