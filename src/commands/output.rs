//! Standard output: results only, and a reader that goes away early is no error.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::judge::Judged;
use crate::study::Summary;

/// Refuses to write a folder that is already there.
pub fn refuse_existing(out: &Path) -> Result<()> {
    if !out.exists() {
        return Ok(());
    }
    Err(Error::new("the folder to write is already there")
        .at(out.display().to_string())
        .hint("give another folder; nothing is overwritten"))
}

/// Prints a result and a line end.
pub fn print(text: impl AsRef<str>) -> Result<()> {
    write(&format!("{}\n", text.as_ref()))
}

/// Prints a piece of a result at once: the words of a model as they come.
pub fn write(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // The reader has seen enough, as with `| head`.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(Error::interrupted("standard output was closed")),
        Err(e) => Err(Error::new(format!("cannot write to standard output: {e}"))),
        Ok(()) => Ok(()),
    }
}

/// Prints one JSON object.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    print(serde_json::to_string_pretty(value).map_err(|e| Error::new(format!("cannot write JSON: {e}")))?)
}

/// Prints the end of a run and what its judge says, and then says what kept its report from being written, if something did.
pub fn print_summary(mut summary: Summary, report: Result<PathBuf>, judged: Option<&Judged>, json: bool) -> Result<()> {
    if let Ok(path) = &report {
        summary.set_report(path);
    }
    if json {
        let mut object = summary.to_json();
        if let (Some(keys), Some(judged)) = (object.as_object_mut(), judged) {
            keys.insert("judge".to_owned(), judged.json.clone());
        }
        print_json(&object)?;
    } else {
        print(summary.to_text())?;
        judged.map_or(Ok(()), |judged| print(format!("\n{}", judged.text.trim_end())))?;
    }
    report.map(|_| ())
}

/// An error as the terminal shows it.
pub fn render_error(error: &Error) -> String {
    let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
    format!("{red}error{red:#}: {error}")
}
