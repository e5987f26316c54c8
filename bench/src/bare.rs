//! A bare VMM: the same QEMU options, kernel, modules and disk as a machine, with nothing around
//! them and the least of an init inside. What it takes is the price that no platform can avoid.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use roost_testbed::load;
use tokio::net::TcpStream;

use crate::stats;

const INIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bare_init.c");
const TAP: &str = "bare0";
const GUEST: &str = "10.99.0.2:8080";
const MAC: &str = "52:54:00:63:00:02";

/// One attempt to connect. A packet that comes before the guest hears it is lost, and TCP itself would try
/// again only after a second.
const DIAL: Duration = Duration::from_millis(50);

const PAUSE: Duration = Duration::from_millis(2);

const PATIENCE: Duration = Duration::from_secs(60);

/// What a bare boot needs; made once.
pub struct Bare {
    folder: tempfile::TempDir,
    kernel: PathBuf,
    disk: PathBuf,
    kernel_args: String,
    acpi: bool,
}

impl Bare {
    /// `initramfs` is a machine's own; its init is replaced. Makes a tap in this thread's network.
    pub fn prepare(
        kernel: &Path,
        initramfs: &Path,
        disk: &Path,
        kernel_args: &str,
        acpi: bool,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let init = folder.path().join("init");
        run("musl-gcc", &["-O2", "-static", INIT, "-o", path(&init)])?;
        // A later archive's files replace an earlier one's.
        let pack =
            format!("cp {} init.cpio && echo init | cpio -o -H newc --quiet >> init.cpio", path(initramfs));
        let status = Command::new("sh").args(["-c", &pack]).current_dir(folder.path()).status()?;
        ensure!(status.success(), "cannot pack the initramfs: is cpio installed?");
        run("ip", &["tuntap", "add", TAP, "mode", "tap"])?;
        run("ip", &["addr", "add", "10.99.0.1/24", "dev", TAP])?;
        run("ip", &["link", "set", TAP, "up"])?;
        // Known, as a machine's is: the kernel would ask for it once a second.
        run("ip", &["neigh", "replace", "10.99.0.2", "lladdr", MAC, "nud", "permanent", "dev", TAP])?;
        let (kernel, disk) = (kernel.to_owned(), disk.to_owned());
        Ok(Self { folder, kernel, disk, kernel_args: kernel_args.to_owned(), acpi })
    }

    /// From the start of QEMU to the first answer of the app, and the CPU time that the VMM took for it.
    pub async fn boot(&self) -> Result<(Duration, Duration)> {
        let guest: SocketAddr = GUEST.parse()?;
        let heard = packets_from_guest()?;
        let start = Instant::now();
        let vm = Vm(self.qemu().spawn().context("start QEMU")?);
        // Nothing is sent before the guest's first packet: what waits for it then would only keep it busy.
        while packets_from_guest()? == heard || !answers(guest).await {
            ensure!(
                start.elapsed() < PATIENCE,
                "the bare machine never answered; its console:\n{}",
                std::fs::read_to_string(self.console()).unwrap_or_default()
            );
            tokio::time::sleep(PAUSE).await;
        }
        Ok((start.elapsed(), stats::cpu_time(vm.0.id())?))
    }

    fn console(&self) -> PathBuf {
        self.folder.path().join("console")
    }

    fn qemu(&self) -> Command {
        let acpi = if self.acpi { "on" } else { "off" };
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(["-machine", &format!("microvm,acpi={acpi},pit=off,pic=off,rtc=on,isa-serial=on")]);
        qemu.args([
            "-accel",
            "tcg,thread=multi,tb-size=128",
            "-cpu",
            "max,la57=off",
            "-m",
            "256M",
            "-smp",
            "1",
        ]);
        qemu.arg("-kernel").arg(&self.kernel).arg("-initrd").arg(self.folder.path().join("init.cpio"));
        qemu.args(["-append", &self.kernel_args, "-nodefaults", "-no-user-config", "-display", "none"]);
        qemu.args(["-object", "rng-builtin,id=rng", "-device", "virtio-rng-device,rng=rng"]);
        qemu.args([
            "-chardev",
            &format!("file,id=console,path={}", path(&self.console())),
            "-serial",
            "chardev:console",
        ]);
        let disk = format!(
            "driver=raw,node-name=disk,read-only=on,file.driver=file,file.filename={}",
            path(&self.disk)
        );
        qemu.args(["-blockdev", &disk, "-device", "virtio-blk-device,drive=disk"]);
        qemu.args(["-netdev", &format!("tap,id=net,ifname={TAP},script=no,downscript=no")]);
        qemu.args(["-device", &format!("virtio-net-device,netdev=net,mac={MAC}"), "-no-reboot"]);
        qemu.stdin(Stdio::null()).stdout(Stdio::null());
        qemu
    }
}

async fn answers(guest: SocketAddr) -> bool {
    let connected = tokio::time::timeout(DIAL, TcpStream::connect(guest)).await;
    matches!(connected, Ok(Ok(_))) && load::get(guest, "bare", "/").await.is_ok()
}

/// Packets that the tap received, of this thread's network.
fn packets_from_guest() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev")?;
    let line = text.lines().find_map(|line| line.trim().strip_prefix(TAP)?.strip_prefix(':'));
    let packets = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    packets.context("the tap's counters")
}

/// A QEMU that ends with the value.
struct Vm(Child);

impl Drop for Vm {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &str, args: &[&str]) -> Result<()> {
    let status = Command::new(program).args(args).status().with_context(|| format!("run {program}"))?;
    ensure!(status.success(), "{program} {args:?} failed");
    Ok(())
}

fn path(path: &Path) -> &str {
    path.to_str().expect("paths of a bench are text")
}
