//! What a judge will be asked, and what that may cost, before there is an answer.

use std::fmt;

use serde::Serialize;

use super::material::kind;
use super::wording::Wording;
use crate::error::{Error, Place, Result};
use crate::eval::Task;
use crate::progress::short_count;
use crate::recipe::{JudgeSettings, Price};

/// Bytes of a text for each of its tokens, at least, in languages that are written with Latin letters.
const BYTES_A_TOKEN: u64 = 3;

/// The work of a judge, at most: candidates that answer alike are asked about once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Foreseen {
    /// The endpoint's name for the model.
    pub model: String,
    /// Prompts.
    pub prompts: u64,
    /// Tokens that it reads, estimated from bytes.
    pub tokens_read: u64,
    /// Tokens that it writes.
    pub tokens_written: u64,
    /// What they cost, in dollars, if the recipe says what a token costs.
    pub dollars: Option<f64>,
    /// Dollars after which it ends.
    pub budget: Option<f64>,
}

/// The work of a judge of so many candidates.
///
/// # Errors
/// A word of its `tasks` fits no task in which something is written; the wording cannot be read.
pub fn foresee(settings: &JudgeSettings, tasks: &[Task], candidates: usize) -> Result<Foreseen> {
    let wording = settings.prompt.as_deref().map_or_else(|| Ok(Wording::default()), Wording::open)?;
    let written: Vec<(&Task, &str)> = tasks.iter().filter_map(|task| Some((task, kind(task.kind())?))).collect();
    let fits =
        |word: &str, (task, kind): &(&Task, &str)| word == task.name() || word == task.file_name() || word == *kind;
    if let Some(word) = settings.tasks.iter().flatten().find(|word| !written.iter().any(|task| fits(word, task))) {
        let names: Vec<&str> = written.iter().map(|(task, _)| task.name()).collect();
        return Err(Error::new(format!("there is no task {word:?} in which something is written"))
            .hint(format!("the tasks are {}; a kind such as answer names all of its tasks", names.join("; "))))
        .at("compare.judge.tasks");
    }
    let candidates = candidates as u64;
    let others = candidates.saturating_sub(1);
    let pairs = if settings.against.is_some() { 2 * others } else { candidates * others };
    let (pairs, singles) =
        (if settings.mode.pairs() { pairs } else { 0 }, if settings.mode.singles() { candidates } else { 0 });
    let (mut prompts, mut tokens_read) = (0, 0);
    let is_judged =
        |task: &&(&Task, &str)| settings.tasks.as_ref().is_none_or(|words| words.iter().any(|word| fits(word, task)));
    for (task, _) in written.iter().filter(is_judged) {
        let questions = task.len().min(settings.questions) as u64;
        let bytes: usize = task.questions().map(|text| text.len()).sum();
        let question = bytes.div_ceil(task.len().max(1)) as u64;
        let answer = task.max_new_tokens() as u64;
        let [pair, single] = [wording.pair("", "", ["", ""]), wording.single("", "", "")].map(|text| text.len() as u64);
        prompts += questions * (pairs + singles);
        tokens_read += questions * pairs * ((pair + question) / BYTES_A_TOKEN + 2 * answer);
        tokens_read += questions * singles * ((single + question) / BYTES_A_TOKEN + answer);
    }
    let tokens_written = prompts * settings.max_tokens as u64;
    let dollars = |price: Price| price.of(tokens_read as f64, tokens_written as f64);
    Ok(Foreseen {
        model: settings.model.clone(),
        prompts,
        tokens_read,
        tokens_written,
        dollars: settings.price.map(dollars),
        budget: settings.budget,
    })
}

impl fmt::Display for Foreseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [read, written] = [self.tokens_read, self.tokens_written].map(short_count);
        write!(f, "{} prompts for {} at most, about {read} tokens read, {written} written", self.prompts, self.model)?;
        match (self.dollars, self.budget) {
            (Some(dollars), Some(budget)) if dollars > budget => {
                write!(f, ", ${dollars:.4}: the budget of ${budget} may end it before")
            }
            (Some(dollars), _) => write!(f, ", ${dollars:.4}"),
            (None, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    fn foreseen(judge: &str, candidates: usize) -> Result<Foreseen> {
        let text = format!(
            "name: j\nbase: {{ builtin: tiny-english }}\ncompare:\n  limit: 8\n  tasks:\n    - {{ task: answer, data: world }}\n    \
             - {{ task: translation, data: world, from: English, to: Estonian, max_new_tokens: 10 }}\n    \
             - {{ task: perplexity, data: world }}\n  judge: {{ model: kohtunik, max_tokens: 20, {judge} }}\n"
        );
        let recipe = Recipe::parse(&text, "j.yaml", &[]).unwrap();
        let settings = recipe.study.compare.as_ref().and_then(|compare| compare.judge.clone()).unwrap();
        foresee(&settings, &Task::load_all(&recipe.study).unwrap(), candidates)
    }

    #[test]
    fn every_prompt_is_counted_before_any_answer() {
        // Two tasks of eight questions, of each every pair of four candidates in both orders.
        let pairs = foreseen("mode: pairwise", 4).unwrap();
        assert_eq!((pairs.prompts, pairs.tokens_written, pairs.dollars), (2 * 8 * 12, 2 * 8 * 12 * 20, None));
        let against = foreseen("mode: both, against: base, questions: 5, tasks: answer", 4).unwrap();
        assert_eq!(against.prompts, 5 * (6 + 4));
        let priced =
            foreseen("questions: 1, tasks: translation, price: { input: 10, output: 100 }, budget: 0.005", 2).unwrap();
        let expected = (priced.tokens_read as f64 * 10.0 + 40.0 * 100.0) / 1e6;
        assert!((priced.dollars.unwrap() - expected).abs() < 1e-12, "{priced:?}");
        // The wording, two answers of ten tokens, and a sentence to translate.
        let least = 2 * (Wording::default().pair("", "", ["", ""]).len() as u64 / 3 + 20);
        assert!((least..least + 2 * 60).contains(&priced.tokens_read), "{priced:?} {least}");
        assert!(priced.to_string().ends_with(": the budget of $0.005 may end it before"), "{priced}");
        assert_eq!(foreseen("mode: pairwise", 1).unwrap().prompts, 0);
        let unknown = foreseen("tasks: perplexity", 2).unwrap_err().to_string();
        assert!(unknown.starts_with("compare.judge.tasks  there is no task \"perplexity\""), "{unknown}");
    }
}
