//! Mixtures: weights that sum to 1, or amounts, and the ratio of bitext.

use super::super::count::Count;
use super::super::places::Findings;
use super::super::shapes::Named;
use super::super::study::{RowTemplate, Source, WEIGHT};
use super::super::training::{Amount, Mixture, MixturePart, Packing};
use super::super::written::{Part, PartKeys};
use super::checks::Scope;
use crate::error::Error;

/// How far from 1 the sum of weights may be and still be 1 but for rounding.
const ROUNDING: f64 = 1e-9;
/// The largest amount: far beyond any source, and whole in floating point.
const MOST: u64 = 1 << 50;

pub(super) fn parts(
    scope: Scope<'_>,
    parts: Option<&Named<Part>>,
    sources: &[Source],
    findings: &mut Findings<'_>,
) -> Vec<MixturePart> {
    let path = scope.key(findings.places, "mixture");
    let written = parts.map_or(&[][..], |named| &named.0);
    if written.is_empty() {
        match parts {
            None => findings.missing(&path, "say what is trained on, such as mixture: { SOURCE: 1 }"),
            Some(_) if findings.is_broken(&path) => {}
            Some(_) => findings.wrong(&path, "empty", "a map with a weight for each source", ""),
        }
    }
    let mut parts: Vec<MixturePart> = written
        .iter()
        .map(|(name, part)| self::part(&format!("{path}.{name}"), name, part, sources, findings))
        .collect();
    if written.iter().any(|(_, part)| is_weight(part) == Some(false)) {
        if written.iter().any(|(_, part)| is_weight(part) == Some(true)) {
            let error = Error::new(format!("{path} has weights and amounts"));
            let hint = "give every source a weight, or every source one of rows, tokens and epochs";
            findings.report(&path, error.hint(hint));
        }
        // One that is inherited is for the entries that have weights.
        let key = format!("{}.stopping_strategy", scope.path);
        findings.no_effect(&key, "with amounts, one time through the mixture is what they say");
    }
    let mut shares: Vec<&mut f64> = parts.iter_mut().filter_map(|part| part.amount.share_mut()).collect();
    let sum: f64 = shares.iter().map(|share| **share).sum();
    if sum > 0.0 && (sum - 1.0).abs() > ROUNDING {
        shares.iter_mut().for_each(|share| **share /= sum);
    }
    parts
}

/// Whether a part has a weight, or another amount; `None` where it has neither.
fn is_weight(part: &Part) -> Option<bool> {
    match part {
        Part::Weight(_) => Some(true),
        Part::Keys(keys) if keys.weight.is_some() => Some(true),
        Part::Keys(keys) => (keys.rows.is_some() || keys.tokens.is_some() || keys.epochs.is_some()).then_some(false),
    }
}

fn part(key: &str, name: &str, part: &Part, sources: &[Source], findings: &mut Findings<'_>) -> MixturePart {
    let source = sources.iter().find(|source| source.name == name);
    if source.is_none() && !findings.is_broken(&format!("sources.{name}")) {
        let known: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let error = Error::new(format!("{key} names no source"));
        findings.report_key(key, error.hint(super::super::nearest::hint(name, "sources", &known)));
    }
    let (amount, ratio) = match part {
        Part::Weight(weight) => (share_of(key, *weight, findings), None),
        Part::Keys(keys) => (amount(key, keys, findings), keys.ratio.as_deref()),
    };
    let ratio_key = format!("{key}.ratio");
    if source.is_some_and(|source| source.template != RowTemplate::Translation) {
        findings.no_effect(&ratio_key, "only a source with template: translation has two directions");
    }
    let forward_share = match ratio.map(|text| (text, share(text))) {
        None => 0.5,
        Some((_, Some(share))) => share,
        Some((text, None)) => {
            let hint = "first to second : second to first, such as 1:1 or 1:3";
            findings.wrong(&ratio_key, format!("{text:?}"), "two numbers with a colon between", hint);
            0.5
        }
    };
    MixturePart { source: name.to_owned(), amount, forward_share }
}

fn share_of(key: &str, weight: f64, findings: &mut Findings<'_>) -> Amount {
    let hint = "leave a source out rather than give it no weight";
    Amount::Share(findings.number(key, weight, weight > 0.0, "more than 0", hint))
}

/// The one amount that the keys of a part give.
fn amount(key: &str, keys: &PartKeys, findings: &mut Findings<'_>) -> Amount {
    let path = |name: &str| format!("{key}.{name}");
    let hint = "leave a source out rather than take nothing of it";
    let mut count =
        |name: &str, count: Option<Count>| count.map(|count| findings.count(&path(name), count, 1..=MOST, hint) as u64);
    let rows = count("rows", keys.rows).map(Amount::Rows);
    let tokens = count("tokens", keys.tokens).map(Amount::Tokens);
    let weight = keys.weight.map(|weight| share_of(&path("weight"), weight, findings));
    let epochs = keys
        .epochs
        .map(|epochs| Amount::Epochs(findings.number(&path("epochs"), epochs, epochs > 0.0, "more than 0", hint)));
    let given: Vec<Amount> = [weight, rows, tokens, epochs].into_iter().flatten().collect();
    match given[..] {
        [amount] => amount,
        [amount, ..] => {
            let error = Error::new(format!("{key} has {} amounts", given.len()));
            findings.report(key, error.hint("keep one of weight, rows, tokens and epochs"));
            amount
        }
        [] => {
            if !["rows", "tokens", "epochs"].iter().any(|name| findings.is_broken(&path(name))) {
                let hint = "its share of the mixture, such as weight: 0.2; or rows, tokens or epochs";
                findings.missing(&path("weight"), hint);
            }
            Amount::Share(1.0)
        }
    }
}

/// The first number's share of the sum in `A:B`.
fn share(ratio: &str) -> Option<f64> {
    let (first, second) = ratio.split_once(':')?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    let (first, second) = (number(first)?, number(second)?);
    let share = first / (first + second);
    share.is_finite().then_some(share)
}

/// The ratio that has this share, in small whole numbers where there are some.
pub(in crate::recipe) fn ratio(share: f64) -> String {
    for sum in 1..=100_u32 {
        let first = (share * f64::from(sum)).round();
        if first / f64::from(sum) == share {
            return format!("{first}:{}", f64::from(sum) - first);
        }
    }
    // The two always sum to exactly 1, so that this reads as exactly the same share.
    format!("{share}:{}", 1.0 - share)
}

/// Concatenated documents are trained on token by token: no place for conversations.
pub(super) fn fits_packing(
    scope: Scope<'_>,
    mixture: &Mixture,
    packing: Packing,
    sources: &[Source],
    findings: &mut Findings<'_>,
) {
    if packing != Packing::Concat {
        return;
    }
    let path = scope.key(findings.places, "mixture");
    for part in &mixture.parts {
        let source = sources.iter().find(|source| source.name == part.source);
        let key = format!("{path}.{}", part.source);
        if source.is_some_and(|source| source.reading.renamed(WEIGHT).is_some()) {
            let error = Error::new(format!("{key} has rows with weights, but packing: concat joins rows"));
            findings.report_key(&key, error.hint("packing: best-fit keeps them apart"));
        }
        if source.is_some_and(|source| source.template != RowTemplate::Plain) {
            let error = Error::new(format!("{key} has conversations, but packing: concat trains on every token"));
            findings.report_key(&key, error.hint("packing: best-fit trains on the answers only"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ratios_read_as_people_write_them() {
        let shares = [("1:1", Some(0.5)), ("1:3", Some(0.25)), ("0:1", Some(0.0)), ("2.5 : 2.5", Some(0.5))];
        let refused = ["1", "1:", "a:b", "0:0", "-1:2", "1:2:3", "inf:1", "nan:1"].map(|text| (text, None));
        for (text, expected) in shares.into_iter().chain(refused) {
            assert_eq!(share(text), expected, "{text}");
        }
        assert_eq!(ratio(0.25), "1:3");
        assert_eq!(ratio(0.0), "0:1");
        assert_eq!(ratio(1.0), "1:0");
        assert_eq!(ratio(1.0 / 3.0), "1:2");
    }

    proptest! {
        #[test]
        fn a_ratio_reads_as_exactly_its_share(first in 0.0_f64..1e3, second in 1e-3_f64..1e3) {
            let expected = first / (first + second);
            prop_assert_eq!(share(&ratio(expected)), Some(expected));
        }
    }
}
