//! Splitting text into words exactly as the reference scorers do.
//!
//! sacreBLEU and the SQuAD script split with Python's `str.split()`, whose whitespace is Unicode's
//! plus the four ASCII separators U+001C to U+001F. A score that is to equal theirs needs the same set.

/// Whether Python's `str.split()` splits at this character.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The words between whitespace.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// Words joined by one space each.
pub(crate) fn single_spaced(text: &str) -> String {
    split(text).collect::<Vec<_>>().join(" ")
}

/// The 32 characters of Python's `string.punctuation`.
pub(crate) fn is_ascii_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
}

/// Punctuation outside ASCII that European text uses: quotation marks, dashes, the ellipsis and the like.
pub(crate) fn is_typographic_punctuation(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '«' | '»' | '¡' | '¿' | '·' | '§' | '¶')
}

/// Punctuation of either kind.
pub(crate) fn is_mark(c: char) -> bool {
    is_ascii_punctuation(c) || is_typographic_punctuation(c)
}

/// Words, with each punctuation mark at either end of a word as a token of its own.
pub(crate) fn with_marks_apart(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for word in split(text) {
        let inner = word.trim_matches(is_mark);
        let (front, behind) = match word.find(inner) {
            Some(start) if !inner.is_empty() => {
                let (front, rest) = word.split_at(start);
                (front, rest.get(inner.len()..).unwrap_or_default())
            }
            _ => (word, ""),
        };
        tokens.extend(front.split_inclusive(|_| true));
        tokens.extend(Some(inner).filter(|inner| !inner.is_empty()));
        tokens.extend(behind.split_inclusive(|_| true));
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_split_where_python_splits() {
        let text = "a\u{1c}b\u{1f}c\u{a0}d\u{3000}e\u{200b}f\n g";
        assert_eq!(split(text).collect::<Vec<_>>(), ["a", "b", "c", "d", "e\u{200b}f", "g"]);
        assert_eq!(single_spaced("  a \t b\n"), "a b");
    }

    #[test]
    fn marks_stand_apart_at_the_ends_of_words_only() {
        assert_eq!(
            with_marks_apart("„Tere!“ ütles e-kass ..."),
            ["„", "Tere", "!", "“", "ütles", "e-kass", ".", ".", "."]
        );
    }
}
