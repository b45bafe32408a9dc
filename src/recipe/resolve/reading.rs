//! How the rows of files are read: fields, format, documents, bad rows.

use super::super::nearest;
use super::super::places::Findings;
use super::super::shapes::Named;
use super::super::study::{FileFormat, Reading, RowTemplate, WEIGHT};
use super::super::written;
use crate::error::Error;

/// Keys that say how files are read.
const KEYS: [&str; 6] = ["fields", "format", "documents", "header", "quotes", "on_bad_row"];

/// The reading of a source of files.
pub(super) fn of_files(
    path: &str,
    written: &written::Source,
    template: RowTemplate,
    findings: &mut Findings<'_>,
) -> Reading {
    let text = written.format.is_none_or(|format| format == FileFormat::Text);
    if template != RowTemplate::Plain || !text {
        findings.no_effect(&format!("{path}.documents"), "it says what a document of a plain text file is");
    }
    let table = written.format.is_none_or(|format| matches!(format, FileFormat::Csv | FileFormat::Tsv));
    for key in ["header", "quotes"] {
        if !table {
            findings.no_effect(&format!("{path}.{key}"), "only csv and tsv files have it");
        }
    }
    Reading {
        fields: fields(path, written, template, findings),
        format: written.format,
        documents: written.documents,
        header: written.header.unwrap_or(true),
        quotes: written.quotes.unwrap_or(true),
        on_bad_row: written.on_bad_row.unwrap_or_default(),
    }
}

/// The reading of a source that the program makes itself.
pub(super) fn of_world(path: &str, findings: &mut Findings<'_>) -> Reading {
    for key in KEYS {
        findings.no_effect(&format!("{path}.{key}"), "it says how files are read");
    }
    Reading::default()
}

/// Whether all files are tables by their names, or by what the recipe says.
pub(super) fn are_tables(written: &written::Source, files: &[std::path::PathBuf]) -> bool {
    match written.format {
        Some(format) => matches!(format, FileFormat::Csv | FileFormat::Tsv),
        None => files.iter().all(|file| {
            let name = file.to_string_lossy().to_lowercase();
            let bare = [".gz", ".zst", ".bz2", ".xz"].iter().find_map(|end| name.strip_suffix(end));
            let name = bare.unwrap_or(&name);
            name.ends_with(".csv") || name.ends_with(".tsv")
        }),
    }
}

fn fields(
    path: &str,
    written: &written::Source,
    template: RowTemplate,
    findings: &mut Findings<'_>,
) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    if let Some(name) = &written.text
        && template == RowTemplate::Plain
    {
        named(&format!("{path}.text"), "text", name, &mut fields, findings);
    }
    let known: Vec<&str> = template.fields().iter().copied().chain([WEIGHT]).collect();
    for (own, name) in written.fields.as_ref().map_or(&[][..], |Named(entries)| entries) {
        let key = format!("{path}.fields.{own}");
        if !known.contains(&own.as_str()) {
            let hint = nearest::hint(own, "fields of this template", &known);
            findings.report_key(&key, Error::new(format!("unknown key {key}")).hint(hint));
        } else if written.text.is_some() && own == "text" {
            let error = Error::new(format!("{path} has text and fields.text"));
            findings.report_key(&key, error.hint("keep one of them"));
        } else {
            named(&key, own, name, &mut fields, findings);
        }
    }
    if let (RowTemplate::Translation, true) = (template, written.fields.is_some()) {
        for own in template.fields().iter().filter(|own| !fields.iter().any(|(name, _)| name == *own)) {
            findings.missing(&format!("{path}.fields.{own}"), "a pair has two fields, such as translation.en");
        }
    }
    if template == RowTemplate::Plain {
        // Said or not, the name of a plain row's text is always written out.
        fields.retain(|(own, name)| own != name || own == WEIGHT);
    }
    fields
}

fn named(key: &str, own: &str, name: &str, fields: &mut Vec<(String, String)>, findings: &mut Findings<'_>) {
    if name.is_empty() {
        findings.wrong(key, "empty", "the name of a field, or a dotted path such as translation.en", "");
    }
    fields.push((own.to_owned(), name.to_owned()));
}
