//! What a run says at its end, for a person and for a machine.

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
}

impl Summary {
    pub(crate) fn new(ground: &Ground<'_>, table: Option<Table>, time: Duration) -> Self {
        Self { study: ground.study.name.clone(), folder: ground.folder.root().display().to_string(), table, time }
    }

    /// The table and where everything is.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        if let Some(table) = &self.table {
            text.push_str(&table.to_terminal());
            text.push('\n');
        }
        text.push_str(&format!("{}: done in {}; everything is in {}", self.study, short_time(self.time), self.folder));
        text
    }

    /// The same as one object.
    pub fn to_json(&self) -> Value {
        json!({
            "study": self.study,
            "folder": self.folder,
            "seconds": self.time.as_secs_f64(),
            "comparison": self.table.as_ref().map(Table::to_json),
        })
    }
}
