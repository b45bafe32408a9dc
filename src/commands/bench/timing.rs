//! A stopwatch for work that is done several times, the first of which is not counted.

use std::time::Instant;

use crate::error::Result;
use crate::kernels::matmul;

/// What was timed.
#[derive(Debug, Clone, Default)]
pub struct Timing {
    /// Time of each repetition that counts, in seconds.
    seconds: Vec<f64>,
    /// Of it, time inside matrix products, in seconds.
    matmul: f64,
    is_warm: bool,
}

impl Timing {
    /// Does the work; the first time does not count.
    ///
    /// # Errors
    /// The work's own.
    pub fn time<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let (started, before) = (Instant::now(), matmul::seconds());
        let result = work()?;
        let (seconds, matmul) = (started.elapsed().as_secs_f64(), matmul::seconds() - before);
        if std::mem::replace(&mut self.is_warm, true) {
            self.seconds.push(seconds);
            self.matmul += matmul;
        }
        Ok(result)
    }

    /// How many repetitions count.
    pub fn count(&self) -> usize {
        self.seconds.len()
    }

    /// All repetitions that count, in seconds.
    pub fn total(&self) -> f64 {
        self.seconds.iter().sum()
    }

    /// The median repetition, in seconds.
    pub fn median(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let middle = sorted.len() / 2;
        if sorted.len().is_multiple_of(2) { (at(middle.saturating_sub(1)) + at(middle)) / 2.0 } else { at(middle) }
    }

    /// The shortest and the longest repetition, in seconds.
    pub fn range(&self) -> (f64, f64) {
        let seconds = || self.seconds.iter().copied();
        (seconds().fold(f64::INFINITY, f64::min), seconds().fold(0.0, f64::max))
    }

    /// The share of the time that matrix products took.
    pub fn matmul_share(&self) -> f64 {
        self.matmul / self.total()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_is_left_out() {
        let mut timing = Timing::default();
        let done: Vec<usize> = (0..4).map(|time| timing.time(|| Ok(time)).unwrap()).collect();
        assert_eq!((done, timing.count()), (vec![0, 1, 2, 3], 3));
    }

    #[test]
    fn a_median_is_the_middle_or_between_the_two_in_the_middle() {
        let median = |seconds: &[f64]| Timing { seconds: seconds.to_vec(), ..Timing::default() }.median();
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
        assert!(median(&[]).is_nan());
    }
}
