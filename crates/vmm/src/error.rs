//! Why a VMM could not be had.

use std::{io, path::PathBuf, time::Duration};

#[derive(Debug, thiserror::Error)]
pub enum VmmError {
    #[error("{what} failed")]
    Io { what: String, source: io::Error },
    /// A program or file is missing; `fix` is a command or setting that helps.
    #[error("{what} not found; {fix}")]
    Missing { what: String, fix: String },
    /// The jail could not be closed around the VMM.
    #[error("jail step \"{step}\" failed")]
    Jail { step: String, source: io::Error },
    /// The VMM ended before it was ready; its own words.
    #[error("the VMM ended at start: {output}")]
    EndedAtStart { output: String },
    #[error("the VMM did not answer within {after:?}")]
    NoAnswer { after: Duration },
    /// The VMM refused a command.
    #[error("the VMM refused {command}: {reason}")]
    Refused { command: String, reason: String },
    #[error("the VMM has ended")]
    Ended,
    #[error("invalid machine: {0}")]
    Spec(String),
    #[error("{path} is on another file system than the machine's folder; Firecracker needs both on one")]
    OtherFileSystem { path: PathBuf },
    /// Neither driver can be used here.
    #[error("no driver can run machines here: {0}")]
    NoDriver(String),
}

pub(crate) trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, VmmError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, VmmError> {
        self.map_err(|e| VmmError::Io { what: what(), source: e.into() })
    }
}
