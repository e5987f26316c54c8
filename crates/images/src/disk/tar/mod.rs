//! Reads tar streams as builders write them: ustar, GNU and PAX.
//!
//! Responsible for: headers, long names, PAX records, exact lengths. Everything that is kept in
//! memory is bounded. Not for: what the entries mean; that is `merge`.
//!
//! Format: POSIX.1-2017 pax "ustar Interchange Format"; GNU tar manual, "Basic Tar Format". Where
//! they leave a choice, this does what Go's `archive/tar` does, which wrote most images.

mod header;
mod pax;
mod reader;

pub use reader::Reader;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    /// `link` names another entry of the image.
    HardLink,
    /// `link` is the target's text.
    Symlink,
    CharDevice,
    BlockDevice,
    Directory,
    Fifo,
}

/// One entry, with its extension records folded in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As it was written: possibly absolute, or with `..`.
    pub path: Vec<u8>,
    pub kind: Kind,
    pub link: Vec<u8>,
    /// Permission bits, set-id and sticky bits; no type.
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Time,
    /// Bytes of content that follow; 0 for everything but files.
    pub size: u64,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Full names and values, in the order of the records.
    pub xattrs: Vec<Xattr>,
}

/// An extended attribute: full name (`security.capability`) and value.
pub type Xattr = (Box<[u8]>, Box<[u8]>);

/// Seconds since 1970, possibly before, and nanoseconds after that second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time {
    pub seconds: i64,
    pub nanos: u32,
}

/// Why a stream is no tar that can be read.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    #[error("the archive ends in the middle of an entry")]
    Truncated,
    #[error("the header at byte {0} is damaged (checksum)")]
    Checksum(u64),
    #[error("the {field} in the header at byte {offset} is no number")]
    Number { field: &'static str, offset: u64 },
    #[error("a PAX record is malformed: {0}")]
    Pax(&'static str),
    #[error("an extension header of {0} bytes")]
    ExtensionTooLong(u64),
    #[error("entry \"{path}\" has the unsupported type {what}")]
    Unsupported { path: String, what: String },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
