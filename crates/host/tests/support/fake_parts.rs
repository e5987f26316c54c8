//! The fake box: an image store, a network and a VMM that only keep books.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use roost_host::seams::{Images, Network, Parts, Vm, Vmm};
use roost_images::{Collected, Image, ImageConfig, ImageError};
use roost_model::{ImageRef, MachineId};
use roost_netdev::{Link, LinkKind, MachineNet, NetError};
use roost_vmm::{BootFiles, ExitCause, GuestStream, JailSpec, Maker, VmExit, VmSpec, VmmError};
use tokio::{
    io::DuplexStream,
    sync::{Semaphore, mpsc, oneshot, watch},
};

use super::fake_guest::{self, Control, Memory};

/// Bytes in flight between host and guest.
const PIPE: usize = 64 << 10;

/// Outlives the hosts that use it, as a real box does.
#[derive(Default)]
pub struct FakeBox {
    state: Mutex<State>,
    saves: Arc<Saves>,
}

/// How memory is written here.
#[derive(Default)]
struct Saves {
    fail: AtomicBool,
    /// Each takes until there is a permit.
    held: Mutex<Option<Arc<Semaphore>>>,
}

#[derive(Default)]
struct State {
    images: BTreeMap<String, Arc<Image>>,
    attached: BTreeSet<MachineId>,
    /// Live and dead VMMs by their jail.
    vms: BTreeMap<PathBuf, Arc<FakeVm>>,
    spawned: u64,
    restored: u64,
    /// Instead of the usual one.
    build: Option<String>,
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

    /// VMMs ever started from kept memory.
    pub fn restored(&self) -> u64 {
        self.lock().restored
    }

    /// From now on another build of the VMM is installed.
    pub fn upgrade(&self) {
        self.lock().build = Some("another".to_owned());
    }

    /// From now on no VMM can write its guest's memory.
    pub fn fail_saves(&self) {
        self.saves.fail.store(true, Ordering::SeqCst);
    }

    /// From now on a save takes until it gets one of the permits.
    pub fn hold_saves(&self) -> Arc<Semaphore> {
        self.saves.held.lock().unwrap().get_or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
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

    async fn open_link(&self, machine: &MachineNet) -> Result<(), NetError> {
        assert!(self.lock().attached.contains(&machine.id), "a link is made before it is opened");
        Ok(())
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
        self.lock().spawned += 1;
        Ok(self.put(spec, Memory::of_a_boot(), Begin::Running))
    }

    async fn restore(&self, spec: &VmSpec, from: &Path) -> Result<Arc<dyn Vm>, VmmError> {
        let memory = std::fs::read_to_string(from.join("state")).unwrap();
        let memory = serde_json::from_str(&memory).unwrap();
        self.lock().restored += 1;
        Ok(self.put(spec, memory, Begin::Paused))
    }

    fn can_prime(&self, _: &BootFiles) -> bool {
        false
    }

    fn maker(&self, _: &BootFiles) -> Maker {
        let program = self.lock().build.clone().unwrap_or_default();
        let text = str::to_owned;
        Maker {
            driver: text("fake"),
            program,
            processor: text("cpu"),
            boot_files: text("files"),
            host_boot: text("boot"),
        }
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

impl FakeBox {
    fn put(&self, spec: &VmSpec, memory: Memory, begin: Begin) -> Arc<dyn Vm> {
        let vm = FakeVm::start(spec.machine.clone(), memory, begin, self.saves.clone());
        let old = self.lock().vms.insert(spec.jail.dir.clone(), vm.clone());
        assert!(old.is_none(), "a jail holds one VMM");
        Arc::new(Handle(vm))
    }
}

enum Begin {
    Running,
    Paused,
}

/// A VMM whose guest is a task.
pub struct FakeVm {
    pub machine: MachineId,
    exit: watch::Sender<Option<VmExit>>,
    connections: mpsc::UnboundedSender<DuplexStream>,
    control: mpsc::UnboundedSender<Control>,
    saves: Arc<Saves>,
}

impl FakeVm {
    fn start(machine: MachineId, memory: Memory, begin: Begin, saves: Arc<Saves>) -> Arc<Self> {
        let (connections, accept) = mpsc::unbounded_channel();
        let (control, orders) = mpsc::unbounded_channel();
        let vm = Arc::new(Self { machine, exit: watch::Sender::new(None), connections, control, saves });
        let weak = Arc::downgrade(&vm);
        let mut ended = vm.exit.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                cause = fake_guest::run(accept, orders, memory, matches!(begin, Begin::Paused)) => {
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

    async fn guest_opened(&self) -> Result<(), VmmError> {
        Ok(())
    }

    async fn connect_guest(&self) -> Result<Box<dyn GuestStream>, VmmError> {
        let (host, guest) = tokio::io::duplex(PIPE);
        self.0.connections.send(guest).map_err(|_| VmmError::Ended)?;
        Ok(Box::new(host))
    }

    async fn resize_disk(&self, _: &str, _: u64) -> Result<(), VmmError> {
        Ok(())
    }

    async fn console_tail(&self) -> String {
        "Kernel panic - not syncing: a test".to_owned()
    }

    async fn pause(&self) -> Result<(), VmmError> {
        self.0.control.send(Control::Pause).map_err(|_| VmmError::Ended)
    }

    async fn save(&self, into: &Path, _: u32) -> Result<(), VmmError> {
        let held = self.0.saves.held.lock().unwrap().clone();
        if let Some(held) = held {
            held.acquire().await.unwrap().forget();
        }
        if self.0.saves.fail.load(Ordering::SeqCst) {
            let (command, reason) = ("migrate".to_owned(), "a test".to_owned());
            return Err(VmmError::Refused { command, reason });
        }
        let (reply, memory) = oneshot::channel();
        self.0.control.send(Control::Save(reply)).map_err(|_| VmmError::Ended)?;
        let memory = memory.await.map_err(|_| VmmError::Ended)?;
        std::fs::write(into.join("state"), memory).unwrap();
        Ok(())
    }

    async fn go_on(&self) -> Result<(), VmmError> {
        self.0.control.send(Control::GoOn).map_err(|_| VmmError::Ended)
    }
}
