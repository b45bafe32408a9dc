//! Sources, lengths and sequences on a terminal of 100 columns.
//!
//! What is trained on is bold and green, what is masked is dim. Where there are no colours, what is trained on stands in
//! brackets: `⟦ ⟧`. Everything between two rules but the signs of `signs` is what the model gets.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::StageLook;
use super::cells;
use super::excerpt::{Document, Excerpt, Piece, Shown};
use super::lengths::Lengths;
use super::signs::{self, BRACKETS, LINE_END, Sign, TAB, TOKEN_MARK, on_one_line};
use crate::data::Spread;
use crate::data::ledger::SourceLedger;
use crate::progress::short_count;

const COLUMNS: usize = 100;
const TITLE: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();
const TRAINED: Style = AnsiColor::Green.on_default().bold();
const MASKED: Style = QUIET;
/// Columns of the longest bar.
const BAR: usize = 56;

/// How the spans of a sequence are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Whether colours tell what is trained on; brackets do where not.
    pub colours: bool,
    /// Whether a thin mark stands between tokens.
    pub tokens: bool,
}

/// A whole stage.
pub(super) fn stage(stage: &StageLook, marks: Marks) -> String {
    let ledger = &stage.ledger;
    // Writing to a string cannot fail.
    let mut out = String::new();
    let _ = writeln!(out, "{TITLE}{}{TITLE:#}\n  {}", on_one_line(&ledger.stage), ledger.summary());
    sources(&mut out, stage);
    lengths(&mut out, &stage.lengths, ledger.sequence_length);
    for excerpt in &stage.excerpts {
        self::excerpt(&mut out, excerpt, marks);
    }
    out.truncate(out.trim_end().len());
    out
}

/// A block for each source, the figures of all under each other.
fn sources(out: &mut String, stage: &StageLook) {
    let all = cells::of_sources(&stage.ledger);
    let width = |group: usize, at: usize| {
        let cells = all.iter().filter_map(|(_, groups)| groups.get(group)?.cells.get(at));
        let figures = cells.filter(|cell| cell.value.starts_with(|it: char| it.is_ascii_digit()));
        figures.map(|cell| cell.value.chars().count()).max().unwrap_or(0)
    };
    let losses: String = stage.ledger.sources.iter().map(SourceLedger::lost).collect();
    for (name, groups) in &all {
        let _ = writeln!(out, "{TITLE}{}{TITLE:#}", on_one_line(name));
        for (index, group) in groups.iter().enumerate() {
            let mut column = 12;
            let _ = write!(out, "  {QUIET}{:<8}{QUIET:#}", group.name);
            for (at, cell) in group.cells.iter().enumerate() {
                let width = width(index, at);
                let taken = 2 + cell.label.chars().count() + 1 + width.max(cell.value.chars().count());
                if column + taken > COLUMNS {
                    let _ = write!(out, "\n{:10}", "");
                    column = 10;
                }
                let _ = write!(out, "  {QUIET}{}{QUIET:#} {:>width$}", cell.label, cell.value);
                column += taken;
            }
            out.push('\n');
        }
    }
    for line in losses.lines() {
        let _ = writeln!(out, "  {}", on_one_line(line));
    }
}

/// Bars by length, with a rule where the sequence length lies.
fn lengths(out: &mut String, lengths: &Lengths, mark: u64) {
    let bars = lengths.bars(mark);
    let most = bars.iter().map(|bar| bar.rows).max().unwrap_or(0).max(1);
    let _ = writeln!(
        out,
        "{TITLE}document lengths{TITLE:#} {QUIET}in tokens, {} rows{QUIET:#}",
        short_count(lengths.rows())
    );
    let rule = |out: &mut String| {
        let _ = writeln!(out, "  {QUIET}{:─<38}{QUIET:#}", format!("── a sequence holds {mark} "));
    };
    let mut ruled = false;
    for bar in bars {
        if bar.from > mark && !ruled {
            rule(out);
            ruled = true;
        }
        let range = if bar.from == bar.to { bar.from.to_string() } else { format!("{}–{}", bar.from, bar.to) };
        let _ = writeln!(out, "  {range:>15}  {} {}", blocks(bar.rows, most), short_count(bar.rows));
    }
    if !ruled {
        rule(out);
    }
    let figures: Vec<String> = lengths.figures().iter().map(|(name, tokens)| format!("{name} {tokens}")).collect();
    let beyond = match lengths.beyond(mark) {
        0 => "every row fits a sequence".to_owned(),
        rows => format!("{} longer than a sequence", short_count(rows)),
    };
    let _ = writeln!(out, "  {}, {beyond}", figures.join(", "));
}

/// A bar in eighths of a column; whatever is there is seen.
fn blocks(rows: u64, most: u64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (rows as f64 / most as f64 * (BAR * 8) as f64).round() as usize;
    let eighths = if rows > 0 { eighths.max(1) } else { 0 };
    format!("{}{}", "█".repeat(eighths / 8), PARTS.get(eighths % 8).copied().unwrap_or_default())
}

/// A sequence, with a rule before each document.
fn excerpt(out: &mut String, excerpt: &Excerpt, marks: Marks) {
    let (tokens, trained, place) = (excerpt.tokens(), excerpt.targets(), excerpt.place);
    let _ = writeln!(
        out,
        "\n{TITLE}step {} of {}, sequence {} of {}{TITLE:#}  {tokens} tokens, {trained} trained, {} masked; {}",
        place.step,
        place.steps,
        place.sequence,
        place.of,
        tokens - trained,
        if excerpt.joined { "documents joined" } else { "documents kept apart" },
    );
    for (number, document) in (1..).zip(&excerpt.documents) {
        let rule = format!("── {} ", heading(number, document));
        let _ = writeln!(out, "{QUIET}{rule}{}{QUIET:#}", "─".repeat(COLUMNS.saturating_sub(rule.chars().count())));
        Writer { out, document, marks, trained: false }.write();
    }
    let _ = writeln!(out, "{QUIET}{}{QUIET:#}", "─".repeat(COLUMNS));
}

/// What stands over a document: number, where from, counts, and what of it is elsewhere.
pub(super) fn heading(number: usize, document: &Document) -> String {
    let (tokens, trained) = (document.ids.len(), document.targets());
    let mut parts = vec![number.to_string()];
    parts.extend([&document.source, &document.place].map(|name| on_one_line(name)));
    parts.push(format!("{tokens} tokens, {trained} trained, {} masked", tokens - trained));
    if !document.begins {
        parts.push("begins earlier".to_owned());
    }
    if !document.ends {
        parts.push("goes on later".to_owned());
    }
    parts.join(" · ")
}

/// Writes the pieces of a document.
struct Writer<'w> {
    out: &'w mut String,
    document: &'w Document,
    marks: Marks,
    /// Whether a span that is trained on is open.
    trained: bool,
}

impl Writer<'_> {
    fn write(mut self) {
        let document = self.document;
        for (index, piece) in document.pieces.iter().enumerate() {
            if piece.trained != self.trained && !self.marks.colours {
                self.out.push(BRACKETS[usize::from(self.trained)]);
            }
            self.trained = piece.trained;
            // Where a bracket stands, it shows the bound already; where a line begins, a mark would only be in the way.
            if index > 0 && self.marks.tokens && !self.out.ends_with(['\n', BRACKETS[0], BRACKETS[1]]) {
                let _ = write!(self.out, "{QUIET}{TOKEN_MARK}{QUIET:#}");
            }
            self.piece(piece);
        }
        if self.trained && !self.marks.colours {
            self.out.push(BRACKETS[1]);
        }
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    fn piece(&mut self, piece: &Piece) {
        let style = if piece.trained { TRAINED } else { MASKED };
        match &piece.shown {
            Shown::Special(name) => {
                let style = style.underline();
                let _ = write!(self.out, "{style}{name}{style:#}");
            }
            Shown::Text(range) => {
                let _ = write!(self.out, "{style}");
                let mut line_end = false;
                for sign in signs::signs(&self.document.text, range.clone()) {
                    if std::mem::take(&mut line_end) {
                        self.out.push('\n');
                    }
                    match sign {
                        Sign::Plain(character) => self.out.push(character),
                        Sign::Number(number) => self.out.push_str(&signs::written(number)),
                        Sign::Tab => self.out.push(TAB),
                        Sign::LineEnd => {
                            self.out.push(LINE_END);
                            line_end = true;
                        }
                    }
                }
                let _ = write!(self.out, "{style:#}");
                if line_end {
                    self.out.push('\n');
                }
            }
        }
    }
}

/// What the new pieces of a vocabulary do, source by source.
pub(super) fn vocabulary(new_pieces: usize, spreads: &[Spread]) -> String {
    let mut text = format!("characters a token, without and with the {new_pieces} new pieces\n");
    text.push_str(&format!("{:<20} {:>10} {:>10} {:>16}", "source", "without", "with", "new pieces used"));
    for spread in spreads {
        let Spread { source, characters_per_token_before: before, characters_per_token_after: after, .. } = spread;
        let used = spread.new_pieces_used;
        text.push_str(&format!("\n{source:<20} {before:>10.2} {after:>10.2} {used:>16}"));
    }
    text
}
