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

const INIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bare_init.c");
const TAP: &str = "bare0";
const GUEST: &str = "10.99.0.2:8080";

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
        let (kernel, disk) = (kernel.to_owned(), disk.to_owned());
        Ok(Self { folder, kernel, disk, kernel_args: kernel_args.to_owned(), acpi })
    }

    /// From the start of QEMU to the first answer of the app.
    pub async fn boot(&self) -> Result<Duration> {
        let guest: SocketAddr = GUEST.parse()?;
        let start = Instant::now();
        let _vm = Vm(self.qemu().spawn().context("start QEMU")?);
        loop {
            let answer =
                tokio::time::timeout(Duration::from_millis(500), load::get(guest, "bare", "/")).await;
            if matches!(answer, Ok(Ok(_))) {
                return Ok(start.elapsed());
            }
            ensure!(
                start.elapsed() < Duration::from_secs(60),
                "the bare machine never answered; its console:
{}",
                std::fs::read_to_string(self.console()).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
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
        qemu.args(["-device", "virtio-net-device,netdev=net", "-no-reboot"]);
        qemu.stdin(Stdio::null()).stdout(Stdio::null());
        qemu
    }
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
