//! What gives a base back, bit for bit, from the model that adapters were merged into.
//!
//! The bits of a weight of the base are foretold from the merged ones: where low-rank factors were added, these are kept and
//! taken away again, else the merged values stand as they are, rounded to the base's dtype. What the forecast misses is kept:
//! the difference of the bit patterns, its bytes in planes, compressed. A merged weight less its update lies within half a
//! step of what it was, so the forecast is right but for values whose step the merge has changed, and the file is small.
//!
//! The file, `base.delta`:
//!
//! | what | how |
//! |---|---|
//! | the magic | 16 bytes |
//! | the base's small files, and the headers of its weights | each a length (u64) and a zstd frame with a checksum |
//! | for each weight, where its table says: its factors A and B | each a length and a frame |
//! | … then its rows, some at a time (see [`rows_of_part`]) | each a length and a frame; a length of 0 where the forecast is right |
//! | the table (see `table`) | a frame of JSON |
//! | the end | the length of the table (u64), the SHA-256 of its frame, the magic |
//!
//! | module | concept |
//! |---|---|
//! | `forecast` | the base's values as the merged ones foretell them |
//! | `planes` | the difference to them, byte planes apart |
//! | `frames` | lengths and compressed frames |
//! | `record` | the file written while a merge goes on |
//! | `table` | what stands at its end |
//! | `restore` | the base written from the merged model and the file |

mod forecast;
mod frames;
mod planes;
mod record;
mod restore;
mod table;

pub(super) use forecast::{Factors, Forecast, rows_of_part};
pub(super) use record::Record;
pub use restore::Delta;

/// The name of the file beside the merged weights.
pub const DELTA_FILE: &str = "base.delta";

/// At the start of the file, and at its end.
const MAGIC: &[u8; 16] = b"emakeel delta 1\n";

/// The bytes after the table: its length, its SHA-256, the magic.
const END: usize = 8 + 32 + MAGIC.len();
