//! Which modules a guest needs of a kernel, from what `depmod` wrote: `modules.builtin` and
//! `modules.dep`.

use std::{collections::HashMap, fs, io::Read, path::Path};

use crate::KernelError;

const MODULES: &str = "/lib/modules";

/// A module by name, and whether a guest can do without it.
struct Wanted(&'static str, Need);

#[derive(PartialEq)]
enum Need {
    Required,
    /// Used if the kernel has it.
    Optional,
}

/// In the order of loading: what the host is reached by comes first (one of the two channels, so neither is
/// required), so that it answers while the others are loaded.
const WANTED: [Wanted; 9] = [
    Wanted("virtio_mmio", Need::Required),
    Wanted("virtio_console", Need::Optional),
    Wanted("vmw_vsock_virtio_transport", Need::Optional),
    Wanted("virtio_rng", Need::Optional),
    Wanted("virtio_blk", Need::Required),
    Wanted("virtio_net", Need::Required),
    Wanted("erofs", Need::Required),
    Wanted("overlay", Need::Required),
    Wanted("ext4", Need::Required),
];

/// A module, uncompressed.
#[derive(Debug)]
pub struct Module {
    pub name: String,
    pub content: Vec<u8>,
}

/// The modules that `version` needs, dependencies first. A kernel without a folder of modules has
/// everything built in.
pub fn choose(version: &str) -> Result<Vec<Module>, KernelError> {
    let folder = Path::new(MODULES).join(version);
    if !folder.join("modules.dep").exists() {
        return Ok(Vec::new());
    }
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(KernelError::io(path))
    };
    let paths = plan(&read("modules.builtin")?, &read("modules.dep")?)
        .map_err(|module| KernelError::MissingModule { version: version.to_owned(), module })?;
    paths.iter().map(|path| load(&folder.join(path))).collect()
}

/// Paths below the folder in the order of loading, or the name of what is missing.
fn plan(builtin: &str, dependencies: &str) -> Result<Vec<String>, String> {
    let builtin: Vec<String> = builtin.lines().map(name_of).collect();
    let modules: HashMap<String, (&str, Vec<&str>)> = dependencies
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(path, needs)| (name_of(path), (path, needs.split_whitespace().collect())))
        .collect();
    let mut order: Vec<&str> = Vec::new();
    for Wanted(name, need) in &WANTED {
        if builtin.iter().any(|have| have == name) {
            continue;
        }
        match modules.get(*name) {
            // depmod lists what is needed first last.
            Some((path, needs)) => {
                let all = needs.iter().rev().chain(std::iter::once(path));
                all.for_each(|path| {
                    if !order.contains(path) {
                        order.push(path)
                    }
                });
            }
            None if *need == Need::Required => return Err((*name).to_owned()),
            None => {}
        }
    }
    Ok(order.into_iter().map(str::to_owned).collect())
}

/// `kernel/net/vsock.ko.xz` to `vsock`; the kernel takes `-` and `_` for the same.
fn name_of(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split_once(".ko").map_or(file, |(name, _)| name).replace('-', "_")
}

fn load(path: &Path) -> Result<Module, KernelError> {
    let bytes = fs::read(path).map_err(KernelError::io(path))?;
    let content = decompress(path, bytes).map_err(KernelError::io(path))?;
    Ok(Module { name: name_of(&path.to_string_lossy()), content })
}

fn decompress(path: &Path, bytes: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => liblzma::read::XzDecoder::new(&bytes[..]).read_to_end(&mut content)?,
        Some("zst") => zstd::stream::read::Decoder::new(&bytes[..])?.read_to_end(&mut content)?,
        Some("gz") => flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut content)?,
        _ => return Ok(bytes),
    };
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILTIN: &str = "kernel/fs/ext4/ext4.ko\nkernel/fs/overlayfs/overlay.ko\n";
    const DEP: &str = "kernel/drivers/virtio/virtio_mmio.ko.xz: kernel/drivers/virtio/virtio.ko.xz \
                       kernel/drivers/virtio/virtio_ring.ko.xz\n\
                       kernel/drivers/block/virtio_blk.ko.xz: kernel/drivers/virtio/virtio.ko.xz \
                       kernel/drivers/virtio/virtio_ring.ko.xz\n\
                       kernel/drivers/net/virtio_net.ko.xz: kernel/net/core/failover.ko.xz\n\
                       kernel/drivers/char/hw_random/virtio-rng.ko.xz:\n\
                       kernel/fs/erofs/erofs.ko.xz:\n";

    #[test]
    fn needs_come_first_and_once_and_what_is_built_in_does_not_come() {
        let order: Vec<String> = plan(BUILTIN, DEP).unwrap().iter().map(|path| name_of(path)).collect();
        let expected = [
            "virtio_ring",
            "virtio",
            "virtio_mmio",
            "virtio_rng",
            "virtio_blk",
            "failover",
            "virtio_net",
            "erofs",
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn a_kernel_without_what_a_guest_needs_is_refused_by_name() {
        assert_eq!(plan("", DEP), Err("overlay".to_owned()));
    }
}
