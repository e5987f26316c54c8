//! The real parts: the image store, the host's network, the VMM driver.

use std::{collections::HashSet, path::Path, sync::Arc};

use async_trait::async_trait;
use roost_images::{Collected, Image, ImageError, ImageStore};
use roost_initramfs::{Kernel, KernelSource};
use roost_model::{ImageRef, MachineId};
use roost_netdev::{HostNet, Link, LinkKind, MachineNet, NetError};
use roost_vmm::{BootFiles, Driver, GuestStream, JailSpec, Maker, VmExit, VmSpec, VmmError};
use tokio::task::spawn_blocking;

use crate::{
    config::HostConfig,
    host::OpenError,
    seams::{Images, Network, Parts, Vm, Vmm},
};

/// Prepares kernel and driver, which may take a trial boot the first time.
pub async fn open(config: &HostConfig) -> Result<Parts, OpenError> {
    let boot = prepare_kernel(config).await?;
    let (driver, reason) = Driver::select(&config.vmm, &boot, &config.kernels()).await?;
    let images = ImageStore::open(&config.images(), config.registry.clone())?;
    let network = HostNet::open(config.network.clone()).await?;
    Ok(Parts {
        images: Arc::new(images),
        network: Arc::new(network),
        vmm: Arc::new(Chosen { driver, reason }),
        boot,
    })
}

async fn prepare_kernel(config: &HostConfig) -> Result<BootFiles, OpenError> {
    let source = match &config.vmm.kernel {
        Some(path) => KernelSource::File(path.clone()),
        None => KernelSource::Distribution,
    };
    let cache = config.kernels();
    let files = spawn_blocking(move || Kernel::prepare(&source, &cache)).await;
    let files = files.map_err(|e| OpenError::Io { what: "preparing the kernel", source: e.into() })??;
    Ok(BootFiles {
        kernel: files.kernel_elf,
        initramfs: files.initramfs,
        cmdline_devices: files.builtin_virtio,
    })
}

#[async_trait]
impl Images for ImageStore {
    async fn ensure(&self, image: &ImageRef) -> Result<Arc<Image>, ImageError> {
        self.ensure(image, |_| {}).await
    }

    fn get(&self, digest: &str) -> Option<Arc<Image>> {
        self.get(digest)
    }

    async fn collect(&self, keep: &HashSet<String>) -> Result<Collected, ImageError> {
        self.collect(keep).await
    }
}

#[async_trait]
impl Network for HostNet {
    async fn attach(&self, machine: &MachineNet, kind: LinkKind) -> Result<Link, NetError> {
        self.attach(machine, kind).await
    }

    async fn open_link(&self, machine: &MachineNet) -> Result<(), NetError> {
        self.open_link(machine).await
    }

    async fn detach(&self, id: &MachineId) -> Result<(), NetError> {
        self.detach(id).await
    }

    async fn sync(&self, machines: &[MachineNet]) -> Result<(), NetError> {
        self.sync(machines).await
    }
}

struct Chosen {
    driver: Driver,
    reason: String,
}

#[async_trait]
impl Vmm for Chosen {
    async fn spawn(&self, spec: &VmSpec) -> Result<Arc<dyn Vm>, VmmError> {
        Ok(Arc::new(self.driver.spawn(spec).await?))
    }

    async fn restore(&self, spec: &VmSpec, from: &Path) -> Result<Arc<dyn Vm>, VmmError> {
        Ok(Arc::new(self.driver.restore(spec, from).await?))
    }

    fn can_prime(&self, boot: &BootFiles) -> bool {
        self.driver.can_prime(boot)
    }

    fn maker(&self, boot: &BootFiles) -> Maker {
        self.driver.maker(boot)
    }

    async fn adopt(&self, jail: &JailSpec) -> Result<Option<Arc<dyn Vm>>, VmmError> {
        Ok(self.driver.adopt(jail).await?.map(|vm| Arc::new(vm) as Arc<dyn Vm>))
    }

    async fn remove(&self, jail: &JailSpec) -> Result<(), VmmError> {
        self.driver.remove(jail).await
    }

    fn link_kind(&self) -> LinkKind {
        self.driver.link_kind()
    }

    fn is_emulated(&self) -> bool {
        self.driver.is_emulated()
    }

    fn describe(&self) -> (String, String) {
        (self.driver.describe(), self.reason.clone())
    }
}

#[async_trait]
impl Vm for roost_vmm::Vm {
    async fn wait_exit(&self) -> VmExit {
        self.wait_exit().await
    }

    async fn guest_opened(&self) -> Result<(), VmmError> {
        self.guest_opened().await
    }

    async fn connect_guest(&self) -> Result<Box<dyn GuestStream>, VmmError> {
        self.connect_guest().await
    }

    async fn console_tail(&self) -> String {
        self.console_tail().await
    }

    async fn pause(&self) -> Result<(), VmmError> {
        self.pause().await
    }

    async fn save(&self, into: &Path, memory_mib: u32) -> Result<(), VmmError> {
        self.save(into, memory_mib).await.map(drop)
    }

    async fn go_on(&self) -> Result<(), VmmError> {
        self.go_on().await
    }

    async fn resize_disk(&self, serial: &str, bytes: u64) -> Result<(), VmmError> {
        self.resize_disk(serial, bytes).await
    }
}
