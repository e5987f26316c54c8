//! QEMU's command line: a microvm machine with nothing in it but what the machine was given.

use std::os::fd::RawFd;

use serde_json::json;

use super::{
    Accelerator,
    bundle::{FIRMWARE, INITRAMFS, KERNEL},
};
use crate::{CONSOLE_BYTES, DiskRate};

/// Name of the virtio port that `init` opens.
pub(crate) const GUEST_PORT: &str = "org.roost.guest";

/// QEMU's name of the disk with this serial: known to whoever adopts a VMM, too. At most 31 bytes.
pub(super) fn disk_node(serial: &str) -> String {
    format!("disk-{serial}")
}

/// Everything that differs from one machine to the next. Descriptors are the numbers that QEMU inherits.
pub(super) struct Arguments<'a> {
    pub accelerator: Accelerator,
    pub cmdline_devices: bool,
    pub name: &'a str,
    pub vcpus: u32,
    pub memory_mib: u32,
    pub kernel_args: String,
    pub disks: Vec<DiskArgument<'a>>,
    pub nic: Option<NicArgument>,
    pub begin: Begin,
    /// Listening sockets.
    pub qmp: RawFd,
    pub guest: RawFd,
}

/// What the machine's processors do first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    Boot,
    /// Nothing: a snapshot is loaded first.
    Incoming,
}

pub(super) struct DiskArgument<'a> {
    pub fd: RawFd,
    pub read_only: bool,
    pub serial: &'a str,
    pub rate: Option<DiskRate>,
}

pub(super) struct NicArgument {
    /// None: connected to nothing.
    pub fd: Option<RawFd>,
    pub mac: [u8; 6],
}

impl Arguments<'_> {
    pub fn build(&self) -> Vec<String> {
        let mut args = Vec::new();
        let mut option = |name: &str, value: String| args.extend([name.to_owned(), value]);
        option("-name", format!("{},debug-threads=on", self.name));
        option("-machine", self.machine());
        option("-accel", self.accelerator.argument());
        option("-cpu", self.accelerator.cpu_model().into());
        option("-m", format!("{}M", self.memory_mib));
        option("-smp", self.vcpus.to_string());
        option("-L", FIRMWARE.into());
        option("-kernel", KERNEL.into());
        option("-initrd", INITRAMFS.into());
        option("-append", self.kernel_args.clone());
        // A guest's reset ends the VMM; a guest's end leaves it standing until the agent has read the
        // console and asks it to quit, so nothing is lost when the agent was away.
        option("-action", "reboot=shutdown,shutdown=pause".into());
        let policy = "obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";
        option("-sandbox", format!("on,{policy}"));
        option("-chardev", format!("socket,id=qmp,fd={},server=on,wait=off", self.qmp));
        option("-mon", "chardev=qmp,mode=control".into());
        option("-chardev", format!("ringbuf,id=console,size={CONSOLE_BYTES}"));
        option("-serial", "chardev:console".into());
        option("-object", "rng-builtin,id=rng".into());
        option("-device", "virtio-rng-device,rng=rng".into());
        option("-chardev", format!("socket,id=guest,fd={},server=on,wait=off", self.guest));
        option("-device", "virtio-serial-device,max_ports=2".into());
        // Without an id of its own the port reports neither its opening nor its closing.
        option("-device", format!("virtserialport,id=guest-port,chardev=guest,name={GUEST_PORT}"));
        for (index, disk) in self.disks.iter().enumerate() {
            let DiskArgument { fd, read_only, serial, rate } = disk;
            let read_only = if *read_only { "on" } else { "off" };
            option("-add-fd", format!("fd={fd},set={index}"));
            option(
                "-blockdev",
                format!(
                    "driver=file,node-name=file{index},filename=/dev/fdset/{index},read-only={read_only},discard=unmap"
                ),
            );
            let mut below = format!("file{index}");
            if let Some(rate) = rate {
                option("-object", throttle_group(index, *rate));
                below = format!("rate{index}");
                option(
                    "-blockdev",
                    format!(
                        "driver=throttle,node-name={below},throttle-group=rates{index},file=file{index},read-only={read_only},discard=unmap"
                    ),
                );
            }
            option(
                "-blockdev",
                format!(
                    "driver=raw,node-name={},file={below},read-only={read_only},discard=unmap",
                    disk_node(serial)
                ),
            );
            option("-device", format!("virtio-blk-device,drive={},serial={serial}", disk_node(serial)));
        }
        if let Some(NicArgument { fd, mac }) = &self.nic {
            let mac = mac.map(|b| format!("{b:02x}")).join(":");
            let netdev = match fd {
                Some(fd) => format!("tap,id=net,fd={fd},vhost=off"),
                None => "hubport,id=net,hubid=0".to_owned(),
            };
            option("-netdev", netdev);
            option("-device", format!("virtio-net-device,netdev=net,mac={mac}"));
        }
        if self.begin == Begin::Incoming {
            args.extend(["-S", "-incoming", "defer"].map(str::to_owned));
        }
        args.extend(["-nodefaults", "-no-user-config"].map(str::to_owned));
        args.extend(["-display", "none"].map(str::to_owned));
        args
    }

    fn machine(&self) -> String {
        // With ACPI the kernel needs neither of the two old controllers, and starts quicker without.
        let platform = if self.cmdline_devices { "acpi=off" } else { "acpi=on,pit=off,pic=off" };
        format!("microvm,{platform},rtc=on,isa-serial=on")
    }
}

fn throttle_group(index: usize, rate: DiskRate) -> String {
    let limits = json!({ "iops-total": rate.operations_per_s, "bps-total": rate.bytes_per_s });
    json!({ "qom-type": "throttle-group", "id": format!("rates{index}"), "limits": limits }).to_string()
}
