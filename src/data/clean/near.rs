//! Rows with nearly the same words: MinHash finds those that may be alike, and an estimate decides.
//!
//! A row is the set of its groups of `words` words. Two rows are as similar as the share of such groups that both
//! have, of those that either has. Of each of `hashes` hash functions a row keeps the least hash of its groups; two
//! rows agree in each with a probability that is their similarity. The hashes are cut into bands; a row is compared
//! with those that agree with it in all hashes of a band, and is near one if the share of hashes in which the two
//! agree is at least the similarity asked for.
//!
//! # Memory
//! For each row that is kept one byte a hash, and 19 to 39 bytes a band: with 128 hashes and a similarity of 0.8,
//! which makes 18 bands, 470 to 830 bytes. Ten million rows take about 6 GB.
//!
//! # Source
//! Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman and Ullman, "Mining of Massive
//! Datasets", chapter 3 (bands); Li and König 2010, arXiv:0910.3349 (a few bits of each hash are enough).

use super::identity::HashedMap;
use super::words::{Words, mixed};
use crate::random::Stream;
use crate::recipe::Near;

/// With bands of as many hashes as possible, a row exactly as similar as asked for is compared with this probability.
const FOUND: f64 = 0.95;
/// Rows that a band remembers under the same hashes: bounds the work where thousands of rows share a phrase.
const ALIKE: u64 = 8;
/// How many values a hash has of which only a byte is kept.
const BYTES: f64 = 256.0;

/// The hash functions and how they are cut into bands.
#[derive(Debug)]
pub(super) struct MinHash {
    near: Near,
    functions: Vec<(u64, u64)>,
    per_band: usize,
}

impl MinHash {
    pub(super) fn new(near: Near) -> Self {
        let numbers = Stream::new(0, "near duplicates");
        let functions = (0..near.hashes as u64).map(|k| (numbers.at(2 * k) | 1, numbers.at(2 * k + 1))).collect();
        let mut minhash = Self { near, functions, per_band: 1 };
        let fits = |per_band: &usize| found(near.similarity, *per_band, near.hashes / per_band) >= FOUND;
        minhash.per_band = (1..=near.hashes.max(1)).rev().find(fits).unwrap_or(1);
        minhash
    }

    /// The least hash of each function over all groups of words; `None` for a row without words.
    pub(super) fn signature(&self, words: &Words) -> Option<Box<[u32]>> {
        let mut least = vec![u32::MAX; self.functions.len()];
        let mut add = |group: u64| {
            let group = mixed(group);
            for (least, (factor, shift)) in least.iter_mut().zip(&self.functions) {
                // Multiply-shift: the high half of a product is what is spread evenly.
                *least = (*least).min((group.wrapping_mul(*factor).wrapping_add(*shift) >> 32) as u32);
            }
        };
        match words.len() {
            0 => return None,
            count if count < self.near.words => add(words.run(0, count)?),
            _ => words.runs(self.near.words).for_each(add),
        }
        Some(least.into())
    }

    fn bands<'s>(&self, signature: &'s [u32]) -> impl Iterator<Item = u64> + use<'s> {
        let bands = signature.chunks_exact(self.per_band).zip(0u64..);
        bands.map(|(hashes, band)| hashes.iter().fold(mixed(band), |key, hash| mixed(key ^ u64::from(*hash))))
    }
}

/// The probability that two rows of a similarity agree in a band.
fn found(similarity: f64, per_band: usize, bands: usize) -> f64 {
    1.0 - (1.0 - similarity.powi(per_band as i32)).powi(bands as i32)
}

/// The rows that were kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The lowest byte of each hash, row after row.
    bytes: Vec<u8>,
    /// Rows by the hashes of a band; the second of those alike under the key that follows the first's, and so on.
    bands: HashedMap<u32>,
    rows: u32,
}

impl Kept {
    /// Whether a row is near one that was kept; if not, it is kept.
    pub(super) fn again(&mut self, minhash: &MinHash, signature: &[u32]) -> bool {
        let mut compared = Vec::new();
        let mut free = Vec::new();
        for band in minhash.bands(signature) {
            for key in (0..ALIKE).map(|number| mixed(band.wrapping_add(number))) {
                let Some(&row) = self.bands.get(&key) else {
                    free.push(key);
                    break;
                };
                if !compared.contains(&row) {
                    compared.push(row);
                    if self.similarity(row, signature) >= minhash.near.similarity {
                        return true;
                    }
                }
            }
        }
        if let Some(next) = self.rows.checked_add(1) {
            self.bands.extend(free.into_iter().map(|key| (key, self.rows)));
            self.bytes.extend(signature.iter().map(|hash| *hash as u8));
            self.rows = next;
        }
        false
    }

    /// The similarity to a row that was kept, estimated from the bytes in which the two agree, some by chance.
    fn similarity(&self, row: u32, signature: &[u32]) -> f64 {
        let start = row as usize * signature.len();
        let bytes = self.bytes.get(start..start + signature.len()).unwrap_or_default();
        let equal = bytes.iter().zip(signature).filter(|(byte, hash)| **byte == **hash as u8).count();
        let share = equal as f64 / signature.len().max(1) as f64;
        (share - 1.0 / BYTES) / (1.0 - 1.0 / BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A text of words that no other text of another number has.
    fn text(number: u64, words: usize) -> Vec<String> {
        (0..words).map(|at| format!("sõna{number}x{at}")).collect()
    }

    /// The text with some words replaced, evenly spread, and the similarity that leaves with groups of 5 words.
    fn changed(text: &[String], changes: usize) -> (Vec<String>, f64) {
        let mut other = text.to_vec();
        let spacing = text.len() / changes.max(1);
        for change in 0..changes {
            other[change * spacing + spacing / 2] = format!("muu{change}");
        }
        let groups =
            |words: &[String]| words.windows(5).map(<[String]>::to_vec).collect::<std::collections::HashSet<_>>();
        let (a, b) = (groups(text), groups(&other));
        let similarity = a.intersection(&b).count() as f64 / a.union(&b).count() as f64;
        (other, similarity)
    }

    fn words(text: &[String]) -> Words {
        Words::of([text.join(" ").as_str()])
    }

    #[test]
    fn bands_are_as_wide_as_the_promise_allows() {
        let widths = [(0.8, 128), (0.9, 128), (0.5, 128), (0.8, 64), (1.0, 16)].map(|(similarity, hashes)| {
            let minhash = MinHash::new(Near { words: 5, similarity, hashes });
            (minhash.per_band, hashes / minhash.per_band)
        });
        assert_eq!(widths, [(7, 18), (12, 10), (3, 42), (6, 10), (16, 1)]);
        assert!(found(0.8, 7, 18) > 0.98 && found(0.4, 7, 18) < 0.03);
    }

    /// At 0.9 the estimate has a standard deviation of 0.027: 0.8 is 3.9 of them away.
    #[test]
    fn rows_clearly_above_the_similarity_are_found_as_often_as_promised_and_rows_far_below_never() {
        let minhash = MinHash::new(Near::default());
        let mut counts = [0; 2];
        for number in 0..500 {
            let mut kept = Kept::default();
            let first = text(number, 200);
            let (near, similar) = changed(&first, 2);
            let (far, dissimilar) = changed(&first, 18);
            assert!((0.88..0.93).contains(&similar) && (0.3..0.45).contains(&dissimilar), "{similar} {dissimilar}");
            let signature = |text: &[String]| minhash.signature(&words(text)).unwrap();
            assert!(!kept.again(&minhash, &signature(&first)));
            counts[1] += usize::from(kept.again(&minhash, &signature(&far)));
            counts[0] += usize::from(kept.again(&minhash, &signature(&near)));
        }
        // The bands promise more than 0.9999 at 0.9, and the estimate is below 0.8 in one row of ten thousand.
        assert!(counts[0] >= 498, "{counts:?}");
        assert_eq!(counts[1], 0);
    }

    #[test]
    fn rows_agree_in_a_band_as_often_as_promised() {
        let minhash = MinHash::new(Near::default());
        let mut counts = (0, 0.0);
        for number in 0..600 {
            let first = text(number, 200);
            let (second, similar) = changed(&first, 9);
            let [first, second] = [first, second].map(|text| minhash.signature(&words(&text)).unwrap());
            counts.0 += usize::from(minhash.bands(&first).zip(minhash.bands(&second)).any(|(a, b)| a == b));
            counts.1 += found(similar, minhash.per_band, 18);
        }
        let (seen, promised) = (f64::from(counts.0 as u32) / 600.0, counts.1 / 600.0);
        // The standard deviation of a share of 600 is 0.02; three of them.
        assert!((0.3..0.7).contains(&promised) && (seen - promised).abs() < 0.06, "{seen} {promised}");
    }

    #[test]
    fn a_row_shorter_than_a_group_is_near_only_itself_and_a_row_without_words_near_nothing() {
        let minhash = MinHash::new(Near::default());
        let mut kept = Kept::default();
        let signature = |text: &str| minhash.signature(&Words::of([text]));
        let mut again = |text: &str| kept.again(&minhash, &signature(text).unwrap());
        assert_eq!(["Tere tulemast!", "tere tulemast", "Tere päevast"].map(&mut again), [false, true, false]);
        assert!(signature("?!").is_none());
    }

    #[test]
    fn a_phrase_that_many_rows_share_bounds_the_work_and_not_what_is_kept() {
        let minhash = MinHash::new(Near { words: 1, similarity: 0.5, hashes: 128 });
        let mut kept = Kept::default();
        let phrase = "see leht kasutab küpsiseid et teenust paremaks teha nõustun";
        for number in 0..200 {
            let row = format!("{phrase} {}", text(number, 30).join(" "));
            assert!(!kept.again(&minhash, &minhash.signature(&Words::of([row.as_str()])).unwrap()), "{number}");
        }
        assert_eq!(kept.rows, 200);
    }

    proptest! {
        #[test]
        fn what_is_dropped_is_estimated_to_be_similar_and_the_first_of_each_group_stays(
            rows in proptest::collection::vec((0_u64..4, 0_usize..20), 1..30)
        ) {
            let minhash = MinHash::new(Near::default());
            let mut kept = Kept::default();
            let mut stayed: Vec<Box<[u32]>> = Vec::new();
            for (number, changes) in rows {
                let signature = minhash.signature(&words(&changed(&text(number, 100), changes).0)).unwrap();
                let agree = |other: &[u32]| {
                    signature.iter().zip(other).filter(|(a, b)| **a as u8 == **b as u8).count() as f64 / 128.0
                };
                let nearest = stayed.iter().map(|other| agree(other)).fold(0.0, f64::max);
                if kept.again(&minhash, &signature) {
                    prop_assert!((nearest - 1.0 / BYTES) / (1.0 - 1.0 / BYTES) >= 0.8);
                } else {
                    stayed.push(signature);
                }
            }
        }
    }
}
