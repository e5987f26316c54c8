//! Settings of a host.

use std::{path::PathBuf, time::Duration};

use roost_images::PullConfig;
use roost_model::{HostId, Region};
use roost_netdev::HostNetConfig;
use roost_vmm::VmmConfig;
use serde::{Deserialize, Serialize};

/// Who this host is and what it is told. Paths come from the server.
#[derive(Debug, Clone)]
pub struct HostConfig {
    pub id: HostId,
    pub region: Region,
    /// Number of the host in 6PN addresses.
    pub number: u32,
    /// This host's own folder (database, images, machines, logs).
    pub dir: PathBuf,
    /// Where the api takes machines' calls; there need be nobody.
    pub api_socket: PathBuf,
    pub settings: HostSettings,
    pub vmm: VmmConfig,
    pub network: HostNetConfig,
    pub registry: PullConfig,
}

/// The `[host]` section of the configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostSettings {
    /// Most machines, stopped ones included. Also bounds the uids and IPv4 addresses that are used.
    pub max_machines: u32,
    /// Machines run as the uids (and gids) from here on, one each; nobody else may use them.
    pub first_uid: u32,
    /// Memory that machines do not get.
    pub memory_reserve_mib: u64,
    /// Shared vCPUs that may run for each core. A performance vCPU takes a core of its own.
    pub shared_cpus_per_core: u32,
    /// Most that a machine can write to its root file system.
    pub rootfs_mib: u64,
    /// Machines with more memory are stopped where they would be suspended.
    pub suspend_memory_mib: u64,
    /// Disk that the memory of all suspended machines may take.
    pub suspended_disk_mib: u64,
    /// Most kinds of guests (by CPUs, memory and number of disks) that are kept primed, some 100 MB of disk each, so
    /// that machines start without a boot. 0: every machine boots.
    pub primed_guests: u32,
    /// Kept of each app's logs.
    pub logs_mib_per_app: u64,
    /// How long a destroyed machine can still be asked about, in seconds.
    pub keep_destroyed_secs: u64,
    /// Most volumes, destroyed ones that are kept included.
    pub max_volumes: u32,
    /// Largest volume, in GB.
    pub max_volume_gb: u32,
    /// Volumes take room as they fill. All together are promised at most so many times what the disk has.
    pub volume_overcommit: u32,
    /// Room on the disk that new volumes and snapshots leave for what is there, in MiB.
    pub volume_reserve_mib: u64,
    /// How long the disk of a destroyed volume is kept, in seconds.
    pub keep_volumes_secs: u64,
    /// Time between the snapshots that are taken by themselves, in seconds.
    pub snapshot_interval_secs: u64,
    /// The data folder is on an encrypted device: volumes are then shown as encrypted. Nothing here
    /// encrypts them.
    pub volumes_encrypted: bool,
    /// Between two looks at the metrics of each machine that has some, in seconds.
    pub metrics_interval_secs: u64,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            max_machines: 4096,
            first_uid: 600_000,
            memory_reserve_mib: 512,
            shared_cpus_per_core: 16,
            rootfs_mib: 8192,
            suspend_memory_mib: 2048,
            suspended_disk_mib: 32_768,
            primed_guests: 8,
            logs_mib_per_app: 16,
            keep_destroyed_secs: 3600,
            max_volumes: 4096,
            max_volume_gb: 500,
            volume_overcommit: 4,
            volume_reserve_mib: 1024,
            keep_volumes_secs: 24 * 3600,
            snapshot_interval_secs: 24 * 3600,
            volumes_encrypted: false,
            metrics_interval_secs: 15,
        }
    }
}

impl HostSettings {
    pub fn keep_destroyed(&self) -> Duration {
        Duration::from_secs(self.keep_destroyed_secs)
    }

    pub fn keep_volumes(&self) -> Duration {
        Duration::from_secs(self.keep_volumes_secs)
    }

    /// At least a second: a machine has better things to do.
    pub fn metrics_interval(&self) -> Duration {
        Duration::from_secs(self.metrics_interval_secs.max(1))
    }
}

impl HostConfig {
    pub fn database(&self) -> PathBuf {
        self.dir.join("host.db")
    }

    pub fn images(&self) -> PathBuf {
        self.dir.join("images")
    }

    pub fn machines(&self) -> PathBuf {
        self.dir.join("machines")
    }

    pub fn volumes(&self) -> PathBuf {
        self.dir.join("volumes")
    }

    /// Snapshots of volumes: lists of contents, and the chunks that these share.
    pub fn snapshots(&self) -> PathBuf {
        self.dir.join("snapshots")
    }

    pub fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    pub fn kernels(&self) -> PathBuf {
        self.dir.join("kernels")
    }

    pub fn scratch_templates(&self) -> PathBuf {
        self.dir.join("scratch")
    }

    /// Guests that machines start from copies of.
    pub fn primed(&self) -> PathBuf {
        self.dir.join("primed")
    }

    /// Private half of the key that secrets for this host are sealed to.
    pub fn sealing_key(&self) -> PathBuf {
        self.dir.join("sealing.key")
    }
}
