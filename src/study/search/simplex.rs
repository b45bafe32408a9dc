//! The least value of a function of few numbers, without its derivative.
//!
//! A simplex of one point more than there are numbers walks downhill: its worst point is mirrored at the middle of the
//! others, farther if that is the best so far, less far if it is no better; where nothing helps, all points move to the
//! best one.

use crate::error::Result;

/// The search ends where all points are this near to each other.
const NEAR: f64 = 1e-3;

/// A point and its value.
type Vertex = (Vec<f64>, f64);

/// Walks from the given points, one more than the function has numbers, until `value` gives none or the points meet.
///
/// # Errors
/// Those of `value`.
///
/// # Source
/// Nelder and Mead 1965, "A simplex method for function minimization", with its usual numbers 1, 2, ½ and ½.
pub(super) fn descend(start: Vec<Vec<f64>>, value: &mut dyn FnMut(&[f64]) -> Result<Option<f64>>) -> Result<()> {
    let mut simplex: Vec<Vertex> = Vec::with_capacity(start.len());
    for point in start {
        let Some(found) = value(&point)? else { return Ok(()) };
        simplex.push((point, found));
    }
    loop {
        // A stable order, so that equal values do not change the walk.
        simplex.sort_by(|left, right| left.1.total_cmp(&right.1));
        let (Some(best), Some(worst)) = (simplex.first().cloned(), simplex.last().cloned()) else { return Ok(()) };
        let second = simplex.iter().rev().nth(1).map_or(best.1, |(_, value)| *value);
        if simplex.iter().all(|(point, _)| distance(point, &best.0) < NEAR) {
            return Ok(());
        }
        let others = simplex.get(..simplex.len() - 1).unwrap_or_default();
        let middle = mean(others);
        let mut at = |far: f64| -> Result<Option<Vertex>> {
            let point = between(&middle, &worst.0, -far);
            Ok(value(&point)?.map(|found| (point, found)))
        };
        let Some(mirrored) = at(1.0)? else { return Ok(()) };
        let next = if mirrored.1 < best.1 {
            let Some(farther) = at(2.0)? else { return Ok(()) };
            Some(if farther.1 < mirrored.1 { farther } else { mirrored })
        } else if mirrored.1 < second {
            Some(mirrored)
        } else {
            let outside = mirrored.1 < worst.1;
            let Some(nearer) = at(if outside { 0.5 } else { -0.5 })? else { return Ok(()) };
            (nearer.1 < mirrored.1.min(worst.1)).then_some(nearer)
        };
        match next {
            Some(vertex) => {
                simplex.pop();
                simplex.push(vertex);
            }
            None => {
                for (point, known) in simplex.iter_mut().skip(1) {
                    *point = between(&best.0, point, 0.5);
                    let Some(found) = value(point)? else { return Ok(()) };
                    *known = found;
                }
            }
        }
    }
}

/// The point so far on the way from one to another.
fn between(from: &[f64], to: &[f64], far: f64) -> Vec<f64> {
    from.iter().zip(to).map(|(from, to)| from + far * (to - from)).collect()
}

fn mean(points: &[Vertex]) -> Vec<f64> {
    let size = points.first().map_or(0, |(point, _)| point.len());
    let mut sum = vec![0.0; size];
    for (point, _) in points {
        sum.iter_mut().zip(point).for_each(|(sum, value)| *sum += value);
    }
    sum.iter().map(|sum| sum / points.len() as f64).collect()
}

fn distance(one: &[f64], two: &[f64]) -> f64 {
    one.iter().zip(two).map(|(one, two)| (one - two).abs()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_point_of_a_bowl_and_of_a_bent_valley_are_found() {
        let bowl = |p: &[f64]| (p[0] - 0.3).powi(2) + 4.0 * (p[1] + 0.7).powi(2) + 1.0;
        let valley = |p: &[f64]| (1.0 - p[0]).powi(2) + 100.0 * (p[1] - p[0] * p[0]).powi(2);
        for (function, least, budget) in
            [(&bowl as &dyn Fn(&[f64]) -> f64, [0.3, -0.7], 80), (&valley as _, [1.0, 1.0], 220)]
        {
            let (mut tried, mut best) = (0, (vec![], f64::MAX));
            let start = vec![vec![0.0, 0.0], vec![1.0, 0.0], vec![0.0, 1.0]];
            descend(start, &mut |point| {
                tried += 1;
                let value = function(point);
                if value < best.1 {
                    best = (point.to_vec(), value);
                }
                Ok((tried < budget).then_some(value))
            })
            .unwrap();
            assert!(distance(&best.0, &least) < 0.01, "{best:?} after {tried}");
        }
    }

    #[test]
    fn it_stops_when_there_is_no_more_value_and_when_the_points_meet() {
        let mut tried = 0;
        descend(vec![vec![0.0], vec![1.0]], &mut |point| {
            tried += 1;
            Ok((tried <= 1000).then_some(point[0].abs()))
        })
        .unwrap();
        assert!(tried < 60, "{tried}");
    }
}
