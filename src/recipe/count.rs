//! Counts as people write them: `262144`, `5B`, `1.5M`, `24GiB`.
//!
//! `K`, `M`, `B` and `T` stand for 10³, 10⁶, 10⁹ and 10¹²; `KiB`, `MiB`, `GiB` and `TiB` for 2¹⁰, 2²⁰, 2³⁰
//! and 2⁴⁰.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use serde::{Serialize, Serializer};

/// What a suffix multiplies by; the longer suffixes stand before their beginnings.
const SUFFIXES: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("K", 1_000),
    ("M", 1_000_000),
    ("B", 1_000_000_000),
    ("T", 1_000_000_000_000),
];

/// A whole number of tokens, rows, steps or bytes, as a recipe gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u64);

impl Count {
    /// Reads a count such as `5B`, `1.5M`, `262144`, `262_144` or `24GiB`.
    ///
    /// `None` if the text is something else, if it is no whole number (`1.5`), or if it does not fit 64 bits.
    ///
    /// ```
    /// use emakeel::recipe::Count;
    /// assert_eq!(Count::parse("1.5M"), Some(Count(1_500_000)));
    /// assert_eq!(Count::parse("24GiB"), Some(Count(24 << 30)));
    /// assert_eq!(Count::parse("1.5"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = SUFFIXES
            .iter()
            .find_map(|&(suffix, unit)| strip_suffix_ignoring_case(text, suffix).map(|number| (number, unit)))
            .unwrap_or((text, 1));
        let number = number.trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let mut total = u128::from(digits(whole)?).checked_mul(unit.into())?;
        let tenths = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let part = u128::from(digits(fraction)?).checked_mul(unit.into())?;
        if part % tenths != 0 {
            return None;
        }
        total = total.checked_add(part / tenths)?;
        u64::try_from(total).ok().map(Self)
    }

    /// The count as people write it: the largest of `T`, `B`, `M`, `K` that leaves a whole number.
    ///
    /// Snapshots carry it in their names: `pretrain@1B`.
    ///
    /// ```
    /// use emakeel::recipe::Count;
    /// assert_eq!(Count(5_000_000_000).label(), "5B");
    /// assert_eq!(Count(1_500_000).label(), "1500K");
    /// assert_eq!(Count(262_144).label(), "262144");
    /// ```
    pub fn label(self) -> String {
        let units = SUFFIXES.iter().rev().take(4);
        for (suffix, unit) in units {
            if self.0 > 0 && self.0.is_multiple_of(*unit) {
                return format!("{}{suffix}", self.0 / unit);
            }
        }
        self.0.to_string()
    }
}

fn strip_suffix_ignoring_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    let (number, end) = text.split_at_checked(at)?;
    end.eq_ignore_ascii_case(suffix).then_some(number)
}

fn digits(text: &str) -> Option<u64> {
    let plain: String = text.chars().filter(|&c| c != '_').collect();
    (!plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit())).then(|| plain.parse().ok()).flatten()
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number such as 256, 1024, 8K, 1M or 5B")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Count, E> {
        Ok(Count(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Count, E> {
        // Every f64 up to 2^53 that is whole is exactly the number that was written.
        if value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value) {
            return Ok(Count(value as u64));
        }
        Err(E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Count, E> {
        Count::parse(value).ok_or_else(|| E::invalid_value(Unexpected::Str(value), &self))
    }
}

impl JsonSchema for Count {
    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A whole number, also with K, M, B, T (thousand, million, …) or KiB, MiB, GiB, TiB.",
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^[0-9][0-9_]*(\\.[0-9]+)? ?([KkMmGgTt][Ii][Bb]|[KkMmBbTt])?$" }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_read_as_people_write_them() {
        let counts = [
            ("262144", 262_144),
            ("262_144", 262_144),
            ("8K", 8_000),
            ("8k", 8_000),
            ("1M", 1_000_000),
            ("5B", 5_000_000_000),
            ("0.25B", 250_000_000),
            ("2T", 2_000_000_000_000),
            ("8KiB", 8_192),
            ("24GiB", 25_769_803_776),
            ("24 GiB", 25_769_803_776),
            ("0", 0),
        ];
        for (text, count) in counts {
            assert_eq!(Count::parse(text), Some(Count(count)), "{text}");
        }
        for text in ["", "B", "-5", "+5", "5G", "1.5", "1.0005K", "5 B B", "1e9", "20000000T", "٣", "5.B", ".5B"] {
            assert_eq!(Count::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_label_reads_as_the_count_it_names(count: u64, zeros in 0_u32..15) {
            let count = Count((count % 1_000_000).saturating_mul(10_u64.pow(zeros)));
            prop_assert_eq!(Count::parse(&count.label()), Some(count));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,12}[KMBTi.]{0,3}") {
            let _ = Count::parse(&text);
        }
    }
}
