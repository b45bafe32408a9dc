//! Edit distance within a beam around the diagonal, with the edits that it takes.
//!
//! Rows belong to words of the answer, columns to words of the reference. Only columns near the diagonal are computed,
//! by Tercom's beam, so that a distance may be larger than the least one where lengths differ much; a score that is
//! to equal sacreBLEU's has to be wrong in the same places.

/// Columns computed on either side of the diagonal.
const BEAM: usize = 25;

/// Larger than any distance, and small enough to be added to.
const FAR: u32 = u32::MAX / 2;

/// One edit that turns the answer into the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// The word stays.
    Keep,
    /// The word becomes another.
    Replace,
    /// A word of the reference is missing.
    Insert,
    /// A word of the answer is too much.
    Delete,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    cost: u32,
    edit: Option<Edit>,
}

/// The distances of one answer to its reference, kept so that an answer with the same beginning costs only its rest.
#[derive(Debug)]
pub(super) struct Distances<'r> {
    reference: &'r [u32],
    /// Rows of the answer kept, `[words + 1, reference + 1]`.
    kept: Vec<Cell>,
    /// Two rows for answers that are only tried.
    tried: [Vec<Cell>; 2],
}

impl<'r> Distances<'r> {
    pub(super) fn new(reference: &'r [u32]) -> Self {
        Self { reference, kept: Vec::new(), tried: [Vec::new(), Vec::new()] }
    }

    fn width(&self) -> usize {
        self.reference.len() + 1
    }

    /// Keeps the rows of an answer and gives its distance.
    pub(super) fn keep(&mut self, answer: &[u32]) -> u32 {
        let width = self.width();
        self.kept.clear();
        self.kept.resize(width * (answer.len() + 1), Cell { cost: FAR, edit: None });
        for (cell, cost) in self.kept.iter_mut().zip(0..width as u32) {
            *cell = Cell { cost, edit: Some(Edit::Insert) };
        }
        let beam = Beam::new(answer.len(), self.reference.len());
        for (index, word) in answer.iter().enumerate() {
            let (above, row) = self.kept.split_at_mut(width * (index + 1));
            let above = above.get(width * index..).unwrap_or_default();
            let row = row.get_mut(..width).unwrap_or_default();
            fill(row, above, *word, self.reference, beam.columns(index + 1));
        }
        self.kept.last().map_or(0, |cell| cell.cost)
    }

    /// The distance of an answer as long as the one kept and with the same first `same` words.
    pub(super) fn of_changed(&mut self, answer: &[u32], same: usize) -> u32 {
        let width = self.width();
        let beam = Beam::new(answer.len(), self.reference.len());
        let [above, row] = &mut self.tried;
        above.clear();
        above.extend_from_slice(self.kept.get(width * same..width * (same + 1)).unwrap_or_default());
        for (index, word) in answer.iter().enumerate().skip(same) {
            row.clear();
            row.resize(width, Cell { cost: FAR, edit: None });
            fill(row, above, *word, self.reference, beam.columns(index + 1));
            std::mem::swap(above, row);
        }
        above.last().map_or(0, |cell| cell.cost)
    }

    /// The edits that turn the answer kept into the reference, in order.
    pub(super) fn edits(&self, words: usize) -> Vec<Edit> {
        let (mut i, mut j) = (words, self.reference.len());
        let mut edits = Vec::with_capacity(i + j);
        while i > 0 || j > 0 {
            let Some(edit) = self.kept.get(self.width() * i + j).and_then(|cell| cell.edit) else { break };
            edits.push(edit);
            (i, j) = match edit {
                Edit::Keep | Edit::Replace => (i.saturating_sub(1), j.saturating_sub(1)),
                Edit::Insert => (i, j.saturating_sub(1)),
                Edit::Delete => (i.saturating_sub(1), j),
            };
        }
        edits.reverse();
        edits
    }
}

/// Which columns of each row are computed.
struct Beam {
    words: usize,
    columns: usize,
    ratio: f64,
    width: usize,
}

impl Beam {
    fn new(words: usize, reference: usize) -> Self {
        let ratio = if words == 0 { 1.0 } else { reference as f64 / words as f64 };
        let wide = (ratio / 2.0 + BEAM as f64).ceil() as usize;
        let width = if (BEAM as f64) < ratio / 2.0 { wide } else { BEAM };
        Self { words, columns: reference + 1, ratio, width }
    }

    fn columns(&self, row: usize) -> std::ops::Range<usize> {
        let diagonal = (row as f64 * self.ratio).floor() as usize;
        let end = if row == self.words { self.columns } else { self.columns.min(diagonal + self.width) };
        diagonal.saturating_sub(self.width)..end
    }
}

/// One row from the one above; of equal costs a word kept or replaced is preferred, then one deleted, then one inserted.
fn fill(row: &mut [Cell], above: &[Cell], word: u32, reference: &[u32], columns: std::ops::Range<usize>) {
    let start = columns.start;
    let mut left = FAR;
    if start == 0
        && let (Some(cell), Some(up)) = (row.first_mut(), above.first())
    {
        *cell = Cell { cost: up.cost + 1, edit: Some(Edit::Delete) };
        left = cell.cost;
    }
    let first = start.max(1);
    let count = columns.end.saturating_sub(first);
    let cells = row.iter_mut().skip(first).take(count);
    let corners = above.windows(2).skip(first - 1);
    for ((cell, corner), other) in cells.zip(corners).zip(reference.iter().skip(first - 1)) {
        let &[diagonal, up] = corner else { continue };
        let is_same = word == *other;
        let mut best = Cell { cost: FAR, edit: None };
        let replaced = if is_same { Edit::Keep } else { Edit::Replace };
        let ways =
            [(diagonal.cost + u32::from(!is_same), replaced), (up.cost + 1, Edit::Delete), (left + 1, Edit::Insert)];
        for (cost, edit) in ways {
            if cost < best.cost {
                best = Cell { cost, edit: Some(edit) };
            }
        }
        *cell = best;
        left = best.cost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_the_same_beginning_costs_the_same_as_anew() {
        let reference: Vec<u32> = vec![1, 2, 3, 4, 5, 6, 7];
        let (answer, changed) = ([1, 3, 2, 9, 5, 6], [1, 3, 9, 5, 2, 6]);
        let mut distances = Distances::new(&reference);
        assert_eq!(distances.keep(&answer), 4);
        let tried = distances.of_changed(&changed, 2);
        assert_eq!(tried, distances.keep(&changed));
    }

    #[test]
    fn edits_are_as_many_as_the_distance() {
        let reference = [1, 2, 3];
        let mut distances = Distances::new(&reference);
        let distance = distances.keep(&[1, 4, 3, 5]);
        assert_eq!(distances.edits(4), [Edit::Keep, Edit::Replace, Edit::Keep, Edit::Delete]);
        assert_eq!(distance, 2);
    }
}
