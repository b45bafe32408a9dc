//! What the replies of a judge say together: who stands where, and how far the judge itself can be trusted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::agreement::{kendall, spearman};
use super::asks::{Asks, Shown};
use super::material::Material;
use super::record::Records;
use super::standing::{Clustered, Estimate, Match, Outcome, Standing, standings};
use super::wording::{Verdict, Winner};
use crate::random::Stream;
use crate::recipe::JudgeSettings;

/// All that is reported.
#[derive(Debug, Serialize)]
pub(super) struct Findings {
    pub(super) model: String,
    /// Prompts that there are, and those with their last reply.
    pub(super) prompts: usize,
    pub(super) answered: usize,
    /// Of these, how many have no verdict that can be read, even when asked again; and how many were cut.
    pub(super) unreadable: usize,
    pub(super) cut: usize,
    /// Comparisons with both orders; those left out because one is missing or cannot be read; those of equal answers.
    pub(super) comparisons: usize,
    pub(super) left_out: usize,
    pub(super) same_answers: usize,
    /// Candidates that answer everything as another one does.
    pub(super) twins: Vec<String>,
    pub(super) overall: Vec<Standing>,
    pub(super) tasks: Vec<OfTask>,
    pub(super) scores: Vec<MeanScore>,
    pub(super) position: Option<Position>,
    pub(super) tokens: [f64; 2],
    pub(super) tokens_counted: bool,
    /// Dollars for the replies used here, and for all in the file.
    pub(super) cost: Option<f64>,
    pub(super) spent_in_all: f64,
}

/// One task.
#[derive(Debug, Serialize)]
pub(super) struct OfTask {
    pub(super) task: String,
    pub(super) standings: Vec<Standing>,
    pub(super) agreement: Vec<WithMetric>,
}

/// How the judge and a metric agree.
#[derive(Debug, Serialize)]
pub(super) struct WithMetric {
    pub(super) metric: String,
    /// Comparisons in which both prefer one, and percent in which it is the same one.
    pub(super) pairs: u64,
    pub(super) same_preference: Option<Estimate>,
    /// Rank correlations over candidates, of strength and score.
    pub(super) spearman: Option<f64>,
    pub(super) kendall: Option<f64>,
}

/// Mean score of a candidate in a task.
#[derive(Debug, Serialize)]
pub(super) struct MeanScore {
    pub(super) task: String,
    pub(super) candidate: String,
    pub(super) answers: u64,
    pub(super) mean: Estimate,
}

/// What the place of an answer does, in percent.
#[derive(Debug, Serialize)]
pub(super) struct Position {
    /// Verdicts for A among those that are no tie.
    pub(super) first_wins: Option<Estimate>,
    /// Comparisons in which the other candidate wins when the order is swapped.
    pub(super) flips: Option<Estimate>,
    /// The same, with those that are a tie in one order only.
    pub(super) changes: Option<Estimate>,
}

/// Both verdicts of a comparison, each about the first and second candidate.
type Orders = [Option<Outcome>; 2];

impl Findings {
    pub(super) fn new(settings: &JudgeSettings, material: &Material, asks: &Asks, records: &Records) -> Self {
        let orders = orders(asks, records);
        let mut games: Vec<(Match, Outcome)> =
            orders.iter().filter_map(|(of, orders)| Some((*of, outcome(orders)?))).collect();
        let same = |&(task, question, first, second): &_| (Match { task, question, first, second }, Outcome::Tie);
        games.extend(asks.same.iter().map(same));
        games.sort_by_key(|(of, _)| *of);
        let draws = Stream::new(material.seed, "bootstrap of the judge");
        let last: BTreeMap<&str, _> =
            asks.asks.iter().filter_map(|ask| Some((ask.key.as_str(), ask.last_word(records)?))).collect();
        let keys: BTreeMap<String, _> = asks
            .asks
            .iter()
            .flat_map(|ask| [1, 2].map(|attempt| ask.key_of(attempt)))
            .filter_map(|key| records.get(&key).map(|record| (key, record)))
            .collect();
        let sum = |of: fn(&super::record::Record) -> f64| keys.values().map(|record| of(record)).sum::<f64>();
        Self {
            model: settings.model.clone(),
            prompts: asks.asks.len(),
            answered: asks.asks.iter().filter(|ask| last.contains_key(ask.key.as_str())).count(),
            unreadable: last.values().filter(|record| record.verdict.is_none()).count(),
            cut: last.values().filter(|record| record.verdict.is_none() && record.cut).count(),
            comparisons: games.len() - asks.same.len(),
            left_out: orders.len() + asks.same.len() - games.len(),
            same_answers: asks.same.len(),
            twins: asks.twins.clone(),
            overall: standings(&material.candidates, &games, draws),
            tasks: of_tasks(material, &games, draws),
            scores: mean_scores(material, asks, records, draws),
            position: (!orders.is_empty()).then(|| position(&orders, draws)),
            tokens: [sum(|record| record.input_tokens), sum(|record| record.output_tokens)],
            tokens_counted: keys.values().all(|record| record.counted),
            cost: settings.price.map(|_| sum(|record| record.cost.unwrap_or(0.0))),
            spent_in_all: records.spent(),
        }
    }
}

/// The verdicts of each comparison: as shown, and turned round.
fn orders(asks: &Asks, records: &Records) -> BTreeMap<Match, Orders> {
    let mut orders: BTreeMap<Match, Orders> = BTreeMap::new();
    for ask in &asks.asks {
        let Shown::Pair(a, b) = ask.shown else { continue };
        let of = Match { task: ask.task, question: ask.question, first: a.min(b), second: a.max(b) };
        let outcome = match ask.last_word(records).and_then(|record| record.verdict) {
            Some(Verdict::Pair(Winner::A)) => Some(Outcome::First),
            Some(Verdict::Pair(Winner::B)) => Some(Outcome::Second),
            Some(Verdict::Pair(Winner::Tie)) => Some(Outcome::Tie),
            _ => None,
        };
        let place = orders.entry(of).or_default();
        if a < b {
            place[0] = outcome;
        } else {
            place[1] = outcome.map(Outcome::turned);
        }
    }
    orders
}

/// A comparison is won by the one that wins in both orders; else it is a tie.
pub(super) fn outcome(orders: &Orders) -> Option<Outcome> {
    match *orders {
        [Some(one), Some(other)] if one == other => Some(one),
        [Some(_), Some(_)] => Some(Outcome::Tie),
        _ => None,
    }
}

/// What the judge says of each comparison that it was asked about in both orders.
pub(super) fn outcomes(asks: &Asks, records: &Records) -> BTreeMap<Match, Outcome> {
    orders(asks, records).iter().filter_map(|(of, orders)| Some((*of, outcome(orders)?))).collect()
}

fn of_tasks(material: &Material, games: &[(Match, Outcome)], draws: Stream) -> Vec<OfTask> {
    let of_task = |(number, task): (usize, &super::material::TaskMaterial)| {
        let games: Vec<(Match, Outcome)> = games.iter().filter(|(of, _)| of.task == number).copied().collect();
        if games.is_empty() {
            return None;
        }
        let standings = standings(&material.candidates, &games, draws);
        let metrics = task.metrics.iter();
        let agreement = metrics.map(|metric| with_metric(material, metric, &games, &standings, draws)).collect();
        Some(OfTask { task: task.name.clone(), standings, agreement })
    };
    material.tasks.iter().enumerate().filter_map(of_task).collect()
}

fn with_metric(
    material: &Material,
    metric: &super::material::MetricOfTask,
    games: &[(Match, Outcome)],
    standings: &[Standing],
    draws: Stream,
) -> WithMetric {
    let sign = if metric.higher_is_better { 1.0 } else { -1.0 };
    let score = |of: &Match, candidate| {
        let answer = material.answer(of.task, of.question, candidate)?;
        answer.scores.get(&metric.name).map(|score| score * sign)
    };
    let mut same = Clustered::new(2);
    let mut pairs = 0;
    for (of, outcome) in games {
        let Some((first, second)) = score(of, of.first).zip(score(of, of.second)) else { continue };
        if *outcome == Outcome::Tie || first == second {
            continue;
        }
        pairs += 1;
        same.add(of.cluster(), 0, f64::from(u8::from((first > second) == (*outcome == Outcome::First))));
        same.add(of.cluster(), 1, 1.0);
    }
    let ranked: Vec<(f64, f64)> = standings
        .iter()
        .filter_map(|standing| {
            let value = metric.values.get(standing.number).copied().flatten()?;
            Some((standing.strength.value, value * sign))
        })
        .collect();
    WithMetric {
        metric: metric.name.clone(),
        pairs,
        same_preference: share(&same, draws, 0, 1),
        spearman: spearman(&ranked),
        kendall: kendall(&ranked),
    }
}

fn mean_scores(material: &Material, asks: &Asks, records: &Records, draws: Stream) -> Vec<MeanScore> {
    let count = material.candidates.len();
    let mut found = Vec::new();
    for (number, task) in material.tasks.iter().enumerate() {
        let mut sums = Clustered::new(2 * count);
        let mut answers = vec![0; count];
        for ask in asks.asks.iter().filter(|ask| ask.task == number) {
            let Shown::One(candidate) = ask.shown else { continue };
            let verdict = ask.last_word(records).and_then(|record| record.verdict);
            if let Some(Verdict::Score(score)) = verdict {
                sums.add((number, ask.question), candidate, score);
                sums.add((number, ask.question), count + candidate, 1.0);
                if let Some(answers) = answers.get_mut(candidate) {
                    *answers += 1;
                }
            }
        }
        let mean = |sums: &[f64]| {
            let (scores, counts) = sums.split_at(count.min(sums.len()));
            scores.iter().zip(counts).map(|(score, count)| score / count).collect()
        };
        let means = sums.estimates(draws, mean);
        let rows = material.candidates.iter().zip(means).zip(answers).filter(|(_, answers)| *answers > 0);
        found.extend(rows.map(|((candidate, mean), answers)| MeanScore {
            task: task.name.clone(),
            candidate: candidate.clone(),
            answers,
            mean,
        }));
    }
    found
}

fn position(orders: &BTreeMap<Match, Orders>, draws: Stream) -> Position {
    // Wins of A, verdicts that are no tie, flips, changes, comparisons with both orders.
    let mut sums = Clustered::new(5);
    for (of, orders) in orders {
        let mut add = |column, value: bool| sums.add(of.cluster(), column, f64::from(u8::from(value)));
        for (order, first) in orders.iter().zip([Outcome::First, Outcome::Second]) {
            if let Some(outcome) = order.filter(|outcome| *outcome != Outcome::Tie) {
                add(0, outcome == first);
                add(1, true);
            }
        }
        if let [Some(one), Some(other)] = *orders {
            add(2, one == other.turned() && one != Outcome::Tie);
            add(3, one != other);
            add(4, true);
        }
    }
    let [first_wins, flips, changes] = [(0, 1), (2, 4), (3, 4)].map(|(part, whole)| share(&sums, draws, part, whole));
    Position { first_wins, flips, changes }
}

/// One column as percent of another; none if that is 0.
fn share(sums: &Clustered, draws: Stream, part: usize, whole: usize) -> Option<Estimate> {
    let of_sums = |sums: &[f64]| {
        let at = |column: usize| sums.get(column).copied().unwrap_or(0.0);
        vec![100.0 * at(part) / at(whole)]
    };
    let estimate = sums.estimates(draws, of_sums).into_iter().next().filter(|estimate| estimate.value.is_finite());
    estimate.map(|estimate| estimate.as_share_of(sums.total(whole)))
}
