//! Which builder is there.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use crate::{BuildError, BuildRequest, Built, Progress, layout, run, tool};

/// A builder that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builder {
    pub kind: Kind,
    pub program: PathBuf,
    /// Its version, as it says it.
    pub version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Docker,
    Buildctl,
    Buildah,
    Podman,
}

impl Kind {
    /// In the order in which they are tried: those that share a cache with a running daemon first.
    pub const ALL: [Self; 4] = [Self::Docker, Self::Buildctl, Self::Buildah, Self::Podman];

    pub fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Buildctl => "buildctl",
            Self::Buildah => "buildah",
            Self::Podman => "podman",
        }
    }
}

impl Builder {
    /// The first builder that is there and answers.
    ///
    /// # Errors
    /// [`BuildError::NoBuilder`], which says why each was passed over.
    pub async fn find() -> Result<Self, BuildError> {
        Self::find_in(&std::env::var_os("PATH").unwrap_or_default()).await
    }

    /// As [`Builder::find`], looking only in these folders (in `PATH`'s form).
    pub async fn find_in(path: &OsString) -> Result<Self, BuildError> {
        let mut passed_over = Vec::new();
        for kind in Kind::ALL {
            match Self::probe(kind, path).await {
                Ok(builder) => return Ok(builder),
                Err(reason) => passed_over.push(format!("  {}: {reason}", kind.program())),
            }
        }
        Err(BuildError::NoBuilder(passed_over))
    }

    async fn probe(kind: Kind, path: &OsString) -> Result<Self, String> {
        let program = which(kind.program(), path).ok_or("not installed")?;
        let question = |args: &[&str]| {
            let mut command = Command::new(&program);
            command.args(args);
            command
        };
        let version = match kind {
            Kind::Docker => {
                run::ask(question(&["buildx", "version"]))
                    .await
                    .map_err(|e| format!("no buildx plugin: {e}"))?;
                run::ask(question(&["version", "--format", "{{.Server.Version}}"])).await?
            }
            Kind::Buildctl => {
                if std::env::var_os("BUILDKIT_HOST").is_none() {
                    return Err("BUILDKIT_HOST is not set".to_owned());
                }
                run::ask(question(&["debug", "workers"])).await?;
                run::ask(question(&["--version"])).await?
            }
            Kind::Buildah | Kind::Podman => run::ask(question(&["--version"])).await?,
        };
        Ok(Self { kind, program, version })
    }

    /// Builds an image into an OCI layout at `layout`, a folder that is empty or not there yet.
    /// Dropping the future ends the build.
    ///
    /// # Errors
    /// The request names what is not there, the builder does not run, or a step fails: then the
    /// error names the step and shows the last lines.
    pub async fn build(
        &self,
        request: &BuildRequest,
        layout: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Built, BuildError> {
        let request = &resolved(request)?;
        match self.kind {
            Kind::Docker => tool::docker::build(self, request, layout, progress).await?,
            Kind::Buildctl => tool::buildctl::build(self, request, layout, progress).await?,
            Kind::Buildah | Kind::Podman => tool::buildah::build(self, request, layout, progress).await?,
        }
        layout::read(layout, self.kind.program())
    }
}

/// The request with real paths, once what it names is there. Builders take `..` away from a path
/// before they follow its symbolic links, and so may end up elsewhere.
fn resolved(request: &BuildRequest) -> Result<BuildRequest, BuildError> {
    let real = |path: &Path| path.canonicalize().map_err(BuildError::io(format!("read {}", path.display())));
    if !request.context.is_dir() {
        return Err(BuildError::NoContext(request.context.clone()));
    }
    if !request.dockerfile.is_file() {
        return Err(BuildError::NoDockerfile(request.dockerfile.clone()));
    }
    let ignorefile = match &request.ignorefile {
        Some(path) if !path.is_file() => return Err(BuildError::NoIgnoreFile(path.clone())),
        Some(path) => Some(real(path)?),
        None => None,
    };
    let (context, dockerfile) = (real(&request.context)?, real(&request.dockerfile)?);
    Ok(BuildRequest { context, dockerfile, ignorefile, ..request.clone() })
}

fn which(program: &str, path: &OsString) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(program)).find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
