//! Rows with the same text.

use sha2::{Digest, Sha256};

use super::identity::HashedSet;

/// The first 128 bits of a SHA-256 of a row's parts, in which each run of white space is one space.
///
/// Case and punctuation count: where sentences are corrected or code is written they are all that differs.
pub(super) fn hash(parts: &[&str]) -> u128 {
    let mut plain = String::with_capacity(parts.iter().map(|part| part.len() + 2).sum());
    for part in parts {
        for word in part.split_whitespace() {
            plain.push_str(word);
            plain.push(' ');
        }
        // Not white space, and in no text: `a b` in one part is not `a` and `b` in two.
        plain.push('\u{0}');
    }
    let digest = Sha256::digest(plain);
    digest.iter().take(16).fold(0, |hash, byte| hash << 8 | u128::from(*byte))
}

/// The rows that were kept: 19 to 39 bytes each.
#[derive(Debug, Default)]
pub(super) struct Seen(HashedSet);

impl Seen {
    /// Whether a row was there before; remembers it.
    pub(super) fn again(&mut self, hash: u128) -> bool {
        !self.0.insert(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_all_that_may_differ() {
        assert_eq!(hash(&["Tere,  maailm!\n"]), hash(&["Tere, maailm!"]));
        let others: [&[&str]; 4] =
            [&["tere, maailm!"], &["Tere maailm!"], &["Tere,", "maailm!"], &["Tere, maailm!", ""]];
        for other in others {
            assert_ne!(hash(other), hash(&["Tere, maailm!"]), "{other:?}");
        }
        let mut seen = Seen::default();
        assert!(!seen.again(5) && seen.again(5) && !seen.again(5 << 64));
    }
}
