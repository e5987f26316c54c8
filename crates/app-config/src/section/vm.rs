//! `[[vm]]`: the size of a group's machines.

use roost_model::{CpuKind, Guest, InvalidGuest, machine::Persist};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::forms::{self, Megabytes, is_default};

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Vm {
    /// Preset such as `shared-cpu-1x`; the other keys go before it.
    pub size: Option<String>,
    /// `"2gb"`, or an integer of MB.
    pub memory: Option<Megabytes>,
    pub memory_mb: Option<u32>,
    pub cpus: Option<u32>,
    pub cpu_kind: Option<CpuKind>,
    pub gpus: Option<u32>,
    pub gpu_kind: Option<String>,
    #[serde(deserialize_with = "forms::words", skip_serializing_if = "is_default")]
    pub kernel_args: Vec<String>,
    pub host_dedication_id: Option<String>,
    /// `never`, `restart` or `always`.
    pub persist_rootfs: Option<Persist>,
    /// Groups of this size; all that no other section names when empty.
    #[serde(skip_serializing_if = "is_default")]
    pub processes: Vec<String>,
}

impl Vm {
    /// The size that the keys add up to.
    ///
    /// # Errors
    /// The preset is unknown, or the sum is no size that machines come in.
    pub fn guest(&self) -> Result<Guest, InvalidGuest> {
        let mut guest = match &self.size {
            Some(name) => Guest::preset(name)?,
            None => self.smallest()?,
        };
        if let Some(kind) = self.cpu_kind {
            guest.cpu_kind = kind;
        }
        if let Some(cpus) = self.cpus {
            guest.cpus = cpus;
        }
        if let Some(mb) = self.memory.map(|Megabytes(mb)| mb).or(self.memory_mb) {
            guest.memory_mb = mb;
        }
        guest.kernel_args = self.kernel_args.clone();
        guest.persist_rootfs = self.persist_rootfs;
        guest.validate()?;
        Ok(guest)
    }

    /// The least machine with the CPUs asked for.
    fn smallest(&self) -> Result<Guest, InvalidGuest> {
        let (kind, cpus) = (self.cpu_kind.unwrap_or_default(), self.cpus.unwrap_or(1));
        let named = Guest { cpu_kind: kind, cpus, ..Guest::default() };
        Guest::preset(&named.preset_name()).or_else(|_| named.validate().map(|()| named))
    }
}
