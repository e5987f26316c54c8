//! The control group of one VMM: its limits, and the sure way to find its processes again.
//!
//! A host may have cgroup v2, v1, or a mixture (each controller lives in one of them); [`hierarchy`] finds
//! out. The group has the same path in every hierarchy used. Not here: how much is allowed ([`crate::Limits`]).

mod hierarchy;

use std::{
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

pub(crate) use hierarchy::{Controller, Hierarchies, Version};

use crate::{CpuLimit, Limits, VmmError, error::Context};

/// A dying process leaves its group a moment after its death is announced: so long between two looks.
const REMOVE_PAUSE: Duration = Duration::from_millis(5);

/// Looks until a group that stays busy is an error: 2 s in all.
const REMOVE_ATTEMPTS: u32 = 400;

/// All machines together against each other service of the host (100 by default): a host is there for its
/// machines, but its agent and edge must not starve under busy ones.
const MACHINES_WEIGHT: u64 = 500;

/// Against a parent group that vanishes in between.
const MAKE_ATTEMPTS: u32 = 3;

#[derive(Debug, Clone)]
pub(crate) struct Cgroup {
    hierarchies: Hierarchies,
    /// Relative to each hierarchy's root.
    path: PathBuf,
}

impl Cgroup {
    /// The group at `path` (relative), which need not exist.
    pub fn at(path: &str) -> Result<Self, VmmError> {
        let hierarchies = Hierarchies::find().context(|| "reading the cgroup mounts".into())?;
        if let Some(missing) = hierarchies.missing().next() {
            return Err(VmmError::Missing {
                what: format!("cgroup controller {}", missing.name()),
                fix: "mount cgroup2 on /sys/fs/cgroup with the controllers cpu, memory and pids".into(),
            });
        }
        Ok(Self { hierarchies, path: path.into() })
    }

    /// Makes the group, or takes the one that is there, and sets its limits.
    pub fn create(&self, limits: &Limits) -> Result<(), VmmError> {
        // The last machine to leave removes the parent group, perhaps just now.
        let mut made = self.hierarchies.make(&self.path);
        for _ in 1..MAKE_ATTEMPTS {
            made = made.or_else(|_| self.hierarchies.make(&self.path));
        }
        made.context(|| format!("making cgroup {}", self.path.display()))?;
        self.weigh_parents().context(|| format!("weighing the parents of cgroup {}", self.path.display()))?;
        for controller in Controller::ALL {
            self.limit(controller, limits).context(|| format!("setting the {} limit", controller.name()))?;
        }
        Ok(())
    }

    /// The groups above this one hold all machines of the host.
    fn weigh_parents(&self) -> io::Result<()> {
        let root = self.hierarchies.root(Controller::Cpu);
        let parents = self.path.ancestors().skip(1).filter(|parent| *parent != Path::new(""));
        let (key, weight) = match self.hierarchies.version(Controller::Cpu) {
            Version::V1 => ("cpu.shares", v1_shares(MACHINES_WEIGHT)),
            Version::V2 => ("cpu.weight", MACHINES_WEIGHT),
        };
        parents
            .map(|parent| root.join(parent).join(key))
            .try_for_each(|file| fs::write(file, weight.to_string()))
    }

    fn limit(&self, controller: Controller, limits: &Limits) -> io::Result<()> {
        let set = |key: &str, value: String| self.write(controller, key, &value);
        // Present only where the kernel accounts for swap.
        let set_if_there = |key: &str, value: String| match self.file(controller, key).exists() {
            true => self.write(controller, key, &value),
            false => Ok(()),
        };
        let CpuLimit { quota_us, period_us, weight } = limits.cpu;
        let memory = limits.memory_bytes;
        match (controller, self.hierarchies.version(controller)) {
            (Controller::Cpu, Version::V1) => {
                set("cpu.cfs_period_us", period_us.to_string())?;
                set("cpu.cfs_quota_us", quota_us.to_string())?;
                set("cpu.shares", v1_shares(weight).to_string())
            }
            (Controller::Cpu, Version::V2) => {
                set("cpu.max", format!("{quota_us} {period_us}"))?;
                set("cpu.weight", weight.clamp(1, 10_000).to_string())
            }
            (Controller::Memory, Version::V1) => {
                set("memory.limit_in_bytes", memory.to_string())?;
                set_if_there("memory.memsw.limit_in_bytes", memory.to_string())
            }
            (Controller::Memory, Version::V2) => {
                set("memory.max", memory.to_string())?;
                set_if_there("memory.swap.max", "0".into())
            }
            (Controller::Pids, _) => set("pids.max", limits.pids.to_string()),
        }
    }

    /// Opened for a process to write `0` into, by which it joins: one for each hierarchy.
    pub fn doors(&self) -> Result<Vec<OwnedFd>, VmmError> {
        let open = |dir: PathBuf| {
            let file = dir.join("cgroup.procs");
            fs::File::options()
                .write(true)
                .open(&file)
                .map(OwnedFd::from)
                .context(|| format!("opening {}", file.display()))
        };
        self.directories().map(open).collect()
    }

    /// Process ids in the group; none when it does not exist.
    pub fn processes(&self) -> Vec<i32> {
        let mut pids: Vec<i32> = self
            .directories()
            .filter_map(|dir| fs::read_to_string(dir.join("cgroup.procs")).ok())
            .flat_map(|text| text.lines().filter_map(|line| line.parse().ok()).collect::<Vec<_>>())
            .collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// The kernel ended a process of the group because its memory limit was reached.
    pub fn was_out_of_memory(&self) -> bool {
        let file = match self.hierarchies.version(Controller::Memory) {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let text = fs::read_to_string(self.file(Controller::Memory, file)).unwrap_or_default();
        text.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count != "0")
    }

    /// Kills whatever is in the group and removes it. Fine if it does not exist.
    pub async fn remove(&self) -> Result<(), VmmError> {
        for root in self.hierarchies.roots() {
            let dir = root.join(&self.path);
            self.remove_one(&dir).await.context(|| format!("removing cgroup {}", dir.display()))?;
            for parent in self.path.ancestors().skip(1).filter(|p| *p != Path::new("")) {
                // Refused as long as another machine is in it.
                let _ = fs::remove_dir(root.join(parent));
            }
        }
        Ok(())
    }

    async fn remove_one(&self, dir: &Path) -> io::Result<()> {
        for _ in 0..REMOVE_ATTEMPTS {
            for pid in self.processes() {
                // Gone already is what we want.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            match fs::remove_dir(dir) {
                Ok(()) => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(e) if e.raw_os_error() == Some(Errno::EBUSY as i32) => {
                    tokio::time::sleep(REMOVE_PAUSE).await;
                }
                Err(e) => return Err(e),
            }
        }
        Err(Errno::EBUSY.into())
    }

    fn directories(&self) -> impl Iterator<Item = PathBuf> {
        self.hierarchies.roots().map(|root| root.join(&self.path))
    }

    fn file(&self, controller: Controller, key: &str) -> PathBuf {
        self.hierarchies.root(controller).join(&self.path).join(key)
    }

    fn write(&self, controller: Controller, key: &str, value: &str) -> io::Result<()> {
        fs::write(self.file(controller, key), value)
    }
}

/// v1 counts from 2 with a default of 1024, v2 from 1 with a default of 100.
fn v1_shares(weight: u64) -> u64 {
    (weight * 1024 / 100).clamp(2, 262_144)
}
