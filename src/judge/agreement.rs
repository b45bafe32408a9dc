//! Whether two agree: raters on the same things, and two ways to rank the same candidates.

/// Of a table of how often one rater said the row and the other the column: the share of the same, and Cohen's κ.
///
/// κ is none where both always say the same one thing: chance alone would do that.
///
/// # Shapes
/// `table: [kinds, kinds]`, row by row
/// # Source
/// Cohen 1960
pub(super) fn kappa(table: &[f64], kinds: usize) -> Option<(f64, Option<f64>)> {
    let total: f64 = table.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let at = |row: usize, column: usize| table.get(row * kinds + column).copied().unwrap_or(0.0);
    let same = (0..kinds).map(|kind| at(kind, kind)).sum::<f64>() / total;
    let by_chance = |kind: usize| {
        let row: f64 = (0..kinds).map(|other| at(kind, other)).sum();
        let column: f64 = (0..kinds).map(|other| at(other, kind)).sum();
        row * column / (total * total)
    };
    let chance: f64 = (0..kinds).map(by_chance).sum();
    let kappa = (chance < 1.0 - 1e-12).then(|| (same - chance) / (1.0 - chance));
    Some((same, kappa))
}

/// Kendall's τ-b of two lists of numbers for the same things; none where one of them is all ties.
pub(super) fn kendall(pairs: &[(f64, f64)]) -> Option<f64> {
    let (mut agree, mut first, mut second) = (0.0, 0.0, 0.0);
    for (at, one) in pairs.iter().enumerate() {
        for other in pairs.iter().skip(at + 1) {
            let (a, b) = (sign(one.0 - other.0), sign(one.1 - other.1));
            agree += a * b;
            first += a * a;
            second += b * b;
        }
    }
    let size = f64::sqrt(first * second);
    (size > 0.0).then(|| agree / size)
}

/// Spearman's ρ: the correlation of ranks, those of ties being their mean.
pub(super) fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    let first = ranks(&pairs.iter().map(|pair| pair.0).collect::<Vec<_>>());
    let second = ranks(&pairs.iter().map(|pair| pair.1).collect::<Vec<_>>());
    let mean = (pairs.len() as f64 + 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let size = (product(&first, &first) * product(&second, &second)).sqrt();
    (size > 0.0).then(|| product(&first, &second) / size)
}

fn sign(difference: f64) -> f64 {
    if difference == 0.0 { 0.0 } else { difference.signum() }
}

/// The rank of each number from 1, the mean of those that equal numbers share.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count() as f64;
        let equal = values.iter().filter(|other| *other == value).count() as f64;
        below + (equal + 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kappa_and_rank_correlations_are_those_of_sklearn_and_scipy() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden/judge.json")).expect("JSON");
        let number = |value: &serde_json::Value| value.as_f64().expect("a number");
        let list = |value: &serde_json::Value| value.as_array().expect("a list").iter().map(number).collect::<Vec<_>>();
        for case in golden["kappa"].as_array().expect("cases") {
            let mut table = vec![0.0; 9];
            for (a, b) in list(&case["first"]).iter().zip(list(&case["second"])) {
                table[(a * 3.0 + b) as usize] += 1.0;
            }
            let found = kappa(&table, 3).and_then(|(_, kappa)| kappa);
            match case["kappa"].as_f64() {
                Some(expected) => assert!((found.expect("a number") - expected).abs() < 1e-12, "{found:?} {case}"),
                None => assert_eq!(found, None, "{case}"),
            }
        }
        for case in golden["ranks"].as_array().expect("cases") {
            let pairs: Vec<(f64, f64)> = list(&case["first"]).into_iter().zip(list(&case["second"])).collect();
            let (tau, rho) = (kendall(&pairs).expect("a number"), spearman(&pairs).expect("a number"));
            assert!((tau - number(&case["kendall"])).abs() < 1e-12, "{tau} {case}");
            assert!((rho - number(&case["spearman"])).abs() < 1e-12, "{rho} {case}");
        }
    }

    #[test]
    fn nothing_rated_and_nothing_to_rank_have_no_value() {
        assert_eq!(kappa(&[0.0; 9], 3), None);
        assert_eq!(kappa(&[5.0, 0.0, 0.0, 0.0], 2), Some((1.0, None)));
        assert_eq!((kendall(&[(1.0, 2.0)]), spearman(&[])), (None, None));
        assert_eq!(kendall(&[(1.0, 2.0), (1.0, 3.0)]), None);
    }

    proptest! {
        #[test]
        fn the_order_of_raters_and_kinds_changes_nothing(table in prop::collection::vec(0u8..9, 9)) {
            let plain: Vec<f64> = table.iter().map(|&count| f64::from(count)).collect();
            let turned: Vec<f64> = (0..9).map(|at| plain[at % 3 * 3 + at / 3]).collect();
            let renamed: Vec<f64> = (0..9).map(|at| plain[(at / 3 + 1) % 3 * 3 + (at % 3 + 1) % 3]).collect();
            let value = |table: &[f64]| kappa(table, 3).and_then(|(_, kappa)| kappa);
            for other in [turned, renamed] {
                match (value(&plain), value(&other)) {
                    (Some(one), Some(other)) => prop_assert!((one - other).abs() < 1e-12 && one <= 1.0 + 1e-12),
                    (one, other) => prop_assert_eq!(one, other),
                }
            }
        }

        #[test]
        fn a_ranking_agrees_with_itself_and_not_with_its_reverse(values in prop::collection::vec(-9i8..9, 2..12)) {
            let pairs: Vec<(f64, f64)> = values.iter().map(|&v| (f64::from(v), f64::from(v) * 3.0 + 1.0)).collect();
            let back: Vec<(f64, f64)> = pairs.iter().map(|&(a, b)| (a, -b)).collect();
            for rank in [kendall, spearman] {
                if let (Some(same), Some(reverse)) = (rank(&pairs), rank(&back)) {
                    prop_assert!((same - 1.0).abs() < 1e-12 && (reverse + 1.0).abs() < 1e-12);
                }
            }
        }
    }
}
