//! Machine sizes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::machine::Persist;

/// What a guest gets of its host: the `guest` object of a machine configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Guest {
    #[serde(default)]
    pub cpu_kind: CpuKind,
    #[serde(default = "one")]
    pub cpus: u32,
    /// MiB, although the key says `mb`.
    #[serde(default = "smallest_memory")]
    pub memory_mb: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernel_args: Vec<String>,
    /// The older form of `rootfs.persist`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persist_rootfs: Option<Persist>,
    /// Keys that nothing here reads; kept so that they come back unchanged.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

fn one() -> u32 {
    1
}

fn smallest_memory() -> u32 {
    256
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CpuKind {
    /// A slice of a core, with bursts.
    #[default]
    Shared,
    /// Whole cores.
    Performance,
}

impl CpuKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Performance => "performance",
        }
    }
}

/// Bounds of one kind of CPU (MiB per vCPU, source: the published machine sizes).
struct Bounds {
    cpus: &'static [u32],
    base: u32,
    max: u32,
    step: u32,
}

const SHARED: Bounds = Bounds { cpus: &[1, 2, 4, 6, 8], base: 256, max: 2048, step: 256 };
const PERFORMANCE: Bounds =
    Bounds { cpus: &[1, 2, 4, 6, 8, 10, 12, 14, 16], base: 2048, max: 8192, step: 2048 };

fn bounds(kind: CpuKind) -> &'static Bounds {
    match kind {
        CpuKind::Shared => &SHARED,
        CpuKind::Performance => &PERFORMANCE,
    }
}

/// Why a size cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGuest {
    #[error(
        "unknown machine size \"{0}\"; sizes are shared-cpu-1x, -2x, -4x, -6x, -8x and performance-1x, -2x, -4x ... -16x"
    )]
    UnknownSize(String),
    #[error("{kind} machines have {allowed} CPUs, not {cpus}")]
    Cpus { kind: &'static str, allowed: String, cpus: u32 },
    #[error(
        "a {kind} machine of {cpus} CPUs has {min} to {max} MB of memory in steps of {step}, not {memory_mb}"
    )]
    Memory { kind: &'static str, cpus: u32, min: u32, max: u32, step: u32, memory_mb: u32 },
}

impl Guest {
    /// The size that a preset such as `shared-cpu-1x` or `performance-2x` names.
    pub fn preset(name: &str) -> Result<Self, InvalidGuest> {
        let unknown = || InvalidGuest::UnknownSize(name.to_owned());
        let (cpu_kind, count) = name
            .strip_prefix("shared-cpu-")
            .map(|rest| (CpuKind::Shared, rest))
            .or_else(|| name.strip_prefix("performance-").map(|rest| (CpuKind::Performance, rest)))
            .ok_or_else(unknown)?;
        let cpus = count.strip_suffix('x').and_then(|n| n.parse().ok()).ok_or_else(unknown)?;
        if !bounds(cpu_kind).cpus.contains(&cpus) {
            return Err(unknown());
        }
        let memory_mb = bounds(cpu_kind).base * cpus;
        Ok(Self { cpu_kind, cpus, memory_mb, ..Self::default() })
    }

    /// Every preset's name, smallest first.
    pub fn presets() -> impl Iterator<Item = String> {
        let shared = SHARED.cpus.iter().map(|n| format!("shared-cpu-{n}x"));
        shared.chain(PERFORMANCE.cpus.iter().map(|n| format!("performance-{n}x")))
    }

    /// Name of the preset with these CPUs, whatever the memory.
    pub fn preset_name(&self) -> String {
        match self.cpu_kind {
            CpuKind::Shared => format!("shared-cpu-{}x", self.cpus),
            CpuKind::Performance => format!("performance-{}x", self.cpus),
        }
    }

    pub fn validate(&self) -> Result<(), InvalidGuest> {
        let (kind, cpus) = (self.cpu_kind.as_str(), self.cpus);
        let Bounds { cpus: allowed, base, max, step } = *bounds(self.cpu_kind);
        if !allowed.contains(&cpus) {
            let allowed = allowed.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            return Err(InvalidGuest::Cpus { kind, allowed, cpus });
        }
        // The smallest shared size may be given to any shared machine.
        let (min, max) = (base.max(cpus * base), cpus * max);
        if !(min..=max).contains(&self.memory_mb) || !self.memory_mb.is_multiple_of(step) {
            let memory_mb = self.memory_mb;
            return Err(InvalidGuest::Memory { kind, cpus, min, max, step, memory_mb });
        }
        Ok(())
    }
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            cpu_kind: CpuKind::Shared,
            cpus: one(),
            memory_mb: smallest_memory(),
            kernel_args: Vec::new(),
            persist_rootfs: None,
            extra: serde_json::Map::new(),
        }
    }
}

impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}MB", self.preset_name(), self.memory_mb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_valid() {
        for name in Guest::presets() {
            let guest = Guest::preset(&name).unwrap();
            guest.validate().unwrap();
            assert_eq!(guest.preset_name(), name);
        }
    }

    #[test]
    fn sizes_between_presets_are_refused() {
        assert!(Guest::preset("shared-cpu-3x").is_err());
        let odd = Guest { memory_mb: 300, ..Guest::default() };
        assert!(odd.validate().unwrap_err().to_string().contains("steps of 256"));
    }
}
