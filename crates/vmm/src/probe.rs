//! Does KVM work here? Only a guest that boots proves it: `/dev/kvm` may open, and even make virtual machines,
//! on hosts where no ordinary kernel gets anywhere.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use roost_model::{Guest, MachineId};
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::{BootFiles, Driver, JailSpec, Limits, VmSpec, VmmError, maker::fingerprint};

/// A boot under working KVM takes less than a second; a busy host gets some more.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Nobody: the probe owns nothing.
const PROBE_ID: u32 = 65_534;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Works,
    Fails(String),
}

/// What must not have changed for a remembered verdict to hold.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    driver: String,
    program: String,
    kernel: String,
    host_boot: String,
    verdict: Verdict,
}

/// The least that KVM needs, at no cost. That it opens proves nothing.
pub(crate) fn kvm_device() -> Result<(), String> {
    File::options().read(true).write(true).open("/dev/kvm").map(drop).map_err(|e| format!("/dev/kvm: {e}"))
}

/// The processor offers what ordinary kernels need under KVM; without it what is behind `/dev/kvm` runs
/// only kernels made for it.
pub(crate) fn has_hardware_virtualisation() -> bool {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = cpu.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    flags.split_whitespace().any(|flag| flag == "vmx" || flag == "svm")
}

/// Boots a machine up to the guest's agent, once.
pub(crate) async fn boots(driver: &Driver, program: &Path, boot: &BootFiles, state_dir: &Path) -> Verdict {
    let file = state_dir.join("kvm-probe.json");
    let fresh = Memory {
        driver: driver.describe(),
        program: fingerprint(program),
        kernel: fingerprint(&boot.kernel),
        host_boot: fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default(),
        verdict: Verdict::Works,
    };
    if let Some(verdict) = recall(&file, &fresh) {
        return verdict;
    }
    info!(driver = fresh.driver, "booting a guest to see whether KVM works");
    let verdict = match try_boot(driver, boot, state_dir).await {
        Ok(()) => Verdict::Works,
        Err(error) => Verdict::Fails(format!("a trial boot under KVM failed: {error}")),
    };
    let memory = Memory { verdict: verdict.clone(), ..fresh };
    // Not remembered means tried again.
    let _ = serde_json::to_vec(&memory).map(|json| fs::write(&file, json));
    verdict
}

fn recall(file: &Path, fresh: &Memory) -> Option<Verdict> {
    let memory: Memory = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let verdict = memory.verdict.clone();
    (Memory { verdict: Verdict::Works, ..memory } == *fresh).then_some(verdict)
}

async fn try_boot(driver: &Driver, boot: &BootFiles, state_dir: &Path) -> Result<(), VmmError> {
    let machine = MachineId::generate();
    let guest = Guest::default();
    let spec = VmSpec {
        jail: JailSpec {
            dir: state_dir.join(format!("probe-{machine}")),
            uid: PROBE_ID,
            gid: PROBE_ID,
            cgroup: format!("roost-probe/{machine}"),
            limits: Limits::for_guest(&guest, driver.is_emulated()),
        },
        machine,
        vcpus: guest.cpus,
        memory_mib: guest.memory_mb,
        boot: boot.clone(),
        kernel_args: Vec::new(),
        disks: Vec::new(),
        nic: None,
    };
    let booted = tokio::time::timeout(TIME_LIMIT, async {
        let vm = driver.spawn(&spec).await?;
        vm.connect_guest().await.map(drop)
    });
    let result = booted.await.unwrap_or(Err(VmmError::NoAnswer { after: TIME_LIMIT }));
    driver.remove(&spec.jail).await?;
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(host_boot: &str, verdict: Verdict) -> Memory {
        let text = str::to_owned;
        Memory {
            driver: text("qemu (kvm)"),
            program: text("qemu"),
            kernel: text("kernel"),
            host_boot: text(host_boot),
            verdict,
        }
    }

    #[test]
    fn a_verdict_holds_until_something_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("probe.json");
        let fails = Verdict::Fails("it hangs".into());
        fs::write(&file, serde_json::to_vec(&memory("today", fails.clone())).unwrap()).unwrap();
        assert_eq!(recall(&file, &memory("today", Verdict::Works)), Some(fails));
        assert_eq!(recall(&file, &memory("tomorrow", Verdict::Works)), None);
        fs::write(&file, "not json").unwrap();
        assert_eq!(recall(&file, &memory("today", Verdict::Works)), None);
    }
}
