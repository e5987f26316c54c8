//! A host to test on, and machines on it that are gone when the test is, however it ends.

mod boot;
mod talk;

use std::{
    fs,
    path::{Path, PathBuf},
};

use roost_model::{Guest, MachineId};
use roost_vmm::{BootFiles, Disk, Driver, DriverChoice, JailSpec, Limits, Nic, Vm, VmSpec, VmmConfig};
pub use talk::Talk;
use tempfile::TempDir;

/// User ids of the tests' machines, far from those of people and packages.
const FIRST_UID: u32 = 880_000;

pub struct Host {
    pub driver: Driver,
    pub reason: String,
    folder: TempDir,
    boot: BootFiles,
}

impl Host {
    pub async fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests make jails and cgroups: run them as root");
        let folder = tempfile::tempdir().unwrap();
        let state = boot::shared_folder();
        let boot = boot::files(&state);
        let config = VmmConfig { driver: DriverChoice::Qemu, ..VmmConfig::default() };
        let (driver, reason) = Driver::select(&config, &boot, &state).await.unwrap_or_else(|e| panic!("{e}"));
        Self { driver, reason, folder, boot }
    }

    /// A machine that is not started yet; `number` makes its user id.
    pub fn machine(&self, number: u32) -> Machine {
        let id = MachineId::generate();
        let dir = self.folder.path().join(id.as_str());
        fs::create_dir(&dir).unwrap();
        let guest = Guest::default();
        let jail = JailSpec {
            dir: dir.join("jail"),
            uid: FIRST_UID + number,
            gid: FIRST_UID + number,
            cgroup: format!("roost-test/{id}"),
            limits: Limits::for_guest(&guest, self.driver.is_emulated()),
        };
        let spec = VmSpec {
            machine: id,
            jail,
            vcpus: guest.cpus,
            memory_mib: guest.memory_mb,
            boot: self.boot.clone(),
            kernel_args: Vec::new(),
            disks: Vec::new(),
            nic: None,
        };
        Machine { spec, driver: self.driver.clone(), dir }
    }
}

pub struct Machine {
    pub spec: VmSpec,
    pub driver: Driver,
    dir: PathBuf,
}

impl Machine {
    pub fn disk(&mut self, serial: &str, bytes: u64) -> &mut Self {
        let path = self.dir.join(serial);
        fs::File::create(&path).unwrap().set_len(bytes).unwrap();
        self.spec.disks.push(Disk { path, read_only: false, serial: serial.into(), rate: None });
        self
    }

    /// An empty folder beside its disks.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.dir.join(name);
        fs::create_dir(&folder).unwrap();
        folder
    }

    pub fn nic(&mut self, nic: Nic) -> &mut Self {
        self.spec.nic = Some(nic);
        self
    }

    pub async fn spawn(&self) -> Vm {
        self.driver
            .spawn(&self.spec)
            .await
            .unwrap_or_else(|e| panic!("{e}: {:?}", std::error::Error::source(&e)))
    }

    /// Its cgroup in every hierarchy where it is.
    pub fn cgroups(&self) -> Vec<PathBuf> {
        let root = Path::new("/sys/fs/cgroup");
        let mounts = fs::read_dir(root).unwrap().flatten().map(|entry| entry.path());
        std::iter::once(root.to_owned())
            .chain(mounts)
            .map(|mount| mount.join(&self.spec.jail.cgroup))
            .filter(|group| group.is_dir())
            .collect()
    }

    pub fn assert_nothing_left(&self) {
        assert!(!self.spec.jail.dir.exists(), "the jail's folder is still there");
        assert_eq!(self.cgroups(), Vec::<PathBuf>::new());
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let (driver, jail) = (self.driver.clone(), self.spec.jail.clone());
        // Not on the test's runtime, which may be unwinding.
        let remove = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(driver.remove(&jail)).unwrap();
        };
        std::thread::spawn(remove).join().unwrap();
    }
}
