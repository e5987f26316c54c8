//! Walks a stream from entry to entry.

use std::io::BufRead;

use super::{
    Entry, Kind, TarError, Time,
    header::{BLOCK, Header},
    pax::Extensions,
};

/// Longest extension header: names and attributes of one entry. Go's reader has the same bound.
const MAX_EXTENSION_BYTES: u64 = 1 << 20;

/// Reads entries in order. After `next`, the content of a file is read through `content`; what is
/// left unread is passed over by the following `next`.
pub struct Reader<R> {
    source: R,
    /// Bytes taken from the source.
    offset: u64,
    /// Content of the current entry not read yet.
    content: u64,
    /// Zeros after it, up to a whole block.
    padding: u64,
}

impl<R: BufRead> Reader<R> {
    pub fn new(source: R) -> Self {
        Self { source, offset: 0, content: 0, padding: 0 }
    }

    /// The next entry; `None` at the end of the archive.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not lend its content")]
    pub fn next(&mut self) -> Result<Option<Entry>, TarError> {
        let mut extensions = Extensions::default();
        loop {
            self.skip(self.content.saturating_add(self.padding))?;
            (self.content, self.padding) = (0, 0);
            let start = self.offset;
            let Some(block) = self.header_block()? else { return Ok(None) };
            let header = Header::parse(&block, start)?;
            let flag = header.type_flag();
            match flag {
                b'x' => extensions.read_records(&self.extension(header.size()?)?)?,
                b'L' => extensions.path = Some(c_string(self.extension(header.size()?)?)),
                b'K' => extensions.link = Some(c_string(self.extension(header.size()?)?)),
                // Global records are about the archive, not about files.
                b'g' => drop(self.extension(header.size()?)?),
                _ => return self.entry(&header, extensions).map(Some),
            }
        }
    }

    /// The next piece of the current entry's content; empty at its end. Call `consume` with what was used.
    pub fn content(&mut self) -> Result<&[u8], TarError> {
        if self.content == 0 {
            return Ok(&[]);
        }
        let piece = self.source.fill_buf()?;
        if piece.is_empty() {
            return Err(TarError::Truncated);
        }
        let length = usize::try_from(self.content).map_or(piece.len(), |left| left.min(piece.len()));
        Ok(&piece[..length])
    }

    pub fn consume(&mut self, bytes: usize) {
        self.source.consume(bytes);
        self.offset += bytes as u64;
        self.content -= bytes as u64;
    }

    fn entry(&mut self, header: &Header<'_>, extensions: Extensions) -> Result<Entry, TarError> {
        let path = extensions.path.unwrap_or_else(|| header.path());
        let kind = kind(header.type_flag(), &path)?;
        if extensions.sparse {
            return Err(unsupported(&path, "sparse file"));
        }
        let size = match (kind, extensions.size) {
            (Kind::File, Some(size)) => size,
            (Kind::File, None) => header.size()?,
            _ => 0,
        };
        (self.content, self.padding) = (size, padding_of(size));
        let device = match kind {
            Kind::CharDevice | Kind::BlockDevice => header.device()?,
            _ => (0, 0),
        };
        let narrow = |value: u64, field| {
            u32::try_from(value).map_err(|_| TarError::Number { field, offset: self.offset })
        };
        let plain_time = || Ok(Time { seconds: header.mtime()?, nanos: 0 });
        Ok(Entry {
            kind,
            link: extensions.link.unwrap_or_else(|| header.link()),
            mode: header.mode()?,
            uid: narrow(extensions.uid.map_or_else(|| header.uid(), Ok)?, "user id")?,
            gid: narrow(extensions.gid.map_or_else(|| header.gid(), Ok)?, "group id")?,
            mtime: extensions.mtime.map_or_else(plain_time, Ok::<_, TarError>)?,
            size,
            device: (narrow(device.0, "device number")?, narrow(device.1, "device number")?),
            xattrs: extensions.xattrs,
            path,
        })
    }

    /// The next header; `None` at the end: two blocks of zeros, or the end of the stream.
    fn header_block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let block = self.block()?;
        if block.iter().any(|&b| b != 0) {
            return Ok(Some(block));
        }
        if self.source.fill_buf()?.is_empty() || self.block()?.iter().all(|&b| b == 0) {
            return Ok(None);
        }
        Err(TarError::Checksum(self.offset - 2 * BLOCK as u64))
    }

    fn block(&mut self) -> Result<[u8; BLOCK], TarError> {
        let mut block = [0; BLOCK];
        self.source.read_exact(&mut block).map_err(truncated)?;
        self.offset += BLOCK as u64;
        Ok(block)
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        if size > MAX_EXTENSION_BYTES {
            return Err(TarError::ExtensionTooLong(size));
        }
        let mut bytes = vec![0; size as usize];
        self.source.read_exact(&mut bytes).map_err(truncated)?;
        self.offset += size;
        self.skip(padding_of(size))?;
        Ok(bytes)
    }

    fn skip(&mut self, mut bytes: u64) -> Result<(), TarError> {
        while bytes > 0 {
            let length = self.source.fill_buf()?.len();
            if length == 0 {
                return Err(TarError::Truncated);
            }
            let step = usize::try_from(bytes).map_or(length, |left| left.min(length));
            self.source.consume(step);
            self.offset += step as u64;
            bytes -= step as u64;
        }
        Ok(())
    }
}

fn kind(flag: u8, path: &[u8]) -> Result<Kind, TarError> {
    Ok(match flag {
        // Before ustar, a directory was a file whose name ended so.
        b'0' | 0 | b'7' if path.ends_with(b"/") => Kind::Directory,
        b'0' | 0 | b'7' => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::Symlink,
        b'3' => Kind::CharDevice,
        b'4' => Kind::BlockDevice,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        b'S' => return Err(unsupported(path, "sparse file")),
        other => return Err(unsupported(path, &format!("'{}'", other.escape_ascii()))),
    })
}

fn unsupported(path: &[u8], what: &str) -> TarError {
    TarError::Unsupported { path: String::from_utf8_lossy(path).into_owned(), what: what.to_owned() }
}

fn c_string(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

fn padding_of(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn truncated(error: std::io::Error) -> TarError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof { TarError::Truncated } else { TarError::Io(error) }
}
