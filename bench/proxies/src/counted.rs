//! What the kernel counts of a process.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};

/// CPU time of all threads of a process and of the kernel for them, exact to the nanosecond.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} is gone"))? {
        let Ok(counted) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        let nanoseconds = counted.split_whitespace().next().and_then(|first| first.parse().ok());
        total += Duration::from_nanos(nanoseconds.context("this kernel counts no schedstat")?);
    }
    Ok(total)
}

/// Resident memory in bytes.
pub fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}
