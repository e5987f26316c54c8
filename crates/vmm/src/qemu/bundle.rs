//! The tree that a jailed QEMU sees: a copy of the program, its libraries, its emulator module and its
//! firmware, and nothing else.
//!
//! A copy, made once for each QEMU found: one mount a machine instead of one for each library, and an
//! upgrade of the system's packages changes nothing under a running or starting machine.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use crate::{VmmError, error::Context, programs::INSTALL_QEMU};

/// Where in the jail firmware and boot files are.
pub(super) const FIRMWARE: &str = "/firmware";
pub(super) const KERNEL: &str = "/boot/kernel";
pub(super) const INITRAMFS: &str = "/boot/initramfs";
pub(super) const KVM: &str = "/dev/kvm";

/// Empty files that others are bound over.
const PLACEHOLDERS: [&str; 3] = [KERNEL, INITRAMFS, KVM];

/// Of the microvm machine: firmware (qboot) and the option ROMs that load a kernel.
const FIRMWARE_FILES: [&str; 3] = ["bios-microvm.bin", "pvh.bin", "linuxboot_dma.bin"];

/// The emulator, where a distribution builds it as a loadable module.
const TCG_MODULE: &str = "accel-tcg-x86_64.so";

/// Folders of QEMU's modules, beside the folder of the program.
const MODULE_DIRS: [&str; 5] =
    ["../lib/x86_64-linux-gnu/qemu", "../lib64/qemu-kvm", "../lib64/qemu", "../lib/qemu", "../lib/qemu-kvm"];

#[derive(Debug, Clone)]
pub(crate) struct Bundle {
    pub root: PathBuf,
    /// Path of the program, inside and outside the jail.
    pub program: PathBuf,
}

impl Bundle {
    /// The tree for this program, made in `dir` unless it is there; older ones are removed.
    pub fn prepare(program: &Path, dir: &Path) -> Result<Self, VmmError> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("qemu-{}", fingerprint(program)?);
        let root = dir.join(&name);
        if !root.is_dir() {
            fs::create_dir_all(dir).context(|| format!("making {}", dir.display()))?;
            remove_others(dir, &name);
            let unfinished = dir.join(format!("qemu-unfinished-{}", std::process::id()));
            build(program, &unfinished)?;
            publish(&unfinished, &root).context(|| format!("naming {}", root.display()))?;
        }
        Ok(Self { root, program: program.to_owned() })
    }
}

/// The name must not reach the disk before the files do.
fn publish(unfinished: &Path, root: &Path) -> io::Result<()> {
    nix::unistd::syncfs(fs::File::open(unfinished)?)?;
    match fs::rename(unfinished, root) {
        // Another process was quicker.
        Err(_) if root.is_dir() => fs::remove_dir_all(unfinished),
        result => result,
    }
}

/// Changes whenever the program file does.
fn fingerprint(program: &Path) -> Result<String, VmmError> {
    let metadata = fs::metadata(program).context(|| format!("looking at {}", program.display()))?;
    let text = format!("{program:?} {:?} {}", metadata.modified().ok(), metadata.len());
    Ok(Sha256::digest(text).iter().take(8).map(|b| format!("{b:02x}")).collect())
}

/// A VMM that runs keeps the files it has open.
fn remove_others(dir: &Path, keep: &str) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("qemu-") && name != keep {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn build(program: &Path, root: &Path) -> Result<(), VmmError> {
    let put = |from: &Path, to: &Path| copy(from, root, to).context(|| format!("copying {}", from.display()));
    let mut loaded = vec![program.to_owned()];
    loaded.extend(tcg_module(program));
    let mut libraries: Vec<PathBuf> = Vec::new();
    for file in &loaded {
        libraries.extend(libraries_of(file)?);
    }
    // Tells the loader of library folders beyond its own defaults; absent on some systems.
    let cache = Path::new("/etc/ld.so.cache");
    if cache.exists() {
        libraries.push(cache.to_owned());
    }
    for file in loaded.iter().chain(&libraries) {
        put(file, file)?;
    }
    let firmware_dirs = firmware_dirs(program)?;
    for name in FIRMWARE_FILES {
        let found = firmware_dirs.iter().map(|dir| dir.join(name)).find(|file| file.exists());
        let found = found.ok_or_else(|| VmmError::Missing {
            what: format!("QEMU's firmware file {name}"),
            fix: INSTALL_QEMU.into(),
        })?;
        put(&found, &Path::new(FIRMWARE).join(name))?;
    }
    for place in PLACEHOLDERS {
        put(Path::new("/dev/null"), Path::new(place))?;
    }
    Ok(())
}

/// Copies a file, its links followed, to the path `to` below `root`; readable by all.
fn copy(from: &Path, root: &Path, to: &Path) -> io::Result<()> {
    let to = root.join(to.strip_prefix("/").unwrap_or(to));
    let parent = to.parent().unwrap_or(root);
    fs::create_dir_all(parent)?;
    for dir in parent.ancestors().take_while(|dir| dir.starts_with(root)) {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    }
    io::copy(&mut fs::File::open(from)?, &mut fs::File::create(&to)?)?;
    fs::set_permissions(&to, fs::Permissions::from_mode(0o755))
}

fn tcg_module(program: &Path) -> Option<PathBuf> {
    let dir = program.parent()?;
    MODULE_DIRS
        .iter()
        .map(|modules| dir.join(modules).join(TCG_MODULE))
        .find_map(|file| file.canonicalize().ok())
}

/// Shared libraries and loader of a program or library, by the system's own `ldd`; none if it is static.
fn libraries_of(file: &Path) -> Result<Vec<PathBuf>, VmmError> {
    let output = Command::new("ldd").arg(file).output().context(|| "running ldd".into())?;
    Ok(parse_ldd(&String::from_utf8_lossy(&output.stdout)))
}

/// Lines are `name => /path (address)`, `/path (address)`, or `name (address)` for the kernel's own.
fn parse_ldd(text: &str) -> Vec<PathBuf> {
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    text.lines().filter_map(path).collect()
}

/// In QEMU's own order of search: the same file name can be another firmware in a later folder.
fn firmware_dirs(program: &Path) -> Result<Vec<PathBuf>, VmmError> {
    let output = Command::new(program)
        .args(["-L", "help"])
        .output()
        .context(|| format!("running {}", program.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_ldd() {
        let text =
            "\tlinux-vdso.so.1 (0x7fff)\n\tlibz.so.1 => /lib/libz.so.1 (0x7f00)\n\t/lib64/ld.so (0x7f01)\n";
        assert_eq!(parse_ldd(text), [PathBuf::from("/lib/libz.so.1"), PathBuf::from("/lib64/ld.so")]);
        assert_eq!(parse_ldd("\tnot a dynamic executable\n"), Vec::<PathBuf>::new());
    }
}
