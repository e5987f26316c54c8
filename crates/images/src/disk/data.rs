//! File contents on their way to the disk.
//!
//! The contents of a file are written once, to the blocks that they stay in, while its layer is
//! read: whole blocks go to the disk in the order of arrival, the rest of a file (its tail) goes to
//! a scratch file until the inodes are written, which carry tails with them. What a later layer
//! hides leaves a hole.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use super::erofs::BLOCK;

/// Collected before a write: few system calls, little memory.
const BUFFER: usize = 1 << 20;

/// Where the contents of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    pub size: u64,
    /// Number of the first whole block; meaningless if there is none.
    pub first_block: u32,
    pub tail: Tail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// The last block is in its place, filled up with zeros, or there is nothing in it.
    InBlock,
    /// Offset in the scratch file; the length is what the whole blocks leave of `size`.
    Apart(u64),
}

impl Content {
    /// Blocks of their own, in the image.
    pub fn blocks(&self) -> u64 {
        match self.tail {
            Tail::InBlock => self.size.div_ceil(BLOCK as u64),
            Tail::Apart(_) => self.size / BLOCK as u64,
        }
    }

    pub fn tail_len(&self) -> usize {
        match self.tail {
            Tail::InBlock => 0,
            Tail::Apart(_) => (self.size % BLOCK as u64) as usize,
        }
    }
}

/// Takes the contents of files, one after the other.
pub struct DataArea {
    disk: Appender,
    tails: Appender,
}

impl DataArea {
    /// Data begins after `first_block` blocks of `disk`.
    pub fn new(disk: File, first_block: u32, scratch_dir: &Path) -> io::Result<Self> {
        let tails = tempfile::tempfile_in(scratch_dir)?;
        let start = u64::from(first_block) * BLOCK as u64;
        Ok(Self { disk: Appender::new(disk, start), tails: Appender::new(tails, 0) })
    }

    /// Begins a file of exactly `size` bytes; a tail of up to `most_apart` bytes is kept apart.
    pub fn begin(&mut self, size: u64, most_apart: usize) -> io::Result<FileWriter<'_>> {
        let first_block = u32::try_from(self.disk.end() / BLOCK as u64)
            .map_err(|_| io::Error::new(io::ErrorKind::FileTooLarge, "the disk would pass 16 TiB"))?;
        let tail = (size % BLOCK as u64) as usize;
        let apart = tail > 0 && tail <= most_apart;
        let content = Content {
            size,
            first_block,
            tail: if apart { Tail::Apart(self.tails.end()) } else { Tail::InBlock },
        };
        let whole = if apart { size - tail as u64 } else { size };
        Ok(FileWriter { area: self, content, whole })
    }

    /// Appends whole blocks of metadata; the number of the first one.
    pub fn append_blocks(&mut self, bytes: &[u8]) -> io::Result<u32> {
        let first = (self.disk.end() / BLOCK as u64) as u32;
        self.disk.write(bytes)?;
        self.disk.pad_to_block()?;
        Ok(first)
    }

    /// No more files: the disk, where its data ends (bytes, a whole block), and the tails.
    pub fn finish(mut self) -> io::Result<(File, u64, Tails)> {
        self.disk.flush()?;
        self.tails.flush()?;
        Ok((self.disk.file, self.disk.flushed, Tails(self.tails.file)))
    }
}

/// Tails, by their offsets.
pub struct Tails(File);

impl Tails {
    pub fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(into, offset)
    }
}

/// Takes one file's bytes, in pieces.
pub struct FileWriter<'a> {
    area: &'a mut DataArea,
    content: Content,
    /// Bytes that still go to whole blocks.
    whole: u64,
}

impl FileWriter<'_> {
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let split = usize::try_from(self.whole).map_or(bytes.len(), |whole| whole.min(bytes.len()));
        let (whole, tail) = bytes.split_at(split);
        self.area.disk.write(whole)?;
        self.whole -= whole.len() as u64;
        self.area.tails.write(tail)
    }

    pub fn finish(self) -> io::Result<Content> {
        self.area.disk.pad_to_block()?;
        Ok(self.content)
    }
}

/// Writes at the end of a file; stretches of zeros become holes.
struct Appender {
    file: File,
    buffer: Vec<u8>,
    flushed: u64,
}

impl Appender {
    fn new(file: File, start: u64) -> Self {
        Self { file, buffer: Vec::with_capacity(BUFFER), flushed: start }
    }

    fn end(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = BUFFER - self.buffer.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == BUFFER {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn pad_to_block(&mut self) -> io::Result<()> {
        let missing = self.end().wrapping_neg() % BLOCK as u64;
        self.write(&[0; BLOCK][..missing as usize])
    }

    fn flush(&mut self) -> io::Result<()> {
        if !is_zero(&self.buffer) {
            self.file.write_all_at(&self.buffer, self.flushed)?;
        }
        self.flushed = self.end();
        self.buffer.clear();
        Ok(())
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0) && bytes.iter().all(|&b| b == 0)
}
