//! BLEU, equal to sacreBLEU's default: 13a tokens, order 4, exponential smoothing, mixed case.
//!
//! A corpus score follows from ten sums over the examples (see [`statistics`]), which is what makes
//! resampling cheap: a bootstrap draws examples and adds their rows, and never tokenizes again.

use std::collections::HashMap;

use super::words;

/// The longest n-gram counted.
const ORDER: usize = 4;

/// Numbers in a row of [`statistics`].
pub const WIDTH: usize = 2 + 2 * ORDER;

/// The counts that BLEU needs of one example: answer length, reference length (the one closest to the
/// answer's), then n-grams of the answer found in a reference (n = 1 to 4), then all n-grams of the answer.
///
/// # Units
/// 13a tokens and n-grams of them.
/// # Source
/// Papineni et al. 2002; counts as in sacreBLEU 2.6 (Post 2018, arXiv:1804.08771).
pub fn statistics(answer: &str, references: &[String]) -> [f64; WIDTH] {
    let answer_line = tokenize(answer);
    let reference_lines: Vec<String> = references.iter().map(|r| tokenize(r)).collect();
    let answer_tokens: Vec<&str> = words::split(&answer_line).collect();
    let mut expected: HashMap<&[&str], u32> = HashMap::new();
    let reference_tokens: Vec<Vec<&str>> = reference_lines.iter().map(|line| words::split(line).collect()).collect();
    for tokens in &reference_tokens {
        for (ngram, count) in count_ngrams(tokens) {
            let most = expected.entry(ngram).or_default();
            *most = count.max(*most);
        }
    }
    let (mut correct, mut total) = ([0u32; ORDER], [0u32; ORDER]);
    for (ngram, count) in count_ngrams(&answer_tokens) {
        let found = expected.get(ngram).copied().unwrap_or(0).min(count);
        for (sum, addend) in [(&mut total, count), (&mut correct, found)] {
            if let Some(sum) = sum.get_mut(ngram.len() - 1) {
                *sum += addend;
            }
        }
    }
    let mut row = [0.0; WIDTH];
    let lengths = [answer_tokens.len(), closest_length(answer_tokens.len(), &reference_tokens)];
    let counts = lengths.map(|l| l as f64).into_iter().chain(correct.into_iter().chain(total).map(f64::from));
    for (place, count) in row.iter_mut().zip(counts) {
        *place = count;
    }
    row
}

/// Corpus BLEU in `[0, 100]` from the sum of the examples' rows.
///
/// As in sacreBLEU, an n-gram order that no answer is long enough for makes the score 0.
pub fn score(sums: &[f64]) -> f64 {
    bleu(sums, false)
}

/// BLEU of one example in `[0, 100]`: only the orders that the answer is long enough for count
/// (sacreBLEU's `effective_order`, as its `sentence_bleu`).
pub fn sentence_score(row: &[f64]) -> f64 {
    bleu(row, true)
}

/// What sacreBLEU would call this score; `None` means that examples differ in their number of references.
pub fn signature(references: Option<usize>) -> String {
    let count = references.map_or_else(|| "var".to_owned(), |n| n.to_string());
    format!("nrefs:{count}|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0")
}

fn bleu(sums: &[f64], effective_order: bool) -> f64 {
    let &[answer_length, reference_length, ref counts @ ..] = sums else { return f64::NAN };
    let Some((correct, total)) = counts.split_at_checked(ORDER) else { return f64::NAN };
    if correct.iter().all(|&c| c == 0.0) {
        return 0.0;
    }
    let brevity = if answer_length < reference_length { (1.0 - reference_length / answer_length).exp() } else { 1.0 };
    let mut precisions = [0.0f64; ORDER];
    let (mut smoothing, mut order) = (1.0, ORDER);
    for (n, (precision, (&correct, &total))) in precisions.iter_mut().zip(correct.iter().zip(total)).enumerate() {
        if total == 0.0 {
            break;
        }
        if effective_order {
            order = n + 1;
        }
        if correct == 0.0 {
            smoothing *= 2.0;
            *precision = 100.0 / (smoothing * total);
        } else {
            *precision = 100.0 * correct / total;
        }
    }
    let logs: f64 = precisions.iter().take(order).fold(0.0, |sum, &p| sum + floored_ln(p));
    brevity * (logs / order as f64).exp()
}

/// The logarithm with sacreBLEU's stand-in for minus infinity.
fn floored_ln(value: f64) -> f64 {
    if value == 0.0 { -9_999_999_999.0 } else { value.ln() }
}

fn closest_length(answer: usize, references: &[Vec<&str>]) -> usize {
    references.iter().map(Vec::len).min_by_key(|&length| (length.abs_diff(answer), length)).unwrap_or(0)
}

/// All n-grams of orders 1 to 4 with their counts.
fn count_ngrams<'t, 's>(tokens: &'t [&'s str]) -> HashMap<&'t [&'s str], u32> {
    let mut counts = HashMap::new();
    for n in 1..=ORDER {
        for ngram in tokens.windows(n) {
            *counts.entry(ngram).or_default() += 1;
        }
    }
    counts
}

/// The 13a tokens of a line, one space apart: what mteval-v13a.pl does for Western languages.
pub fn tokenize(line: &str) -> String {
    let line = line.trim_end_matches(words::is_space).replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    // In this order: an escaped ampersand may uncover another entity.
    let line = line.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    let mut spaced: Vec<char> = vec![' '];
    for c in line.chars() {
        if is_symbol(c) { spaced.extend([' ', c, ' ']) } else { spaced.push(c) }
    }
    spaced.push(' ');
    let is_point = |c: char| c == '.' || c == ',';
    // A point or comma stands alone unless a digit is before it, and unless a digit is behind it.
    let spaced = replace_pairs(&spaced, |a, b| !a.is_ascii_digit() && is_point(b), |a, b| [a, ' ', b, ' ']);
    let spaced = replace_pairs(&spaced, |a, b| is_point(a) && !b.is_ascii_digit(), |a, b| [' ', a, ' ', b]);
    // A dash behind a digit stands alone.
    let spaced = replace_pairs(&spaced, |a, b| a.is_ascii_digit() && b == '-', |a, b| [a, ' ', b, ' ']);
    words::single_spaced(&spaced.into_iter().collect::<String>())
}

/// The symbols that always stand alone: ASCII punctuation without `'`, `,`, `-` and `.`.
fn is_symbol(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '\'' | ',' | '-' | '.')
}

/// Replaces each pair of neighbours that matches, from left to right; a character is part of one pair at most.
fn replace_pairs(
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
        assert_eq!(tokenize("Hind on 1,5 eurot, mitte 2.-3."), "Hind on 1,5 eurot , mitte 2 . -3 .");
        assert_eq!(tokenize("10-12 e-posti \"aadressi\" (it's)"), "10 - 12 e-posti \" aadressi \" ( it's )");
        assert_eq!(tokenize("A&amp;B &lt;x&gt; rea-\nvahe\nuus"), "A & B < x > reavahe uus");
        assert_eq!(tokenize("  \u{3000} "), "");
    }

    #[test]
    fn the_score_of_an_answer_equal_to_its_reference_is_100() {
        let text = "Täna sajab vihma ja tuul on tugev .".to_owned();
        let row = statistics(&text, std::slice::from_ref(&text));
        assert!((score(&row) - 100.0).abs() < 1e-12);
        assert_eq!(score(&statistics("", &[text])), 0.0);
    }
}
