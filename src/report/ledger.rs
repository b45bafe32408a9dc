//! What was made from what: the ledger of each stage, and the hashes and versions of the lock file.

use std::fmt::Write;

use serde_json::Value;

use super::html::grouped;
use super::summary::percent;
use crate::markup::escaped;

/// A stage's ledger as a table: a line for each source.
pub(super) fn ledger(ledger: &Value) -> String {
    const HEADS: [&str; 12] = [
        "source",
        "asked",
        "given",
        "epochs",
        "rows read",
        "tokens read",
        "trained on",
        "masked",
        "tokens cut",
        "rows too long",
        "rows held out",
        "rows left out",
    ];
    let text = |key: &str| ledger.get(key).and_then(Value::as_str).unwrap_or_default();
    let count = |key: &str| ledger.get(key).and_then(Value::as_u64).unwrap_or(0);
    let mut out = format!(
        "<h3>{}</h3>\n<p class=\"quiet\">{} steps, {} sequences of {} tokens; {} tokens, {} of them trained on</p>\n\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Ledger of {}\"><table>\n<thead><tr>",
        escaped(text("stage")),
        grouped(count("steps")),
        grouped(count("sequences")),
        count("sequence_length"),
        grouped(count("tokens")),
        grouped(count("trained_tokens")),
        escaped(text("stage")),
    );
    HEADS.iter().for_each(|head| out.push_str(&format!("<th scope=\"col\">{head}</th>")));
    out.push_str("</tr></thead>\n<tbody>\n");
    for source in ledger.get("sources").and_then(Value::as_array).into_iter().flatten() {
        let cells: Vec<String> = cells(source).into_iter().map(|cell| format!("<td>{cell}</td>")).collect();
        let name = source.get("source").and_then(Value::as_str).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "<tr><th scope=\"row\">{}</th>{}</tr>", escaped(name), cells.join(""));
    }
    out.push_str("</tbody></table></div>\n");
    out
}

fn cells(source: &Value) -> [String; 11] {
    let number = |key: &str| source.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let count = |key: &str| grouped(number(key).round().max(0.0) as u64);
    let of = |key: &str, what: &str| {
        let count = source.get(key).and_then(|it| it.get(what)).and_then(Value::as_u64);
        count.unwrap_or(0)
    };
    let dropped = source.get("dropped").and_then(Value::as_object);
    let dropped: u64 = dropped.into_iter().flat_map(|it| it.values()).filter_map(|it| it.get("rows")?.as_u64()).sum();
    let left_out = dropped + of("skipped", "count") + of("no_target", "rows");
    [
        percent(number("asked_share")),
        percent(number("realised_share")),
        format!("{:.2}", number("epochs")),
        count("rows_read"),
        count("tokens_read"),
        count("trained_tokens"),
        count("masked_tokens"),
        grouped(of("truncated", "tokens")),
        grouped(of("too_long", "rows")),
        grouped(of("held_out", "rows")),
        grouped(left_out),
    ]
}

/// A JSON object as lines of key and value.
pub(super) fn lock(lock: &Value) -> String {
    let mut lines = Vec::new();
    flatten(lock, "", &mut lines);
    let mut out = String::from("<dl class=\"hashes\">\n");
    for (key, value) in lines {
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escaped(&key), escaped(&value));
    }
    out.push_str("</dl>\n");
    out
}

fn flatten(value: &Value, path: &str, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(value, &path, lines);
            }
        }
        Value::Null => {}
        Value::String(text) => lines.push((path.to_owned(), text.clone())),
        other => lines.push((path.to_owned(), other.to_string())),
    }
}
