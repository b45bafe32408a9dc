//! Text to ids and back.
//!
//! A tokenizer comes from a `tokenizer.json`, from a `tokenizer.model` alone (SentencePiece's, or Llama 3's), or is
//! trained here; any may be extended by pieces of other texts. Its ids are those that transformers gives for the first
//! and SentencePiece or tiktoken for the second, with one difference that is meant: text never becomes a special token. A
//! row that contains the characters `</s>` would otherwise end the model's turn.
//!
//! | module | concept |
//! |---|---|
//! | `bpe` | byte-pair encoding |
//! | `marked` | text of a chat template, in which special tokens are found |
//! | `named` | what the files beside a tokenizer call its special tokens, and their chat template |
//! | `spaces` | spaces as `▁` |
//! | `byte_level`, `words` | bytes of words that a pattern finds |
//! | `pieces` | ids to text |
//! | `json`, `sentencepiece`, `tiktoken` | the three file formats |
//! | `listing` | a vocabulary as a list, for other programs |
//! | `extend` | new pieces after the old ones |
//! | `special` | which ids begin and end a document |
//! | `surfaces` | text to pieces that are texts themselves, for scores that count them |
//! | `train` | a new vocabulary from texts |
//! | `write` | files for transformers |

mod bpe;
mod byte_level;
mod extend;
mod json;
mod listing;
mod marked;
mod named;
mod pieces;
mod sentencepiece;
mod spaces;
mod special;
mod surfaces;
#[cfg(test)]
mod tests;
mod tiktoken;
mod train;
mod words;
mod write;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use bpe::{Bpe, Work};
use byte_level::ByteLevel;
pub use extend::Extended;
pub use listing::{ListedPiece, Listing, Method, PieceKind, WordPattern};
pub use marked::Placed;
use marked::{Special, Specials};
use pieces::Pieces;
pub use pieces::TextStream;
use spaces::Spaces;
use special::{Companions, Ends};
pub use surfaces::Surfaces;
pub(crate) use train::MOST_BYTES;

use crate::error::{Error, Place, Result};
use crate::files;

/// A Llama's tokenizer.
#[derive(Debug)]
pub struct Tokenizer {
    engine: Engine,
    pieces: Pieces,
    size: usize,
    ends: Ends,
    unknown: Option<u32>,
    fingerprint: String,
    companions: Companions,
    specials: Specials,
}

/// What a file of either format gives.
#[derive(Debug)]
struct Vocabulary {
    engine: Engine,
    pieces: Pieces,
    size: usize,
    special: HashMap<String, u32>,
    /// The same, and how each is found in the text of a template.
    marks: Vec<Special>,
    /// Whether the space before a text stands only before one that begins the whole.
    first_only: bool,
}

/// How text becomes ids.
#[derive(Debug)]
enum Engine {
    /// SentencePiece's byte-pair encoding.
    Pieces { bpe: Bpe, spaces: Spaces },
    /// The bytes of words: Llama 3.
    Bytes(Box<ByteLevel>),
    /// Any other: the `tokenizers` crate, with and without what it puts before a text.
    General { first: Box<tokenizers::Tokenizer>, later: Box<tokenizers::Tokenizer>, special: HashSet<u32> },
}

impl Tokenizer {
    /// Opens a `tokenizer.json`, a `tokenizer.model` (SentencePiece's, or Llama 3's), or a folder with one of them (the
    /// first is preferred, as transformers does).
    ///
    /// # Errors
    /// There is none, it is damaged, of an unsupported kind, or names no token that begins or ends a document.
    pub fn open(path: &Path) -> Result<Self> {
        let file = if path.is_dir() {
            let known = ["tokenizer.json", "tokenizer.model"].map(|name| path.join(name));
            known.into_iter().find(|file| file.is_file()).ok_or_else(|| {
                Error::new("the folder has no tokenizer.json and no tokenizer.model")
                    .at(path.display().to_string())
                    .hint("give the tokenizer's own path if it lies elsewhere")
            })?
        } else {
            path.to_owned()
        };
        let bytes = files::read(&file)?;
        let companions = Companions::read(file.parent().unwrap_or(Path::new(".")));
        companions.and_then(|companions| Self::read(&bytes, companions)).at(file.display().to_string())
    }

    /// Reads the content of a `tokenizer.json` or of a `tokenizer.model`.
    ///
    /// # Errors
    /// As [`Tokenizer::open`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes, Companions::default())
    }

    /// Reads a SentencePiece model from any bytes, whatever they begin with; for tests that damage one.
    ///
    /// # Errors
    /// They are no such model. They never make it panic.
    #[doc(hidden)]
    pub fn from_sentencepiece(bytes: &[u8]) -> Result<Self> {
        Self::read_sentencepiece(bytes, Companions::default())
    }

    /// Reads a `tokenizer.json` from any bytes, whatever they begin with; for tests that damage one.
    ///
    /// # Errors
    /// They are no such file. They never make it panic.
    #[doc(hidden)]
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        Self::read_json(bytes, Companions::default(), (None, None))
    }

    fn read(bytes: &[u8], mut companions: Companions) -> Result<Self> {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'{') {
            return Self::read_json(bytes, companions, (None, None));
        }
        if tiktoken::is_one(bytes) {
            let json = tiktoken::tokenizer_json(bytes, &companions.names()?)?;
            companions.add("tokenizer.model", bytes.to_vec());
            return Self::read_json(&json, companions, (None, None));
        }
        Self::read_sentencepiece(bytes, companions)
    }

    fn read_json(bytes: &[u8], mut companions: Companions, own: (Option<String>, Option<String>)) -> Result<Self> {
        let vocabulary = json::read(bytes)?;
        let ends = Ends::find(&companions, own, &vocabulary.special)?;
        companions.add("tokenizer.json", bytes.to_vec());
        Self::new(vocabulary, ends, bytes, companions)
    }

    fn read_sentencepiece(bytes: &[u8], mut companions: Companions) -> Result<Self> {
        let read = sentencepiece::read(bytes)?;
        let ends = Ends::find(&companions, (read.bos, read.eos), &read.vocabulary.special)?;
        companions.add("tokenizer.model", bytes.to_vec());
        companions.add("tokenizer.json", write::tokenizer_json(&read.parts, &ends.bos.0)?);
        Self::new(read.vocabulary, ends, bytes, companions)
    }

    fn new(vocabulary: Vocabulary, ends: Ends, bytes: &[u8], companions: Companions) -> Result<Self> {
        let Vocabulary { engine, pieces, size, special, marks, first_only } = vocabulary;
        let first_only = first_only || matches!(engine, Engine::Pieces { .. }) && companions.is_llama_class()?;
        let specials = Specials::new(marks, first_only);
        let fingerprint = files::sha256([bytes, ends.bos.0.as_bytes(), b"\0", ends.eos.0.as_bytes()].concat());
        let unknown = special.get("<unk>").copied();
        Ok(Self { engine, pieces, size, ends, unknown, fingerprint, companions, specials })
    }

    /// The ids of a text, without BOS and EOS. Text that looks like a special token stays text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.encoder().encode(text)
    }

    /// As [`Tokenizer::encode`], for text that goes on after other text: no space is put before it.
    pub fn encode_continuation(&self, text: &str) -> Result<Vec<u32>> {
        self.encoder().encode_continuation(text)
    }

    /// Encodes many texts, remembering words.
    pub fn encoder(&self) -> Encoder<'_> {
        Encoder { tokenizer: self, work: Work::default() }
    }

    /// The text of ids, special ones left out; bytes that are not UTF-8, and ids outside the vocabulary, become U+FFFD.
    ///
    /// The space that stands before every text in Llama's vocabulary is taken off.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut stream = TextStream::new(&self.pieces, true);
        let mut text: String = ids.iter().map(|id| stream.push(*id)).collect();
        text.push_str(&stream.finish());
        text
    }

    /// Decodes a text while it is being generated, after a prompt: a space at its start is kept.
    pub fn text_stream(&self) -> TextStream<'_> {
        TextStream::new(&self.pieces, false)
    }

    /// The id before every document.
    pub fn bos(&self) -> u32 {
        self.ends.bos.1
    }

    /// The id after every document and every answer.
    pub fn eos(&self) -> u32 {
        self.ends.eos.1
    }

    /// The id of `<unk>`, if there is one.
    pub fn unknown(&self) -> Option<u32> {
        self.unknown
    }

    /// Ids run from 0 to this, exclusive.
    pub fn vocabulary(&self) -> usize {
        self.size
    }

    /// The SHA-256 of what defines the ids.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The ids by which a character without a piece is written.
    fn ids_of_missing(&self, character: char) -> Vec<u32> {
        let mut ids = Vec::new();
        if let Engine::Pieces { bpe, .. } = &self.engine {
            bpe.encode_word(character.encode_utf8(&mut [0; 4]), &mut Work::default(), &mut ids);
        }
        ids
    }

    /// Checks that every id has a row in an embedding of `limit` rows.
    ///
    /// # Errors
    /// The vocabulary is larger: the tokenizer belongs to another model.
    pub fn check_vocabulary(&self, limit: usize) -> Result<()> {
        if self.size <= limit {
            return Ok(());
        }
        Err(Error::new("the tokenizer's vocabulary")
            .got(self.size)
            .expected(format!("at most the model's {limit}"))
            .hint("use the tokenizer that came with the model"))
    }

    /// Writes `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json`, as transformers reads them.
    ///
    /// Files that came with the tokenizer are written as they were.
    pub fn save(&self, folder: &Path) -> Result<()> {
        files::make_folder(folder)?;
        for (name, content) in self.companions.files() {
            files::write(&folder.join(name), content)?;
        }
        let unknown = self.unknown.map(|_| "<unk>");
        let (bos, eos) = (self.ends.bos.0.as_str(), self.ends.eos.0.as_str());
        if self.companions.get("tokenizer_config.json").is_none() {
            files::write_json(&folder.join("tokenizer_config.json"), &write::tokenizer_config(bos, eos, unknown))?;
        }
        if self.companions.get("special_tokens_map.json").is_none() {
            files::write_json(&folder.join("special_tokens_map.json"), &write::special_tokens_map(bos, eos, unknown))?;
        }
        Ok(())
    }
}

/// A [`Tokenizer`] with a memory of words; one for each thread.
#[derive(Debug)]
pub struct Encoder<'t> {
    tokenizer: &'t Tokenizer,
    work: Work,
}

impl<'t> Encoder<'t> {
    /// The tokenizer.
    pub fn tokenizer(&self) -> &'t Tokenizer {
        self.tokenizer
    }

    /// As [`Tokenizer::encode`].
    pub fn encode(&mut self, text: &str) -> Result<Vec<u32>> {
        self.encode_at(text, true)
    }

    /// As [`Tokenizer::encode_continuation`].
    pub fn encode_continuation(&mut self, text: &str) -> Result<Vec<u32>> {
        self.encode_at(text, false)
    }

    fn encode_at(&mut self, text: &str, start: bool) -> Result<Vec<u32>> {
        match &self.tokenizer.engine {
            Engine::Pieces { bpe, spaces } => {
                let mut ids = Vec::with_capacity(text.len() / 3 + 4);
                bpe.encode(&spaces.write(text, start), &mut self.work, &mut ids);
                Ok(ids)
            }
            Engine::Bytes(byte_level) => {
                let mut ids = Vec::with_capacity(text.len() / 3 + 4);
                byte_level.encode(text, &mut self.work, &mut ids)?;
                Ok(ids)
            }
            Engine::General { first, later, .. } => {
                let engine = if start { first } else { later };
                let encoding = engine
                    .encode_fast(text, false)
                    .map_err(|e| Error::new(format!("cannot tokenize {:?}: {e}", shortened(text))))?;
                let ids = encoding.get_ids().to_vec();
                self.refuse_special(&ids, text)?;
                Ok(ids)
            }
        }
    }

    fn refuse_special(&self, ids: &[u32], text: &str) -> Result<()> {
        let Engine::General { special, .. } = &self.tokenizer.engine else { return Ok(()) };
        match ids.iter().find(|id| special.contains(id) && Some(**id) != self.tokenizer.unknown) {
            None => Ok(()),
            Some(id) => {
                Err(Error::new(format!("the tokenizer finds the special token {id} in the text {:?}", shortened(text)))
                    .hint("text must not become a special token; take its name out of the text"))
            }
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}
