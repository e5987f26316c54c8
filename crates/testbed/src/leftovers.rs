//! What the machines of one server leave behind: found by the names that a host gives things.

use std::path::{Path, PathBuf};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Processes, cgroups, folders and links of machines, in words.
pub fn of(data_dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    // A guest that is being primed is nobody's machine.
    for cgroup in cgroups(data_dir).into_iter().filter(|cgroup| !cgroup.ends_with("primed")) {
        found.push(format!("cgroup {}", cgroup.display()));
        found.extend(processes(&cgroup).iter().map(|pid| format!("process {pid} of {}", cgroup.display())));
    }
    let folders = std::fs::read_dir(data_dir.join("host/machines")).into_iter().flatten().flatten();
    found.extend(folders.map(|entry| format!("folder {}", entry.path().display())));
    found.extend(links().iter().map(|name| format!("link {name}")));
    found
}

/// Ends what runs and removes the cgroups. For the end of a test, after its server has ended.
pub fn remove(data_dir: &Path) {
    let cgroups = cgroups(data_dir);
    for pid in cgroups.iter().flat_map(|cgroup| processes(cgroup)) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    for cgroup in &cgroups {
        let gone = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            std::fs::remove_dir(cgroup).is_ok() || !cgroup.exists()
        });
        if gone && let Some(parent) = cgroup.parent() {
            let _ = std::fs::remove_dir(parent);
        }
    }
}

/// Processes of one machine's VMM.
pub(crate) fn processes_of(data_dir: &Path, machine: &str) -> Vec<i32> {
    cgroups(data_dir).iter().filter(|c| c.ends_with(machine)).flat_map(|c| processes(c)).collect()
}

/// One for each machine and mounted hierarchy: `<hierarchy>/<root of the host>/<machine>`.
fn cgroups(data_dir: &Path) -> Vec<PathBuf> {
    let root = roost_host::cgroup_root(&data_dir.join("host"));
    let base = PathBuf::from("/sys/fs/cgroup");
    let hierarchies = std::fs::read_dir(&base).into_iter().flatten().flatten().map(|e| e.path());
    hierarchies
        .chain([base])
        .filter_map(|hierarchy| std::fs::read_dir(hierarchy.join(&root)).ok())
        .flat_map(|entries| entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()))
        .collect()
}

fn processes(cgroup: &Path) -> Vec<i32> {
    let text = std::fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Links of machines in this thread's network.
fn links() -> Vec<String> {
    let prefix = roost_netdev::HostNetConfig::default().iface_prefix;
    let entries = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
    let names =
        entries.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().to_owned());
    names.filter(|name| name.starts_with(&prefix)).collect()
}
