//! Mixtures: weights that sum to 1, and the ratio of bitext.

use super::super::places::Findings;
use super::super::shapes::Named;
use super::super::study::{RowTemplate, Source};
use super::super::training::{Mixture, MixturePart, MixtureUnit, Packing};
use super::super::written::Part;
use super::checks::Scope;
use crate::error::Error;

/// How far from 1 the sum of weights may be and still be 1 but for rounding.
const ROUNDING: f64 = 1e-9;

pub(super) fn mixture(
    scope: Scope<'_>,
    parts: Option<&Named<Part>>,
    by: MixtureUnit,
    sources: &[Source],
    findings: &mut Findings<'_>,
) -> Mixture {
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
    let sum: f64 = parts.iter().map(|part| part.weight).sum();
    if sum > 0.0 && (sum - 1.0).abs() > ROUNDING {
        parts.iter_mut().for_each(|part| part.weight /= sum);
    }
    Mixture { parts, by }
}

fn part(key: &str, name: &str, part: &Part, sources: &[Source], findings: &mut Findings<'_>) -> MixturePart {
    let source = sources.iter().find(|source| source.name == name);
    if source.is_none() && !findings.is_broken(&format!("sources.{name}")) {
        let known: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let error = Error::new(format!("{key} names no source"));
        findings.report_key(key, error.hint(super::super::nearest::hint(name, "sources", &known)));
    }
    let (weight_key, weight, ratio) = match part {
        Part::Weight(weight) => (key.to_owned(), Some(*weight), None),
        Part::Bitext(part) => (format!("{key}.weight"), part.weight, part.ratio.as_deref()),
    };
    let weight = match weight {
        Some(weight) => {
            let hint = "leave a source out rather than give it no weight";
            findings.number(&weight_key, weight, weight > 0.0, "more than 0", hint)
        }
        None => {
            findings.missing(&weight_key, "its share of the mixture, such as weight: 0.2");
            1.0
        }
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
    MixturePart { source: name.to_owned(), weight, forward_share }
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
        if source.is_some_and(|source| source.template != RowTemplate::Plain) {
            let key = format!("{path}.{}", part.source);
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
