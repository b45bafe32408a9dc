//! The knee of a curve: where more tokens begin to buy less.

/// The number of the point that lies farthest above the straight line from the first point to the last, both axes
/// scaled to 0 to 1. None for fewer than four points, for a curve that does not rise from first to last, or where no point
/// lies a tenth above the line: such a curve has no knee to speak of.
///
/// # Shapes
/// `points`: `(tokens, score)`, tokens ascending; more score is better
///
/// # Source
/// Satopää et al. 2011 (Kneedle), without its smoothing: a study has few snapshots
pub(super) fn knee(points: &[(f64, f64)]) -> Option<usize> {
    const TENTH: f64 = 0.1;
    let (first, last) = (points.first()?, points.last()?);
    let (wide, high) = (last.0 - first.0, last.1 - first.1);
    if points.len() < 4 || wide <= 0.0 || high <= 0.0 {
        return None;
    }
    let above = |point: &(f64, f64)| (point.1 - first.1) / high - (point.0 - first.0) / wide;
    let farthest = points.iter().enumerate().max_by(|a, b| above(a.1).total_cmp(&above(b.1)))?;
    (above(farthest.1) >= TENTH).then_some(farthest.0)
}

#[cfg(test)]
mod tests {
    use super::knee;

    #[test]
    fn a_curve_that_saturates_has_its_knee_where_it_bends() {
        let curve = [(1.0, 2.0), (2.0, 8.0), (3.0, 9.0), (4.0, 9.5), (5.0, 10.0)];
        assert_eq!(knee(&curve), Some(1));
    }

    #[test]
    fn lines_falls_and_few_points_have_none() {
        assert_eq!(knee(&[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (4.0, 4.0)]), None);
        assert_eq!(knee(&[(1.0, 4.0), (2.0, 3.5), (3.0, 3.0), (4.0, 2.0)]), None);
        assert_eq!(knee(&[(1.0, 0.0), (2.0, 9.0), (3.0, 10.0)]), None);
    }
}
