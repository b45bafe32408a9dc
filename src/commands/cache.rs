//! `emakeel cache`: the tokenized sources that are kept for all studies.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::cli::{CacheAction, CacheArgs, CacheCleanArgs};
use crate::commands::output;
use crate::data::stream::{CacheEntry, CacheFolder};
use crate::error::Result;
use crate::progress::{short_bytes, short_count, short_time};

/// Characters of a key that are shown: enough to tell entries apart.
const SHOWN: usize = 12;

/// Lists the entries, or removes old ones.
pub fn run(args: &CacheArgs) -> Result<()> {
    let cache = CacheFolder::choose(args.cache.as_deref())?;
    match &args.action {
        None => list(&cache, args.json),
        Some(CacheAction::Clean(clean)) => remove(&cache, clean, args.json),
    }
}

fn list(cache: &CacheFolder, json: bool) -> Result<()> {
    let entries = cache.entries()?;
    let folder = cache.root().display();
    if json {
        return output::print_json(&json!({ "folder": folder.to_string(), "entries": entries }));
    }
    let bytes = short_bytes(entries.iter().map(|entry| entry.bytes).sum());
    let count = number(entries.len());
    output::print(format!("{}{count}, {bytes} in {folder}", table(&entries)))
}

fn remove(cache: &CacheFolder, args: &CacheCleanArgs, json: bool) -> Result<()> {
    let unused_for = if args.all { Duration::ZERO } else { args.older_than };
    let cleaned = cache.clean(unused_for, args.dry_run)?;
    if json {
        return output::print_json(&cleaned);
    }
    let mut text = table(&cleaned.removed);
    let (count, bytes) = (number(cleaned.removed.len()), short_bytes(cleaned.freed_bytes));
    text.push_str(&match args.dry_run {
        true => format!("{count} would be removed, {bytes} freed"),
        false => format!("{count} removed, {bytes} freed"),
    });
    if !cleaned.in_use.is_empty() {
        text.push_str(&format!("; {} in use and kept", number(cleaned.in_use.len())));
    }
    output::print(text)
}

fn number(entries: usize) -> String {
    if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") }
}

/// A line for each entry below a heading; nothing for no entries.
fn table(entries: &[CacheEntry]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let width = entries.iter().filter_map(|e| Some(e.source.as_ref()?.chars().count())).max().unwrap_or(0).max(6);
    let line = |source: &str, cells: [&str; 5]| {
        let [rows, tokens, size, used, key] = cells;
        format!("{source:<width$}  {rows:>8}  {tokens:>8}  {size:>10}  {used:>12}  {key}\n")
    };
    let mut text = line("source", ["rows", "tokens", "size", "last used", "key"]);
    for entry in entries {
        let used = format!("{} ago", short_time(Duration::from_secs(now.saturating_sub(entry.last_used))));
        let key = entry.key.get(..SHOWN).unwrap_or(&entry.key);
        let key = if entry.damaged { format!("{key} damaged") } else { key.to_owned() };
        let (rows, tokens) = (short_count(entry.rows), short_count(entry.tokens));
        let source = entry.source.as_deref().unwrap_or("unknown");
        text.push_str(&line(source, [&rows, &tokens, &short_bytes(entry.bytes), &used, &key]));
    }
    text
}
