//! YAML text → the tree of a recipe.
//!
//! Reading stops here for nothing but text that is no YAML: a key given twice is kept in the tree once and reported,
//! so that it is listed together with all other mistakes of a recipe.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};

use super::node::{Duplicate, Entry, Node, Spot, Value};
use crate::error::{Error, Result};

/// Reads YAML; `file` is the name of the recipe in messages.
pub(crate) fn read(text: &str, file: &str) -> Result<(Node, Vec<Duplicate>)> {
    parse(text).map(Node::without_duplicates).map_err(|error| yaml_error(&error, file))
}

/// Reads the value of an argument `--set KEY=VALUE`; every node of it is placed at that argument.
pub(crate) fn read_argument(text: &str, argument: &Arc<str>) -> Result<Node, String> {
    let mut node = parse(text).map_err(|error| reason(&error))?;
    node.place(&Spot::Set(argument.clone()));
    Ok(node)
}

fn spot(location: Location) -> Spot {
    Spot::Line { line: location.line().max(1), column: location.column().max(1) }
}

fn parse(text: &str) -> std::result::Result<Node, serde_yaml::Error> {
    let options = serde_yaml::options! {
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        non_finite_float_policy: serde_yaml::NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    serde_yaml::from_str_with_options(text, options)
}

fn yaml_error(error: &serde_yaml::Error, file: &str) -> Error {
    let place = match error.location() {
        Some(location) if location.line() > 0 => spot(location).in_file(file),
        _ => format!("recipe {file}"),
    };
    Error::new(format!("this is not YAML: {}", reason(error)))
        .at(place)
        .hint("indent with spaces, the same number for keys of one map; put a text with a colon or a # into quotes")
}

/// The parser's own words, on one line, without the place that it adds.
fn reason(error: &serde_yaml::Error) -> String {
    let text = error.without_snippet().render_with_formatter(&serde_yaml::UserMessageFormatter);
    let text = text.lines().next().unwrap_or_default();
    let text = text.split(" at line ").next().unwrap_or(text);
    text.strip_prefix("error: ").unwrap_or(text).trim_end_matches(['.', ':']).to_owned()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let Spanned { value, defined, .. } = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { value, spot: spot(defined) })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> std::result::Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u128<E>(self, value: u128) -> std::result::Result<Value, E> {
        Ok(i128::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> std::result::Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Value, A::Error> {
        let mut seq = Vec::new();
        while let Some(item) = items.next_element()? {
            seq.push(item);
        }
        Ok(Value::Seq(seq))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let node = map.next_value()?;
            entries.push(Entry { key: key.value, spot: spot(key.defined), node });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::join;
    use super::*;

    /// Every key and value of a tree with where it is, one a line.
    fn outline(node: &Node, path: &str, lines: &mut Vec<String>) {
        match &node.value {
            Value::Seq(items) => {
                for (index, item) in items.iter().enumerate() {
                    lines.push(format!("{path}.{index} {}", item.spot.in_file("r").trim_start_matches("recipe r:")));
                    outline(item, &join(path, &index.to_string()), lines);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    let path = join(path, &entry.key);
                    let (key, value) = (entry.spot.in_file("r"), entry.node.spot.in_file("r"));
                    lines.push(format!(
                        "{path} {} {}",
                        key.trim_start_matches("recipe r:"),
                        value.trim_start_matches("recipe r:")
                    ));
                    outline(&entry.node, &path, lines);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_nested_key_and_value_knows_its_line_and_column() {
        let text = "\
# a comment
name: ä-study
adapters:
  general:   { on: [base, 'x y'], rank: 8 }
  other:
    mixture:
      - a: 1
        b:   2.5
      - yes
";
        let (node, duplicates) = read(text, "r").expect("YAML");
        let mut lines = Vec::new();
        outline(&node, "", &mut lines);
        assert!(duplicates.is_empty());
        assert_eq!(
            lines,
            [
                "name 2:1 2:7",
                "adapters 3:1 4:3",
                "adapters.general 4:3 4:14",
                "adapters.general.on 4:16 4:20",
                "adapters.general.on.0 4:21",
                "adapters.general.on.1 4:27",
                "adapters.general.rank 4:35 4:41",
                "adapters.other 5:3 6:5",
                "adapters.other.mixture 6:5 7:7",
                "adapters.other.mixture.0 7:9",
                "adapters.other.mixture.0.a 7:9 7:12",
                "adapters.other.mixture.0.b 8:9 8:14",
                "adapters.other.mixture.1 9:9",
            ]
        );
    }

    #[test]
    fn scalars_keep_the_kind_they_were_written_as() {
        let text = "[null, ~, true, yes, 5, -5, 2e-5, 5B, 1:3, '5', .inf, 18446744073709551615]";
        let (node, _) = read(text, "r").expect("YAML");
        let Value::Seq(items) = node.value else { panic!("not a list") };
        let values: Vec<Value> = items.into_iter().map(|item| item.value).collect();
        let string = |text: &str| Value::String(text.into());
        assert_eq!(
            values,
            [
                Value::Null,
                Value::Null,
                Value::Bool(true),
                string("yes"),
                Value::Int(5),
                Value::Int(-5),
                Value::Float(2e-5),
                string("5B"),
                string("1:3"),
                string("5"),
                Value::Float(f64::INFINITY),
                Value::Int(u64::MAX.into()),
            ]
        );
    }

    #[test]
    fn anchors_and_merge_keys_are_followed() {
        let (node, _) = read("a: &a { x: 1, y: 2 }\nb: { <<: *a, y: 3 }\nc: *a\n", "r").expect("YAML");
        let mut lines = Vec::new();
        outline(&node, "", &mut lines);
        assert_eq!(lines[3], "b 2:1 2:4");
        assert!(lines.contains(&"b.x 1:9 1:12".to_owned()), "{lines:?}");
        assert!(lines.contains(&"b.y 2:14 2:17".to_owned()), "{lines:?}");
        assert!(lines.contains(&"c.y 1:15 1:18".to_owned()), "{lines:?}");
    }

    #[test]
    fn what_is_not_yaml_says_where() {
        let message = |text| match read(text, "r.yaml") {
            Ok(_) => "it is YAML".to_owned(),
            Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
        };
        let cases = [
            ("a: [1, 2\nb: 3\n", "2:2  this is not YAML: illegal placement of ':' indicator"),
            ("a: 1\n\tb: 2\n", "1:4  this is not YAML: while scanning a plain scalar, found a tab"),
            ("a: b: c\n", "1:5  this is not YAML: mapping values are not allowed in this context"),
            ("a: 'x\n", "1:4  this is not YAML: unclosed quote"),
            ("a: 1\n---\nb: 2\n", "3:1  this is not YAML: only single YAML document expected but multiple found"),
            (
                "- 1\na: 2\n",
                "2:1  this is not YAML: while parsing a block collection, did not find expected '-' indicator",
            ),
            ("? [a]\n: 1\n", "1:3  this is not YAML: expected string scalar"),
            ("a: *x\n", "1:4  this is not YAML: reference to unknown value"),
            ("~: 1\n", "1:1  this is not YAML: null is not allowed here"),
        ];
        for (text, expected) in cases {
            assert_eq!(message(text), format!("recipe r.yaml:{expected}"), "{text:?}");
        }
    }

    #[test]
    fn a_key_given_twice_is_kept_once_and_reported() {
        let (node, duplicates) = read("a: { b: 1, b: 2 }\nc: 1\na: 5\n", "r").expect("YAML");
        let found: Vec<String> =
            duplicates.iter().map(|d| format!("{} {} {}", d.key, d.first.in_file("r"), d.again.in_file("r"))).collect();
        assert_eq!(found, ["a.b recipe r:1:6 recipe r:1:12", "a recipe r:1:1 recipe r:3:1"]);
        let Value::Map(entries) = node.value else { panic!("not a map") };
        assert_eq!(entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    }
}
