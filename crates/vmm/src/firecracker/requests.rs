//! What Firecracker is told: before it starts a guest, and to keep one in a snapshot. Pure.
//!
//! Bodies follow Firecracker's published OpenAPI description; a test checks each against it.

use serde::Serialize;
use serde_json::{Value, json};

use super::chroot;
use crate::VmSpec;

/// The guest's context id: each Firecracker has its own vsock, so all may have the same. 0 to 2 are reserved.
const GUEST_CID: u32 = 3;

/// Firecracker has no ACPI power button and no PCI; a reset by the keyboard controller ends it.
const KERNEL_ARGS: [&str; 5] = ["console=ttyS0", "quiet", "reboot=k", "panic=-1", "pci=off"];

/// Rates are per second.
const REFILL_MS: u64 = 1000;

/// Path and body of a `PUT` or `PATCH`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Request {
    pub path: String,
    pub body: Value,
}

impl Request {
    fn new(path: impl Into<String>, body: Value) -> Self {
        Self { path: path.into(), body }
    }
}

/// Everything that makes the machine; the last one starts it. `tap` is the interface's name in its namespace.
pub(super) fn all(spec: &VmSpec, tap: Option<&str>, configured_args: &[String]) -> Vec<Request> {
    let mut requests = vec![
        Request::new("/machine-config", json!({ "vcpu_count": spec.vcpus, "mem_size_mib": spec.memory_mib })),
        Request::new(
            "/boot-source",
            json!({
                "kernel_image_path": chroot::KERNEL,
                "initrd_path": chroot::INITRAMFS,
                "boot_args": boot_args(spec, configured_args),
            }),
        ),
        Request::new("/entropy", json!({})),
        Request::new("/vsock", json!({ "guest_cid": GUEST_CID, "uds_path": chroot::GUEST_SOCKET })),
    ];
    for (index, disk) in spec.disks.iter().enumerate() {
        let id = format!("disk{index}");
        let mut body = json!({
            "drive_id": id,
            "path_on_host": chroot::disk(index),
            "is_root_device": false,
            "is_read_only": disk.read_only,
            // Flushes of the guest reach the disk: volumes hold databases.
            "cache_type": if disk.read_only { "Unsafe" } else { "Writeback" },
        });
        if let Some(rate) = disk.rate {
            let bucket = |size: u64| json!({ "size": size, "refill_time": REFILL_MS });
            body["rate_limiter"] =
                json!({ "bandwidth": bucket(rate.bytes_per_s), "ops": bucket(rate.operations_per_s) });
        }
        requests.push(Request::new(format!("/drives/{id}"), body));
    }
    if let Some((nic, tap)) = spec.nic.as_ref().zip(tap) {
        let mac = nic.mac.map(|b| format!("{b:02x}")).join(":");
        let body = json!({ "iface_id": "net", "host_dev_name": tap, "guest_mac": mac });
        requests.push(Request::new("/network-interfaces/net", body));
    }
    requests.push(Request::new("/actions", json!({ "action_type": "InstanceStart" })));
    requests
}

/// A `PATCH`.
pub(super) fn pause() -> Request {
    Request::new("/vm", json!({ "state": "Paused" }))
}

/// A `PATCH`.
pub(super) fn go_on() -> Request {
    Request::new("/vm", json!({ "state": "Resumed" }))
}

/// Of a paused guest.
pub(super) fn save() -> Request {
    let body = json!({
        "snapshot_type": "Full",
        "snapshot_path": chroot::SNAPSHOT_STATE,
        "mem_file_path": chroot::SNAPSHOT_MEMORY,
    });
    Request::new("/snapshot/create", body)
}

/// In place of all that makes a machine: its parts are in the snapshot, by the names that they had. The guest
/// stays paused.
pub(super) fn load() -> Request {
    let memory = json!({ "backend_type": "File", "backend_path": chroot::SNAPSHOT_MEMORY });
    let body = json!({
        "snapshot_path": chroot::SNAPSHOT_STATE,
        "mem_backend": memory,
        "resume_vm": false,
    });
    Request::new("/snapshot/load", body)
}

fn boot_args(spec: &VmSpec, configured: &[String]) -> String {
    let serials: Vec<_> = spec.disks.iter().map(|disk| disk.serial.as_str()).collect();
    let mut args: Vec<String> = KERNEL_ARGS.map(str::to_owned).into();
    args.push(format!("roost.disks={}", serials.join(",")));
    args.extend(configured.iter().chain(&spec.kernel_args).cloned());
    args.join(" ")
}

#[cfg(test)]
#[path = "requests_test.rs"]
mod tests;
