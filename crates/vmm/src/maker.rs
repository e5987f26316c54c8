//! What made a snapshot of a machine. Only the same can go on from it: a VMM lays out its state as its version
//! does, a guest's kernel uses what its processor had, and what is in files is whole only as long as the
//! host that wrote them runs.

use std::{fs, path::Path, sync::OnceLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::BootFiles;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// As [`crate::Driver::describe`] says it.
    pub driver: String,
    /// Changes with the VMM's program.
    pub program: String,
    pub processor: String,
    /// Kernel and initramfs, by the names of their contents.
    pub boot_files: String,
    /// The boot of the host itself.
    pub host_boot: String,
}

impl Maker {
    pub(crate) fn new(driver: String, program: String, boot: &BootFiles) -> Self {
        let host_boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            driver,
            program,
            processor: this_processor().to_owned(),
            boot_files: format!("{} {}", name(&boot.kernel), name(&boot.initramfs)),
            host_boot: host_boot.trim().to_owned(),
        }
    }

    /// Why `now` can not go on from what this one made; `None` if it can.
    pub fn differs_from(&self, now: &Self) -> Option<String> {
        if self.host_boot != now.host_boot {
            return Some("the host was restarted".to_owned());
        }
        if self.driver != now.driver {
            return Some(format!(
                "it was kept by {}, and machines here run under {}",
                self.driver, now.driver
            ));
        }
        if self.program != now.program {
            return Some(format!("another build of {} is installed now", now.driver));
        }
        if self.boot_files != now.boot_files {
            return Some("machines here boot another kernel now".to_owned());
        }
        (self.processor != now.processor).then(|| "the host has another processor now".to_owned())
    }
}

/// Changes whenever the file does.
pub(crate) fn fingerprint(file: &Path) -> String {
    let metadata = fs::metadata(file).ok();
    let modified = metadata.as_ref().and_then(|m| m.modified().ok());
    format!("{} {:?} {modified:?}", file.display(), metadata.map(|m| m.len()))
}

/// Read once: with many processors this takes a while.
fn this_processor() -> &'static str {
    static PROCESSOR: OnceLock<String> = OnceLock::new();
    PROCESSOR.get_or_init(|| processor(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()))
}

/// Model and abilities of the first processor, without what changes all the time.
fn processor(cpuinfo: &str) -> String {
    let first = cpuinfo.split("\n\n").next().unwrap_or_default();
    let lasting = |line: &&str| {
        let key = line.split(':').next().unwrap_or_default().trim();
        matches!(
            key,
            "vendor_id" | "cpu family" | "model" | "model name" | "stepping" | "microcode" | "flags"
        )
    };
    let text: String = first.lines().filter(lasting).collect();
    Sha256::digest(text).iter().take(8).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_goes_on_and_the_reason_is_named() {
        let boot = BootFiles {
            kernel: "/k/vmlinux-1".into(),
            initramfs: "/k/initramfs-1".into(),
            cmdline_devices: true,
        };
        let made = Maker::new("qemu (tcg)".into(), "qemu-1".into(), &boot);
        assert_eq!(made.differs_from(&made.clone()), None);
        let upgraded = Maker { program: "qemu-2".into(), ..made.clone() };
        assert!(made.differs_from(&upgraded).unwrap().contains("another build"));
        let restarted = Maker { host_boot: "another".into(), ..upgraded };
        assert_eq!(made.differs_from(&restarted).unwrap(), "the host was restarted");
    }

    #[test]
    fn a_processor_is_known_by_what_lasts() {
        let cpu = |mhz, flags| {
            processor(&format!(
                "vendor_id\t: A\nmodel\t\t: 1\ncpu MHz\t\t: {mhz}\nflags\t\t: {flags}\n\nvendor_id: B"
            ))
        };
        assert_eq!(cpu("1000", "fpu sse"), cpu("3000", "fpu sse"));
        assert_ne!(cpu("1000", "fpu sse"), cpu("1000", "fpu sse avx"));
    }
}
