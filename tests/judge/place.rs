//! A run folder whose comparison is made: three candidates and their answers to eight questions of the built-in world.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use emakeel::eval::Prediction;
use serde_json::json;

/// What must not be found anywhere.
pub const KEY: &str = "sk-proj-Xq7vT-not-for-anyones-eyes-81";
pub const QUESTIONS: usize = 8;
/// With how large a number each one answers: better than those after it but for one question of four.
pub const CANDIDATES: [&str; 3] = ["alusmudel", "keelepuu", "tõlkija@alusmudel"];

pub struct Place {
    root: tempfile::TempDir,
}

impl Place {
    /// `judge` are the keys of the recipe's judge.
    pub fn new(judge: &str) -> Self {
        let place = Self { root: tempfile::tempdir().expect("a folder") };
        place.recipe(judge);
        let scores = |value: f64| json!([{ "value": value, "interval": null, "standing": "best" }]);
        let comparison = json!({
            "columns": [{ "task": "answer Estonian, world", "metric": "f1", "name": "F1", "unit": "%",
                          "higher_is_better": true, "examples": QUESTIONS }],
            "candidates": CANDIDATES.iter().zip([30.0, 20.0, 10.0])
                .map(|(name, value)| json!({ "candidate": name, "scores": scores(value) })).collect::<Vec<_>>(),
        });
        std::fs::write(place.run().join("comparison.json"), comparison.to_string()).expect("written");
        for candidate in 0..CANDIDATES.len() {
            place.answers(candidate, |question| number(candidate, question));
        }
        place
    }

    pub fn recipe(&self, judge: &str) {
        let judge = if judge.is_empty() { String::new() } else { format!("  judge: {{ model: kohtunik, {judge} }}\n") };
        let recipe = format!(
            "name: study\nseed: 7\nbase: {{ builtin: tiny-english }}\ncompare:\n  limit: {QUESTIONS}\n  tasks:\n    \
             - {{ task: answer, data: world, language: Estonian }}\n    - {{ task: perplexity, data: world }}\n{judge}"
        );
        std::fs::create_dir_all(self.run()).expect("a folder");
        std::fs::write(self.run().join("recipe.yaml"), recipe).expect("written");
    }

    /// Writes what a candidate answered; each answer is told from others by its number.
    pub fn answers(&self, candidate: usize, number: impl Fn(usize) -> u32) {
        let predictions: Vec<Prediction> = (0..QUESTIONS)
            .map(|example| Prediction {
                read: None,
                example,
                prompt: "?".into(),
                source: String::new(),
                answer: format!("vastus {}", number(example)),
                references: vec!["vastus".into()],
                likelihoods: Vec::new(),
                gold: None,
                scores: [("F1".to_owned(), f64::from(number(example)))].into(),
            })
            .collect();
        let folder = self.run().join("compare").join(CANDIDATES[candidate]);
        std::fs::create_dir_all(&folder).expect("a folder");
        emakeel::eval::prediction::write(&folder.join("answer-estonian-world.jsonl"), &predictions).expect("written");
    }

    pub fn run(&self) -> PathBuf {
        self.root.path().join("run")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// `emakeel compare RUN`.
    pub fn compare(&self, base: &str, arguments: &[&str]) -> Command {
        let mut command = self.program(base);
        command.arg("compare").arg(self.run()).args(arguments);
        command
    }

    /// The program, with the key and nothing else of a judge's in its environment, and a cache of its own.
    pub fn program(&self, base: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_emakeel"));
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            command.env_remove(name);
        }
        command.env("EMAKEEL_CACHE", self.path("cache")).env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", base);
        command
    }

    pub fn judge(&self, base: &str) -> Output {
        self.compare(base, &["--judge"]).output().expect("the program runs")
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.run().join("judge").join(name)).expect("the file")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.read("judge.json")).expect("JSON")
    }

    /// The key, or a telling part of it, is in nothing that was printed and in no file.
    pub fn holds_no_key(&self, output: &Output) {
        let mut texts = vec![output.stdout.clone(), output.stderr.clone()];
        all_files(self.root.path(), &mut texts);
        assert!(texts.len() > 8);
        for text in texts {
            let text = String::from_utf8_lossy(&text);
            assert!(!text.contains("sk-pro") && !text.contains("not-for-anyones-eyes"), "{text}");
        }
    }
}

pub fn number(candidate: usize, question: usize) -> u32 {
    let better = if question % 4 == 3 { candidate } else { 2 - candidate };
    10 * (question as u32 % 3) + 3 * better as u32 + 1
}

fn all_files(folder: &Path, texts: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => all_files(&path, texts),
            path => texts.push(std::fs::read(path).expect("a file")),
        }
    }
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
