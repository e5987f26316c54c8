//! What a VMM writes to its standard streams, bounded and harmless to it.
//!
//! The streams end in a pipe of which the VMM itself holds the reading end too: so it never sees a broken
//! pipe when the agent dies, never blocks (the pipe does not), and the kernel bounds what is kept.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsRawFd, OwnedFd, RawFd},
    process::Stdio,
};

use nix::{fcntl::OFlag, unistd::pipe2};

/// More than a pipe holds by default (64 KiB).
const MAX_OUTPUT: u64 = 256 << 10;

pub(crate) struct OutputPipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl OutputPipe {
    pub fn new() -> io::Result<Self> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Ok(Self { read, write })
    }

    /// For a child's standard stream.
    pub fn stdio(&self) -> io::Result<Stdio> {
        Ok(self.write.try_clone()?.into())
    }

    /// To be inherited by the child beside its standard streams.
    pub fn keep(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// A second agent's end: what one of them reads the other does not see.
    pub fn output(&self) -> io::Result<Output> {
        Ok(Output(Some(self.read.try_clone()?.into())))
    }

    /// The agent's end, once the child runs.
    pub fn into_output(self) -> Output {
        Output(Some(self.read.into()))
    }
}

pub(crate) struct Output(Option<File>);

impl Output {
    /// Of a VMM that an earlier agent started.
    pub fn of_process(pid: u32) -> Self {
        let mut options = File::options();
        options.read(true);
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
        Self(options.open(format!("/proc/{pid}/fd/2")).ok())
    }

    /// What was written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(pipe) = &mut self.0 {
            // Ends with "would block" as long as the VMM lives; what came before is in `bytes`.
            let _ = pipe.take(MAX_OUTPUT).read_to_end(&mut bytes);
        }
        bytes
    }
}
