//! What a namespace may hold.
//!
//! `{% set ns.x = … %}` is the only way in which a value of a template outlives a turn of a loop. The engine lets a
//! namespace hold itself, and values grow within each other without end; printing, comparing or forgetting such a value
//! fills the stack, which ends the program. So what is put into a namespace goes through a filter that refuses
//! namespaces, and values nested more deeply than words are.

use minijinja::value::{DynObject, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::generation;

/// The filter.
pub(super) const FILTER: &str = "emakeel_held";
/// Lists within lists.
const DEEPEST: usize = 32;

/// A template in which values go through the filter on their way into a namespace.
pub(super) fn rewritten(template: &str) -> String {
    let mut written = String::with_capacity(template.len());
    let mut done = 0;
    for place in generation::blocks(template) {
        let tag = template.get(place.clone()).unwrap_or_default();
        let Some((target, value, end)) = assignment(tag).filter(|(target, ..)| target.contains('.')) else { continue };
        written.push_str(template.get(done..place.start).unwrap_or_default());
        written.push_str(&format!("{target}= ({value}) | {FILTER} {end}"));
        done = place.end;
    }
    written.push_str(template.get(done..).unwrap_or_default());
    written
}

/// A `set` tag up to its equals sign, its value, and its end.
fn assignment(tag: &str) -> Option<(&str, &str, &str)> {
    let words = tag.trim_start_matches(['{', '%', '-', '+']).trim_start().strip_prefix("set")?;
    let at = tag.len() - words.len() + generation::equals_sign(words)?;
    let (target, value) = (tag.get(..at)?, tag.get(at + 1..)?.strip_suffix("%}")?);
    let value = value.strip_suffix(['-', '+']).unwrap_or(value);
    Some((target, value, tag.get(at + 1 + value.len()..)?))
}

/// The filter: the value, unless a namespace may not hold it.
pub(super) fn held(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    check(state, &value, 0)?;
    Ok(value)
}

fn check(state: &State<'_, '_>, value: &Value, depth: usize) -> Result<(), Error> {
    let refused = |what: &str| Err(Error::new(ErrorKind::InvalidOperation, format!("a namespace cannot hold {what}")));
    state.consume_fuel(1)?;
    match value.kind() {
        ValueKind::Plain => refused("a loop or a macro"),
        ValueKind::Map | ValueKind::Seq | ValueKind::Iterable if depth == DEEPEST => refused("values so deeply nested"),
        ValueKind::Map
            if value.as_object().map(DynObject::type_name).is_some_and(|name| name.contains("Namespace")) =>
        {
            refused("a namespace")
        }
        ValueKind::Map => value.try_iter()?.try_for_each(|key| check(state, &value.get_item(&key)?, depth + 1)),
        ValueKind::Seq | ValueKind::Iterable => value.try_iter()?.try_for_each(|item| check(state, &item, depth + 1)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_goes_into_a_namespace_is_filtered() {
        for (tag, expected) in [
            ("{% set ns.x = a if b else c %}", "{% set ns.x = ( a if b else c ) | emakeel_held %}"),
            ("{%- set ns.x=1-%}", "{%- set ns.x= (1) | emakeel_held -%}"),
            ("{% set ns.x = '%}=' ~ y +%}z", "{% set ns.x = ( '%}=' ~ y ) | emakeel_held +%}z"),
        ] {
            assert_eq!(rewritten(tag), expected);
        }
        for tag in [
            "{% set x = a.b %}",
            "{% set x %}a.b = 1{% endset %}",
            "{% raw %}{% set ns.x = 1 %}{% endraw %}",
            "{{ a.b == c }}",
        ] {
            assert_eq!(rewritten(tag), tag);
        }
    }
}
