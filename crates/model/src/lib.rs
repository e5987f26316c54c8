//! The vocabulary of Roost: ids, machine configuration, states, sizes and addresses.
//!
//! No IO happens here. Wire shapes follow the Machines API, so a value of these types can be sent
//! to and read from its clients unchanged; keys that we do not know are kept in `extra` maps.

#[macro_use]
mod schema;

pub mod addr;
pub mod duration;
pub mod event;
pub mod guest;
pub mod http_options;
pub mod id;
pub mod image_ref;
pub mod machine;
pub mod port;
pub mod service;
pub mod state;
pub mod statics;
pub mod volume;

pub use addr::{MachineAddress, NetworkId};
pub use duration::GoDuration;
pub use event::{ExitEvent, MachineEvent};
pub use guest::{CpuKind, Guest, InvalidGuest};
pub use http_options::HttpOptions;
pub use id::{AppName, HostId, InstanceId, InvalidId, MachineId, Region, SnapshotId, VolumeId};
pub use image_ref::{ImageRef, InvalidImageRef};
pub use machine::MachineConfig;
pub use port::Port;
pub use service::{Service, ServiceCheck};
pub use state::MachineState;
pub use statics::Static;
pub use volume::{SnapshotState, VolumeName, VolumeState};
