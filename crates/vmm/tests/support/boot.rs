//! The test guest: the distribution's kernel with its modules, and a shell script for PID 1.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use roost_initramfs::{Kernel, KernelSource};
use roost_vmm::BootFiles;

/// Loads the drivers, then obeys lines on its channel: an answer of one line to each but `off` and `panic`.
const INIT: &str = r#"#!/bin/busybox sh
export PATH=/bin
busybox --install -s /bin
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
for module in $(busybox cat /modules/list); do busybox insmod /modules/$module.ko; done
echo guest is up
exec 3<>/dev/$(busybox ls /sys/class/virtio-ports)
while true; do
  if ! read line <&3; then busybox usleep 50000; continue; fi
  case $line in
    disks) echo $(for disk in /sys/block/vd*; do busybox cat $disk/serial; echo; done) >&3 ;;
    network*) busybox sh -c "${line#network }"; echo done >&3 ;;
    count) count=$((count + 1)); echo $count >&3 ;;
    panic) echo c > /proc/sysrq-trigger ;;
    off) break ;;
    *) echo "$line" >&3 ;;
  esac
done
echo last words
busybox poweroff -f
"#;

/// Files that all tests share, made once: the copy of QEMU, the kernel, the initramfs.
pub fn shared_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machines");
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub fn files(folder: &Path) -> BootFiles {
    static FILES: OnceLock<BootFiles> = OnceLock::new();
    FILES.get_or_init(|| make(folder)).clone()
}

fn make(folder: &Path) -> BootFiles {
    let kernel = Kernel::prepare(&KernelSource::Distribution, folder).unwrap_or_else(|e| panic!("{e}"));
    // The kernel unpacks archives one after the other; a later file takes the place of an earlier one.
    let mut archive = fs::read(&kernel.initramfs).unwrap();
    archive.extend(busybox());
    // Test programs may run side by side.
    let unfinished = folder.join(format!("initramfs-{}", std::process::id()));
    let initramfs = folder.join("initramfs");
    fs::write(&unfinished, archive).unwrap();
    fs::rename(&unfinished, &initramfs).unwrap();
    BootFiles { kernel: kernel.kernel_elf, initramfs, cmdline_devices: kernel.builtin_virtio }
}

fn busybox() -> Vec<u8> {
    let program = "/usr/bin/busybox";
    let libraries = Command::new("ldd").arg(program).output().unwrap().stdout;
    let libraries = String::from_utf8(libraries).unwrap();
    let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/'));
    let mut archive = Archive::default();
    archive.add("/init", INIT.as_bytes());
    archive.add("/bin/busybox", &fs::read(program).expect("apt-get install busybox-static"));
    for library in libraries {
        archive.add(library, &fs::read(library).unwrap());
    }
    archive.entry("TRAILER!!!", 0, &[]);
    archive.bytes
}

/// A cpio archive (`newc`) of programs.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    folders: Vec<String>,
}

impl Archive {
    /// With the folders above it.
    fn add(&mut self, path: &str, content: &[u8]) {
        let path = path.trim_start_matches('/');
        for (end, _) in path.match_indices('/') {
            let folder = path[..end].to_owned();
            if !self.folders.contains(&folder) {
                self.entry(&folder, 0o040_755, &[]);
                self.folders.push(folder);
            }
        }
        self.entry(path, 0o100_755, content);
    }

    fn entry(&mut self, name: &str, mode: usize, content: &[u8]) {
        let fields = [0, mode, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
        let header: String = fields.iter().map(|field| format!("{field:08x}")).collect();
        self.bytes.extend([b"070701", header.as_bytes(), name.as_bytes(), b"\0"].concat());
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.bytes.extend(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}
