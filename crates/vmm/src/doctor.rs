//! What this host has for running machines, and what it lacks.

use std::{fs::File, path::Path, process::Command};

use crate::{
    VmmConfig,
    cgroup::{Hierarchies, Version},
    probe, programs,
};

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub what: String,
    pub state: FindingState,
    pub detail: String,
    /// The command that helps.
    pub fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingState {
    Found,
    Missing,
    /// There, but of no use as it is.
    Broken,
}

impl Finding {
    fn found(what: &str, detail: impl Into<String>) -> Self {
        Self { what: what.into(), state: FindingState::Found, detail: detail.into(), fix: None }
    }

    fn not(what: &str, state: FindingState, detail: impl Into<String>, fix: &str) -> Self {
        Self { what: what.into(), state, detail: detail.into(), fix: Some(fix.into()) }
    }
}

/// Looks without changing anything; takes milliseconds. The driver that is used in the end, and why, is
/// [`crate::Driver::select`]'s to say.
pub fn inspect(config: &VmmConfig) -> Vec<Finding> {
    vec![
        kvm(),
        program("qemu", &config.qemu, programs::INSTALL_QEMU),
        program("firecracker", &config.firecracker, programs::INSTALL_FIRECRACKER),
        program("jailer", &config.jailer, programs::INSTALL_FIRECRACKER),
        kernel(config),
        cgroups(),
        device("tap devices", "/dev/net/tun", "modprobe tun"),
        program("nft", Path::new("nft"), "apt-get install nftables"),
        program("mkfs.ext4", Path::new("mkfs.ext4"), "apt-get install e2fsprogs"),
    ]
}

fn kvm() -> Finding {
    let fix =
        "modprobe kvm_intel || modprobe kvm_amd; without KVM machines are emulated, which works but is slow";
    match probe::kvm_device() {
        Ok(()) if probe::has_hardware_virtualisation() => {
            Finding::found("kvm", "/dev/kvm opens; a trial boot at the server's start decides")
        }
        Ok(()) => {
            let detail =
                "/dev/kvm opens, but the processor offers no vmx or svm: ordinary kernels will not boot";
            Finding::not("kvm", FindingState::Broken, detail, "use a host with hardware virtualisation")
        }
        Err(reason) if Path::new("/dev/kvm").exists() => {
            Finding::not("kvm", FindingState::Broken, reason, fix)
        }
        Err(reason) => Finding::not("kvm", FindingState::Missing, reason, fix),
    }
}

fn program(what: &str, name: &Path, fix: &str) -> Finding {
    match programs::find(name, fix) {
        Err(error) => Finding::not(what, FindingState::Missing, error.to_string(), fix),
        Ok(path) => match Command::new(&path).arg("--version").output() {
            Err(error) => {
                Finding::not(what, FindingState::Broken, format!("{}: {error}", path.display()), fix)
            }
            // Some say their version on standard error.
            Ok(output) => {
                let text = [output.stdout, output.stderr].concat();
                let text = String::from_utf8_lossy(&text);
                let version = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
                Finding::found(what, format!("{}: {}", path.display(), version.trim()))
            }
        },
    }
}

fn kernel(config: &VmmConfig) -> Finding {
    let fix = "apt-get install linux-image-cloud-amd64, or set vmm.kernel";
    if let Some(kernel) = &config.kernel {
        return match File::open(kernel) {
            Ok(_) => Finding::found("guest kernel", kernel.display().to_string()),
            Err(e) => {
                Finding::not("guest kernel", FindingState::Missing, format!("{}: {e}", kernel.display()), fix)
            }
        };
    }
    let mut kernels: Vec<_> = std::fs::read_dir("/boot")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("vmlinuz-"))
        .collect();
    // Cloud kernels first, then the newest.
    kernels.sort_by_key(|name| (!name.contains("-cloud-"), std::cmp::Reverse(name.clone())));
    match kernels.first() {
        Some(name) => Finding::found("guest kernel", format!("/boot/{name}")),
        None => Finding::not("guest kernel", FindingState::Missing, "no kernel in /boot", fix),
    }
}

fn cgroups() -> Finding {
    let (what, fix) = ("cgroups", "mount -t cgroup2 none /sys/fs/cgroup");
    let found = match Hierarchies::find() {
        Err(e) => return Finding::not(what, FindingState::Broken, e.to_string(), fix),
        Ok(found) => found,
    };
    let missing: Vec<_> = found.missing().map(|controller| controller.name()).collect();
    if !missing.is_empty() {
        return Finding::not(
            what,
            FindingState::Missing,
            format!("no controller {}", missing.join(", ")),
            fix,
        );
    }
    let version = |controller: crate::cgroup::Controller| match found.version(controller) {
        Version::V1 => format!("{} (v1)", controller.name()),
        Version::V2 => format!("{} (v2)", controller.name()),
    };
    Finding::found(what, crate::cgroup::Controller::ALL.map(version).join(", "))
}

fn device(what: &str, path: &str, fix: &str) -> Finding {
    match File::options().read(true).write(true).open(path) {
        Ok(_) => Finding::found(what, path),
        Err(e) => Finding::not(what, FindingState::Missing, format!("{path}: {e}"), fix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_with_the_command_that_installs_it() {
        let config = VmmConfig { qemu: "/no/qemu".into(), ..VmmConfig::default() };
        let findings = inspect(&config);
        let qemu = findings.iter().find(|f| f.what == "qemu").unwrap();
        assert_eq!(qemu.state, FindingState::Missing);
        assert_eq!(qemu.fix.as_deref(), Some("apt-get install qemu-system-x86"));
        assert!(findings.iter().all(|f| f.state == FindingState::Found || f.fix.is_some()));
    }
}
