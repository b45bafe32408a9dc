//! From files to batches: sources, templates, tokenizing, mixing, packing, and a ledger of where every token went.
//!
//! | module | concept |
//! |---|---|
//! | [`tokenizer`], [`train_tokenizer`], [`extend_tokenizer`] | text to ids and back; a vocabulary of one's own |
//! | [`conversation`] | who said what |
//! | [`read`] | rows of files, with the line each comes from |
//! | [`clean`] | which rows are left out, and why |
//! | [`template`] | a conversation as ids, with the spans that are trained on |
//! | [`stream`] | all steps of a run of training, addressable by index |
//! | [`ledger`] | rows and tokens read, trained on, masked, truncated, dropped |
//! | [`world`] | the built-in world in English, Estonian and Finnish |

pub mod clean;
pub mod conversation;
pub mod ledger;
pub mod read;
mod sequence;
pub mod stream;
pub mod template;
pub mod tokenizer;
mod vocabulary;
pub mod world;

pub use conversation::{Conversation, Role, Turn};
pub use ledger::Ledger;
pub use sequence::Sequence;
pub use stream::Stream;
pub use tokenizer::Tokenizer;
pub use vocabulary::{Spread, extend_tokenizer, train_tokenizer};
