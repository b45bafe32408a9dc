//! A file's content as a stream of bytes, decompressed where it is compressed.
//!
//! What a file is compressed with is told from its first bytes, never from its name. Several compressed pieces in one
//! file, one after the other, are read as one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Bytes looked at to tell what a file is.
const HEAD: usize = 512;
/// Bytes read at a time.
const BUFFER: usize = 1 << 18;
/// The largest window of a zstd frame, as a power of 2: what `zstd --ultra --long=31` writes.
const ZSTD_WINDOW: u32 = 31;

/// Where bytes come from.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// A file.
    File(PathBuf),
    /// Bytes in memory, with a name for messages.
    Memory(String, Arc<[u8]>),
}

/// A stream of content.
pub(super) struct Opened {
    /// The content, decompressed.
    pub content: Box<dyn BufRead + Send>,
    /// The first bytes of it, at most 512.
    pub head: Vec<u8>,
    /// Whether it was compressed.
    pub compressed: bool,
    /// The file's name in messages.
    pub name: String,
    read: Arc<AtomicU64>,
    reported: u64,
}

impl Input {
    /// The name in messages.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Memory(name, _) => name.clone(),
        }
    }

    /// Bytes on the disk.
    pub fn size(&self) -> Result<u64> {
        match self {
            Self::File(path) => Ok(std::fs::metadata(path).map_err(|e| Error::io(path, "read the file", &e))?.len()),
            Self::Memory(_, bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Opens the content.
    ///
    /// # Errors
    /// The file cannot be read, or is an archive.
    pub fn open(&self) -> Result<Opened> {
        let raw: Box<dyn Read + Send> = match self {
            Self::File(path) => Box::new(File::open(path).map_err(|e| Error::io(path, "read the file", &e))?),
            Self::Memory(_, bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
        };
        Opened::new(raw, self.name())
    }
}

impl Opened {
    fn new(raw: Box<dyn Read + Send>, name: String) -> Result<Self> {
        let failed = |e| failed(&name, &e);
        let read = Arc::new(AtomicU64::new(0));
        let counted: Box<dyn Read + Send> = Box::new(Counted { raw, read: Arc::clone(&read) });
        let (head, raw) = look(counted).map_err(failed)?;
        let (compressed, head, content) = match Compression::of(&head) {
            None => (false, head, raw),
            Some(compression) => {
                let decoded: Box<dyn Read + Send> = Box::new(compression.decoded(raw).map_err(failed)?);
                let (head, content) = look(decoded).map_err(failed)?;
                (true, head, content)
            }
        };
        refuse_archives(&head).map_err(|error| error.at(&name))?;
        let content = Box::new(BufReader::with_capacity(BUFFER, content));
        Ok(Self { content, head, compressed, name, read, reported: 0 })
    }

    /// A stream that is no file, for tests that watch how far it is read.
    #[cfg(test)]
    pub fn of_reader(raw: impl Read + Send + 'static, name: &str) -> Result<Self> {
        Self::new(Box::new(raw), name.to_owned())
    }

    /// Bytes of the file that were read since this was last asked for.
    pub fn taken(&mut self) -> u64 {
        let read = self.read.load(Ordering::Relaxed);
        read - std::mem::replace(&mut self.reported, read)
    }

    /// A failure to read on.
    pub fn failed(&self, source: &io::Error) -> Error {
        failed(&self.name, source)
    }
}

/// A failure to read a file.
pub(super) fn failed(name: &str, source: &io::Error) -> Error {
    let error = Error::io(Path::new(name), "read the file", source);
    match source.kind() {
        io::ErrorKind::InvalidData => error.hint("is the file whole? download or copy it again"),
        _ => error,
    }
}

/// The first bytes of a stream, and the stream with them.
fn look(mut stream: Box<dyn Read + Send>) -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut head = Vec::with_capacity(HEAD);
    (&mut stream).take(HEAD as u64).read_to_end(&mut head)?;
    let whole = Cursor::new(head.clone()).chain(stream);
    Ok((head, Box::new(whole)))
}

struct Counted {
    raw: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.raw.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Compression {
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or a skippable frame before one.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            // The level, then the digits of pi (a block) or of its square root (no block at all).
            [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..]
                if rest.starts_with(&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
                    || rest.starts_with(&[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]) =>
            {
                Some(Self::Bzip2)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }

    fn decoded(self, raw: Box<dyn Read + Send>) -> io::Result<Decoded> {
        let raw = BufReader::with_capacity(BUFFER, raw);
        let stream: Box<dyn Read + Send> = match self {
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(raw)?;
                decoder.window_log_max(ZSTD_WINDOW)?;
                Box::new(decoder)
            }
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(raw)),
            Self::Xz => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(raw)),
        };
        Ok(Decoded { stream, given: 0, compression: self })
    }
}

/// A decoder that says how far it came when it fails.
struct Decoded {
    stream: Box<dyn Read + Send>,
    given: u64,
    compression: Compression,
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(buffer) {
            Ok(count) => {
                self.given += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            // A cut-off stream must not look like the end of a whole one to whoever reads it.
            Err(error) => {
                let (name, given) = (self.compression.name(), self.given);
                let what = match error.kind() {
                    io::ErrorKind::UnexpectedEof => {
                        format!("the {name} data is cut off after {given} bytes of content")
                    }
                    _ => format!("the {name} data is damaged after {given} bytes of content: {error}"),
                };
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
        }
    }
}

fn refuse_archives(head: &[u8]) -> Result<()> {
    let refused = |what: &str, hint: &str| Err(Error::new(format!("the file is {what}")).hint(hint));
    let archive = "unpack it and give the files in it, or the folder";
    match head {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => refused("a zip archive (or a spreadsheet)", archive),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => refused("a 7z archive", archive),
        [b'R', b'a', b'r', b'!', 0x1a, 0x07, ..] => refused("a rar archive", archive),
        [0x04, 0x22, 0x4d, 0x18, ..] => refused("compressed with lz4", "decompress it with lz4 -d first"),
        _ if head.get(257..262) == Some(b"ustar".as_slice()) => refused("a tar archive", archive),
        _ => Ok(()),
    }
}
