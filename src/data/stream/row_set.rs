//! A set of rows that can be counted through by number: one bit a row, and a few more to find the n-th one at once.

/// Rows of a block, whose number of members before it is kept.
const BLOCK: u64 = 512;
/// Of every so many members, the block is kept.
const HINT: u64 = 4096;

/// Rows of a source, in the order of the source. Takes 1.1 bits for each row of the source, whatever the set holds.
#[derive(Debug, Default)]
pub(super) struct RowSet {
    words: Vec<u64>,
    /// Members before each block.
    before: Vec<u32>,
    /// The block of every [`HINT`]-th member.
    hints: Vec<u32>,
    len: u64,
}

/// A set that is being filled.
#[derive(Debug)]
pub(super) struct Filling(Vec<u64>);

impl Filling {
    /// No row of `rows`.
    pub fn new(rows: usize) -> Self {
        Self(vec![0; rows.div_ceil(64)])
    }

    /// Adds a row.
    pub fn add(&mut self, row: u32) {
        if let Some(word) = self.0.get_mut(row as usize / 64) {
            *word |= 1 << (row % 64);
        }
    }

    /// The set, ready to be counted through.
    pub fn done(self) -> RowSet {
        let mut set = RowSet { words: self.0, ..RowSet::default() };
        for (block, words) in set.words.chunks(BLOCK as usize / 64).enumerate() {
            set.before.push(set.len as u32);
            set.len += words.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
            // A member whose number is a multiple of the distance lies in this block.
            while set.hints.len() as u64 * HINT < set.len {
                set.hints.push(block as u32);
            }
        }
        set
    }
}

impl RowSet {
    /// Number of rows in the set.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The row with `index` rows of the set before it; `u32::MAX` past the end.
    pub fn get(&self, index: u64) -> u32 {
        let hint = |at: u64| self.hints.get(at as usize).map(|block| *block as usize);
        let first = hint(index / HINT).unwrap_or(0);
        let end = hint(index / HINT + 1).map_or(self.before.len(), |block| block + 1);
        let blocks = self.before.get(first..end).unwrap_or_default();
        let block = first + blocks.partition_point(|before| u64::from(*before) <= index).saturating_sub(1);
        let mut left = index - u64::from(self.before.get(block).copied().unwrap_or(0));
        let per_block = BLOCK as usize / 64;
        let start = block * per_block;
        for (word, at) in self.words.get(start..).unwrap_or_default().iter().zip(start..) {
            let ones = u64::from(word.count_ones());
            if left < ones {
                return (at * 64) as u32 + nth_one(*word, left as u32);
            }
            left -= ones;
        }
        u32::MAX
    }

    /// The rows, first to last.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().zip(0u32..).flat_map(|(word, at)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.checked_sub(1)?;
                Some(at * 64 + bit)
            })
        })
    }
}

/// The place of the one that has `before` ones below it.
fn nth_one(mut word: u64, before: u32) -> u32 {
    for _ in 0..before {
        word &= word.wrapping_sub(1);
    }
    word.trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    /// A set of about `share` of so many rows, and its members as a list.
    fn set(rows: usize, share: f64) -> (RowSet, Vec<u32>) {
        let stream = Stream::new(3, "set");
        let members: Vec<u32> = (0..rows as u32).filter(|row| stream.unit_at(u64::from(*row)) < share).collect();
        let mut filling = Filling::new(rows);
        members.iter().for_each(|row| filling.add(*row));
        (filling.done(), members)
    }

    #[test]
    fn the_nth_row_of_a_set_is_that_of_its_list() {
        for rows in [0, 1, 63, 64, 65, 511, 512, 513, 40_000, 100_001] {
            for share in [0.0, 0.0005, 0.02, 0.5, 0.98, 1.0] {
                let (set, members) = set(rows, share);
                assert_eq!((set.len(), set.is_empty()), (members.len() as u64, members.is_empty()));
                assert!(set.iter().eq(members.iter().copied()), "{rows} {share}");
                for (index, member) in members.iter().enumerate() {
                    assert_eq!(set.get(index as u64), *member, "{index} of {rows}, {share}");
                }
                assert_eq!(set.get(set.len()), u32::MAX);
            }
        }
    }

    #[test]
    fn a_set_of_a_million_rows_takes_less_than_a_bit_and_a_half_for_each() {
        let (set, _) = set(1 << 20, 1.0);
        let bytes = set.words.len() * 8 + (set.before.len() + set.hints.len()) * 4;
        assert!(bytes * 8 < (1 << 20) * 3 / 2, "{bytes} bytes");
    }
}
