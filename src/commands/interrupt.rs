//! Ctrl-C: the first asks the work to stop at the next safe point, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// Whether a person has asked the work to stop.
#[derive(Debug, Clone)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens for Ctrl-C and for the signal that ends a process politely.
    pub fn listen() -> Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&asked);
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            anstream::eprintln!("stopping after this step; once more stops at once");
        })
        .map_err(|e| Error::new(format!("cannot listen for Ctrl-C: {e}")))?;
        Ok(Self { asked })
    }

    /// Whether it was asked.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Forgets it: chat stops an answer, not itself.
    pub fn forget(&self) {
        self.asked.store(false, Ordering::SeqCst);
    }
}
