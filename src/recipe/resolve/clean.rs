//! What is taken out of a source: ranges, and keys that its rows give no meaning.

use super::super::clean::{Clean, Duplicates, DuplicatesWord, LanguageCheck, Near, Sizes};
use super::super::count::Count;
use super::super::language::{language_named, told_languages};
use super::super::nearest;
use super::super::places::Findings;
use super::super::study::{RowTemplate, Source, SourceOrigin};
use super::super::written::{self, LanguageWord};
use crate::error::Error;

/// What is taken out of a source that is resolved but for this.
pub(super) fn clean(source: &Source, written: Option<&written::Clean>, findings: &mut Findings<'_>) -> Clean {
    let written = written.cloned().unwrap_or_default();
    let path = format!("sources.{}.clean", source.name);
    let key = |key: &str| format!("{path}.{key}");
    if source.template != RowTemplate::Plain {
        findings.no_effect(&key("repeated_lines"), "only documents, with template: plain, are looked at line by line");
    }
    if source.template != RowTemplate::Translation {
        for pairs_only in ["ratio", "untranslated"] {
            findings.no_effect(&key(pairs_only), "only a source with template: translation has pairs of sentences");
        }
    }
    let share = "from 0 to 1";
    let unit = |value: f64| (0.0..=1.0).contains(&value);
    let number = |name: &str, value: Option<Option<f64>>, fits: fn(f64) -> bool, expected: &str, hint: &str| {
        (name.to_owned(), value, fits, expected.to_owned(), hint.to_owned())
    };
    let ratio = written.ratio.as_ref().map(|ratio| ratio.most);
    let letters = written.letters.as_ref().map(|letters| letters.least);
    let lines = written.repeated_lines.as_ref().map(|lines| lines.most);
    let checks = [
        number("ratio.most", ratio, |most| most >= 1.0, "at least 1", "such as ratio: { most: 3 }"),
        number("letters.least", letters, unit, share, "such as letters: { least: 0.6 }"),
        number("repeated_lines.most", lines, unit, share, "such as repeated_lines: { most: 0.3 }"),
    ];
    for (name, value, fits, expected, hint) in checks {
        match value {
            None => {}
            Some(None) => findings.missing(&key(&name), &hint),
            Some(Some(value)) => {
                findings.number(&key(&name), value, fits(value), &expected, &hint);
            }
        }
    }
    Clean {
        duplicates: duplicates(&path, &written, findings),
        characters: sizes(&key("characters"), written.characters.as_ref(), findings),
        words: sizes(&key("words"), written.words.as_ref(), findings),
        ratio: ratio.flatten(),
        longest_word: written
            .longest_word
            .map(|most| findings.count(&key("longest_word"), most, 1..=u64::MAX, "40 is usual") as u64),
        letters: letters.flatten(),
        repeated_lines: lines.flatten(),
        untranslated: written.untranslated.unwrap_or(false),
        language: language(&path, source, written.language.as_ref(), findings),
        decontaminate: written.decontaminate.unwrap_or(!matches!(source.origin, SourceOrigin::World { .. })),
    }
}

fn duplicates(path: &str, written: &written::Clean, findings: &mut Findings<'_>) -> Duplicates {
    let word = written.duplicates.unwrap_or(DuplicatesWord::None);
    if word != DuplicatesWord::Near {
        findings.no_effect(&format!("{path}.near"), "it says how duplicates: near works");
    }
    match word {
        DuplicatesWord::None => Duplicates::None,
        DuplicatesWord::Exact => Duplicates::Exact,
        DuplicatesWord::Near => Duplicates::Near(near(path, written.near.as_ref(), findings)),
    }
}

fn near(path: &str, written: Option<&written::Near>, findings: &mut Findings<'_>) -> Near {
    let (written, default) = (written.cloned().unwrap_or_default(), Near::default());
    let key = |key: &str| format!("{path}.near.{key}");
    let count = |value: Option<Count>, default: usize| value.unwrap_or(Count(default as u64));
    let similarity = written.similarity.unwrap_or(default.similarity);
    let (words, hashes) = (count(written.words, default.words), count(written.hashes, default.hashes));
    Near {
        words: findings.count(&key("words"), words, 1..=100, "5 is usual"),
        similarity: findings.number(
            &key("similarity"),
            similarity,
            (0.3..=1.0).contains(&similarity),
            "from 0.3 to 1",
            "0.8 is usual",
        ),
        hashes: findings.count(&key("hashes"), hashes, 16..=1024, "128 is usual"),
    }
}

fn sizes(key: &str, written: Option<&written::Sizes>, findings: &mut Findings<'_>) -> Sizes {
    let Some(written) = written else { return Sizes::default() };
    let (least, most) = (written.least, written.most);
    if least.is_none() && most.is_none() && !findings.is_broken(key) {
        findings.wrong(key, "empty", "a map with least, most or both", "");
    }
    let (least_key, most_key) = (format!("{key}.least"), format!("{key}.most"));
    let mut at_least_one =
        |key: &str, count: Option<Count>| count.map(|count| findings.count(key, count, 1..=u64::MAX, "") as u64);
    let sizes = Sizes { least: at_least_one(&least_key, least), most: at_least_one(&most_key, most) };
    if let (Some(least), Some(most)) = (sizes.least, sizes.most)
        && least > most
        && !findings.is_doubtful(&least_key)
        && !findings.is_doubtful(&most_key)
    {
        findings.wrong(&most_key, most, &format!("at least {least}, the least"), "");
    }
    sizes
}

fn language(
    path: &str,
    source: &Source,
    written: Option<&LanguageWord>,
    findings: &mut Findings<'_>,
) -> Option<LanguageCheck> {
    let key = format!("{path}.language");
    let (check, confidence_key) = match written? {
        LanguageWord::Checked(false) => return None,
        LanguageWord::Checked(true) => (written::LanguageCheck::default(), key.clone()),
        LanguageWord::Confidence(confidence) => {
            (written::LanguageCheck { confidence: Some(*confidence), ..Default::default() }, key.clone())
        }
        LanguageWord::Check(check) => (check.clone(), format!("{key}.confidence")),
    };
    let is_key = format!("{key}.is");
    if source.template == RowTemplate::Translation {
        findings.no_effect(&is_key, "the source's languages name that of each sentence");
        for name in source.languages.iter().flatten().filter(|name| language_named(name).is_none()) {
            let error = Error::new(format!("{key}: no text can be told to be in {name}"));
            findings.report_key(&key, error.hint(nearest::hint(name, "languages that can be told", &told_languages())));
        }
    } else {
        match &check.is {
            None => findings.missing(&is_key, "name the language in English, such as language: { is: Estonian }"),
            Some(name) if language_named(name).is_none() => {
                let expected = "a language that can be told";
                let hint = nearest::hint(name, "languages that can be told", &told_languages());
                findings.wrong(&is_key, format!("{name:?}"), expected, &hint);
            }
            Some(_) => {}
        }
    }
    let confidence = check.confidence.unwrap_or(LanguageCheck::CONFIDENCE);
    let fits = (0.0..=1.0).contains(&confidence);
    findings.number(&confidence_key, confidence, fits, "from 0 to 1", "0.5 takes few texts for others");
    let least = check.least.unwrap_or(Count(LanguageCheck::LEAST));
    let least = findings.count(&format!("{key}.least"), least, 1..=u64::MAX, "texts of 20 characters are told badly");
    Some(LanguageCheck { is: check.is, confidence, least: least as u64 })
}
