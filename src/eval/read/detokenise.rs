//! Tokenized text as people write it: no space before a comma, none inside brackets.

/// Joins words and marks with the spaces that running text has.
pub(super) fn detokenise(tokens: &[&str]) -> String {
    let mut text = String::new();
    let mut quote_is_open = false;
    let mut joined_to_next = true;
    for token in tokens {
        let (joins_before, joins_after) = match *token {
            "," | "." | "!" | "?" | ":" | ";" | "..." | "…" | ")" | "]" | "}" | "”" | "»" => (true, false),
            "(" | "[" | "{" | "„" | "«" => (false, true),
            // Closes in Estonian („…“), opens in English (“…”).
            "“" if quote_is_open => (true, false),
            "“" => (false, true),
            "\"" if quote_is_open => (true, false),
            "\"" => (false, true),
            _ if token.chars().all(|c| matches!(c, '.' | '!' | '?')) => (true, false),
            _ => (false, false),
        };
        match *token {
            "„" => quote_is_open = true,
            "“" | "\"" => quote_is_open = !quote_is_open,
            _ => {}
        }
        if !joined_to_next && !joins_before {
            text.push(' ');
        }
        text.push_str(token);
        joined_to_next = joins_after;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::detokenise;

    #[test]
    fn marks_join_the_words_they_belong_to() {
        let tokens: Vec<&str> = "„ Tere “ , ütles ta ( vist ) : \" jah \" ... !".split(' ').collect();
        assert_eq!(detokenise(&tokens), "„Tere“, ütles ta (vist): \"jah\"...!");
    }
}
