//! Tokens of Western languages by rules on neighbouring characters: what mteval-v13a.pl does, and what Tercom's
//! normaliser does, which are nearly the same.

use crate::eval::words;

/// The 13a tokens of a line, one space apart.
///
/// # Source
/// `mteval-v13a.pl` of NIST, as in sacreBLEU 2.6
pub(in crate::eval) fn thirteen_a(line: &str) -> String {
    let line = line.trim_end_matches(words::is_space);
    if line.contains(['<', '\n', '&']) {
        let joined = line.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
        return words::single_spaced(&spaced(&without_entities(&joined), |_| {}));
    }
    words::single_spaced(&spaced(line, |_| {}))
}

/// The tokens of Tercom's normaliser for Western text, with spaces between them, maybe several.
///
/// # Source
/// `Normalizer.java` of github.com/jhclark/tercom, as in sacreBLEU 2.6
pub(in crate::eval) fn tercom(line: &str) -> String {
    let line = line.replace("\n-", "").replace('\n', " ");
    spaced(&without_entities(&line), |text| {
        let joined: String = text.iter().collect();
        *text = joined.replace("'s ", " 's ").chars().collect();
    })
}

/// In this order: an escaped ampersand may uncover another entity.
fn without_entities(line: &str) -> String {
    line.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
}

/// Puts spaces around symbols, and around points, commas and dashes where no number goes on; `between` changes the text
/// after the symbols.
fn spaced(line: &str, between: impl FnOnce(&mut Vec<char>)) -> String {
    let mut text: Vec<char> = Vec::with_capacity(line.len() + line.len() / 4 + 2);
    text.push(' ');
    for c in line.chars() {
        if is_symbol(c) { text.extend([' ', c, ' ']) } else { text.push(c) }
    }
    text.push(' ');
    between(&mut text);
    let is_point = |c: char| c == '.' || c == ',';
    // A point or comma stands alone unless a digit is before it, and unless a digit is behind it.
    let text = replace_pairs(&text, |a, b| is_point(b) && !a.is_ascii_digit(), |a, b| [a, ' ', b, ' ']);
    let text = replace_pairs(&text, |a, b| is_point(a) && !b.is_ascii_digit(), |a, b| [' ', a, ' ', b]);
    // A dash behind a digit stands alone.
    let text = replace_pairs(&text, |a, b| b == '-' && a.is_ascii_digit(), |a, b| [a, ' ', b, ' ']);
    text.into_iter().collect()
}

/// The symbols that always stand alone: ASCII punctuation without `'`, `,`, `-` and `.`.
fn is_symbol(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '\'' | ',' | '-' | '.')
}

/// Replaces each pair of neighbours that matches, from left to right; a character is part of one pair at most.
pub(super) fn replace_pairs(
    text: &[char],
    matches: impl Fn(char, char) -> bool,
    with: impl Fn(char, char) -> [char; 4],
) -> Vec<char> {
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        match tail {
            [second, behind @ ..] if matches(*first, *second) => {
                out.extend(with(*first, *second));
                rest = behind;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_inside_numbers_stay_and_others_stand_alone() {
        assert_eq!(thirteen_a("Hind on 1,5 eurot, mitte 2.-3."), "Hind on 1,5 eurot , mitte 2 . -3 .");
        assert_eq!(thirteen_a("10-12 e-posti \"aadressi\" (it's)"), "10 - 12 e-posti \" aadressi \" ( it's )");
        assert_eq!(thirteen_a("A&amp;B &lt;x&gt; rea-\nvahe\nuus"), "A & B < x > reavahe uus");
        assert_eq!(thirteen_a("  \u{3000} "), "");
    }

    #[test]
    fn tercom_parts_the_english_genitive() {
        assert_eq!(
            words::single_spaced(&tercom("Mary's dog, the dogs' 4.5-year")),
            "Mary 's dog , the dogs' 4.5 - year"
        );
    }
}
