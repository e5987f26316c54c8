//! Starting QEMU: the microvm machine, emulated, so that the tests run anywhere.

use std::{
    env,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use roost_initramfs::{BootFiles, Kernel, KernelSource};

use super::{Vm, disks};

/// A kernel to test with instead of the distribution's.
const KERNEL: &str = "ROOST_TEST_KERNEL";

impl Vm {
    /// Boots a machine with 256 MiB.
    pub async fn boot() -> Vm {
        let folder = tempfile::tempdir().unwrap();
        disks::make_image(folder.path());
        disks::make_scratch(folder.path());
        let qemu = launch(&folder, None);
        Vm::of(qemu, folder).await
    }

    /// As [`Vm::boot`], with a further disk: the volume `roost-volume`.
    pub async fn boot_with_volume(bytes: u64) -> Vm {
        Self::boot_with_volume_in(bytes, bytes).await
    }

    /// The disk is larger than the file system on it.
    pub async fn boot_with_volume_in(bytes: u64, disk_bytes: u64) -> Vm {
        let folder = tempfile::tempdir().unwrap();
        disks::make_image(folder.path());
        disks::make_scratch(folder.path());
        disks::make_volume(folder.path(), bytes, disk_bytes);
        let qemu = launch(&folder, None);
        Vm::of(qemu, folder).await
    }

    /// Boots the machine that was saved in `self`, which has ended, on its own disks.
    pub async fn restore(mut self) -> Vm {
        self.qemu.wait().unwrap();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        let snapshot = format!("exec:cat {}", folder.path().join("snapshot").display());
        let qemu = launch(&folder, Some(&snapshot));
        let vm = Vm::of(qemu, folder).await;
        vm.monitor().await.go_on().await;
        vm
    }

    async fn of(qemu: Child, folder: tempfile::TempDir) -> Vm {
        let mut vm = Vm { qemu, folder };
        for _ in 0..200 {
            if vm.path("qmp.sock").exists() && vm.path("guest.sock").exists() {
                return vm;
            }
            if let Some(status) = vm.qemu.try_wait().unwrap() {
                let said = fs::read_to_string(vm.path("qemu.err")).unwrap_or_default();
                panic!("QEMU ended at once ({status}): {said}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("QEMU did not make its sockets");
    }
}

fn launch(folder: &tempfile::TempDir, incoming: Option<&str>) -> Child {
    let BootFiles { kernel_elf, initramfs, builtin_virtio, .. } = boot_files();
    let at = |name: &str| folder.path().join(name).display().to_string();
    // Without ACPI there is no timer to calibrate the local one by but the PIT.
    let machine = if builtin_virtio { "microvm,acpi=off" } else { "microvm,acpi=on,pit=off,pic=off" };
    let has_volume = folder.path().join("volume").exists();
    let volume = has_volume.then(|| disk("volume", &at("volume"), "readonly=off"));
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-M", machine, "-accel", "tcg", "-m", "256"])
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
        .arg("-kernel")
        .arg(kernel_elf)
        .arg("-initrd")
        .arg(initramfs)
        .args(["-append", &command_line()])
        .args(["-serial", &format!("file:{}", at("console"))])
        .args(disk("image", &at("image"), "readonly=on"))
        .args(disk("scratch", &at("scratch"), "readonly=off"))
        .args(volume.into_iter().flatten())
        .args(["-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net"])
        .args(["-device", "virtio-rng-device", "-device", "virtio-serial-device"])
        .args(["-chardev", &format!("socket,id=guest,path={},server=on,wait=off", at("guest.sock"))])
        .args(["-device", "virtserialport,chardev=guest,name=org.roost.guest"])
        .args(["-qmp", &format!("unix:{},server=on,wait=off", at("qmp.sock"))])
        .args(incoming.into_iter().flat_map(|from| ["-incoming", from]))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(folder.path().join("qemu.err")).unwrap());
    qemu.spawn().expect("apt-get install qemu-system-x86")
}

fn disk(name: &str, path: &str, options: &str) -> [String; 4] {
    [
        "-drive".into(),
        format!("id={name},file={path},format=raw,if=none,{options}"),
        "-device".into(),
        format!("virtio-blk-device,drive={name},serial=roost-{name}"),
    ]
}

fn boot_files() -> BootFiles {
    let source =
        env::var_os(KERNEL).map_or(KernelSource::Distribution, |path| KernelSource::File(path.into()));
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kernels");
    Kernel::prepare(&source, &cache).unwrap_or_else(|error| panic!("{error}"))
}

/// With ACPI and without KVM, the kernel cannot calibrate its clock: it is told how fast the time stamp
/// counter runs.
fn command_line() -> String {
    format!("console=ttyS0 quiet panic=-1 reboot=t tsc=reliable tsc_early_khz={}", tsc_khz())
}

fn tsc_khz() -> u64 {
    use std::{arch::x86_64::_rdtsc, time::Instant};
    // SAFETY: every x86-64 processor has the instruction.
    let (from, start) = (unsafe { _rdtsc() }, Instant::now());
    std::thread::sleep(Duration::from_millis(20));
    // SAFETY: as above.
    let ticks = u128::from(unsafe { _rdtsc() } - from);
    u64::try_from(ticks * 1_000_000 / start.elapsed().as_nanos()).unwrap()
}
