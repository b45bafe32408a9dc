//! What a run says at its end, for a person and for a machine.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::eval::Table;
use crate::progress::short_time;
use crate::study::ground::Ground;

/// The end of a run.
pub struct Summary {
    study: String,
    folder: String,
    table: Option<Table>,
    time: Duration,
    report: Option<String>,
}

impl Summary {
    pub(crate) fn new(ground: &Ground<'_>, table: Option<Table>, time: Duration) -> Self {
        let folder = ground.folder.root().display().to_string();
        Self { study: ground.study.name.clone(), folder, table, time, report: None }
    }

    /// Says where the report is.
    pub fn set_report(&mut self, path: &Path) {
        self.report = Some(path.display().to_string());
    }

    /// The table and where everything is.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        if let Some(table) = &self.table {
            text.push_str(&table.to_terminal());
            text.push('\n');
        }
        text.push_str(&format!("{}: done in {}; everything is in {}", self.study, short_time(self.time), self.folder));
        if let Some(report) = &self.report {
            text.push_str(&format!("\nto read: {report}"));
        }
        text
    }

    /// The same as one object.
    pub fn to_json(&self) -> Value {
        json!({
            "study": self.study,
            "folder": self.folder,
            "seconds": self.time.as_secs_f64(),
            "report": self.report,
            "comparison": self.table.as_ref().map(Table::to_json),
        })
    }
}
