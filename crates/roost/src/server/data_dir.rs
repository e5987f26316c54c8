//! The data folder: who may use it, and where each thing in it lies.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nix::fcntl::{Flock, FlockArg};
use roost_seal::{KeyFileError, MasterKey};

use crate::{config::Role, failure::OrNext as _};

/// An open data folder; no other process plays the same roles on it while this lives.
#[derive(Debug)]
pub struct DataDir {
    paths: Paths,
    _locks: Vec<Flock<File>>,
}

/// Where things lie in a data folder. The command line uses it too, to find a server on its own box.
#[derive(Debug, Clone)]
pub struct Paths {
    root: PathBuf,
    /// Of this process; none of a command's.
    roles: Vec<Role>,
}

impl DataDir {
    /// Makes the folder if it is missing, and takes the lock of each role.
    pub fn open(root: &Path, roles: &[Role]) -> anyhow::Result<Self> {
        let paths = Paths { roles: roles.to_vec(), ..Paths::new(root) };
        for dir in [paths.root(), &paths.run()] {
            private_dir(dir)
                .with_context(|| format!("cannot make {}", dir.display()))
                .or_next("run as root (sudo roost server), or set data_dir to a folder of your own")?;
        }
        let locks = roles.iter().map(|role| paths.lock(*role)).collect::<anyhow::Result<_>>()?;
        Ok(Self { paths, _locks: locks })
    }
}

impl std::ops::Deref for DataDir {
    type Target = Paths;

    fn deref(&self) -> &Paths {
        &self.paths
    }
}

impl Paths {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), roles: Vec::new() }
    }

    fn lock(&self, role: Role) -> anyhow::Result<Flock<File>> {
        let file = File::create(self.run().join(format!("{role}.lock")))?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| io::Error::from(errno))
            .with_context(|| format!("another server uses {} for the role {role}", self.root.display()))
            .or_next("stop it first, leave the role out of --roles, or set another data_dir")
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Sockets and other things that mean nothing after a restart.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    pub fn admin_token(&self) -> PathBuf {
        self.root.join("admin-token")
    }

    /// URL of the running server's API, one line.
    pub fn api_url(&self) -> PathBuf {
        self.run().join("api-url")
    }

    pub fn directory_db(&self) -> PathBuf {
        self.root.join("directory.db")
    }

    /// Who did what.
    pub fn audit(&self) -> PathBuf {
        self.root.join("audit.db")
    }

    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// What secrets are sealed with; made at first start.
    pub fn master_key(&self) -> Result<MasterKey, KeyFileError> {
        MasterKey::open_in(&self.keys())
    }

    pub fn registry(&self) -> PathBuf {
        self.root.join("registry")
    }

    /// Where the api looks images up; holds nothing for long.
    pub fn resolver(&self) -> PathBuf {
        self.run().join("resolver")
    }

    pub fn host(&self) -> PathBuf {
        self.root.join("host")
    }

    /// Where hosts connect their machines' calls to the api.
    pub fn machine_socket(&self) -> PathBuf {
        self.run().join("machines.sock")
    }

    pub fn host_socket(&self) -> PathBuf {
        self.run().join("host.sock")
    }

    /// Where the edge says how busy machines are.
    pub fn edge_socket(&self) -> PathBuf {
        self.run().join("edge.sock")
    }

    /// The last snapshot of the catalog, for a warm start. Each process that plays some of the roles has
    /// its own.
    pub fn catalog(&self) -> PathBuf {
        let roles: Vec<&str> = self.roles.iter().map(|role| role.as_str()).collect();
        match roles.len() == Role::ALL.len() {
            true => self.root.join("catalog.json"),
            false => self.root.join(format!("catalog-{}.json", roles.join("-"))),
        }
    }
}

/// Makes a folder that others may enter (sockets and jails lie deeper) but not list.
fn private_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(0o711).create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("data");
        let first = DataDir::open(&root, &[Role::Api, Role::Host]).unwrap();
        let error = DataDir::open(&root, &Role::ALL).unwrap_err();
        assert!(format!("{error:#}").contains("for the role api"));
        DataDir::open(&root, &[Role::Edge]).unwrap();
        drop(first);
        DataDir::open(&root, &Role::ALL).unwrap();
    }
}
