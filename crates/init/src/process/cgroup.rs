//! A cgroup (version 2) for each process that the host asked for, with all its descendants.

use std::{fs, path::PathBuf};

use crate::{Context, Result};

const ROOT: &str = "/sys/fs/cgroup";

/// Controllers whose accounts are of use in a guest.
const CONTROLLERS: [&str; 4] = ["+cpu", "+memory", "+pids", "+io"];

#[derive(Debug, Clone)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes the group `name` below the root.
    pub fn create(name: &str) -> Result<Cgroup> {
        let enabled = format!("{ROOT}/cgroup.subtree_control");
        if fs::write(&enabled, CONTROLLERS.join(" ")).is_err() {
            for controller in CONTROLLERS {
                // A kernel without it has no such account; nothing here depends on it.
                let _missing = fs::write(&enabled, controller);
            }
        }
        let path = PathBuf::from(ROOT).join(name);
        fs::create_dir_all(&path).context(|| format!("make the cgroup {name}"))?;
        Ok(Cgroup { path })
    }

    /// Moves the calling process into the group.
    pub fn enter(&self) -> Result<()> {
        fs::write(self.path.join("cgroup.procs"), "0").context(|| format!("enter {}", self.path.display()))
    }

    /// Processes of this group that the kernel killed for lack of memory.
    pub fn oom_kills(&self) -> u64 {
        let events = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        events
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "))
            .and_then(|count| count.trim().parse().ok())
            .unwrap_or(0)
    }

    /// Kills every process of the group.
    pub fn kill(&self) {
        if fs::write(self.path.join("cgroup.kill"), "1").is_ok() {
            return;
        }
        // Before Linux 5.14.
        for pid in fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default().lines() {
            if let Ok(pid) = pid.parse() {
                let kill = nix::sys::signal::Signal::SIGKILL;
                let _gone = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), kill);
            }
        }
    }

    /// Removes the group; one that still has processes stays.
    pub fn remove(&self) {
        let _in_use = fs::remove_dir(&self.path);
    }
}
