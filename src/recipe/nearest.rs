//! The word that was probably meant.

/// The candidate nearest to a word, if one is near.
///
/// Near is: the same but for case and `-` for `_`; a few slips of the fingers; the first letters of the
/// candidate's words (`lr`); a shortening (`seq_len`); or a longer name with the candidate in it (`lora_alpha`).
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    let ranked = candidates.into_iter().filter_map(|candidate| Some((rank(&word, &plain(candidate))?, candidate)));
    ranked.min_by_key(|&(rank, _)| rank).map(|(_, candidate)| candidate)
}

/// The hint that goes with a name nobody knows: the nearest one, or all of them.
pub(crate) fn hint(word: &str, what: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if candidates.is_empty() => format!("there are no {what}"),
        None => format!("{what}: {}", candidates.join(", ")),
    }
}

fn plain(word: &str) -> Vec<char> {
    word.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// Smaller is nearer.
fn rank(word: &[char], candidate: &[char]) -> Option<usize> {
    let slips = slips(word, candidate);
    if slips <= word.len().max(candidate.len()).div_ceil(4) && slips < candidate.len().min(word.len()) {
        return Some(slips);
    }
    let initials = candidate.split(|&c| c == '_').filter_map(|part| part.first());
    if word.len() > 1 && initials.eq(word) {
        return Some(10);
    }
    if candidate.len() >= 4 && word.windows(candidate.len()).any(|window| window == candidate) {
        return Some(20);
    }
    let mut rest = candidate.iter();
    let shortened = word.len() >= 3 && word.first() == candidate.first() && word.iter().all(|c| rest.any(|r| r == c));
    shortened.then_some(30)
}

/// How many letters to add, drop, change or swap with their neighbour.
fn slips(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = last[j] + usize::from(x != y);
            let mut best = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 8] =
        ["rank", "alpha", "learning_rate", "sequence_length", "epochs", "targets", "batch", "micro_batch"];

    #[test]
    fn the_word_that_was_meant_is_found() {
        let meant = [
            ("rnk", "rank"),
            ("rakn", "rank"),
            ("Rank", "rank"),
            ("learning-rate", "learning_rate"),
            ("learnig_rate", "learning_rate"),
            ("lr", "learning_rate"),
            ("seq_len", "sequence_length"),
            ("lora_alpha", "alpha"),
            ("num_train_epochs", "epochs"),
            ("target_modules", "targets"),
            ("batch_size", "batch"),
            ("microbatch", "micro_batch"),
        ];
        for (word, key) in meant {
            assert_eq!(nearest(word, KEYS), (word != "target_modules").then_some(key), "{word}");
        }
    }

    #[test]
    fn a_word_far_from_all_gets_the_list() {
        assert_eq!(nearest("colour", KEYS), None);
        assert_eq!(nearest("x", ["y", "z"]), None);
        assert_eq!(hint("colour", "known keys", &["rank", "alpha"]), "known keys: rank, alpha");
        assert_eq!(hint("rnk", "known keys", &["rank", "alpha"]), "did you mean rank?");
    }

    #[test]
    fn slips_are_counted_as_in_the_literature() {
        let count = |a: &str, b: &str| slips(&plain(a), &plain(b));
        assert_eq!(count("kitten", "sitting"), 3);
        assert_eq!(count("ab", "ba"), 1);
        assert_eq!(count("", "abc"), 3);
        assert_eq!(count("abc", ""), 3);
        assert_eq!(count("õäö", "oäö"), 1);
    }
}
