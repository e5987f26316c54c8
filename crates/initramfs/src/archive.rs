//! The initramfs: a `newc` cpio archive (the kernel's Documentation/driver-api/early-userspace/
//! buffer-format.rst). Always the same bytes for the same parts, so that its name can be its digest.

use crate::modules::Module;

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const FILE: u32 = 0o100_644;
const DEVICE: u32 = 0o020_600;

/// Numbers of /dev/console, which the kernel opens for PID 1's standard streams.
const CONSOLE: (u32, u32) = (5, 1);

pub fn pack(init: &[u8], modules: &[Module]) -> Vec<u8> {
    let mut archive = Archive::default();
    for dir in ["dev", "proc", "sys"] {
        archive.add(dir, DIRECTORY, (0, 0), &[]);
    }
    archive.add("dev/console", DEVICE, CONSOLE, &[]);
    archive.add("init", PROGRAM, (0, 0), init);
    if !modules.is_empty() {
        archive.add("modules", DIRECTORY, (0, 0), &[]);
        let list: String = modules.iter().map(|module| format!("{}\n", module.name)).collect();
        archive.add("modules/list", FILE, (0, 0), list.as_bytes());
    }
    for module in modules {
        archive.add(&format!("modules/{}.ko", module.name), FILE, (0, 0), &module.content);
    }
    archive.add("TRAILER!!!", 0, (0, 0), &[]);
    archive.bytes
}

#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    inodes: usize,
}

impl Archive {
    fn add(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.inodes += 1;
        let mode = mode as usize;
        let (major, minor) = (device.0 as usize, device.1 as usize);
        // ino, mode, uid, gid, nlink, mtime, filesize, dev (2), rdev (2), namesize, check
        let fields = [self.inodes, mode, 0, 0, 1, 0, content.len(), 0, 0, major, minor, name.len() + 1, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}
