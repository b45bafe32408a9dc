//! Training curves: the loss of each job over the tokens it has read, few enough points to draw.

use std::fmt::Write;

use super::plot::{Scale, grid};
use crate::markup::escaped;
use crate::progress::short_count;
use crate::train::LogLine;

/// A line has at most twice so many raw points, and at most so many smoothed ones.
const POINTS: usize = 240;
/// The smoothed line is the mean over this share of the steps.
const SMOOTHED_OVER: usize = 25;

const WIDE: f64 = 360.0;
const HIGH: f64 = 190.0;

/// A job's losses, thinned out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Curve {
    /// `(tokens, loss)`: of each stretch of steps the smallest and the largest.
    pub raw: Vec<(f64, f64)>,
    /// The running mean.
    pub smooth: Vec<(f64, f64)>,
    /// The held-out loss, where it was measured.
    pub held_out: Vec<(f64, f64)>,
}

impl Curve {
    /// Of the lines of a job, in order.
    pub fn of(lines: &[LogLine]) -> Self {
        let all: Vec<(f64, f64)> = lines.iter().map(|line| (line.tokens as f64, line.loss)).collect();
        let all: Vec<(f64, f64)> = all.into_iter().filter(|(_, loss)| loss.is_finite()).collect();
        let size = all.len().div_ceil(POINTS).max(1);
        let mut raw = Vec::new();
        for stretch in all.chunks(size) {
            let by_loss = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
            let ends = stretch.iter().min_by(by_loss).zip(stretch.iter().max_by(by_loss));
            let Some((low, high)) = ends else { continue };
            match low.0.total_cmp(&high.0) {
                std::cmp::Ordering::Less => raw.extend([*low, *high]),
                std::cmp::Ordering::Greater => raw.extend([*high, *low]),
                std::cmp::Ordering::Equal => raw.push(*low),
            }
        }
        let held_out = lines.iter().filter_map(|line| Some((line.tokens as f64, line.evaluation_loss?)));
        let held_out: Vec<(f64, f64)> = held_out.collect();
        let size = held_out.len().div_ceil(POINTS).max(1);
        Self { raw, smooth: smoothed(&all), held_out: held_out.into_iter().step_by(size).collect() }
    }

    fn losses(&self) -> impl Iterator<Item = f64> {
        // What is drawn faintly may leave the plot at the top: the first steps of a fresh adapter would flatten the rest.
        self.smooth.iter().chain(&self.held_out).map(|point| point.1)
    }

    /// The last of the smoothed line.
    pub fn last(&self) -> Option<(f64, f64)> {
        self.smooth.last().copied()
    }
}

/// Means over a window around each of some steps; at the ends the window is cut.
fn smoothed(all: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let half = all.len() / SMOOTHED_OVER / 2;
    let step = all.len().div_ceil(POINTS).max(1);
    let last = all.len().saturating_sub(1);
    let places = (0..all.len()).filter(|at| at.is_multiple_of(step) || *at == last);
    let mean = |at: usize| {
        let window = all.get(at.saturating_sub(half)..(at + half + 1).min(all.len())).unwrap_or_default();
        let sum: f64 = window.iter().map(|point| point.1).sum();
        Some((all.get(at)?.0, sum / window.len() as f64))
    };
    places.filter_map(mean).collect()
}

/// The axis of losses that some curves share.
pub(super) fn loss_scale<'c>(curves: impl Iterator<Item = &'c Curve>) -> Scale {
    let losses: Vec<f64> = curves.flat_map(|curve| curve.losses().collect::<Vec<_>>()).collect();
    let low = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let high = losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if low.is_finite() { (low, high) } else { (0.0, 1.0) };
    let low = if low < 0.4 * high { 0.0 } else { low - 0.05 * (high - low) };
    Scale { low, high: high + 0.05 * (high - low).max(1e-6), from: HIGH - 24.0, to: 10.0 }
}

/// A job's curve as SVG.
pub(super) fn svg(job: &str, curve: &Curve, y: &Scale) -> String {
    let most = curve.raw.iter().map(|point| point.0).fold(1.0, f64::max);
    let x = Scale { low: 0.0, high: most, from: 46.0, to: WIDE - 16.0 };
    let last = curve.last().map(|(tokens, loss)| format!("{loss:.2} after {} tokens", short_count(tokens as u64)));
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDE} {HIGH}\" role=\"img\" aria-label=\"loss of {}, at the end {}\">\n",
        escaped(job),
        last.unwrap_or_default()
    );
    grid(&mut out, y, &|loss| format!("{loss:.1}"));
    let base = y.from;
    let _ = write!(out, "<line class=\"axis\" x1=\"46\" x2=\"{:.0}\" y1=\"{base}\" y2=\"{base}\"/>", WIDE - 16.0);
    for tick in x.ticks(4) {
        let text = if tick == 0.0 { "0".to_owned() } else { short_count(tick as u64) };
        let at = x.at(tick).min(WIDE - 30.0);
        let _ = write!(out, "<text x=\"{at:.1}\" y=\"{:.0}\">{text}</text>", base + 16.0);
    }
    let mut line = |class: &str, points: &[(f64, f64)]| {
        let points = points.iter().map(|(tokens, loss)| format!("{:.1},{:.1}", x.at(*tokens), y.at(*loss).max(y.to)));
        let _ = write!(out, "<polyline class=\"{class}\" points=\"{}\"/>", points.collect::<Vec<_>>().join(" "));
    };
    line("raw", &curve.raw);
    line("line s0", &curve.smooth);
    if !curve.held_out.is_empty() {
        line("line s1 held-out", &curve.held_out);
    }
    out.push_str("\n</svg>\n");
    out
}
