//! Medians, and what the kernel counts.

use std::time::Duration;

use anyhow::{Context, Result};

/// The kernel tells CPU times in these, on every architecture (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// Median of the samples, in milliseconds.
pub fn median_ms(samples: &[Duration]) -> f64 {
    let mut ms: Vec<f64> = samples.iter().map(|d| d.as_secs_f64() * 1e3).collect();
    median(&mut ms)
}

pub fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    match samples.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => samples[n / 2],
        n => (samples[n / 2 - 1] + samples[n / 2]) / 2.0,
    }
}

/// CPU time that a process has taken, its threads and the kernel's work for it included.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // After the name, which may hold anything, utime and stime are the 12th and 13th (proc(5)).
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u32>().ok());
    let ticks = ticks(11).zip(ticks(12)).with_context(|| format!("read {stat}"))?;
    Ok(TICK * (ticks.0 + ticks.1))
}
