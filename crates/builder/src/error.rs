//! Why there is no image.

use std::{io, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(
        "there is no {0}; write a Dockerfile, name one with --dockerfile, or deploy an image with --image"
    )]
    NoDockerfile(PathBuf),
    #[error("the build context {0} is not a folder")]
    NoContext(PathBuf),
    #[error("there is no ignore file {0}")]
    NoIgnoreFile(PathBuf),
    /// What was looked for, and why each will not do.
    #[error("no image builder is usable here:\n{}\n  help: apt-get install buildah (or start Docker), then try again", .0.join("\n"))]
    NoBuilder(Vec<String>),
    /// The builder's last lines are kept: they say more than its exit code.
    #[error("the build failed{}\n{}", step.as_ref().map(|s| format!(" at {s}")).unwrap_or_default(), last_lines.join("\n"))]
    Failed { step: Option<String>, last_lines: Vec<String> },
    #[error("{builder} gave no OCI image: {reason}")]
    NoImage { builder: &'static str, reason: String },
    #[error("cannot run {program}")]
    Spawn {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot {action}")]
    Io {
        action: String,
        #[source]
        source: io::Error,
    },
}

impl BuildError {
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
