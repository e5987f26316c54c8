//! The fake box: an image store, a network and a VMM that only keep books.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use roost_host::seams::{Images, Network, Parts, Vm, Vmm};
use roost_images::{Collected, Image, ImageConfig, ImageError};
use roost_model::{ImageRef, MachineId};
use roost_netdev::{Link, LinkKind, MachineNet, NetError};
use roost_vmm::{BootFiles, ExitCause, GuestStream, JailSpec, VmExit, VmSpec, VmmError};
use tokio::{
    io::DuplexStream,
    sync::{mpsc, watch},
};

use super::fake_guest::{self, Control};

/// Bytes in flight between host and guest.
const PIPE: usize = 64 << 10;

/// Outlives the hosts that use it, as a real box does.
#[derive(Default)]
pub struct FakeBox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    images: BTreeMap<String, Arc<Image>>,
    attached: BTreeSet<MachineId>,
    /// Live and dead VMMs by their jail.
    vms: BTreeMap<PathBuf, Arc<FakeVm>>,
    spawned: u64,
    no_such_image: bool,
}

impl FakeBox {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn parts(self: &Arc<Self>) -> Parts {
        let files =
            BootFiles { kernel: "/kernel".into(), initramfs: "/initramfs".into(), cmdline_devices: true };
        Parts { images: self.clone(), network: self.clone(), vmm: self.clone(), boot: files }
    }

    /// From now on no image can be had.
    pub fn lose_images(&self) {
        self.lock().no_such_image = true;
    }

    /// VMMs ever started.
    pub fn spawned(&self) -> u64 {
        self.lock().spawned
    }

    /// Machines with a network, and jails that are there.
    pub fn leftovers(&self) -> (Vec<MachineId>, Vec<PathBuf>) {
        let state = self.lock();
        (state.attached.iter().cloned().collect(), state.vms.keys().cloned().collect())
    }

    /// The running VMM of a machine.
    pub fn vm(&self, id: &MachineId) -> Arc<FakeVm> {
        let state = self.lock();
        let mut live = state.vms.values().filter(|vm| vm.machine == *id && vm.exit.borrow().is_none());
        live.next().cloned().expect("the machine has a live VMM")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

#[async_trait]
impl Images for FakeBox {
    async fn ensure(&self, image: &ImageRef) -> Result<Arc<Image>, ImageError> {
        let mut state = self.lock();
        if state.no_such_image {
            let (registry, image) = (image.registry.clone(), image.to_string());
            return Err(ImageError::NotFound { registry, image });
        }
        let digest = image.digest.clone().expect("hosts ask for pinned images");
        let config = ImageConfig {
            env: vec!["PATH=/bin".into(), "FROM=image".into()],
            entrypoint: vec!["serve".into()],
            labels: [("made-by".to_owned(), "test".to_owned())].into(),
            ..ImageConfig::default()
        };
        let image =
            Arc::new(Image { digest: digest.clone(), disk: "/disk".into(), disk_bytes: 1 << 20, config });
        state.images.insert(digest, image.clone());
        Ok(image)
    }

    fn get(&self, digest: &str) -> Option<Arc<Image>> {
        self.lock().images.get(digest).cloned()
    }

    async fn collect(&self, keep: &HashSet<String>) -> Result<Collected, ImageError> {
        let mut state = self.lock();
        let before = state.images.len();
        state.images.retain(|digest, _| keep.contains(digest));
        Ok(Collected { images: (before - state.images.len()) as u64, blobs: 0, bytes: 0 })
    }
}

#[async_trait]
impl Network for FakeBox {
    async fn attach(&self, machine: &MachineNet, _: LinkKind) -> Result<Link, NetError> {
        self.lock().attached.insert(machine.id.clone());
        Ok(Link::Netns { path: "/netns".into(), tap: "tap".into() })
    }

    async fn detach(&self, id: &MachineId) -> Result<(), NetError> {
        self.lock().attached.remove(id);
        Ok(())
    }

    async fn sync(&self, machines: &[MachineNet]) -> Result<(), NetError> {
        self.lock().attached = machines.iter().map(|machine| machine.id.clone()).collect();
        Ok(())
    }
}

#[async_trait]
impl Vmm for FakeBox {
    async fn spawn(&self, spec: &VmSpec) -> Result<Arc<dyn Vm>, VmmError> {
        for disk in spec.disks.iter().filter(|disk| !disk.read_only) {
            assert!(disk.path.exists(), "a VMM opens its disks");
        }
        let vm = FakeVm::start(spec.machine.clone());
        let mut state = self.lock();
        state.spawned += 1;
        let old = state.vms.insert(spec.jail.dir.clone(), vm.clone());
        assert!(old.is_none(), "a jail holds one VMM");
        Ok(Arc::new(Handle(vm)))
    }

    async fn adopt(&self, jail: &JailSpec) -> Result<Option<Arc<dyn Vm>>, VmmError> {
        let vm = self.lock().vms.get(&jail.dir).cloned();
        let live = vm.filter(|vm| vm.exit.borrow().is_none());
        Ok(live.map(|vm| Arc::new(Handle(vm)) as Arc<dyn Vm>))
    }

    async fn remove(&self, jail: &JailSpec) -> Result<(), VmmError> {
        if let Some(vm) = self.lock().vms.remove(&jail.dir) {
            vm.end(ExitCause::Killed);
        }
        Ok(())
    }

    fn link_kind(&self) -> LinkKind {
        LinkKind::Netns
    }

    fn is_emulated(&self) -> bool {
        false
    }

    fn describe(&self) -> (String, String) {
        ("fake".to_owned(), "this is a test".to_owned())
    }
}

/// A VMM whose guest is a task.
pub struct FakeVm {
    pub machine: MachineId,
    exit: watch::Sender<Option<VmExit>>,
    connections: mpsc::UnboundedSender<DuplexStream>,
    control: mpsc::UnboundedSender<Control>,
}

impl FakeVm {
    fn start(machine: MachineId) -> Arc<Self> {
        let (connections, accept) = mpsc::unbounded_channel();
        let (control, orders) = mpsc::unbounded_channel();
        let vm = Arc::new(Self { machine, exit: watch::Sender::new(None), connections, control });
        let weak = Arc::downgrade(&vm);
        let mut ended = vm.exit.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                cause = fake_guest::run(accept, orders) => {
                    if let Some(vm) = weak.upgrade() {
                        vm.end(cause);
                    }
                }
                _ = ended.wait_for(Option::is_some) => {}
            }
        });
        vm
    }

    /// Tells the guest what to do.
    pub fn order(&self, control: Control) {
        self.control.send(control).unwrap();
    }

    pub fn end(&self, cause: ExitCause) {
        self.exit.send_if_modified(|exit| {
            let first = exit.is_none();
            exit.get_or_insert(VmExit { cause, output: String::new() });
            first
        });
    }
}

struct Handle(Arc<FakeVm>);

#[async_trait]
impl Vm for Handle {
    async fn wait_exit(&self) -> VmExit {
        let mut exit = self.0.exit.subscribe();
        exit.wait_for(Option::is_some).await.unwrap().clone().unwrap()
    }

    async fn connect_guest(&self) -> Result<Box<dyn GuestStream>, VmmError> {
        let (host, guest) = tokio::io::duplex(PIPE);
        self.0.connections.send(guest).map_err(|_| VmmError::Ended)?;
        Ok(Box::new(host))
    }

    async fn console_tail(&self) -> String {
        "Kernel panic - not syncing: a test".to_owned()
    }
}
