//! A running VMM, as the host's agent holds it.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::VmmError;

/// A byte stream to the guest's agent.
pub trait GuestStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> GuestStream for T {}

/// How a VMM ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmExit {
    pub cause: ExitCause,
    /// The VMM's own last words, if any: bounded, for the log.
    pub output: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCause {
    /// The guest powered off.
    PoweredOff,
    /// The guest reset: its kernel panicked, or somebody rebooted it.
    Reset,
    /// Something outside ended the VMM: [`Vm::kill`], an administrator.
    Killed,
    /// The VMM grew past its memory limit.
    OutOfMemory,
    /// The VMM ended by itself with this exit status.
    Failed { status: i32 },
    /// It ended while nobody watched.
    Unknown,
}

/// A handle; cheap to clone. Dropping it leaves the VMM running.
#[derive(Clone)]
pub struct Vm {}

impl Vm {
    /// Process id of the VMM.
    pub fn pid(&self) -> u32 {
        0
    }

    /// Waits for the end; gives the same answer to everybody who asks, and again.
    pub async fn wait_exit(&self) -> VmExit {
        VmExit { cause: ExitCause::Unknown, output: String::new() }
    }

    /// Ends the VMM at once, without the guest's consent, and waits until it is gone.
    pub async fn kill(&self) -> VmExit {
        self.wait_exit().await
    }

    /// A new connection to the guest's agent; it takes the place of an older one, which should be dropped first.
    pub async fn connect_guest(&self) -> Result<Box<dyn GuestStream>, VmmError> {
        Err(VmmError::Ended)
    }

    /// The last of what the guest wrote to its serial console, at most [`CONSOLE_BYTES`]; also after the end.
    pub async fn console_tail(&self) -> String {
        String::new()
    }

    /// Kills what still runs, then removes cgroup and jail. Fine if any of it is gone already.
    pub async fn cleanup(&self) -> Result<(), VmmError> {
        Ok(())
    }
}

/// Kept of a serial console.
pub const CONSOLE_BYTES: usize = 64 << 10;
