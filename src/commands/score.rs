//! `emakeel score`: texts of any program against references, with intervals, and compared with each other.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::cli::{MetricWord, ScoreArgs, SmoothWord, TestWord};
use crate::commands::output;
use crate::error::{Error, Place, Result};
use crate::eval::outputs::{self, Comparison, References, Test};
use crate::eval::{Bleu, Chrf, Column, Language, Metric, Smoothing, Ter, Tokens};

/// A system with its scores, and how it differs from the first one.
struct Scored<'a> {
    output: &'a Path,
    columns: Vec<Column>,
    comparisons: Vec<Comparison>,
}

/// Scores each output and prints one block for each.
pub fn run(args: &ScoreArgs) -> Result<()> {
    let metrics = metrics(args)?;
    let language = Language::named(&args.language);
    let references = References::read(&args.references, args.m2.as_deref())?;
    let (mut scoring, mut resampling) = (0.0, 0.0);
    let mut systems = Vec::with_capacity(args.outputs.len());
    for output in &args.outputs {
        let predictions = references.beside(output)?;
        let started = Instant::now();
        let rows = outputs::rows(&predictions, &metrics, &language);
        scoring += started.elapsed().as_secs_f64();
        let started = Instant::now();
        systems.push(outputs::columns(&predictions, &metrics, rows, args.resamples, args.seed));
        resampling += started.elapsed().as_secs_f64();
    }
    let started = Instant::now();
    let mut comparisons = outputs::compare(&systems, test(args)).into_iter();
    resampling += started.elapsed().as_secs_f64();
    let scored = args.outputs.iter().zip(systems).enumerate().map(|(number, (output, columns))| Scored {
        output,
        columns,
        comparisons: if number == 0 { Vec::new() } else { comparisons.next().unwrap_or_default() },
    });
    let scored: Vec<Scored<'_>> = scored.collect();
    if args.json {
        return output::print_json(&as_json(args, &scored, (scoring, resampling)));
    }
    output::print(as_text(args, &scored))
}

fn metrics(args: &ScoreArgs) -> Result<Vec<Metric>> {
    let mut metrics = Vec::new();
    for word in &args.metric {
        if (*word == MetricWord::M2) != args.m2.is_some() && (*word == MetricWord::M2 || args.references.is_empty()) {
            let error = Error::usage("--metric m2 and --m2 belong together");
            return Err(error.hint("other metrics need references: --ref FILE"));
        }
        let chrf = Chrf {
            lowercase: args.lowercase,
            whitespace: args.chrf_whitespace,
            smoothing: args.chrf_eps_smoothing,
            word_order: 0,
        };
        match word {
            MetricWord::Bleu => metrics.push(Metric::Bleu(bleu(args)?)),
            MetricWord::Chrf => metrics.push(Metric::Chrf(chrf)),
            MetricWord::ChrfPlusPlus => metrics.push(Metric::Chrf(Chrf { word_order: 2, ..chrf })),
            MetricWord::Ter => metrics.push(Metric::Ter(Ter {
                normalized: args.ter_normalized,
                no_punct: args.ter_no_punct,
                asian_support: args.ter_asian_support,
                case_sensitive: args.ter_case_sensitive,
            })),
            MetricWord::ExactMatch => metrics.push(Metric::ExactMatch),
            MetricWord::F1 => metrics.push(Metric::F1),
            MetricWord::M2 => {
                metrics.extend([Metric::MaxMatchF05, Metric::MaxMatchPrecision, Metric::MaxMatchRecall]);
            }
        }
    }
    Ok(metrics)
}

fn bleu(args: &ScoreArgs) -> Result<Bleu> {
    let smoothing = match (args.smooth, args.smooth_value) {
        (SmoothWord::Exp, None) => Smoothing::Exponential,
        (SmoothWord::None, None) => Smoothing::None,
        (SmoothWord::Floor, value) => Smoothing::Floor(value.unwrap_or(0.1)),
        (SmoothWord::AddK, value) => Smoothing::AddK(value.unwrap_or(1.0)),
        (SmoothWord::Exp | SmoothWord::None, Some(_)) => {
            return Err(Error::usage("--smooth-value has no effect").hint("it goes with --smooth floor or add-k"));
        }
    };
    let tokens = Tokens::named(&args.tokenize, args.model.as_deref()).at("--tokenize")?;
    Ok(Bleu { tokens, smoothing, lowercase: args.lowercase, effective_order: args.effective_order })
}

fn test(args: &ScoreArgs) -> Test {
    match args.test {
        TestWord::Bootstrap => Test::Bootstrap,
        TestWord::Randomisation => Test::Randomisation(args.trials),
    }
}

fn as_json(args: &ScoreArgs, systems: &[Scored<'_>], (scoring, resampling): (f64, f64)) -> Value {
    let system = |scored: &Scored<'_>| {
        let scores = scored.columns.iter().enumerate().map(|(number, column)| {
            json!({
                "metric": column.metric, "name": column.name, "score": column.value, "unit": column.unit,
                "higher_is_better": column.higher_is_better, "interval": column.interval,
                "signature": column.signature, "against_first": scored.comparisons.get(number),
            })
        });
        json!({ "output": scored.output.display().to_string(), "scores": scores.collect::<Vec<_>>() })
    };
    let segments = systems.first().and_then(|first| first.columns.first()).map_or(0, |column| column.examples);
    let test = match args.test {
        TestWord::Bootstrap => json!({ "kind": "paired bootstrap" }),
        TestWord::Randomisation => json!({ "kind": "approximate randomisation", "trials": args.trials }),
    };
    json!({
        "segments": segments, "resamples": args.resamples, "seed": args.seed, "test": test,
        "systems": systems.iter().map(system).collect::<Vec<_>>(),
        "seconds": { "scoring": scoring, "resampling": resampling },
    })
}

fn as_text(args: &ScoreArgs, systems: &[Scored<'_>]) -> String {
    let mut text = String::new();
    let width = systems.iter().flat_map(|scored| &scored.columns).map(|column| column.name.chars().count()).max();
    let width = width.unwrap_or(0);
    for scored in systems {
        let _ = writeln!(text, "{}", scored.output.display());
        for (number, column) in scored.columns.iter().enumerate() {
            let arrow = if column.higher_is_better { '↑' } else { '↓' };
            let _ = write!(text, "  {:width$} {arrow} {:>7.2}", column.name, column.value);
            if let Some(interval) = column.interval {
                let _ = write!(text, "  [{:.2}, {:.2}]", interval.low, interval.high);
            }
            if let Some(comparison) = scored.comparisons.get(number) {
                let _ = write!(text, "  {:+.2}", comparison.difference);
                if let Some((p, holm)) = comparison.p_value.zip(comparison.p_holm) {
                    let _ = write!(text, ", p = {p:.4}, Holm {holm:.4}");
                }
            }
            text.push('\n');
        }
    }
    for column in systems.first().into_iter().flat_map(|first| &first.columns) {
        if let Some(signature) = &column.signature {
            let _ = writeln!(text, "{}|{signature}", column.name);
        }
    }
    let _ = write!(text, "In brackets: 95 % interval, by {} resamples.", args.resamples);
    if systems.len() > 1 {
        let test = match args.test {
            TestWord::Bootstrap => "paired bootstrap".to_owned(),
            TestWord::Randomisation => format!("approximate randomisation, {} trials", args.trials),
        };
        let _ =
            write!(text, " Differences are to the first output; p by {test}, then corrected for all of them (Holm).");
    }
    text
}
