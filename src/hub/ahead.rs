//! The files of a data set in order: each is fetched when it is wanted, the next one while it is read.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::download::{self, Transfer};
use super::repository::{Entry, Repository};
use crate::error::{Error, Result};
use crate::progress::{Bar, Progress};

/// Bytes that the bar counts by.
const UNIT: u64 = 1 << 10;

/// Files in order. Dropping it ends what is on its way; what has arrived is kept and used the next time.
#[derive(Debug)]
pub struct Files {
    repository: Arc<Repository>,
    entries: Arc<Vec<Entry>>,
    ahead: bool,
    running: Option<Running>,
    progress: Progress,
}

/// A file that a thread of its own fetches.
#[derive(Debug)]
struct Running {
    index: usize,
    transfer: Arc<Transfer>,
    outcome: Receiver<Result<PathBuf>>,
}

impl Files {
    /// Files of a repository; with `ahead` the one after that which was last asked for is fetched meanwhile.
    pub(super) fn new(repository: Arc<Repository>, entries: Vec<Entry>, ahead: bool, progress: Progress) -> Self {
        Self { repository, entries: Arc::new(entries), ahead, running: None, progress }
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a file is on this machine, as soon as it is whole.
    ///
    /// # Errors
    /// It cannot be fetched; see [`Client`](super::Client) for what is tried.
    pub fn path(&mut self, index: usize) -> Result<PathBuf> {
        let running = match self.running.take() {
            Some(running) if running.index == index => running,
            _ => self.start(index)?,
        };
        let path = self.wait(&running)?;
        if self.ahead && index + 1 < self.len() {
            self.running = Some(self.start(index + 1)?);
        }
        Ok(path)
    }

    fn start(&self, index: usize) -> Result<Running> {
        if index >= self.len() {
            return Err(Error::new("the number of a file").got(index).expected(format!("below {}", self.len())));
        }
        let transfer = Arc::new(Transfer::default());
        let (send, outcome) = channel();
        let (repository, entries, watched) =
            (Arc::clone(&self.repository), Arc::clone(&self.entries), Arc::clone(&transfer));
        let work = move || {
            if let Some(entry) = entries.get(index) {
                // Nobody listens any more where the files were dropped.
                let _ = send.send(download::fetch(&repository, entry, &watched));
            }
        };
        let thread = std::thread::Builder::new().name("hub file".to_owned()).spawn(work);
        thread.map_err(|e| Error::new(format!("cannot start a thread to fetch a file: {e}")))?;
        Ok(Running { index, transfer, outcome })
    }

    /// Waits, with a bar where bytes arrive.
    fn wait(&self, running: &Running) -> Result<PathBuf> {
        let name = self.entries.get(running.index).map(|entry| entry.path.as_str()).unwrap_or_default();
        let mut bar: Option<Bar> = None;
        let mut shown = 0;
        loop {
            let outcome = running.outcome.recv_timeout(Duration::from_millis(100));
            let total = running.transfer.total.load(Ordering::Relaxed).div_ceil(UNIT);
            let done = running.transfer.done.load(Ordering::Relaxed).div_ceil(UNIT);
            if let Some(bar) = &mut bar {
                bar.advance(done.saturating_sub(shown), name);
                shown = shown.max(done);
            }
            match outcome {
                Ok(path) => {
                    if let (Some(bar), true) = (bar, path.is_ok()) {
                        bar.finish(name);
                    }
                    return path;
                }
                Err(RecvTimeoutError::Timeout) if bar.is_none() && total > 0 => {
                    shown = done;
                    bar = Some(self.progress.bar("fetching", "KiB", done, total));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new("the thread that fetches a file ended without a word").at(name.to_owned()));
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.transfer.stop.store(true, Ordering::Relaxed);
    }
}
