//! What people said on a blind page: read back, and put beside each other and the judge.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::agreement::kappa;
use super::asks::Asks;
use super::blind::{Key, Shown};
use super::findings::outcomes;
use super::material::Material;
use super::record::Records;
use super::report;
use super::standing::{Clustered, Estimate, Match, Outcome, Standing, standings};
use super::{Judged, place};
use crate::error::{Error, Result};
use crate::files;
use crate::random::Stream;
use crate::recipe::{JudgeMode, JudgeSettings, Recipe};

/// The first words of a file of ratings.
const FORMAT: &str = "emakeel ratings 1";
/// First, second, tie.
const KINDS: usize = 3;

/// A file as the page writes it.
#[derive(Debug, Deserialize)]
struct Written {
    format: String,
    page: String,
    #[serde(default)]
    rater: String,
    ratings: Vec<Rating>,
}

#[derive(Debug, Deserialize)]
struct Rating {
    id: String,
    choice: String,
}

/// One person's ratings.
struct Rater {
    name: String,
    said: BTreeMap<Match, Outcome>,
    both_bad: usize,
    /// Ratings of answers that are no longer those of the run folder.
    of_older_answers: usize,
}

/// Everything that is reported.
#[derive(Debug, Serialize)]
struct Report {
    raters: Vec<Counted>,
    ties: &'static str,
    overall: Vec<Standing>,
    tasks: Vec<OfTask>,
    agreement: Vec<Agreement>,
}

#[derive(Debug, Serialize)]
struct Counted {
    rater: String,
    ratings: usize,
    both_bad: usize,
    of_older_answers: usize,
}

#[derive(Debug, Serialize)]
struct OfTask {
    task: String,
    standings: Vec<Standing>,
}

/// How two of them agree.
#[derive(Debug, Serialize)]
struct Agreement {
    first: String,
    second: String,
    /// Comparisons that both judged.
    shared: u32,
    /// Percent in which they said the same.
    same: Option<Estimate>,
    kappa: Option<Estimate>,
}

/// Reads files of ratings, writes `ratings.json` and `ratings.md`, and says what is in them.
///
/// # Errors
/// A file is none of this run folder's pages, or says something that the page cannot; the message says where.
pub fn read(folder: &Path, recipe: &Recipe, paths: &[PathBuf]) -> Result<Judged> {
    let material = Material::read(folder, recipe)?;
    let key_path = place(folder).join("blind.json");
    if !key_path.exists() {
        return Err(Error::new("no blind page was made from this run folder").at(folder.display().to_string()).hint(
            "make one with emakeel compare RUN --blind FILE.html; judge/blind.json says whose answers it shows",
        ));
    }
    let key: Key = files::read_json(&key_path)?;
    let mut raters: Vec<Rater> = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        match rater(path, &key, &material) {
            Ok(mut rater) => {
                let alike = raters.iter().filter(|other| other.name.split(" (").next() == Some(&rater.name)).count();
                if alike > 0 {
                    rater.name = format!("{} ({})", rater.name, alike + 1);
                }
                raters.push(rater);
            }
            Err(error) => errors.push(error),
        }
    }
    if let Some(error) = Error::all(errors) {
        return Err(error);
    }
    let judge = judge(folder, recipe, &material)?;
    let report = report(&material, &raters, judge.as_ref());
    let text = markdown(&report);
    let json = serde_json::to_value(&report).map_err(|e| Error::new(format!("cannot write JSON: {e}")))?;
    files::write_json(&place(folder).join("ratings.json"), &json)?;
    files::write(&place(folder).join("ratings.md"), &text)?;
    Ok(Judged { text, json })
}

fn rater(path: &Path, key: &Key, material: &Material) -> Result<Rater> {
    let file = path.display().to_string();
    let written: Written = files::read_json(path)
        .map_err(|error| error.hint("give the file that the page's button downloads, ratings.json"))?;
    if written.format != FORMAT {
        let error = Error::new("format").got(format!("{:?}", written.format)).expected(format!("{FORMAT:?}"));
        return Err(error.at(file));
    }
    let shown = key.pages.get(&written.page).ok_or_else(|| {
        Error::new(format!("page {:?} was not made from this run folder", written.page))
            .at(&file)
            .hint("the pages are in judge/blind.json of the run folder that made them")
    })?;
    let shown: BTreeMap<&str, &Shown> = shown.iter().map(|pair| (pair.id.as_str(), pair)).collect();
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = if written.rater.trim().is_empty() { stem } else { written.rater.trim().to_owned() };
    let mut rater = Rater { name, said: BTreeMap::new(), both_bad: 0, of_older_answers: 0 };
    let (mut seen, mut errors) = (HashSet::new(), Vec::new());
    for (index, rating) in written.ratings.iter().enumerate() {
        let at = format!("{file}: ratings[{index}]");
        let Some(pair) = shown.get(rating.id.as_str()) else {
            errors.push(Error::new(format!("there is no pair {:?} on this page", rating.id)).at(at));
            continue;
        };
        let left_wins = match rating.choice.as_str() {
            "left" => Outcome::First,
            "right" => Outcome::Second,
            "tie" | "bad" => Outcome::Tie,
            other => {
                let error = Error::new("choice").got(format!("{other:?}")).expected("left, right, tie or bad");
                errors.push(error.at(at));
                continue;
            }
        };
        if !seen.insert(&rating.id) {
            errors.push(Error::new(format!("pair {:?} is rated twice", rating.id)).at(at));
            continue;
        }
        rater.add(pair, left_wins, rating.choice == "bad", material);
    }
    Error::all(errors).map_or(Ok(rater), Err)
}

impl Rater {
    fn add(&mut self, pair: &Shown, left_wins: Outcome, is_bad: bool, material: &Material) {
        let task = material.tasks.iter().position(|task| task.file == pair.task);
        let of = |candidate: &str| material.candidates.iter().position(|known| known == candidate);
        let found = task.zip(of(&pair.left.candidate)).zip(of(&pair.right.candidate));
        let is_same = |((task, left), right): &((usize, usize), usize)| {
            let now = |candidate| material.answer(*task, pair.question, candidate).map(|answer| answer.hash());
            now(*left).as_ref() == Some(&pair.left.answer) && now(*right).as_ref() == Some(&pair.right.answer)
        };
        let Some(((task, left), right)) = found.filter(is_same) else {
            self.of_older_answers += 1;
            return;
        };
        self.both_bad += usize::from(is_bad);
        let of = Match { task, question: pair.question, first: left.min(right), second: left.max(right) };
        self.said.insert(of, if left < right { left_wins } else { left_wins.turned() });
    }
}

/// The verdicts of the recipe's judge, its name first; on all questions that it was ever asked about these answers.
fn judge(folder: &Path, recipe: &Recipe, material: &Material) -> Result<Option<(String, BTreeMap<Match, Outcome>)>> {
    let Some(settings) = recipe.study.compare.as_ref().and_then(|compare| compare.judge.as_ref()) else {
        return Ok(None);
    };
    let everything = JudgeSettings {
        mode: JudgeMode::Pairwise,
        tasks: None,
        against: None,
        questions: usize::MAX,
        ..settings.clone()
    };
    let records = Records::read(&place(folder).join("verdicts.jsonl"))?;
    let asks = Asks::new(&everything, material)?;
    let said = outcomes(&asks, &records);
    Ok((!said.is_empty()).then(|| (format!("judge {}", settings.model), said)))
}

fn report(material: &Material, raters: &[Rater], judge: Option<&(String, BTreeMap<Match, Outcome>)>) -> Report {
    let draws = Stream::new(material.seed, "bootstrap of ratings");
    let games: Vec<(Match, Outcome)> =
        raters.iter().flat_map(|rater| rater.said.iter().map(|(of, outcome)| (*of, *outcome))).collect();
    let of_task = |(number, task): (usize, &super::material::TaskMaterial)| {
        let games: Vec<_> = games.iter().filter(|(of, _)| of.task == number).copied().collect();
        let standings = || standings(&material.candidates, &games, draws);
        (!games.is_empty()).then(|| OfTask { task: task.name.clone(), standings: standings() })
    };
    let mut everyone: Vec<(&str, &BTreeMap<Match, Outcome>)> =
        raters.iter().map(|rater| (rater.name.as_str(), &rater.said)).collect();
    everyone.extend(judge.map(|(name, said)| (name.as_str(), said)));
    let pairs =
        everyone.iter().enumerate().flat_map(|(at, one)| everyone.iter().skip(at + 1).map(move |two| (one, two)));
    Report {
        raters: raters
            .iter()
            .map(|rater| Counted {
                rater: rater.name.clone(),
                ratings: rater.said.len(),
                both_bad: rater.both_bad,
                of_older_answers: rater.of_older_answers,
            })
            .collect(),
        ties: "half a win for either; both bad is a tie",
        overall: standings(&material.candidates, &games, draws),
        tasks: material.tasks.iter().enumerate().filter_map(of_task).collect(),
        agreement: pairs.map(|(one, two)| agreement(*one, *two, draws)).collect(),
    }
}

fn agreement(
    (first, one): (&str, &BTreeMap<Match, Outcome>),
    (second, two): (&str, &BTreeMap<Match, Outcome>),
    draws: Stream,
) -> Agreement {
    let kind = |outcome: &Outcome| match outcome {
        Outcome::First => 0,
        Outcome::Second => 1,
        Outcome::Tie => 2,
    };
    let mut table = Clustered::new(KINDS * KINDS);
    let mut shared = 0u32;
    for (of, said) in one {
        if let Some(other) = two.get(of) {
            shared += 1;
            table.add(of.cluster(), kind(said) * KINDS + kind(other), 1.0);
        }
    }
    let of_sums = |sums: &[f64]| match kappa(sums, KINDS) {
        Some((same, kappa)) => vec![100.0 * same, kappa.unwrap_or(f64::NAN)],
        None => vec![f64::NAN; 2],
    };
    let estimates = table.estimates(draws, of_sums);
    let known = |at: usize| estimates.get(at).copied().filter(|estimate| estimate.value.is_finite());
    let same = known(0).map(|same| same.as_share_of(f64::from(shared)));
    Agreement { first: first.to_owned(), second: second.to_owned(), shared, same, kappa: known(1) }
}

fn markdown(report: &Report) -> String {
    let mut text = "# What people say\n\n".to_owned();
    for rater in &report.raters {
        let older = match rater.of_older_answers {
            0 => String::new(),
            count => format!("; {count} more, of answers that have changed since, are left out"),
        };
        let (name, ratings, bad) = (&rater.rater, rater.ratings, rater.both_bad);
        report::line(&mut text, &format!("- {name}: {ratings} ratings, {bad} of them both bad{older}"));
    }
    text.push_str("\n## All tasks together\n\n");
    report::table(&report.overall, &mut text);
    report::line(&mut text, &format!("\nBoth bad counts as a tie. {}", report::how_to_read()));
    for task in &report.tasks {
        report::line(&mut text, &format!("\n## {}\n", task.task));
        report::table(&task.standings, &mut text);
    }
    if !report.agreement.is_empty() {
        text.push_str("\n## Who agrees with whom\n\n");
        report::line(&mut text, "| | | both judged | said the same | Cohen's κ |");
        report::line(&mut text, "|---|---|---:|---|---|");
        for row in &report.agreement {
            let shown = |estimate: &Option<Estimate>, decimals, unit| {
                estimate.as_ref().map_or_else(|| "–".to_owned(), |known| report::estimate(known, decimals, unit))
            };
            let (same, kappa) = (shown(&row.same, 1, " %"), shown(&row.kappa, 2, ""));
            report::line(&mut text, &format!("| {} | {} | {} | {same} | {kappa} |", row.first, row.second, row.shared));
        }
    }
    text
}
