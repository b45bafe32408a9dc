//! Sources: files of people, data sets on the Hub, or rows of the built-in world.

use std::path::PathBuf;

use super::super::clean::Clean;
use super::super::count::Count;
use super::super::nearest;
use super::super::places::Findings;
use super::super::shapes::Named;
use super::super::study::{RowTemplate, Source, SourceOrigin};
use super::super::written;
use super::{checks, clean, hub, reading};
use crate::error::Error;

/// The generators of the built-in world, and what their rows are.
pub(in crate::recipe) const GENERATORS: [(&str, RowTemplate); 8] = [
    ("english-text", RowTemplate::Plain),
    ("estonian-text", RowTemplate::Plain),
    ("finnish-text", RowTemplate::Plain),
    ("english-instructions", RowTemplate::Alpaca),
    ("estonian-instructions", RowTemplate::Alpaca),
    ("finnish-instructions", RowTemplate::Alpaca),
    ("translation-pairs", RowTemplate::Translation),
    ("english-finnish-pairs", RowTemplate::Translation),
];

/// The sources that can be used; the others are marked as broken, so that mixtures may name them.
pub(super) fn sources(written: Option<&Named<written::Source>>, findings: &mut Findings<'_>) -> Vec<Source> {
    let mut sources = Vec::new();
    for (name, written) in written.map_or(&[][..], |named| &named.0) {
        let path = format!("sources.{name}");
        checks::folder_name(&path, name, false, findings);
        match origin(&path, written, findings) {
            Some(origin) => sources.push(source(name, &path, written, origin, findings)),
            None => findings.mark_broken(&path),
        }
    }
    sources
}

fn origin(path: &str, written: &written::Source, findings: &mut Findings<'_>) -> Option<SourceOrigin> {
    match (&written.path, &written.builtin, &written.hub) {
        (Some(words), None, None) => {
            let key = format!("{path}.path");
            let files: Vec<PathBuf> = words.at(&key).map(|(_, file)| file.into()).collect();
            if files.is_empty() || files.iter().any(|file| file.as_os_str().is_empty()) {
                findings.wrong(&key, "empty", "a file, a folder, or a list of them", "");
                return None;
            }
            findings.no_effect(&format!("{path}.rows"), "it says how many rows a builtin source makes; see limit");
            Some(SourceOrigin::Files(files))
        }
        (None, Some(generator), None) => world(path, generator, written.rows, findings),
        (None, None, Some(name)) => {
            findings.no_effect(&format!("{path}.rows"), "it says how many rows a builtin source makes; see limit");
            hub::dataset(path, name, written, findings).map(SourceOrigin::Hub)
        }
        (None, None, None) => {
            let broken = ["path", "builtin", "hub"].iter().any(|key| findings.is_broken(&format!("{path}.{key}")));
            if !broken {
                findings.report_key(
                    path,
                    Error::new(format!("{path} has no rows")).hint("give it a path, a builtin or a hub"),
                );
            }
            None
        }
        _ => {
            let error = Error::new(format!("{path} has more than one of path, builtin and hub"));
            findings.report_key(path, error.hint("keep the one that is meant"));
            None
        }
    }
}

fn world(path: &str, generator: &str, rows: Option<Count>, findings: &mut Findings<'_>) -> Option<SourceOrigin> {
    let names = GENERATORS.map(|(name, _)| name);
    let known = names.contains(&generator);
    if !known {
        let hint = nearest::hint(generator, "generators", &names);
        findings.wrong(&format!("{path}.builtin"), format!("{generator:?}"), "a generator inside the program", &hint);
    }
    let key = format!("{path}.rows");
    match rows {
        Some(rows) => {
            findings.count(&key, rows, 1..=1_000_000_000, "");
        }
        None => findings.missing(&key, "say how many rows it makes, such as rows: 2000"),
    }
    known.then(|| SourceOrigin::World { generator: generator.to_owned(), rows: rows.map_or(1, |rows| rows.0) })
}

fn source(
    name: &str,
    path: &str,
    written: &written::Source,
    origin: SourceOrigin,
    findings: &mut Findings<'_>,
) -> Source {
    let template = template(path, written, &origin, findings);
    let languages = languages(path, written, &origin, template, findings);
    let reading = match origin {
        SourceOrigin::World { .. } => reading::of_world(path, findings),
        SourceOrigin::Files(_) | SourceOrigin::Hub(_) => reading::of_files(path, written, template, findings),
    };
    if template != RowTemplate::Plain || matches!(origin, SourceOrigin::World { .. }) {
        findings.no_effect(&format!("{path}.text"), "it names the field of plain rows in a file");
    }
    if !matches!(origin, SourceOrigin::Hub(_)) {
        for key in ["subset", "split", "revision"] {
            findings.no_effect(&format!("{path}.{key}"), "it is a part of a data set on the Hub");
        }
    }
    let limit = written.limit.map(|limit| findings.count(&format!("{path}.limit"), limit, 1..=u64::MAX, "") as u64);
    let mut source =
        Source { name: name.to_owned(), origin, template, languages, reading, limit, clean: Clean::default() };
    source.clean = clean::clean(&source, written.clean.as_ref(), findings);
    source
}

fn template(path: &str, written: &written::Source, origin: &SourceOrigin, findings: &mut Findings<'_>) -> RowTemplate {
    let SourceOrigin::World { generator, .. } = origin else {
        return written.template.unwrap_or(RowTemplate::Plain);
    };
    let own = GENERATORS.iter().find(|(name, _)| name == generator).map_or(RowTemplate::Plain, |(_, own)| *own);
    if written.template.is_some_and(|template| template != own) {
        findings.no_effect(&format!("{path}.template"), &format!("{generator} brings its own"));
    }
    own
}

fn languages(
    path: &str,
    written: &written::Source,
    origin: &SourceOrigin,
    template: RowTemplate,
    findings: &mut Findings<'_>,
) -> Option<[String; 2]> {
    let key = format!("{path}.languages");
    if template != RowTemplate::Translation {
        findings.no_effect(&key, "only template: translation has two languages");
        return None;
    }
    let files = match origin {
        SourceOrigin::World { generator, .. } => {
            let other = if generator == "english-finnish-pairs" { "Finnish" } else { "Estonian" };
            findings.no_effect(&key, &format!("{generator} are English and {other}"));
            return Some(["English".to_owned(), other.to_owned()]);
        }
        SourceOrigin::Files(files) => files.as_slice(),
        // Each row of a data set has both sentences.
        SourceOrigin::Hub(_) => &[],
    };
    let in_fields =
        matches!(origin, SourceOrigin::Hub(_)) || written.fields.is_some() || reading::are_tables(written, files);
    if files.len() != 2 && !in_fields && !findings.is_broken(&format!("{path}.fields")) {
        let expected = "two files whose lines belong together, the first language's first";
        let got = if files.len() == 1 { "one file".to_owned() } else { format!("{} files", files.len()) };
        let hint = "or name the two fields of its rows: fields: { first: translation.en, second: translation.et }";
        findings.wrong(&format!("{path}.path"), got, expected, hint);
    }
    let Some(written) = &written.languages else {
        findings.missing(&key, "name the languages of the two sides, such as languages: [English, Estonian]");
        return None;
    };
    match written.as_slice() {
        [first, second] if first != second && !first.trim().is_empty() && !second.trim().is_empty() => {
            Some([first.clone(), second.clone()])
        }
        other => {
            let got = format!("[{}]", other.join(", "));
            findings.wrong(&key, got, "the names of two languages", "such as [English, Estonian]");
            None
        }
    }
}
