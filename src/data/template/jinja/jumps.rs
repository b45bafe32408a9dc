//! `break` and `continue` where the engine can do them.
//!
//! A jump out of a block that stands inside the loop leaves the block open: the engine then loses what is written after
//! the loop, or gives up. Jinja in Python closes it; here such a template is refused, before it loses words silently.

use super::generation;
use crate::error::{Error, Result};

/// Blocks that the engine does not close when it jumps; `generation` is written with two of them.
const HELD: [&str; 5] = ["with", "filter", "set", "call", "autoescape"];

/// Checks the jumps of a template, as it was given.
///
/// # Errors
/// One leaves a block other than a loop or an `if`.
pub(super) fn check(template: &str) -> Result<()> {
    let mut open: Vec<&str> = Vec::new();
    for place in generation::blocks(template) {
        let tag = template.get(place.clone()).unwrap_or_default();
        let words = tag.trim_start_matches(['{', '%', '-', '+']).trim_start();
        let end = words.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(words.len());
        let (name, rest) = words.split_at(end);
        match name {
            "set" if generation::equals_sign(rest).is_some() => {}
            "for" | "macro" | "generation" => open.push(name),
            name if HELD.contains(&name) => open.push(name),
            "break" | "continue" => {
                if let Some(held) = open.last().filter(|last| !matches!(**last, "for" | "macro")) {
                    let line = template.get(..place.start).unwrap_or_default().matches('\n').count() + 1;
                    return Err(Error::new(format!("{name} leaves a {held} block (line {line} of the template)"))
                        .hint(format!("end the {held} block before it, or put it around the loop")));
                }
            }
            _ => {
                let ended = name.strip_prefix("end").and_then(|name| open.iter().rposition(|open| *open == name));
                open.truncate(ended.unwrap_or(open.len()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_may_leave_loops_and_conditions_only() {
        let looped = |inner: &str| check(&format!("{{% for m in messages %}}\n{inner}{{% endfor %}}"));
        for held in
            ["{% with x = 1 %}", "{% filter upper %}", "{%- set x %}", "{% set x | f(a=1) %}", "{% generation %}"]
        {
            let error = looped(&format!("{held}{{% if m %}}{{% break %}}{{% endif %}}")).unwrap_err().to_string();
            assert!(error.contains("break leaves a") && error.contains("(line 2 of the template)"), "{error}");
        }
        for fine in [
            "{% if m %}{%- continue -%}{% endif %}",
            "{% set x = 1 %}{% set y %}{% endset %}{% break %}",
            "{% with %}{% for a in b %}{% break %}{% endfor %}{% endwith %}{% break %}",
            "{% generation %}{{ m }}{% endgeneration %}{% if m %}{% break %}{% endif %}",
            "{% raw %}{% with %}{% endraw %}{# {% with %} #}{{ '{% with %}' }}{% break %}",
        ] {
            looped(fine).unwrap();
        }
    }
}
