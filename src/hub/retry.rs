//! Trying again: after a wait that doubles, or as long as the Hub asks, up to a number of failures in a row.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::environment::Patience;
use super::failure::Failure;
use crate::error::Error;

/// The longest wait between two tries of our own.
const LONGEST: Duration = Duration::from_secs(60);
/// The longest wait that the Hub is granted; its limits count over five minutes.
const LONGEST_ASKED: Duration = Duration::from_secs(330);

/// Counts failures in a row.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    patience: Patience,
    failed: u32,
    stop: &'a AtomicBool,
}

impl<'a> Attempts<'a> {
    /// None yet; `stop` ends a wait.
    pub fn new(patience: Patience, stop: &'a AtomicBool) -> Self {
        Self { patience, failed: 0, stop }
    }

    /// Something was achieved: the count begins again.
    pub fn progressed(&mut self) {
        self.failed = 0;
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// The failure itself, where trying again does not help or was tried enough.
    pub fn after(&mut self, failure: Failure) -> Result<(), Failure> {
        self.failed += 1;
        if !failure.passes() || self.failed >= self.patience.tries {
            return Err(failure);
        }
        let own = self.patience.first_wait.saturating_mul(1 << (self.failed - 1).min(16)).min(LONGEST);
        let wait = failure.wait().map_or(own, |asked| asked.clamp(Duration::ZERO, LONGEST_ASKED));
        let until = Instant::now() + wait;
        while Instant::now() < until {
            if self.stop.load(Ordering::Relaxed) {
                return Err(stopped());
            }
            std::thread::sleep(Duration::from_millis(50).min(until.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }

    /// Failures in a row so far.
    pub fn failed(&self) -> u32 {
        self.failed
    }
}

/// What a transfer ends with when nobody wants its file any more.
pub(super) fn stopped() -> Failure {
    Failure::Final(Error::interrupted("fetching stopped"))
}

/// Runs a request until it succeeds or trying again is of no use; returns the failure and how often it was tried.
pub(super) fn retry<T>(
    patience: Patience,
    mut request: impl FnMut() -> Result<T, Failure>,
) -> Result<T, (Failure, u32)> {
    let never = AtomicBool::new(false);
    let mut attempts = Attempts::new(patience, &never);
    loop {
        match request() {
            Ok(value) => return Ok(value),
            Err(failure) => attempts.after(failure).map_err(|failure| (failure, attempts.failed()))?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::Refusal;
    use super::*;

    #[test]
    fn passing_failures_are_tried_again_and_others_are_not() {
        let patience = Patience { tries: 4, first_wait: Duration::from_millis(1), silence: Duration::from_secs(1) };
        let mut count = 0;
        let (_, tries) = retry(patience, || {
            count += 1;
            Err::<(), _>(Failure::Cut("x".into()))
        })
        .unwrap_err();
        assert_eq!((count, tries), (4, 4));
        let mut count = 0;
        let answer = retry(patience, || {
            count += 1;
            let status = if count < 3 { 503 } else { 404 };
            Err::<(), _>(Failure::Refused(Refusal { status, ..Refusal::default() }))
        });
        assert!(answer.is_err());
        assert_eq!(count, 3, "404 is final");
    }
}
