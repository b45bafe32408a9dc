//! The same files as Python's `datasets` takes; errors that say what there is.

use super::*;

fn entries(paths: &[&str]) -> Vec<Entry> {
    let mut paths = paths.to_vec();
    paths.sort_unstable();
    paths.into_iter().map(|path| Entry { path: path.into(), size: Some(2), id: String::new() }).collect()
}

fn paths(chosen: &Chosen) -> Vec<&str> {
    chosen.files.iter().map(|entry| entry.path.as_str()).collect()
}

#[test]
fn every_layout_gives_the_files_that_python_takes() {
    let text = include_str!("../../../tests/golden/hub_selection.json");
    let layouts: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let mut compared = 0;
    for layout in &layouts {
        let files: Vec<&str> = layout["files"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
        let entries = entries(&files);
        let card = read_card(&format!("---\n{}\n---\ntext\n", layout["header"].as_str().unwrap()), false).unwrap();
        for asked in layout["asked"].as_array().unwrap() {
            let what = format!("{} {}", layout["name"], asked["subset"]);
            let subset = asked["subset"].as_str();
            let choose = |split: &str| choose(&entries, std::slice::from_ref(&card), "x", "main", subset, split);
            let Some(splits) = asked["splits"].as_object() else {
                assert!(choose("train").is_err(), "{what}");
                continue;
            };
            for (split, expected) in splits {
                // Python reads a file twice that two patterns match.
                let mut once: Vec<&str> = Vec::new();
                for path in expected.as_array().unwrap().iter().map(|path| path.as_str().unwrap()) {
                    if !once.contains(&path) {
                        once.push(path);
                    }
                }
                let chosen = choose(split).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(paths(&chosen), once, "{what} {split}");
                compared += 1;
            }
            let missing = ["train", "validation", "test"].into_iter().find(|split| !splits.contains_key(*split));
            if let Some(missing) = missing {
                assert!(choose(missing).is_err(), "{what} has no {missing}");
            }
        }
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn a_name_that_is_not_there_is_answered_with_those_that_are() {
    let card = "---\nconfigs:\n- {config_name: et, data_files: [{split: train, path: a.jsonl}, {split: dev, path: b.jsonl}]}\n\
                - {config_name: en, data_files: c.jsonl}\n---\n";
    let cards = [read_card(card, false).unwrap()];
    let files = entries(&["a.jsonl", "b.jsonl", "c.jsonl"]);
    let error = |subset, split| choose(&files, &cards, "x", "main", subset, split).unwrap_err().to_string();
    assert_eq!(error(Some("fi"), "train"), "the data set has no subset \"fi\"\n  hint: it has et, en");
    assert_eq!(error(Some("et"), "test"), "the data set has no split \"test\"\n  hint: it has train, dev");
    let several = error(None, "train");
    assert!(several.contains("subset is missing\n  hint: it has et, en"), "{several}");
    let by_folder = entries(&["et/a.jsonl", "en/b.jsonl", "img/c.png"]);
    let folder = choose(&by_folder, &[], "x", "main", Some("fi"), "train").unwrap_err().to_string();
    assert_eq!(folder, "the data set has no subset \"fi\"\n  hint: it has en, et");
}

#[test]
fn a_data_set_that_is_a_program_is_refused_and_its_export_is_read() {
    let script = entries(&["CulturaX.py", "et/a.parquet"]);
    let error = choose(&script, &[], "CulturaX", "main", None, "train").unwrap_err().to_string();
    assert!(error.contains("(CulturaX.py), which is not run\n  hint:"), "{error}");
    assert!(error.contains("revision: refs/convert/parquet"), "{error}");
    let export = entries(&[
        "et/train/0000.parquet",
        "et/train/0001.parquet",
        "et/train_sft/0000.parquet",
        "en/partial-train/0000.parquet",
    ]);
    let of = |subset, split| choose(&export, &[], "CulturaX", "refs/convert/parquet", subset, split);
    assert_eq!(paths(&of(Some("et"), "train").unwrap()), ["et/train/0000.parquet", "et/train/0001.parquet"]);
    assert_eq!(paths(&of(Some("et"), "train_sft").unwrap()), ["et/train_sft/0000.parquet"]);
    assert_eq!(paths(&of(Some("en"), "train").unwrap()), ["en/partial-train/0000.parquet"]);
    assert!(of(None, "train").unwrap_err().to_string().contains("it has en, et"));
    assert!(of(Some("et"), "dev").unwrap_err().to_string().contains("it has train, train_sft"));
}

#[test]
fn headers_that_are_none_say_nothing_and_wrong_ones_are_errors() {
    for text in ["", "# title\nconfigs: 5\n", "---\nlicense: mit\n---\n", "---\nlicense: [\n---\n", "---\nno end"] {
        assert!(read_card(text, false).unwrap().subsets.is_empty(), "{text}");
    }
    let wrong = [
        "---\nconfigs: 5\n---\n",
        "---\nconfigs:\n- data_files: a\n---\n",
        "---\nconfigs:\n- {config_name: a, data_files: [{split: train}]}\n---\n",
        "---\nconfigs:\n- {config_name: a, data_files: [{split: train, path: a}, {split: train, path: b}]}\n---\n",
    ];
    for text in wrong {
        assert!(read_card(text, false).is_err(), "{text}");
    }
}

#[test]
fn what_is_not_read_is_said() {
    let files = entries(&["a.jsonl", "b.jsonl", "c.txt"]);
    let chosen = choose(&files, &[], "x", "main", None, "train").unwrap();
    assert_eq!(paths(&chosen), ["a.jsonl", "b.jsonl"]);
    assert_eq!(chosen.left_out, ["c.txt"]);
    let pictures = choose(&entries(&["a.png"]), &[], "x", "main", None, "train").unwrap_err().to_string();
    assert!(pictures.contains("no file in a format that is read"), "{pictures}");
}
