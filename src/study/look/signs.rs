//! Characters as they may be shown: nothing in the data may move a cursor, change a colour, or hide.

/// Stands for a line end, before a real one.
pub(super) const LINE_END: char = '⏎';
/// Stands for a tab.
pub(super) const TAB: char = '⇥';
/// Stand around what is trained on where there are no colours.
pub(super) const BRACKETS: [char; 2] = ['⟦', '⟧'];
/// Stands between two tokens.
pub(super) const TOKEN_MARK: char = '╎';
/// How special tokens are written.
pub(super) const BEGIN: &str = "<s>";
pub(super) const END: &str = "</s>";
pub(super) const UNKNOWN: &str = "<unk>";

/// What is shown for a character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    /// Itself.
    Plain(char),
    /// Its number.
    Number(u32),
    /// A line end.
    LineEnd,
    /// A tab.
    Tab,
}

/// The signs of a part of a text. What only looks like a sign or a special token is written by its number, so that each
/// of them means one thing; for that, a part is read together with what follows it.
pub(super) fn signs(text: &str, part: std::ops::Range<usize>) -> Vec<Sign> {
    let (rest, length) = (text.get(part.start..).unwrap_or_default(), part.len());
    let inside = rest.char_indices().take_while(|(at, _)| *at < length);
    inside.map(|(at, character)| sign(character, rest.get(at..).unwrap_or_default())).collect()
}

fn sign(character: char, rest: &str) -> Sign {
    let looks_special = || [BEGIN, END, UNKNOWN].iter().any(|name| rest.starts_with(name));
    match character {
        '\n' => Sign::LineEnd,
        '\t' => Sign::Tab,
        LINE_END | TAB | TOKEN_MARK => Sign::Number(character.into()),
        _ if BRACKETS.contains(&character) || is_hidden(character) => Sign::Number(character.into()),
        '\\' if rest.starts_with("\\u{") => Sign::Number(character.into()),
        '<' if looks_special() => Sign::Number(character.into()),
        _ => Sign::Plain(character),
    }
}

/// Controls, and characters that take no room, look like a space, or change the direction of others.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A text on one line: names of files, pieces of tokens.
pub(super) fn on_one_line(text: &str) -> String {
    let shown = |sign: Sign| match sign {
        Sign::Plain(character) => character.to_string(),
        Sign::Number(number) => written(number),
        Sign::LineEnd => LINE_END.to_string(),
        Sign::Tab => TAB.to_string(),
    };
    signs(text, 0..text.len()).into_iter().map(shown).collect()
}

/// A character by its number.
pub(super) fn written(number: u32) -> String {
    format!("\\u{{{number:x}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_move_a_cursor_or_hide_is_written_by_its_number() {
        assert_eq!(on_one_line("a\u{1b}[31mb\rc\u{7f}\u{9b}"), "a\\u{1b}[31mb\\u{d}c\\u{7f}\\u{9b}");
        assert_eq!(on_one_line("\u{202e}x\u{200b}\u{feff}\u{a0}"), "\\u{202e}x\\u{200b}\\u{feff}\\u{a0}");
        assert_eq!(on_one_line("õ\n\tя 猫"), "õ⏎⇥я 猫");
    }

    #[test]
    fn what_looks_like_a_sign_is_not_one() {
        assert_eq!(
            on_one_line("⟦⏎⟧ \\u{1b} <s> </s> <b>"),
            "\\u{27e6}\\u{23ce}\\u{27e7} \\u{5c}u{1b} \\u{3c}s> \\u{3c}/s> <b>"
        );
        // Also where the next token completes it.
        assert_eq!(signs("</s>", 0..1), [Sign::Number(0x3c)]);
        assert_eq!(signs("</p>", 0..1), [Sign::Plain('<')]);
    }
}
