//! Text from strangers inside an HTML page: between tags, in attributes, and as JSON inside a script element.

use serde::Serialize;

/// A text between tags or in an attribute.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|character| push(&mut out, character));
    out
}

/// Adds a character to a text between tags or in an attribute.
pub fn push(out: &mut String, character: char) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        other => out.push(other),
    }
}

/// A value as JSON that no text in it can end the script element of, or a line of a script: `<` and the line ends that only
/// some know stand there by their numbers.
pub fn json(value: &impl Serialize) -> String {
    let plain = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    plain.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_place() {
        assert_eq!(escaped("<a href='x'>\"&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;");
        let inside = json(&["</script><!--", "\u{2028}"]);
        assert!(!inside.contains('<') && !inside.contains('\u{2028}'), "{inside}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&inside).unwrap(), ["</script><!--", "\u{2028}"]);
    }
}
