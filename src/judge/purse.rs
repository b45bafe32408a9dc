//! Money and time: no request is sent that could pass the budget, and none faster than the recipe allows.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::endpoint::Message;
use crate::recipe::{JudgeSettings, Price};

/// Tokens that a chat template adds to each message, more than any known one does.
const AROUND: usize = 16;

/// What was spent and what may still be.
#[derive(Debug)]
pub(super) struct Purse {
    price: Option<Price>,
    budget: Option<f64>,
    most_written: f64,
    state: Mutex<Money>,
}

#[derive(Debug)]
struct Money {
    spent: f64,
    /// For requests under way.
    reserved: f64,
}

impl Purse {
    pub(super) fn new(settings: &JudgeSettings, spent: f64) -> Self {
        let state = Mutex::new(Money { spent, reserved: 0.0 });
        Self { price: settings.price, budget: settings.budget, most_written: settings.max_tokens as f64, state }
    }

    /// Puts aside what a request may cost at most; `None` if that could pass the budget.
    ///
    /// No tokenizer makes more tokens than there are bytes.
    pub(super) fn reserve(&self, messages: &[Message]) -> Option<f64> {
        let bytes: usize = messages.iter().map(|message| message.content.len() + AROUND).sum();
        let most = self.price.map_or(0.0, |price| price.of(bytes as f64, self.most_written));
        let mut money = lock(&self.state);
        if self.budget.is_some_and(|budget| money.spent + money.reserved + most > budget) {
            return None;
        }
        money.reserved += most;
        Some(most)
    }

    /// Pays for a reply from what was put aside; the price, if there is one.
    pub(super) fn pay(&self, reserved: f64, [read, written]: [f64; 2]) -> Option<f64> {
        let cost = self.price.map(|price| price.of(read, written));
        let mut money = lock(&self.state);
        money.reserved -= reserved;
        money.spent += cost.unwrap_or(0.0);
        cost
    }

    /// What was put aside is free again, or lost where the server may have charged for it.
    pub(super) fn give_up(&self, reserved: f64, perhaps_paid: bool) {
        let mut money = lock(&self.state);
        money.reserved -= reserved;
        if perhaps_paid {
            money.spent += reserved;
        }
    }

    pub(super) fn spent(&self) -> f64 {
        lock(&self.state).spent
    }

    /// What is shown beside the progress.
    pub(super) fn words(&self) -> String {
        match (self.price, self.budget) {
            (None, _) => String::new(),
            (Some(_), None) => format!("${:.4}", self.spent()),
            (Some(_), Some(budget)) => format!("${:.4} of ${budget}", self.spent()),
        }
    }
}

/// When the next request may go out.
#[derive(Debug)]
pub(super) struct Pace {
    apart: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(requests_per_minute: Option<usize>) -> Self {
        let apart = requests_per_minute.map_or(Duration::ZERO, |count| Duration::from_secs(60) / count.max(1) as u32);
        Self { apart, next: Mutex::new(Instant::now()) }
    }

    /// Takes the next place in the line; when it is.
    pub(super) fn place(&self) -> Instant {
        let mut next = lock(&self.next);
        let place = (*next).max(Instant::now());
        *next = place + self.apart;
        place
    }

    /// Nobody goes before that.
    pub(super) fn hold(&self, wait: Duration) {
        let mut next = lock(&self.next);
        *next = (*next).max(Instant::now() + wait);
    }
}

/// What a thread that panicked held is still what it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
