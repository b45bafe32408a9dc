//! A source as token ids in a file, and the folder that keeps such files for all studies.
//!
//! | bytes | content |
//! |---|---|
//! | 80 | header: magic, key, rows, tokens, bytes of statistics, flags, CRC-32 of the sums, CRC-32 of the header |
//! | tokens × 2 or 4 | ids, little-endian; 4 bytes where the vocabulary does not fit 2 |
//! | tokens / 8 | one bit a token: whether it is a target; absent where all but the first of each row are |
//! | rows × 28 | each row's length, number of targets (4 bytes each), hash of its content, place (8 bytes each), weight (4) |
//! | | statistics: [`Stats`](super::Stats) as JSON |
//! | blocks × 4 | sums: CRC-32 of each 64 KiB between header and sums |
//!
//! The file's name is its key: a hash of everything the ids depend on. A file that does not fit its name, its header or
//! its sums is damaged, and written anew.
//!
//! # What is checked when
//! Opening a file checks its header, sums, table and statistics, and its ids too where the file has at most
//! [`file::WHOLE`] bytes. A block of a larger file is checked when it is first read: the ids of 100 GB of text are as
//! much as the text is, and to read them all before the first step of each start would take minutes. So no id is used
//! that was not checked, and each costs one more read. What is found damaged after opening stops the work and is noted
//! beside the file, so that the next start writes it anew.
//!
//! Nothing is memory-mapped: a file that another process cuts short, or a disk that fails, is an error and not the end
//! of the process, and memory does not grow with what was read. Lengths of rows are kept in memory, 4 bytes a row.
//!
//! | module | concept |
//! |---|---|
//! | `header` | the first bytes |
//! | `blocks` | sums, and reading what they hold for |
//! | `file` | reading a file |
//! | `writer` | writing one |
//! | `folder` | where the files are, and what belongs to one |
//! | `lock` | one process builds |
//! | `entries` | listing and removing |

mod blocks;
mod entries;
mod file;
mod folder;
mod header;
mod lock;
#[cfg(test)]
mod tests;
mod writer;

pub use entries::{CacheEntry, Cleaned};
pub use file::examine_cache_file;
pub(super) use file::{Row, TokenFile, Unusable};
pub use folder::CacheFolder;
pub(super) use folder::Entry;
pub(super) use lock::lock;
pub(super) use writer::{Tokenized, Writer};

/// Bytes of a row in the table.
const ROW: usize = 28;
/// The bits of a place that count lines.
const LINE_BITS: u32 = 40;
