//! A file written piece by piece, by a thread of its own while the next pieces are made.

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

use crate::error::{Error, Place, Result};
use crate::files;

/// Pieces that wait for the writer.
const WAITING: usize = 3;

/// A piece of a file on its way to the writer.
pub(super) enum Piece<'w> {
    /// Bytes of another file.
    Old(&'w [u8]),
    /// Bytes that were made.
    New(Vec<u8>),
}

impl std::ops::Deref for Piece<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Old(bytes) => bytes,
            Self::New(bytes) => bytes,
        }
    }
}

/// Takes the pieces of a file in their order.
pub(super) struct Pieces<'w> {
    send: SyncSender<Piece<'w>>,
}

impl<'w> Pieces<'w> {
    /// Hands a piece over, and waits where the writer is behind.
    pub fn put(&self, piece: Piece<'w>) -> Result<()> {
        // Where the writer is gone, it says itself why.
        self.send.send(piece).map_err(|_| Error::new("the file cannot be written"))
    }
}

/// Writes a file whole (temporary name, fsync, rename) from the pieces that `make` hands over.
///
/// # Errors
/// Those of `make`; the disk is full.
pub(super) fn write_pieces<'w>(path: &Path, make: impl FnOnce(&Pieces<'w>) -> Result<()>) -> Result<()> {
    // The writer speaks io::Error; the failure of a piece travels beside it.
    let mut broken = None;
    let written = files::write_with(path, |out| {
        let (send, receive) = sync_channel::<Piece<'w>>(WAITING);
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || receive.into_iter().try_for_each(|piece| out.write_all(&piece)));
            let pieces = Pieces { send };
            let made = make(&pieces);
            drop(pieces);
            let written = writer.join().unwrap_or_else(|_| Err(std::io::Error::other("the writer stopped")));
            // A writer that failed is why no more could be handed over.
            written?;
            made.map_err(|error| {
                broken = Some(error);
                std::io::Error::other("a piece could not be made")
            })
        })
    });
    match broken {
        Some(error) => Err(error).at(path.display().to_string()),
        None => written,
    }
}
