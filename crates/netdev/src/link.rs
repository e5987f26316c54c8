//! The guest's end of a machine's link, as its VMM takes it over.

use std::{os::fd::OwnedFd, path::PathBuf};

/// What [`HostNet::attach`](crate::HostNet::attach) hands to a VMM.
#[derive(Debug)]
pub enum Link {
    /// An open tap. The interface lives as long as any copy of this descriptor: once the VMM holds the
    /// only one, the interface vanishes with the VMM.
    Tap { fd: OwnedFd, interface: String },
    /// A tap with this name in the network namespace at this path.
    Netns { path: PathBuf, tap: String },
}
