//! The guest's memory: `/proc/meminfo` (`man 5 proc_meminfo`).

use std::fs;

use roost_guest_api::MemoryInfo;

const KIB: u64 = 1024;

pub fn memory() -> MemoryInfo {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    MemoryInfo { total_bytes: bytes(&text, "MemTotal:"), available_bytes: bytes(&text, "MemAvailable:") }
}

/// 0 if it is not there.
fn bytes(text: &str, key: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(key));
    let kib = value.and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * KIB
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_by_name() {
        let text = "MemTotal:         230000 kB\nMemFree:           90000 kB\nMemAvailable:     150000 kB\n";
        assert_eq!(bytes(text, "MemTotal:"), 230_000 * KIB);
        assert_eq!(bytes(text, "MemAvailable:"), 150_000 * KIB);
        assert_eq!(bytes(text, "Swap:"), 0);
    }
}
