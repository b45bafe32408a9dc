//! BLEU with sacreBLEU's options: tokens, case, smoothing and effective order; n-grams up to 4, several references.
//!
//! A corpus score follows from ten sums over the examples (see [`Bleu::statistics`]), which is what makes
//! resampling cheap: a bootstrap draws examples and adds their rows, and never tokenizes again.

use super::ngrams::Texts;
use super::tokens::Tokens;
use super::words;

/// The longest n-gram counted.
const ORDER: usize = 4;

/// Numbers in a row of [`Bleu::statistics`].
pub const WIDTH: usize = 2 + 2 * ORDER;

/// BLEU as it is to be computed; by default as sacreBLEU's default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bleu {
    /// What n-grams are of.
    pub tokens: Tokens,
    /// What stands in for orders of which nothing was right.
    pub smoothing: Smoothing,
    /// Whether case is ignored.
    pub lowercase: bool,
    /// Whether orders that no answer is long enough for are left out of a corpus score; of one example they always are.
    pub effective_order: bool,
}

/// What stands in for the precision of an order of which nothing was right.
///
/// # Source
/// Chen and Cherry 2014, methods 1 to 3
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Smoothing {
    /// Nothing: the score is 0.
    None,
    /// This count of right n-grams; 0.1 is sacreBLEU's default.
    Floor(f64),
    /// So many right n-grams more in every order but the first; 1 is sacreBLEU's default.
    AddK(f64),
    /// A half, a quarter, … of a right n-gram, from one such order to the next.
    #[default]
    Exponential,
}

impl Bleu {
    /// The counts that BLEU needs of one example: answer length, reference length (the one closest to the
    /// answer's), then n-grams of the answer found in a reference (n = 1 to 4), then all n-grams of the answer.
    ///
    /// # Units
    /// Tokens and n-grams of them.
    /// # Source
    /// Papineni et al. 2002; counts as in sacreBLEU 2.6 (Post 2018, arXiv:1804.08771).
    pub fn statistics(&self, answer: &str, references: &[String]) -> [f64; WIDTH] {
        let lines: Vec<String> = std::iter::once(answer)
            .chain(references.iter().map(String::as_str))
            .map(|text| if self.lowercase { self.tokens.cut(&text.to_lowercase()) } else { self.tokens.cut(text) })
            .collect();
        let texts = Texts::of_words(lines.iter().map(|line| words::split(line).collect()));
        let mut lengths = texts.lengths();
        let answer_length = lengths.next().unwrap_or(0);
        let closest = lengths.min_by_key(|&length| (length.abs_diff(answer_length), length)).unwrap_or(0);
        let mut row = [answer_length as f64, closest as f64, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        texts.count(ORDER, |n, counts| {
            let Some((answer, references)) = counts.split_first() else { return };
            let most = |number: usize| references.iter().filter_map(|counts| counts.get(number)).max();
            let found = answer.iter().enumerate().filter(|(_, count)| **count > 0);
            let correct: u32 = found.map(|(number, count)| most(number).map_or(0, |most| *count.min(most))).sum();
            for (place, count) in [(1 + n, correct), (1 + n + ORDER, answer.iter().sum())] {
                if let Some(place) = row.get_mut(place) {
                    *place = f64::from(count);
                }
            }
        });
        row
    }

    /// Corpus BLEU in `[0, 100]` from the sum of the examples' rows.
    ///
    /// As in sacreBLEU, an n-gram order that no answer is long enough for makes the score 0, unless `effective_order`.
    pub fn score(&self, sums: &[f64]) -> f64 {
        self.of_counts(sums, self.effective_order)
    }

    /// BLEU of one example in `[0, 100]`: only the orders that the answer is long enough for count
    /// (sacreBLEU's `effective_order`, as its `sentence_bleu`).
    pub fn sentence_score(&self, row: &[f64]) -> f64 {
        self.of_counts(row, true)
    }

    fn of_counts(&self, sums: &[f64], effective_order: bool) -> f64 {
        let &[answer_length, reference_length, ref counts @ ..] = sums else { return f64::NAN };
        let Some((correct, total)) = counts.split_at_checked(ORDER) else { return f64::NAN };
        if correct.iter().all(|&c| c == 0.0) {
            return 0.0;
        }
        let is_short = answer_length < reference_length;
        let brevity = if is_short { (1.0 - reference_length / answer_length).exp() } else { 1.0 };
        let mut precisions = [0.0f64; ORDER];
        let (mut halved, mut order) = (1.0, ORDER);
        for (n, (precision, (&correct, &total))) in precisions.iter_mut().zip(correct.iter().zip(total)).enumerate() {
            let more = if let Smoothing::AddK(k) = self.smoothing { if n > 0 { k } else { 0.0 } } else { 0.0 };
            let (correct, total) = (correct + more, total + more);
            if total == 0.0 {
                break;
            }
            if effective_order {
                order = n + 1;
            }
            *precision = match self.smoothing {
                _ if correct != 0.0 => 100.0 * correct / total,
                Smoothing::Exponential => {
                    halved *= 2.0;
                    100.0 / (halved * total)
                }
                Smoothing::Floor(floor) => 100.0 * floor / total,
                Smoothing::None | Smoothing::AddK(_) => 0.0,
            };
        }
        let logs: f64 = precisions.iter().take(order).fold(0.0, |sum, &p| sum + floored_ln(p));
        brevity * (logs / order as f64).exp()
    }

    /// What sacreBLEU would call this score; `None` means that examples differ in their number of references.
    pub fn signature(&self, references: Option<usize>) -> String {
        let count = references.map_or_else(|| "var".to_owned(), |n| n.to_string());
        let (case, effective) = (if self.lowercase { "lc" } else { "mixed" }, yes_or_no(self.effective_order));
        let smoothing = match self.smoothing {
            Smoothing::None => "none".to_owned(),
            Smoothing::Floor(floor) => format!("floor[{floor:.2}]"),
            Smoothing::AddK(k) => format!("add-k[{k:.2}]"),
            Smoothing::Exponential => "exp".to_owned(),
        };
        let tokens = self.tokens.name();
        format!("nrefs:{count}|case:{case}|eff:{effective}|tok:{tokens}|smooth:{smoothing}|version:{VERSION}")
    }

    /// Its name in tables: BLEU, or spBLEU over pieces, with the options that are not the default.
    pub fn name(&self) -> String {
        let pieces = matches!(self.tokens, Tokens::Pieces(..));
        let mut options = Vec::new();
        match &self.tokens {
            Tokens::ThirteenA => {}
            Tokens::Pieces(name, _) if name == "flores200" => {}
            tokens => options.push(tokens.name()),
        }
        options.extend(self.lowercase.then_some("lower case"));
        let name = if pieces { "spBLEU" } else { "BLEU" };
        if options.is_empty() { name.to_owned() } else { format!("{name} ({})", options.join(", ")) }
    }
}

/// The sacreBLEU whose scores these are, to the digit.
pub(super) const VERSION: &str = "2.6.0";

pub(super) fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// The logarithm with sacreBLEU's stand-in for minus infinity.
fn floored_ln(value: f64) -> f64 {
    if value == 0.0 { -9_999_999_999.0 } else { value.ln() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_of_an_answer_equal_to_its_reference_is_100() {
        let bleu = Bleu::default();
        let text = "Täna sajab vihma ja tuul on tugev .".to_owned();
        let row = bleu.statistics(&text, std::slice::from_ref(&text));
        assert!((bleu.score(&row) - 100.0).abs() < 1e-12);
        assert_eq!(bleu.score(&bleu.statistics("", &[text])), 0.0);
    }

    #[test]
    fn an_order_without_a_right_n_gram_gets_what_the_smoothing_says() {
        // Two words of two are right, their order is not; effective order 2, no brevity penalty.
        let of = |smoothing| {
            let bleu = Bleu { smoothing, tokens: Tokens::Spaces, ..Bleu::default() };
            bleu.sentence_score(&bleu.statistics("b a", &["a b".to_owned()]))
        };
        assert!((of(Smoothing::Exponential) - (100.0f64 * 50.0).sqrt()).abs() < 1e-9);
        assert!((of(Smoothing::Floor(0.1)) - (100.0f64 * 10.0).sqrt()).abs() < 1e-9);
        // One more in every order above the first makes those of 3 and 4 right altogether: 1, 1/2, 1, 1.
        assert!((of(Smoothing::AddK(1.0)) - 100.0 * 0.5f64.powf(0.25)).abs() < 1e-9);
        assert_eq!(of(Smoothing::None), 0.0);
    }

    #[test]
    fn signatures_tell_the_options() {
        let bleu = Bleu {
            smoothing: Smoothing::Floor(0.1),
            lowercase: true,
            effective_order: true,
            tokens: Tokens::Characters,
        };
        assert_eq!(bleu.signature(Some(2)), "nrefs:2|case:lc|eff:yes|tok:char|smooth:floor[0.10]|version:2.6.0");
        assert_eq!(bleu.name(), "BLEU (char, lower case)");
    }
}
