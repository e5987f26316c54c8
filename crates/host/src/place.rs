//! What follows from a machine's place on the host: addresses, uid, folders, jail. Pure.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use roost_model::{Guest, MachineAddress, MachineId};
use roost_netdev::MachineNet;
use roost_vmm::{JailSpec, Limits};

use crate::{config::HostConfig, record::Record};

/// Addresses at the start of the IPv4 pool that no machine gets.
const FIRST_HOST: u32 = 2;

/// Machines that the host has addresses for.
pub fn slots(config: &HostConfig) -> u32 {
    let hosts = 1u64 << (32 - u32::from(config.network.ipv4_pool.prefix_len()));
    // The broadcast address is not given out either.
    let usable = hosts.saturating_sub(u64::from(FIRST_HOST) + 1);
    config.settings.max_machines.min(u32::try_from(usable).unwrap_or(u32::MAX))
}

pub fn ipv4(config: &HostConfig, record: &Record) -> Ipv4Addr {
    let base = u32::from(config.network.ipv4_pool.network());
    Ipv4Addr::from(base + FIRST_HOST + record.place.slot)
}

pub fn address(config: &HostConfig, record: &Record) -> MachineAddress {
    MachineAddress { network: record.network, host: config.number, machine: record.place.number }
}

pub fn net(config: &HostConfig, record: &Record) -> MachineNet {
    MachineNet { id: record.id.clone(), address: address(config, record), ipv4: ipv4(config, record) }
}

/// Everything of one machine that is on disk.
pub fn folder(config: &HostConfig, id: &MachineId) -> PathBuf {
    config.machines().join(id.as_str())
}

pub fn scratch(config: &HostConfig, id: &MachineId) -> PathBuf {
    folder(config, id).join("scratch.ext4")
}

pub fn uid(config: &HostConfig, record: &Record) -> u32 {
    config.settings.first_uid + record.place.slot
}

pub fn jail(config: &HostConfig, id: &MachineId, uid: u32, guest: &Guest, emulated: bool) -> JailSpec {
    JailSpec {
        dir: folder(config, id).join("jail"),
        uid,
        gid: uid,
        cgroup: format!("{}/{id}", cgroup_root(&config.dir)),
        limits: Limits::for_guest(guest, emulated),
    }
}

/// Parent of all cgroups of the host whose folder is `dir`. One for each folder, so that two hosts on
/// a box do not take each other's VMMs for orphans.
pub fn cgroup_root(dir: &Path) -> String {
    let hash = dir
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(FNV_OFFSET, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(FNV_PRIME));
    format!("roost-{hash:08x}")
}

// FNV-1a (Fowler, Noll, Vo), 32 bits: the standard library's hasher may change between versions.
const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;
