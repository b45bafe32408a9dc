//! What a person sees while work goes on: bars on a terminal, plain lines elsewhere, nothing when quiet.
//!
//! Everything here goes to standard error; standard output carries results only.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a plain line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How to speak to the person: bars, lines, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// A terminal: bars that redraw.
    Bars,
    /// A file or a pipe: one line now and then.
    Lines,
    /// `--quiet`: nothing but errors.
    Silent,
}

/// Prints progress; cheap to copy around.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    voice: Voice,
}

impl Progress {
    /// Bars if standard error is a terminal, else lines; nothing if `quiet`.
    pub fn new(quiet: bool) -> Self {
        let voice = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Voice::Silent,
            (false, true) => Voice::Bars,
            (false, false) => Voice::Lines,
        };
        Self { voice }
    }

    /// No output at all; for tests and for library users.
    pub fn silent() -> Self {
        Self { voice: Voice::Silent }
    }

    /// One line for a person.
    pub fn say(&self, line: impl AsRef<str>) {
        if self.voice != Voice::Silent {
            anstream::eprintln!("{}", line.as_ref());
        }
    }

    /// A bar that starts at `done` of `total`, counted in `unit` (tokens, rows, prompts).
    pub fn bar(&self, label: &str, unit: &'static str, done: u64, total: u64) -> Bar {
        let bar = match self.voice {
            Voice::Bars => ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8)),
            Voice::Lines | Voice::Silent => ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden()),
        };
        let count = match unit {
            "bytes" => "{binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}".to_owned(),
            unit => format!("{{human_pos}}/{{human_len}} {unit}  {{per_sec:.0}} {unit}/s"),
        };
        let template = format!("{{prefix:>16}} [{{bar:24}}] {count}  {{eta}} left  {{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.with_key("per_sec", per_second).progress_chars("=> "));
        }
        bar.set_prefix(label.to_owned());
        bar.set_position(done);
        bar.reset_eta();
        Bar {
            bar,
            label: label.to_owned(),
            unit,
            started: Instant::now(),
            from: done,
            said: Instant::now(),
            voice: self.voice,
        }
    }
}

fn per_second(state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write) {
    // A failed write only means a bar that is not drawn.
    let _ = write!(out, "{:.0}", state.per_sec());
}

/// Progress of one piece of work.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    label: String,
    unit: &'static str,
    started: Instant,
    from: u64,
    said: Instant,
    voice: Voice,
}

impl Bar {
    /// Moves on by `count` units, with a few words behind the bar (the loss, say).
    pub fn advance(&mut self, count: u64, words: impl Into<String>) {
        self.bar.inc(count);
        let words = words.into();
        if self.voice == Voice::Lines && self.said.elapsed() >= LINE_EVERY {
            self.said = Instant::now();
            anstream::eprintln!("{}", self.line(&words));
        }
        self.bar.set_message(words);
    }

    /// Clears the bar and leaves one line that says what was done, at what rate.
    pub fn finish(self, words: impl AsRef<str>) {
        // Clearing moves the bar to its end; what was done is said as it was.
        let line = self.line(words.as_ref());
        self.bar.finish_and_clear();
        if self.voice != Voice::Silent {
            anstream::eprintln!("{line}");
        }
    }

    /// Units a second since the bar was made.
    pub fn rate(&self) -> f64 {
        let seconds = self.started.elapsed().as_secs_f64();
        (self.bar.position().saturating_sub(self.from)) as f64 / seconds.max(1e-9)
    }

    fn line(&self, words: &str) -> String {
        let rate = self.rate();
        let left = self.bar.length().unwrap_or(0).saturating_sub(self.bar.position());
        let eta = Duration::from_secs_f64((left as f64 / rate.max(1e-9)).min(3.15e7));
        let time = match left {
            0 => format!("in {}", short_time(self.started.elapsed())),
            _ => format!("{} left", short_time(eta)),
        };
        let (done, total, unit) = (self.bar.position(), self.bar.length().unwrap_or(0), self.unit);
        let count = match unit {
            "bytes" => format!("{}/{}  {}/s", short_bytes(done), short_bytes(total), short_bytes(rate as u64)),
            unit => format!("{done}/{total} {unit}  {rate:.0} {unit}/s"),
        };
        format!("{:>16}  {count}  {time}  {words}", self.label)
    }
}

/// A duration in one or two units: `41s`, `3m 05s`, `2h 07m`, `5d 3h`.
pub fn short_time(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A count as people read it: `950`, `12.3K`, `1.25M`, `6.74B`.
pub fn short_count(count: u64) -> String {
    let value = count as f64;
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}K", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2}M", value / 1e6),
        _ => format!("{:.2}B", value / 1e9),
    }
}

/// Bytes in binary units: `512 B`, `3.8 MiB`, `23.4 GiB`.
pub fn short_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_carry_units() {
        assert_eq!(short_time(Duration::from_secs(185)), "3m 05s");
        assert_eq!(short_time(Duration::from_secs(7_620)), "2h 07m");
        assert_eq!(short_count(6_738_415_616), "6.74B");
        assert_eq!(short_count(999), "999");
        assert_eq!(short_bytes(3_984_589), "3.8 MiB");
        assert_eq!(short_bytes(12), "12 B");
    }

    #[test]
    fn a_silent_bar_still_counts() {
        let mut bar = Progress::silent().bar("pretrain", "tokens", 100, 300);
        bar.advance(50, "loss 2.1");
        assert!(bar.line("loss 2.1").contains("150/300 tokens"));
    }
}
