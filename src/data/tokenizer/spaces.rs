//! Spaces become `▁`, and a text may get one in front, as SentencePiece does before it looks for pieces.

use super::bpe::SPACE;

/// What stands before a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    /// Nothing.
    Never,
    /// A space, always: SentencePiece's `add_dummy_prefix`.
    Always,
    /// A space, unless the text has one: Hugging Face's `Metaspace`.
    UnlessSpace,
}

/// How spaces are written before the text is split into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spaces {
    /// What stands before a text.
    pub prefix: Prefix,
    /// Leading, trailing and repeated spaces are left out: SentencePiece's `remove_extra_whitespaces`.
    pub squeeze: bool,
}

impl Spaces {
    /// The text with spaces as `▁`; `start` says that nothing stands before it.
    pub fn write(&self, text: &str, start: bool) -> String {
        let mut written = String::with_capacity(text.len() + text.len() / 4 + 4);
        self.write_each(text, start, |character, _| written.push(character));
        if self.squeeze {
            written.truncate(written.trim_end_matches(SPACE).len());
        }
        written
    }

    /// As [`Spaces::write`], and for each byte written where the character that it comes from begins in the text. What
    /// is put before the text comes from its first character.
    pub fn write_placed(&self, text: &str, start: bool) -> (String, Vec<u32>) {
        let mut written = String::with_capacity(text.len() + text.len() / 4 + 4);
        let mut places = Vec::with_capacity(written.capacity());
        self.write_each(text, start, |character, place| {
            written.push(character);
            places.resize(written.len(), place as u32);
        });
        if self.squeeze {
            written.truncate(written.trim_end_matches(SPACE).len());
        }
        (written, places)
    }

    fn write_each(&self, text: &str, start: bool, mut put: impl FnMut(char, usize)) {
        let whole = text.len();
        let text = if self.squeeze && start { text.trim_start_matches(' ') } else { text };
        if text.is_empty() {
            return;
        }
        let skipped = whole - text.len();
        let prefix = match self.prefix {
            Prefix::Never => false,
            Prefix::Always => true,
            Prefix::UnlessSpace => !text.starts_with([' ', SPACE]),
        };
        if start && prefix {
            put(SPACE, skipped);
        }
        let mut after_space = false;
        for (at, character) in text.char_indices() {
            let space = character == ' ';
            if !(space && after_space && self.squeeze) {
                put(if space { SPACE } else { character }, skipped + at);
            }
            after_space = space;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama_keeps_every_space_and_adds_one() {
        let llama = Spaces { prefix: Prefix::Always, squeeze: false };
        assert_eq!(llama.write("  a b", true), "▁▁▁a▁b");
        assert_eq!(llama.write("a", false), "a", "text that goes on gets no space");
        assert_eq!(llama.write("", true), "");
        let metaspace = Spaces { prefix: Prefix::UnlessSpace, squeeze: false };
        assert_eq!(metaspace.write(" a", true), "▁a");
    }

    #[test]
    fn squeezing_leaves_single_spaces_only() {
        let squeezing = Spaces { prefix: Prefix::Always, squeeze: true };
        assert_eq!(squeezing.write("  a  b ", true), "▁a▁b");
        assert_eq!(squeezing.write(" a", false), "▁a");
        assert_eq!(squeezing.write(" \n", true), "▁\n");
        assert_eq!(squeezing.write("▁", true), "");
    }
}
