//! Decompresses a layer in a thread of its own, counts and hashes what comes out.
//!
//! The thread and the reader of the tar share a few buffers, so memory stays the same for any layer.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use crate::Digest;

/// Bytes handed over at once.
const CHUNK: usize = 256 << 10;

/// Chunks on their way: enough for neither side to wait for the other.
const CHUNKS: usize = 8;

/// Why a layer cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("it cannot be decompressed: {0}")]
    Decompress(io::Error),
    #[error("it unpacks to more than {0} bytes")]
    TooLarge(u64),
}

/// The layer's tar. After an error, `failure` tells what it was.
pub struct Unpacked {
    chunks: Receiver<Message>,
    chunk: Vec<u8>,
    position: usize,
    end: Option<(Digest, u64)>,
    failure: Option<UnpackError>,
}

enum Message {
    Chunk(Vec<u8>),
    End(Digest, u64),
    Failed(UnpackError),
}

impl Unpacked {
    /// Starts on a layer that may not grow to more than `max_bytes`.
    pub fn start(layer: File, max_bytes: u64) -> Self {
        let (sender, chunks) = sync_channel(CHUNKS);
        thread::spawn(move || {
            let last = match unpack(layer, max_bytes, &sender) {
                Ok(Some((digest, bytes))) => Message::End(digest, bytes),
                Ok(None) => return,
                Err(error) => Message::Failed(error),
            };
            // Nobody reads any more when this fails.
            let _ = sender.send(last);
        });
        Self { chunks, chunk: Vec::new(), position: 0, end: None, failure: None }
    }

    /// Reads what is left; digest and length of the whole tar.
    pub fn finish(&mut self) -> io::Result<(Digest, u64)> {
        loop {
            let length = self.fill_buf()?.len();
            if length == 0 {
                return self.end.ok_or_else(|| io::Error::other("the unpacking thread ended early"));
            }
            self.consume(length);
        }
    }

    pub fn take_failure(&mut self) -> Option<UnpackError> {
        self.failure.take()
    }
}

impl BufRead for Unpacked {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.position == self.chunk.len() && self.end.is_none() {
            match self.chunks.recv() {
                Ok(Message::Chunk(chunk)) => (self.chunk, self.position) = (chunk, 0),
                Ok(Message::End(digest, bytes)) => self.end = Some((digest, bytes)),
                Ok(Message::Failed(failure)) => {
                    let error = io::Error::other(failure.to_string());
                    self.failure = Some(failure);
                    return Err(error);
                }
                Err(_) => return Err(io::Error::other("the unpacking thread ended early")),
            }
        }
        Ok(&self.chunk[self.position..])
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount;
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

/// Sends everything; `None` when the reader went away.
fn unpack(
    layer: File,
    max_bytes: u64,
    chunks: &SyncSender<Message>,
) -> Result<Option<(Digest, u64)>, UnpackError> {
    let mut tar = decoder(layer).map_err(UnpackError::Decompress)?;
    let (mut hasher, mut total) = (Sha256::new(), 0);
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let length =
            (&mut tar).take(CHUNK as u64).read_to_end(&mut chunk).map_err(UnpackError::Decompress)?;
        if length == 0 {
            return Ok(Some((Digest::finish(hasher), total)));
        }
        total += length as u64;
        if total > max_bytes {
            return Err(UnpackError::TooLarge(max_bytes));
        }
        hasher.update(&chunk);
        if chunks.send(Message::Chunk(chunk)).is_err() {
            return Ok(None);
        }
    }
}

/// By the first bytes: what a manifest says of its layers' compression is often wrong.
fn decoder(layer: File) -> io::Result<Box<dyn Read>> {
    let mut layer = BufReader::with_capacity(CHUNK, layer);
    Ok(match layer.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(layer)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(layer)?),
        _ => Box::new(layer),
    })
}
