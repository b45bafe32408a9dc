//! M2 files: tokenized sentences (`S`) and each annotator's edits (`A`), as in CoNLL-2014 and EstGEC-L2.
//!
//! Each annotator's edits are applied to the sentence, so that references are plain sentences; sentence
//! and references are then detokenized, since no language model writes a space before a comma.
//!
//! The edits themselves are kept too, for the M2 scorer's measures.
//!
//! In EstGEC-L2 an edit of word order (`R:WO`) already holds the corrections of the words that it moves,
//! which are also annotated one by one; the widest of overlapping edits is therefore the one applied.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};

use super::super::example::Example;
use super::super::maxmatch::{Gold, GoldEdit as Edit};
use super::detokenise::detokenise;

/// The sentences with their edits as an example each.
pub(super) fn read(text: &str, path: &Path) -> Result<Vec<Example>> {
    Ok(golds(text, path)?.into_iter().map(example).collect())
}

/// The sentences with their edits as they are.
pub(super) fn golds(text: &str, path: &Path) -> Result<Vec<Gold>> {
    let mut golds = Vec::new();
    let mut sentence: Option<Vec<&str>> = None;
    let mut annotators: BTreeMap<u32, Vec<Edit>> = BTreeMap::new();
    for (line, number) in text.lines().zip(1usize..) {
        let place = || format!("{}:{number}", path.display());
        if let Some(words) = line.strip_prefix("S ") {
            golds.extend(sentence.take().map(|words| gold(&words, std::mem::take(&mut annotators))));
            sentence = Some(words.split_whitespace().collect());
        } else if let Some(annotation) = line.strip_prefix("A ") {
            let words = sentence.as_ref().ok_or_else(|| Error::new("an A line before any S line").at(place()))?;
            let (annotator, edit) = annotation_of(annotation, words.len()).map_err(|error| error.at(place()))?;
            annotators.entry(annotator).or_default().extend(edit);
        } else if !line.trim().is_empty() {
            let error = Error::new("the line").got(format!("{:?}", line.chars().take(20).collect::<String>()));
            return Err(error.expected("an S line, an A line or blank").at(place()));
        }
    }
    golds.extend(sentence.take().map(|words| gold(&words, annotators)));
    Ok(golds)
}

/// `start end|||type|||correction[||correction]|||…|||…|||annotator`; no edit for a `noop`.
fn annotation_of(text: &str, words: usize) -> Result<(u32, Option<Edit>)> {
    let fields: Vec<&str> = text.split("|||").collect();
    let &[span, kind, correction, _, _, annotator] = fields.as_slice() else {
        return Err(Error::new("an A line's fields").got(fields.len()).expected("6, parted by |||"));
    };
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let annotator =
        annotator.trim().parse().map_err(|_| Error::new("annotator").got(annotator).expected("a number"))?;
    let (start, end) = match span.trim().split_once(' ').map(|(start, end)| (number(start), number(end))) {
        _ if kind == "noop" => return Ok((annotator, None)),
        Some((Some(start), Some(end))) if 0 <= start && start <= end && end <= words as i64 => {
            (start as usize, end as usize)
        }
        _ => {
            let expected = format!("two ascending numbers from 0 to {words}");
            return Err(Error::new("the edit's span").got(span).expected(expected));
        }
    };
    let words = |words: &str| if words == "-NONE-" { String::new() } else { words.trim().to_owned() };
    Ok((annotator, Some(Edit { start, end, corrections: correction.split("||").map(words).collect() })))
}

/// A sentence that no one annotated has one annotator who changes nothing.
fn gold(sentence: &[&str], annotators: BTreeMap<u32, Vec<Edit>>) -> Gold {
    let mut annotators: Vec<Vec<Edit>> = annotators.into_values().collect();
    if annotators.is_empty() {
        annotators.push(Vec::new());
    }
    Gold { tokens: sentence.iter().map(|word| (*word).to_owned()).collect(), annotators, tokenized: false }
}

fn example(gold: Gold) -> Example {
    let sentence: Vec<&str> = gold.tokens.iter().map(String::as_str).collect();
    let mut references: Vec<String> = gold.annotators.iter().map(|edits| apply(&sentence, edits)).collect();
    let mut seen = std::collections::HashSet::new();
    references.retain(|reference| seen.insert(reference.clone()));
    Example::Correction { source: detokenise(&sentence), references, gold: Some(gold) }
}

fn apply(sentence: &[&str], edits: &[Edit]) -> String {
    let mut chosen: Vec<&Edit> = Vec::new();
    let mut widest_first: Vec<&Edit> = edits.iter().collect();
    widest_first.sort_by_key(|edit| std::cmp::Reverse(edit.end - edit.start));
    for edit in widest_first {
        if !chosen.iter().any(|other| overlap(edit, other)) {
            chosen.push(edit);
        }
    }
    // A stable sort: several insertions at one place stay in the order of the file.
    chosen.sort_by_key(|edit| (edit.start, edit.end));
    let (mut words, mut position) = (Vec::new(), 0);
    for edit in chosen {
        words.extend(sentence.get(position..edit.start).unwrap_or_default());
        // Of several corrections that are all right, the first.
        words.extend(edit.corrections.first().into_iter().flat_map(|correction| correction.split_whitespace()));
        position = edit.end;
    }
    words.extend(sentence.get(position..).unwrap_or_default());
    detokenise(&words)
}

/// Whether two edits change a common word, or one inserts inside the other.
fn overlap(a: &Edit, b: &Edit) -> bool {
    a.start < b.end && b.start < a.end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(text: &str) -> Result<Vec<Example>> {
        read(text, Path::new("gold.m2"))
    }

    #[test]
    fn the_widest_of_overlapping_edits_is_applied_for_each_annotator() {
        let text = "S Mul ei olnud kassi mitte kunagi .\n\
                    A 2 3|||R:VERB:FORM|||ole olnud|||REQUIRED|||-NONE-|||0\n\
                    A 2 6|||R:WO|||ole kunagi kassi olnud|||REQUIRED|||-NONE-|||0\n\
                    A 4 5|||U:LEX|||-NONE-|||REQUIRED|||-NONE-|||1\n\
                    A 0 0|||M:LEX|||Aga||Kuid|||REQUIRED|||-NONE-|||1\n\n\
                    S Hea .\nA -1 -1|||noop|||-NONE-|||REQUIRED|||-NONE-|||0\n\nS Tore !\n";
        let correction = |source: &str, references: &[&str]| Example::Correction {
            source: source.into(),
            references: references.iter().map(|r| (*r).to_owned()).collect(),
            gold: None,
        };
        let expected = [
            correction(
                "Mul ei olnud kassi mitte kunagi.",
                &["Mul ei ole kunagi kassi olnud.", "Aga Mul ei olnud kassi kunagi."],
            ),
            correction("Hea.", &["Hea."]),
            correction("Tore!", &["Tore!"]),
        ];
        let mut read = read_one(text).unwrap();
        let golds: Vec<Gold> = read
            .iter_mut()
            .filter_map(|example| match example {
                Example::Correction { gold, .. } => gold.take(),
                _ => None,
            })
            .collect();
        assert_eq!(read, expected);
        assert_eq!(golds.iter().map(|gold| gold.annotators.len()).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(golds[0].annotators[1][1].corrections, ["Aga", "Kuid"]);
        assert_eq!(golds[0].annotators[1][0].corrections, [""]);
        assert_eq!(golds[1].tokens, ["Hea", "."]);
    }

    #[test]
    fn broken_annotations_name_their_line() {
        for (text, expected) in [
            (
                "S a b\nA 1 3|||X|||c|||R|||-|||0\n",
                "gold.m2:2  the edit's span is 1 3, must be two ascending numbers from 0 to 2",
            ),
            ("S a b\n\nA 0 1|||X|||c\n", "gold.m2:3  an A line's fields is 3, must be 6, parted by |||"),
            ("A 0 1|||X|||c|||R|||-|||0\n", "gold.m2:1  an A line before any S line"),
            (
                "S a\nwhat is this, please\n",
                "gold.m2:2  the line is \"what is this, please\", must be an S line, an A line or blank",
            ),
        ] {
            assert_eq!(read_one(text).unwrap_err().to_string(), expected);
        }
    }
}
