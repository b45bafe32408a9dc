//! Asking: some threads send requests and try again what fails; one keeps what comes back.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::asks::{Ask, Shown};
use super::endpoint::{Endpoint, Message, Reply, Trouble};
use super::material::Material;
use super::purse::{Pace, Purse};
use super::record::{Record, Records};
use crate::error::{Error, Result};
use crate::progress::{Bar, short_time};
use crate::random::Stream;
use crate::recipe::JudgeSettings;

/// How often a thread that waits looks whether it should stop.
const GLANCE: Duration = Duration::from_millis(50);
/// The longest wait that is not the server's wish.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How asking ended.
#[derive(Debug)]
pub(super) enum End {
    /// Everything has its reply.
    Done,
    /// The next request could have passed the budget.
    Budget,
    /// A person asked to stop.
    Stopped,
    /// It cannot go on.
    Failed(Error),
}

/// What the threads share.
struct Shared<'a> {
    settings: &'a JudgeSettings,
    material: &'a Material,
    endpoint: &'a Endpoint,
    purse: &'a Purse,
    pace: Pace,
    queue: Mutex<VecDeque<Waiting>>,
    halt: AtomicBool,
}

/// An ask, and the reply without a verdict that it has already.
struct Waiting {
    ask: Ask,
    before: Option<String>,
}

enum Event {
    Answered(Box<Record>),
    /// An ask has its last reply.
    Settled,
    Ended(End),
}

/// Asks what is missing; every reply is written as it comes.
pub(super) fn ask_all(
    settings: &JudgeSettings,
    material: &Material,
    endpoint: &Endpoint,
    missing: Vec<Ask>,
    records: &mut Records,
    (purse, stop, bar): (&Purse, &dyn Fn() -> bool, &mut Bar),
) -> Result<End> {
    let queue = missing.into_iter().map(|ask| Waiting { before: records.get(&ask.key).map(|r| r.reply.clone()), ask });
    let shared = Shared {
        settings,
        material,
        endpoint,
        purse,
        pace: Pace::new(settings.requests_per_minute),
        queue: Mutex::new(queue.collect()),
        halt: AtomicBool::new(false),
    };
    if stop() {
        return Ok(End::Stopped);
    }
    let (sender, receiver) = mpsc::channel();
    let mut end = End::Done;
    let mut written = Ok(());
    std::thread::scope(|scope| {
        for _ in 0..settings.parallel {
            let (sender, shared) = (sender.clone(), &shared);
            scope.spawn(move || shared.work(&sender));
        }
        drop(sender);
        loop {
            match receiver.recv_timeout(GLANCE) {
                Ok(Event::Answered(record)) => {
                    written = std::mem::replace(&mut written, Ok(())).and(records.add(*record))
                }
                Ok(Event::Settled) => bar.advance(1, purse.words()),
                Ok(Event::Ended(why)) if matches!(end, End::Done) => end = why,
                Ok(Event::Ended(_)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if stop() && matches!(end, End::Done) {
                end = End::Stopped;
            }
            if written.is_err() || !matches!(end, End::Done) {
                shared.halt.store(true, Ordering::Relaxed);
            }
        }
    });
    written.map(|()| end)
}

impl Shared<'_> {
    fn halted(&self) -> bool {
        self.halt.load(Ordering::Relaxed)
    }

    fn work(&self, events: &Sender<Event>) {
        // The receiver lives as long as the threads do: a send that fails has nobody to tell.
        while !self.halted() {
            let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(Waiting { ask, mut before }) = next else { return };
            loop {
                let attempt = if before.is_some() { 2 } else { 1 };
                match self.reply(&ask, &ask.messages(before.as_deref())) {
                    Ok((reply, cost)) => {
                        let record = self.record(&ask, attempt, reply, cost);
                        let again = (attempt == 1 && record.verdict.is_none()).then(|| record.reply.clone());
                        let _ = events.send(Event::Answered(Box::new(record)));
                        if again.is_none() {
                            let _ = events.send(Event::Settled);
                            break;
                        }
                        before = again;
                    }
                    // Whoever made it stop has said why.
                    Err(End::Stopped) => return,
                    Err(end) => {
                        self.halt.store(true, Ordering::Relaxed);
                        let _ = events.send(Event::Ended(end));
                        return;
                    }
                }
            }
        }
    }

    fn record(&self, ask: &Ask, attempt: u8, reply: Reply, cost: Option<f64>) -> Record {
        let candidate = |at: usize| self.material.candidates.get(at).cloned().unwrap_or_default();
        let (a, b) = match ask.shown {
            Shown::Pair(first, second) => (candidate(first), Some(candidate(second))),
            Shown::One(one) => (candidate(one), None),
        };
        Record {
            key: ask.key_of(attempt),
            model: self.settings.model.clone(),
            task: self.material.tasks.get(ask.task).map(|task| task.file.clone()).unwrap_or_default(),
            question: ask.question,
            a,
            b,
            attempt,
            verdict: ask.read(&reply.text),
            reply: reply.text,
            cut: reply.cut,
            input_tokens: reply.tokens[0],
            output_tokens: reply.tokens[1],
            counted: reply.counted,
            cost,
        }
    }

    /// Asks until there is a reply, and pays for it.
    fn reply(&self, ask: &Ask, messages: &[Message]) -> Result<(Reply, Option<f64>), End> {
        let patience = self.endpoint.access.patience;
        let jitter = Stream::new(u64::from(std::process::id()), &ask.key);
        let mut waited = Duration::ZERO;
        for failures in 1.. {
            self.wait_until(self.pace.place())?;
            let Some(reserved) = self.purse.reserve(messages) else { return Err(End::Budget) };
            let (what, after, perhaps_paid) = match self.endpoint.ask(messages) {
                Ok(reply) => {
                    let cost = self.purse.pay(reserved, reply.tokens);
                    return Ok((reply, cost));
                }
                Err(Trouble::Passing { what, after, perhaps_paid }) => (what, after, perhaps_paid),
                Err(Trouble::Lasting(error)) => {
                    self.purse.give_up(reserved, false);
                    return Err(End::Failed(error));
                }
            };
            self.purse.give_up(reserved, perhaps_paid);
            let own = patience.first_wait.saturating_mul(1 << (failures - 1).min(10)).min(LONGEST_WAIT);
            let own = own.mul_f64(0.5 + jitter.unit_at(u64::from(failures)) / 2.0);
            let wait = after.unwrap_or(own);
            if failures >= patience.tries || waited + wait > patience.whole_wait {
                let error = Error::new(what).at(&self.endpoint.access.base);
                return Err(End::Failed(error.hint(given_up(failures, after))));
            }
            if after.is_some() {
                self.pace.hold(wait);
            }
            waited += wait;
            self.wait_until(Instant::now() + wait)?;
        }
        Err(End::Stopped)
    }

    /// Waits, and looks now and then whether all should stop.
    fn wait_until(&self, then: Instant) -> Result<(), End> {
        loop {
            if self.halted() {
                return Err(End::Stopped);
            }
            let left = then.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }
}

fn given_up(failures: u32, after: Option<Duration>) -> String {
    let server = after.map(|wait| format!(", and the server asks to wait {}", short_time(wait))).unwrap_or_default();
    format!(
        "tried {failures} times{server}; every verdict so far is kept: the same command goes on, perhaps with a lower \
         compare.judge.parallel or requests_per_minute"
    )
}
