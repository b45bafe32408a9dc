//! Plots as SVG: scores with their intervals over an axis of numbers. Colours are the page's.

use std::fmt::Write;

use super::series::{Point, Series};
use crate::markup::escaped;

/// The plot in its own units; the page scales it.
const WIDE: f64 = 360.0;
const HIGH: f64 = 220.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;
/// Series at the same place stand so far beside each other.
const APART: f64 = 7.0;
/// Labels of the axis below stand at least so far from each other.
const LABEL_ROOM: f64 = 40.0;

/// What a plot shows beside its series.
pub(super) struct Frame<'a> {
    /// What stands below the axis.
    pub x_label: &'a str,
    /// What it shows, for those who do not see it.
    pub title: &'a str,
    /// How a place on the axis below is written.
    pub x_text: &'a dyn Fn(f64) -> String,
    /// How a score is written.
    pub y_text: &'a dyn Fn(f64) -> String,
    /// All series of a section, so that one has the same colour in each of its plots.
    pub names: &'a [String],
}

/// A range of numbers on a stretch of the plot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub low: f64,
    pub high: f64,
    pub from: f64,
    pub to: f64,
}

impl Scale {
    /// Where a number lies.
    pub fn at(&self, value: f64) -> f64 {
        let share = if self.high > self.low { (value - self.low) / (self.high - self.low) } else { 0.5 };
        self.from + share * (self.to - self.from)
    }

    /// Round numbers inside the range, about `count` of them.
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        let rough = (self.high - self.low) / count.max(1) as f64;
        if !rough.is_finite() || rough <= 0.0 {
            return vec![self.low];
        }
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|it| it * power).into_iter().find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(10.0 * power);
        let first = (self.low / step).ceil() as i64;
        (first..first + 100).map(|n| n as f64 * step).take_while(|tick| *tick <= self.high + step * 1e-9).collect()
    }
}

/// The axis of scores: all intervals, and zero where it is near.
fn y_scale(series: &[Series]) -> Scale {
    let points = || series.iter().flat_map(|series| &series.points);
    let low =
        points().map(|point| point.interval.map_or(point.y, |i| i.low.min(point.y))).fold(f64::INFINITY, f64::min);
    let high = points().map(|point| point.interval.map_or(point.y, |i| i.high.max(point.y)));
    let high = high.fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
    let low = if low >= 0.0 && low < 0.4 * high { 0.0 } else { low };
    let room = ((high - low) * 0.06).max(1e-9);
    Scale { low: if low == 0.0 { 0.0 } else { low - room }, high: high + room, from: HIGH - BOTTOM, to: TOP }
}

fn x_scale(series: &[Series]) -> Scale {
    let places = || series.iter().flat_map(|series| &series.points).map(|point| point.x);
    let (low, high) = (places().fold(f64::INFINITY, f64::min), places().fold(f64::NEG_INFINITY, f64::max));
    let (low, high) = if low.is_finite() { (low, high) } else { (0.0, 1.0) };
    Scale { low, high, from: LEFT + 18.0, to: WIDE - RIGHT - 18.0 }
}

/// The plot.
pub(super) fn plot(frame: &Frame<'_>, series: &[Series]) -> String {
    let (x, y) = (x_scale(series), y_scale(series));
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDE} {HIGH}\" role=\"img\" aria-label=\"{}\">\n",
        escaped(&described(frame, series))
    );
    grid(&mut out, &y, frame.y_text);
    x_axis(&mut out, frame, &x, series);
    for series in series {
        let number = frame.names.iter().position(|name| *name == series.name).unwrap_or(0);
        let aside = (number as f64 - (frame.names.len() as f64 - 1.0) / 2.0) * APART;
        line(&mut out, series, number, |point| (x.at(point.x) + aside, y.at(point.y)));
        for point in &series.points {
            mark(&mut out, frame, point, number, (x.at(point.x) + aside, &y));
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Lines across, with their numbers on the left.
pub(super) fn grid(out: &mut String, y: &Scale, text: &dyn Fn(f64) -> String) {
    for tick in y.ticks(4) {
        let text = text(tick);
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        let at = y.at(tick);
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"y\" x=\"{:.0}\" y=\"{:.1}\">{}</text>",
            WIDE - RIGHT,
            LEFT - 6.0,
            at + 3.5,
            escaped(text)
        );
    }
    out.push('\n');
}

/// The axis below, with a label for each place that has room.
fn x_axis(out: &mut String, frame: &Frame<'_>, x: &Scale, series: &[Series]) {
    let mut places: Vec<f64> = series.iter().flat_map(|series| &series.points).map(|point| point.x).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let base = HIGH - BOTTOM;
    let _ = write!(out, "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{base}\" y2=\"{base}\"/>", WIDE - RIGHT);
    // From the right: the last place is the one that a reader looks for first.
    let mut right = f64::INFINITY;
    for place in places.into_iter().rev() {
        let at = x.at(place);
        let _ =
            write!(out, "<line class=\"axis\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{base}\" y2=\"{:.0}\"/>", base + 4.0);
        if right - at >= LABEL_ROOM {
            let text = escaped(&(frame.x_text)(place));
            let _ = write!(out, "<text x=\"{at:.1}\" y=\"{:.0}\">{text}</text>", base + 16.0);
            right = at;
        }
    }
    let middle = (LEFT + WIDE - RIGHT) / 2.0;
    let _ =
        writeln!(out, "<text class=\"label\" x=\"{middle}\" y=\"{}\">{}</text>", HIGH - 6.0, escaped(frame.x_label));
}

fn line(out: &mut String, series: &Series, number: usize, place: impl Fn(&Point) -> (f64, f64)) {
    let points: Vec<String> = series.points.iter().map(place).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(out, "<polyline class=\"line s{}\" points=\"{}\"/>", number % 6, points.join(" "));
}

/// A point with its interval; the browser says which it is when it is pointed at.
fn mark(out: &mut String, frame: &Frame<'_>, point: &Point, number: usize, (x, y): (f64, &Scale)) {
    let text = (frame.y_text)(point.y);
    let _ = write!(
        out,
        "<g class=\"s{}\" data-candidate=\"{}\"><title>{}: {}, {}</title>",
        number % 6,
        escaped(&point.candidate),
        escaped(&point.candidate),
        escaped(&(frame.x_text)(point.x)),
        escaped(&match point.interval {
            Some(i) => format!("{text} [{}, {}]", (frame.y_text)(i.low), (frame.y_text)(i.high)),
            None => text,
        }),
    );
    if let Some(interval) = point.interval {
        let (low, high) = (y.at(interval.low), y.at(interval.high));
        let (left, right) = (x - 3.0, x + 3.0);
        let _ = write!(
            out,
            "<path class=\"interval\" d=\"M{x:.1} {low:.1}V{high:.1}M{left:.1} {low:.1}H{right:.1}M{left:.1} {high:.1}H{right:.1}\"/>",
        );
    }
    let _ = writeln!(out, "{}</g>", shape(number, x, y.at(point.y)));
}

/// A shape of its own for each series, so that colour is not all that tells them apart.
pub(super) fn shape(number: usize, x: f64, y: f64) -> String {
    let path = match number % 6 {
        0 => return format!("<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>"),
        1 => [(-3.6, -3.6), (3.6, -3.6), (3.6, 3.6), (-3.6, 3.6)].as_slice(),
        2 => &[(0.0, -4.8), (4.4, 3.4), (-4.4, 3.4)],
        3 => &[(0.0, -5.0), (5.0, 0.0), (0.0, 5.0), (-5.0, 0.0)],
        4 => &[(-4.4, -3.4), (4.4, -3.4), (0.0, 4.8)],
        _ => &[
            (-4.5, -1.5),
            (-1.5, -1.5),
            (-1.5, -4.5),
            (1.5, -4.5),
            (1.5, -1.5),
            (4.5, -1.5),
            (4.5, 1.5),
            (1.5, 1.5),
            (1.5, 4.5),
            (-1.5, 4.5),
            (-1.5, 1.5),
            (-4.5, 1.5),
        ],
    };
    let points: Vec<String> = path.iter().map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy)).collect();
    format!("<polygon class=\"mark\" points=\"{}\"/>", points.join(" "))
}

fn described(frame: &Frame<'_>, series: &[Series]) -> String {
    let one = |series: &Series| {
        let points =
            series.points.iter().map(|point| format!("{} at {}", (frame.y_text)(point.y), (frame.x_text)(point.x)));
        format!("{}: {}", series.name, points.collect::<Vec<_>>().join(", "))
    };
    let all: Vec<String> = series.iter().map(one).collect();
    format!("{} over {}. {}", frame.title, frame.x_label, all.join("; "))
}
