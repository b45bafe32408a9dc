//! How strong each of some players is, from games between two at a time.
//!
//! The chance that `i` beats `j` is `p_i / (p_i + p_j)`. A tie is half a win for either. Each player also has one tie
//! with a player of strength 1: with it, one that always won has a strength too, as has one that never played those
//! whom others played; among a hundred games it changes little.
//!
//! # Source
//! Bradley and Terry 1952; Hunter 2004, "MM algorithms for generalized Bradley–Terry models" (the iteration);
//! Caron and Doucet 2012 (the added games, as a prior)

/// Added games of each player.
pub(super) const PRIOR: f64 = 1.0;

/// Changes of a strength, as natural logarithm, that no longer count.
const ENOUGH: f64 = 1e-9;
const MOST_ROUNDS: usize = 5_000;

/// The strengths of `count` players, as natural logarithms with a mean of 0.
///
/// A difference of `d` is a chance of `1 / (1 + exp(-d))`.
///
/// # Shapes
/// `points: [count, count]` row by row, how often the row's player beat the column's; ties are half in either place.
pub(super) fn strengths(points: &[f64], count: usize, prior: f64) -> Vec<f64> {
    let at = |i: usize, j: usize| points.get(i * count + j).copied().unwrap_or(0.0);
    let won: Vec<f64> = (0..count).map(|i| (0..count).map(|j| at(i, j)).sum::<f64>() + prior / 2.0).collect();
    let mut strength = vec![1.0; count];
    for _ in 0..MOST_ROUNDS {
        let next: Vec<f64> = (0..count)
            .map(|i| {
                let own = strength.get(i).copied().unwrap_or(1.0);
                let met = strength.iter().enumerate().filter(|(j, _)| *j != i);
                let games: f64 = met.map(|(j, other)| (at(i, j) + at(j, i)) / (own + other)).sum();
                let games = games + prior / (own + 1.0);
                if games > 0.0 { won.get(i).copied().unwrap_or(0.0) / games } else { own }
            })
            .collect();
        let change =
            next.iter().zip(&strength).map(|(new, old): (&f64, &f64)| (new / old).ln().abs()).fold(0.0, f64::max);
        strength = next;
        if change < ENOUGH {
            break;
        }
    }
    let logs: Vec<f64> = strength.iter().map(|strength| strength.ln()).collect();
    let mean = logs.iter().sum::<f64>() / count.max(1) as f64;
    logs.iter().map(|log| log - mean).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn golden() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/golden/judge.json")).expect("JSON")
    }

    fn numbers(value: &serde_json::Value) -> Vec<f64> {
        value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
    }

    #[test]
    fn strengths_are_those_that_scipy_finds_by_maximising_the_likelihood() {
        let golden = golden();
        let cases = golden["bradley_terry"].as_array().expect("cases");
        assert!(cases.len() >= 4);
        for case in cases {
            let (points, expected) = (numbers(&case["points"]), numbers(&case["strengths"]));
            let found = strengths(&points, expected.len(), case["prior"].as_f64().expect("a number"));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-5, "{found} {expected} in {case}");
            }
        }
    }

    proptest! {
        #[test]
        fn who_has_which_number_changes_nothing(
            games in prop::collection::vec(0u8..20, 16), order in Just(vec![0usize, 1, 2, 3]).prop_shuffle()
        ) {
            let points: Vec<f64> =
                (0..16).map(|at| if at / 4 == at % 4 { 0.0 } else { f64::from(games[at]) / 2.0 }).collect();
            let moved: Vec<f64> = (0..16).map(|at| points[order[at / 4] * 4 + order[at % 4]]).collect();
            let (plain, moved) = (strengths(&points, 4, PRIOR), strengths(&moved, 4, PRIOR));
            for (at, &from) in order.iter().enumerate() {
                prop_assert!((moved[at] - plain[from]).abs() < 1e-6);
            }
            // All results turned round: the strong are weak by as much.
            let turned: Vec<f64> = (0..16).map(|at| points[at % 4 * 4 + at / 4]).collect();
            for (turned, plain) in strengths(&turned, 4, PRIOR).iter().zip(&plain) {
                prop_assert!((turned + plain).abs() < 1e-6);
            }
            prop_assert!(plain.iter().all(|strength| strength.is_finite()));
        }
    }
}
