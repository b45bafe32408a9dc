//! Win rates and strengths from comparisons of two answers, with intervals by bootstrap over questions.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bradley_terry::{PRIOR, strengths};
use crate::eval::Interval;
use crate::eval::bootstrap::{RESAMPLES, Resampled, Rows, resampled_sums, share_interval};
use crate::random::Stream;

/// Which of two candidates is better, the one with the lower number being the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    First,
    Second,
    Tie,
}

/// A comparison: task, question and two candidates, the lower number first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Match {
    pub(super) task: usize,
    pub(super) question: usize,
    pub(super) first: usize,
    pub(super) second: usize,
}

impl Match {
    /// What is drawn together: comparisons of answers to one question are not independent.
    pub(super) fn cluster(&self) -> (usize, usize) {
        (self.task, self.question)
    }
}

impl Outcome {
    /// The same, seen from the other side.
    pub(super) fn turned(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
            Self::Tie => Self::Tie,
        }
    }

    /// The first one's part of the win.
    fn points(self) -> f64 {
        match self {
            Self::First => 1.0,
            Self::Second => 0.0,
            Self::Tie => 0.5,
        }
    }
}

/// A number with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) interval: Option<Interval>,
}

impl Estimate {
    /// A share in percent: where all resamples are the same, which says nothing about spread, Wilson's interval of so
    /// many cases takes the place of the bootstrap's.
    pub(super) fn as_share_of(self, cases: f64) -> Self {
        let spread = self.interval.is_some_and(|interval| interval.high > interval.low);
        if spread { self } else { Self { interval: Some(share_interval(self.value / 100.0 * cases, cases)), ..self } }
    }
}

/// How a candidate did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Standing {
    /// The candidate's number.
    #[serde(skip)]
    pub(super) number: usize,
    pub(super) candidate: String,
    pub(super) wins: u64,
    pub(super) ties: u64,
    pub(super) losses: u64,
    /// Wins and half the ties, percent of its comparisons.
    pub(super) win_rate: Estimate,
    /// Bradley and Terry's, as natural logarithm; the mean of all is 0.
    pub(super) strength: Estimate,
}

/// The sums of values of each question, and what they give in resamples of the questions.
pub(super) struct Clustered {
    width: usize,
    rows: BTreeMap<(usize, usize), Vec<f64>>,
}

impl Clustered {
    pub(super) fn new(width: usize) -> Self {
        Self { width, rows: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, cluster: (usize, usize), column: usize, value: f64) {
        let row = self.rows.entry(cluster).or_insert_with(|| vec![0.0; self.width]);
        if let Some(place) = row.get_mut(column) {
            *place += value;
        }
    }

    /// The sum of a column.
    pub(super) fn total(&self, column: usize) -> f64 {
        self.rows.values().filter_map(|row| row.get(column)).sum()
    }

    /// Of each number that a function makes of sums: its value, and its interval. A resample in which it is not
    /// defined does not count.
    pub(super) fn estimates(&self, draws: Stream, of_sums: impl Fn(&[f64]) -> Vec<f64> + Sync) -> Vec<Estimate> {
        let rows = Rows::new(self.width, self.rows.values().cloned());
        let values = of_sums(&rows.sum());
        let sums = if rows.len() < 2 { Vec::new() } else { resampled_sums(&[&rows], RESAMPLES, draws) };
        let resamples: Vec<Vec<f64>> = sums.into_iter().flatten().collect();
        let resamples: Vec<Vec<f64>> = resamples.par_iter().map(|sums| of_sums(sums)).collect();
        let estimate = |(at, &value): (usize, &f64)| {
            let scores = resamples.iter().filter_map(|values| values.get(at).copied());
            let scores = scores.filter(|score| score.is_finite()).collect();
            Estimate { value, interval: Resampled { value, scores }.interval() }
        };
        values.iter().enumerate().map(estimate).collect()
    }
}

/// Where each candidate that was compared stands; the others have no part in the mean.
pub(super) fn standings(candidates: &[String], games: &[(Match, Outcome)], draws: Stream) -> Vec<Standing> {
    let players: Vec<(usize, &String)> = candidates
        .iter()
        .enumerate()
        .filter(|(number, _)| games.iter().any(|(of, _)| of.first == *number || of.second == *number))
        .collect();
    let count = players.len();
    let place = |number: usize| players.iter().position(|(player, _)| *player == number);
    let mut points = Clustered::new(count * count);
    for (of, outcome) in games {
        let Some((first, second)) = place(of.first).zip(place(of.second)) else { continue };
        points.add(of.cluster(), first * count + second, outcome.points());
        points.add(of.cluster(), second * count + first, outcome.turned().points());
    }
    let rates = points.estimates(draws, |sums| win_rates(sums, count));
    let strengths = points.estimates(draws, |sums| strengths(sums, count, PRIOR));
    let rows = players.iter().zip(rates.iter().zip(&strengths));
    rows.map(|(&(number, candidate), (rate, strength))| {
        let with = |wanted: Outcome| {
            let is_it = |(of, outcome): &&(Match, Outcome)| {
                (of.first == number && *outcome == wanted) || (of.second == number && outcome.turned() == wanted)
            };
            games.iter().filter(is_it).count() as u64
        };
        let [wins, ties, losses] = [Outcome::First, Outcome::Tie, Outcome::Second].map(with);
        let win_rate = rate.as_share_of((wins + ties + losses) as f64);
        Standing { number, candidate: candidate.clone(), wins, ties, losses, win_rate, strength: *strength }
    })
    .collect()
}

/// Percent of each player's points; NaN for one that does not play in a resample.
fn win_rates(points: &[f64], count: usize) -> Vec<f64> {
    let at = |i: usize, j: usize| points.get(i * count + j).copied().unwrap_or(0.0);
    let of = |i: usize| {
        let won: f64 = (0..count).map(|j| at(i, j)).sum();
        let lost: f64 = (0..count).map(|j| at(j, i)).sum();
        100.0 * won / (won + lost)
    };
    (0..count).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("c{number}")).collect()
    }

    #[test]
    fn a_candidate_that_wins_three_of_four_stands_above() {
        let of = |question| Match { task: 0, question, first: 0, second: 1 };
        let games: Vec<(Match, Outcome)> =
            (0..80).map(|n| (of(n), if n % 4 == 3 { Outcome::Second } else { Outcome::First })).collect();
        let standings = standings(&names(3), &games, Stream::new(1, "x"));
        assert_eq!((standings[0].wins, standings[0].ties, standings[0].losses), (60, 0, 20));
        let rate = standings[0].win_rate;
        let interval = rate.interval.unwrap();
        // ±1.96 √(0.75 · 0.25 / 80) is 9.5 percent points.
        assert!(rate.value == 75.0 && (interval.high - interval.low - 19.0).abs() < 3.0, "{interval:?}");
        let apart = standings[0].strength.value - standings[1].strength.value;
        assert!((apart - 3f64.ln()).abs() < 0.05, "{apart}");
        assert_eq!(standings.len(), 2, "the third was not compared");
    }

    #[test]
    fn about_95_of_100_intervals_hold_the_true_rate() {
        let stream = Stream::new(5, "truth");
        let holding = (0..100u64).filter(|&run| {
            let mut points = Clustered::new(4);
            for question in 0..60 {
                let first = stream.child(run).unit_at(question as u64) < 0.6;
                points.add((0, question), if first { 1 } else { 2 }, 1.0);
            }
            let rate = points.estimates(Stream::new(run, "x"), |sums| win_rates(sums, 2))[0].interval.unwrap();
            rate.low <= 60.0 && 60.0 <= rate.high
        });
        // Binomial(100, 0.94): mean 94, standard deviation 2.4; four of them.
        let holding = holding.count();
        assert!(holding >= 84, "{holding}");
    }
}
