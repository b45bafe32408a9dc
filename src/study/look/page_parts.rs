//! Parts of the page: everything from the data escaped, all tags closed.

use std::fmt::Write;

use super::excerpt::{Document, Excerpt, Piece, Shown};
use super::lengths::{Bar, Lengths};
use super::signs::{self, LINE_END, Sign, TAB, on_one_line};
use super::terminal::heading;
use crate::markup::{escaped, push};
use crate::progress::short_count;

/// Width of a bar with its gap, height of the highest, and the room around, in pixels.
const STEP: usize = 34;
const HIGH: f64 = 120.0;
const TOP: f64 = 34.0;

/// Bars by length, with a line where the sequence length lies.
pub(super) fn chart(out: &mut String, lengths: &Lengths, mark: u64) {
    let bars = lengths.bars(mark);
    let most = bars.iter().map(|bar| bar.rows).max().unwrap_or(0).max(1);
    let (width, base) = (bars.len() * STEP + 180, TOP + HIGH);
    let _ = writeln!(
        out,
        "<svg viewBox=\"0 0 {width} {:.0}\" width=\"{width}\" role=\"img\" aria-label=\"document lengths in tokens\">",
        base + 22.0
    );
    for (index, bar) in bars.iter().enumerate() {
        self::bar(out, bar, index * STEP + 30, most);
    }
    let before = bars.iter().filter(|bar| bar.from <= mark).count();
    let x = before * STEP + 26;
    let _ = writeln!(
        out,
        "<line class=\"mark\" x1=\"{x}\" x2=\"{x}\" y1=\"6\" y2=\"{base:.0}\"/>\
         <text class=\"mark\" x=\"{}\" y=\"15\">a sequence holds {mark}</text>",
        x + 6
    );
    let _ = writeln!(
        out,
        "<line class=\"axis\" x1=\"26\" x2=\"{}\" y1=\"{base:.0}\" y2=\"{base:.0}\"/></svg>",
        width - 150
    );
}

fn bar(out: &mut String, bar: &Bar, x: usize, most: u64) {
    let height = bar.rows as f64 / most as f64 * HIGH;
    let height = if bar.rows > 0 { height.max(1.0) } else { 0.0 };
    let (top, wide, middle) = (TOP + HIGH - height, STEP - 8, x + (STEP - 8) / 2);
    let _ = write!(
        out,
        "<g><title>{} to {} tokens: {} rows</title>\
         <rect x=\"{x}\" y=\"{top:.1}\" width=\"{wide}\" height=\"{height:.1}\" rx=\"2\"/>",
        bar.from, bar.to, bar.rows
    );
    if bar.rows > 0 {
        let _ =
            write!(out, "<text x=\"{middle}\" y=\"{:.1}\" class=\"rows\">{}</text>", top - 4.0, short_count(bar.rows));
    }
    let _ = writeln!(out, "<text x=\"{middle}\" y=\"{:.0}\" class=\"from\">{}</text></g>", TOP + HIGH + 15.0, bar.from);
}

/// A sequence with its documents.
pub(super) fn excerpt(out: &mut String, excerpt: &Excerpt) {
    let (tokens, trained, place) = (excerpt.tokens(), excerpt.targets(), excerpt.place);
    let _ = writeln!(
        out,
        "<article>\n<h3>step {} of {}, sequence {} of {} <small>{tokens} tokens, {trained} trained, {} masked; {}</small></h3>",
        place.step,
        place.steps,
        place.sequence,
        place.of,
        tokens - trained,
        if excerpt.joined { "documents joined" } else { "documents kept apart" },
    );
    for (number, document) in (1..).zip(&excerpt.documents) {
        let _ = writeln!(out, "<p class=\"rule\">{}</p>", escaped(&heading(number, document)));
        out.push_str("<div class=\"text\">");
        document.pieces.iter().for_each(|piece| self::piece(out, document, piece));
        out.push_str("</div>\n");
    }
    out.push_str("</article>\n");
}

/// A token: its class says whether it is trained on, its title what it is.
fn piece(out: &mut String, document: &Document, piece: &Piece) {
    let ids: Vec<String> = piece.ids.iter().map(u32::to_string).collect();
    let name = match &piece.shown {
        Shown::Special(name) => name.clone(),
        Shown::Text(range) => format!("“{}”", on_one_line(document.text.get(range.clone()).unwrap_or_default())),
    };
    let (class, state) = if piece.trained { ("t", "trained") } else { ("m", "masked") };
    let special = if matches!(piece.shown, Shown::Special(_)) { " s" } else { "" };
    let title = escaped(&format!("{} {name} {state}", ids.join(" + ")));
    let _ = write!(out, "<span class=\"{class}{special}\" title=\"{title}\">");
    match &piece.shown {
        Shown::Special(name) => out.push_str(&escaped(name)),
        Shown::Text(range) => {
            for sign in signs::signs(&document.text, range.clone()) {
                match sign {
                    Sign::Plain(character) => push(out, character),
                    Sign::Number(number) => out.push_str(&format!("<i>{}</i>", signs::written(number))),
                    Sign::Tab => out.push_str(&format!("<i>{TAB}</i>")),
                    Sign::LineEnd => out.push_str(&format!("<i>{LINE_END}</i>\n")),
                }
            }
        }
    }
    out.push_str("</span>");
}
