//! The parts of the box that a host drives, as it sees them: images, network, VMM.
//!
//! Each has one real implementation (see [`crate::parts`]) and one in the tests, which lets a machine's
//! whole life run in milliseconds without root.

use std::{collections::HashSet, path::Path, sync::Arc};

use async_trait::async_trait;
use roost_images::{Collected, Image, ImageError};
use roost_model::{ImageRef, MachineId};
use roost_netdev::{Link, LinkKind, MachineNet, NetError};
use roost_vmm::{BootFiles, GuestStream, JailSpec, Maker, VmExit, VmSpec, VmmError};

/// The three together.
#[derive(Clone)]
pub struct Parts {
    pub images: Arc<dyn Images>,
    pub network: Arc<dyn Network>,
    pub vmm: Arc<dyn Vmm>,
    /// What every machine boots.
    pub boot: BootFiles,
}

#[async_trait]
pub trait Images: Send + Sync {
    /// Pulls and converts the image unless it is here. Several may ask for one at the same time.
    async fn ensure(&self, image: &ImageRef) -> Result<Arc<Image>, ImageError>;

    /// The image, if it is here.
    fn get(&self, digest: &str) -> Option<Arc<Image>>;

    /// Removes all but these.
    async fn collect(&self, keep: &HashSet<String>) -> Result<Collected, ImageError>;
}

#[async_trait]
pub trait Network: Send + Sync {
    /// A link that carries nothing yet. Repeatable: what is left of an earlier one is replaced.
    async fn attach(&self, machine: &MachineNet, kind: LinkKind) -> Result<Link, NetError>;

    /// Lets the link carry what the rules allow.
    async fn open_link(&self, machine: &MachineNet) -> Result<(), NetError>;

    /// Fine if there is no link.
    async fn detach(&self, id: &MachineId) -> Result<(), NetError>;

    /// Leaves exactly these machines attached.
    async fn sync(&self, machines: &[MachineNet]) -> Result<(), NetError>;
}

#[async_trait]
pub trait Vmm: Send + Sync {
    async fn spawn(&self, spec: &VmSpec) -> Result<Arc<dyn Vm>, VmmError>;

    /// A VMM with what [`Vm::save`] kept; its guest is paused.
    async fn restore(&self, spec: &VmSpec, from: &Path) -> Result<Arc<dyn Vm>, VmmError>;

    /// Whether guests with these boot files can be kept before they know which machine they are.
    fn can_prime(&self, boot: &BootFiles) -> bool;

    /// What machines with these boot files are made by.
    fn maker(&self, boot: &BootFiles) -> Maker;

    /// The VMM that runs in this jail, if one does.
    async fn adopt(&self, jail: &JailSpec) -> Result<Option<Arc<dyn Vm>>, VmmError>;

    /// Kills what runs in the jail and removes the jail. Fine if there is none.
    async fn remove(&self, jail: &JailSpec) -> Result<(), VmmError>;

    fn link_kind(&self) -> LinkKind;

    /// Guests are translated in software, which costs the VMM memory.
    fn is_emulated(&self) -> bool;

    /// Name of the driver, such as `qemu (kvm)`, and why it was chosen.
    fn describe(&self) -> (String, String);
}

/// A running VMM. Dropping the handle leaves it running.
#[async_trait]
pub trait Vm: Send + Sync {
    async fn wait_exit(&self) -> VmExit;
    /// Waits until the guest has opened its end of the channel.
    async fn guest_opened(&self) -> Result<(), VmmError>;

    async fn connect_guest(&self) -> Result<Box<dyn GuestStream>, VmmError>;
    async fn console_tail(&self) -> String;

    /// Stops the guest's processors. Fine if they stand.
    async fn pause(&self) -> Result<(), VmmError>;

    /// Writes the paused guest, of this size, into an empty folder.
    async fn save(&self, into: &Path, memory_mib: u32) -> Result<(), VmmError>;

    /// Lets the guest run. Fine if it runs.
    async fn go_on(&self) -> Result<(), VmmError>;

    /// Tells the guest that a disk, whose file was made larger, has so many bytes.
    async fn resize_disk(&self, serial: &str, bytes: u64) -> Result<(), VmmError>;
}
