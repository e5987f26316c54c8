//! Finds the programs that run machines.

use std::{
    env,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::VmmError;

pub(crate) const INSTALL_QEMU: &str = "apt-get install qemu-system-x86";

pub(crate) const INSTALL_FIRECRACKER: &str = "put firecracker and jailer of a release from github.com/firecracker-microvm/firecracker into /usr/local/bin";

/// An absolute path without links, of a path or of a name to look up in PATH.
pub(crate) fn find(program: &Path, fix: &str) -> Result<PathBuf, VmmError> {
    let missing = || VmmError::Missing { what: program.display().to_string(), fix: fix.into() };
    let found = if program.components().count() > 1 {
        is_program(program).then(|| program.to_owned())
    } else {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).map(|dir| dir.join(program)).find(|file| is_program(file))
    };
    found.and_then(|file| file.canonicalize().ok()).ok_or_else(missing)
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_and_paths_are_not() {
        assert!(find(Path::new("sh"), "").unwrap().is_absolute());
        assert!(find(Path::new("/bin/sh"), "").is_ok());
        let error = find(Path::new("no-such-program"), "install it").unwrap_err();
        assert_eq!(error.to_string(), "no-such-program not found; install it");
    }
}
