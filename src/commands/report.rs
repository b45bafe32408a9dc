//! `emakeel report`: the page of a run again, or of several runs together.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::ReportArgs;
use crate::commands::output;
use crate::error::Result;
use crate::files;
use crate::progress::Progress;
use crate::report::{FILE, Report};

/// Writes the page, and prints its summary.
pub fn run(args: &ReportArgs, progress: Progress) -> Result<()> {
    let report = Report::open(&args.runs)?;
    let path = args.html.clone().unwrap_or_else(|| match args.runs.as_slice() {
        [run] => run.join(FILE),
        _ => PathBuf::from(FILE),
    });
    files::write(&path, report.to_html())?;
    progress.say(format!("{:>16}  {}", "page", path.display()));
    if args.json {
        let mut value = report.to_json();
        if let Some(object) = value.as_object_mut() {
            let page: Value = json!(path.display().to_string());
            object.insert("report".to_owned(), page);
        }
        return output::print_json(&value);
    }
    output::print(report.to_text())
}
