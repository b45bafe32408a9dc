//! `{% generation %} … {% endgeneration %}` as tags that minijinja has.
//!
//! transformers adds the tag to Jinja: what the block writes is what the assistant says. Here its tags become
//! `{% with %}{% filter … %}` and `{% endfilter %}{% endwith %}`, which have its scope, and the filter puts a mark before
//! and after what it is given. The marks `-` and `+` at the edges of a tag go to the outer edges of the pair, so that
//! whitespace is what it was.

use std::ops::Range;

use crate::error::{Error, Result};

/// The filter that marks what a block writes.
pub(super) const FILTER: &str = "emakeel_generation";
/// The variable that holds the marks.
pub(super) const MARKS: &str = "emakeel_marks";

/// A template whose generation tags are replaced, and whether it had any.
pub(super) fn rewritten(template: &str) -> Result<(String, bool)> {
    let mut written = String::with_capacity(template.len() + 64);
    let (mut open, mut any, mut done) = (0usize, false, 0);
    for place in blocks(template) {
        let Some(Block { name, left, right }) = template.get(place.clone()).and_then(Block::parse) else { continue };
        let tags = match name {
            "generation" => {
                (open, any) = (open + 1, true);
                format!("{{%{left} with %}}{{% filter {FILTER}({MARKS}) {right}%}}")
            }
            "endgeneration" => {
                open = open
                    .checked_sub(1)
                    .ok_or_else(|| Error::new("the template has an endgeneration that no generation stands before"))?;
                format!("{{%{left} endfilter %}}{{% endwith {right}%}}")
            }
            _ => continue,
        };
        written.push_str(template.get(done..place.start).unwrap_or_default());
        written.push_str(&tags);
        done = place.end;
    }
    written.push_str(template.get(done..).unwrap_or_default());
    match open {
        0 => Ok((written, any)),
        _ => Err(Error::new("the template has a generation without its endgeneration")),
    }
}

/// Where the block tags of a template are, in order. What stands in a raw block is text.
pub(super) fn blocks(template: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let (before, kind) = next_tag(template.get(at..)?)?;
            let start = at + before;
            let rest = template.get(start..)?;
            let length = match kind {
                Tag::Comment => rest.find("#}").map_or(rest.len(), |end| end + 2),
                Tag::Expression => end_of_tag(rest, "}}"),
                Tag::Block => end_of_tag(rest, "%}"),
            };
            at = start + length;
            let block = rest.get(..length).filter(|_| kind == Tag::Block);
            if block.and_then(Block::parse).is_some_and(|block| block.name == "raw") {
                at += end_of_raw(template.get(at..)?);
            }
            if block.is_some() {
                return Some(start..start + length);
            }
        }
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    Comment,
    Expression,
    Block,
}

/// Where the next tag begins, and of which kind it is.
fn next_tag(text: &str) -> Option<(usize, Tag)> {
    text.match_indices('{').find_map(|(at, _)| {
        let kind = match text.as_bytes().get(at + 1)? {
            b'#' => Tag::Comment,
            b'{' => Tag::Expression,
            b'%' => Tag::Block,
            _ => return None,
        };
        Some((at, kind))
    })
}

/// The length of a tag that ends in `end`; strings in it may contain anything.
fn end_of_tag(tag: &str, end: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in tag.char_indices().skip(2) {
        match quote {
            _ if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if character == '"' || character == '\'' => quote = Some(character),
            None if tag.get(at..).is_some_and(|rest| rest.starts_with(end)) => return at + end.len(),
            None => {}
        }
    }
    tag.len()
}

/// Where in a `set` tag the equals sign is that its value follows: in no text and no brackets.
pub(super) fn equals_sign(tag: &str) -> Option<usize> {
    let (mut quote, mut escaped, mut depth) = (None, false, 0usize);
    for (at, character) in tag.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '=') if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

/// Where the tag that ends a raw block begins.
fn end_of_raw(text: &str) -> usize {
    let is_end = |at: &usize| {
        let tag = text.get(*at..).unwrap_or_default();
        let length = tag.find("%}").map_or(tag.len(), |end| end + 2);
        Block::parse(tag.get(..length).unwrap_or_default()).is_some_and(|block| block.name == "endraw")
    };
    text.match_indices("{%").map(|(at, _)| at).find(is_end).unwrap_or(text.len())
}

/// A block tag that is one word: its name, and the marks at its edges.
struct Block<'t> {
    name: &'t str,
    left: &'t str,
    right: &'t str,
}

impl<'t> Block<'t> {
    fn parse(tag: &'t str) -> Option<Self> {
        let inner = tag.strip_prefix("{%")?.strip_suffix("%}")?;
        let (left, inner) = match inner.strip_prefix(['-', '+']) {
            Some(rest) => inner.split_at_checked(inner.len() - rest.len())?,
            None => ("", inner),
        };
        let (inner, right) = match inner.strip_suffix(['-', '+']) {
            Some(rest) => inner.split_at_checked(rest.len())?,
            None => (inner, ""),
        };
        Some(Self { name: inner.trim(), left, right })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(template: &str) -> String {
        rewritten(template).unwrap().0
    }

    #[test]
    fn tags_keep_the_marks_at_their_edges() {
        assert_eq!(
            written("{%- generation +%}a{% endgeneration -%}"),
            "{%- with %}{% filter emakeel_generation(emakeel_marks) +%}a{% endfilter %}{% endwith -%}"
        );
    }

    #[test]
    fn what_only_looks_like_the_tag_stays() {
        for template in [
            "{{ '{% generation %}' }}",
            "{# {% generation %} #}",
            "{% raw %}{% generation %}{% endraw %}",
            "{%- raw -%}{%- generation -%}{%- endraw -%}",
            "{% if x == \"%} {% generation %}\" %}a{% endif %}",
            "{% set generation = 1 %}{{ generation }}",
            "{ % generation % }",
        ] {
            assert_eq!(rewritten(template).unwrap(), (template.to_owned(), false));
        }
    }

    #[test]
    fn a_tag_without_its_other_half_is_an_error() {
        assert!(rewritten("{% generation %}").unwrap_err().to_string().contains("without its endgeneration"));
        assert!(rewritten("{% endgeneration %}{% generation %}").is_err());
        assert!(rewritten("{{ \"").is_ok() && rewritten("{%").is_ok() && rewritten("{#").is_ok());
    }
}
