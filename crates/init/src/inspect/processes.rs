//! Processes, kernel threads left out: `/proc/<pid>/stat` (`man 5 proc`).

use std::fs;

use roost_guest_api::{ProcessInfo, channel::MAX_LISTED};

use super::pids;
use crate::clock;

/// `kthreadd`, parent of all kernel threads.
const KERNEL_THREADS: i32 = 2;

/// Ticks of a second in /proc, whatever the kernel's own.
const TICKS: i64 = 100;
const TICK_MS: u64 = 10;
const PAGE: u64 = 4096;

/// Longest command line that is shown, in characters.
const COMMAND_LENGTH: usize = 256;

pub fn processes() -> Vec<ProcessInfo> {
    let boot_unix_ns = clock::unix_ns() - since_boot_ns();
    pids().filter_map(|pid| read(pid, boot_unix_ns)).take(MAX_LISTED).collect()
}

fn read(pid: i32, boot_unix_ns: i64) -> Option<ProcessInfo> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let process = parse(&stat, boot_unix_ns)?;
    if process.pid == KERNEL_THREADS || process.ppid == KERNEL_THREADS {
        return None;
    }
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let command = match line.trim() {
        // A zombie.
        "" => process.command,
        line => line.chars().take(COMMAND_LENGTH).collect(),
    };
    Some(ProcessInfo { command, ..process })
}

/// `pid (name) state ppid ...`; the name may contain anything, so fields are counted after its end.
fn parse(stat: &str, boot_unix_ns: i64) -> Option<ProcessInfo> {
    let (head, rest) = stat.rsplit_once(')')?;
    let (pid, name) = head.split_once(" (")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at - 3)?.parse::<u64>().ok();
    let start_ns = i64::try_from(number(22)?).ok()? * (1_000_000_000 / TICKS);
    Some(ProcessInfo {
        pid: pid.parse().ok()?,
        ppid: fields.get(1)?.parse().ok()?,
        command: name.to_owned(),
        state: (*fields.first()?).to_owned(),
        rss_bytes: number(24)? * PAGE,
        cpu_ms: (number(14)? + number(15)?) * TICK_MS,
        start_unix_ns: boot_unix_ns + start_ns,
    })
}

fn since_boot_ns() -> i64 {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "42 (a) b (c) S 7 42 42 0 -1 4194304 1 0 0 0 30 12 0 0 20 0 1 0 500 1000 25 0";
        let process = parse(stat, 1_000).unwrap();
        assert_eq!((process.pid, process.ppid), (42, 7));
        assert_eq!((process.command.as_str(), process.state.as_str()), ("a) b (c", "S"));
        assert_eq!((process.cpu_ms, process.rss_bytes), (420, 25 * 4096));
        assert_eq!(process.start_unix_ns, 5_000_000_000 + 1_000);
    }

    #[test]
    fn this_process_is_listed_with_a_plausible_start() {
        let me = i32::try_from(std::process::id()).unwrap();
        let found = processes().into_iter().find(|process| process.pid == me).unwrap();
        let age_ns = clock::unix_ns() - found.start_unix_ns;
        assert!((0..3_600_000_000_000).contains(&age_ns), "{age_ns}");
    }
}
