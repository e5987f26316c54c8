//! What goes on in the machine, read from /proc.

mod listeners;
mod memory;
mod processes;

use std::fs;

pub use listeners::listeners;
pub use memory::memory;
pub use processes::processes;

/// Every process with a number, `init` itself left out.
fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| *pid != 1)
}

/// The short name of a process.
fn command_name(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}
