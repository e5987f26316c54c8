//! Starts one QEMU: sockets, disks, jail, process, first contact.

use std::{
    fs::{self, File},
    os::fd::{AsRawFd, OwnedFd, RawFd},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    Accelerator, Qemu,
    args::{Arguments, Begin, DiskArgument, NicArgument},
    bundle::{INITRAMFS, KERNEL, KVM},
    guest_socket, qmp_socket, watch,
};
use crate::{
    Disk, Link, Vm, VmSpec, VmmError,
    error::Context,
    jail::{BoundFile, Jail, Root},
    output::OutputPipe,
    pidfd::{Ended, Pidfd},
    place::Place,
    socket,
};

/// A guest that ends, panics or resets ends its VMM; messages go to the console.
const KERNEL_ARGS: [&str; 4] = ["console=ttyS0", "quiet", "reboot=t", "panic=-1"];

/// From the loss of contact to the end of a process that is dying.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

pub(super) async fn launch(qemu: &Qemu, spec: &VmSpec, place: &Place, begin: Begin) -> Result<Vm, VmmError> {
    spec.check()?;
    place.create(&spec.jail)?;
    let qmp = OwnedFd::from(listen(&qmp_socket(&place.dir))?);
    let guest = OwnedFd::from(listen(&guest_socket(&place.dir))?);
    let disks = spec.disks.iter().map(open_disk).collect::<Result<Vec<_>, _>>()?;
    let tap = tap_of(spec)?;
    let arguments = Arguments {
        accelerator: qemu.accelerator,
        cmdline_devices: spec.boot.cmdline_devices,
        name: spec.machine.as_str(),
        vcpus: spec.vcpus,
        memory_mib: spec.memory_mib,
        kernel_args: kernel_args(qemu, spec),
        disks: spec.disks.iter().zip(&disks).map(disk_argument).collect(),
        nic: spec.nic.as_ref().map(|nic| NicArgument { fd: tap, mac: nic.mac }),
        begin,
        qmp: qmp.as_raw_fd(),
        guest: guest.as_raw_fd(),
    };
    let output = OutputPipe::new().context(|| "making a pipe".into())?;
    let mut inherit = vec![qmp.as_raw_fd(), guest.as_raw_fd(), output.keep()];
    inherit.extend(disks.iter().map(File::as_raw_fd).chain(tap));
    let mut command = Command::new(&qemu.bundle.program);
    command.args(arguments.build()).env_clear().stdin(Stdio::null());
    command.stdout(output.stdio().context(|| "sharing a pipe".into())?);
    command.stderr(output.stdio().context(|| "sharing a pipe".into())?);
    let jail = Jail::detached(place.cgroup.doors()?).enter(&root(qemu, spec, place)?)?.drop_rights(
        spec.jail.uid,
        spec.jail.gid,
        groups(qemu.accelerator)?,
    );

    let child = tokio::task::spawn_blocking(move || jail.spawn(command, inherit))
        .await
        .map_err(|e| VmmError::Io { what: "starting a process".into(), source: e.into() })??;
    let pid = child.id();
    let process = Pidfd::open(pid).context(|| "opening the VMM's process".into())?;
    // From here on only the VMM holds its listening sockets: they refuse connections once it is gone.
    drop((qmp, guest, disks));
    first_contact(pid, process, place, output, begin).await
}

/// Waits until QEMU answers; if it ends instead, says with what words.
async fn first_contact(
    pid: u32,
    process: Pidfd,
    place: &Place,
    output: OutputPipe,
    begin: Begin,
) -> Result<Vm, VmmError> {
    let mut words = output.output().context(|| "sharing a pipe".into())?;
    let witness = Pidfd::open(pid).context(|| "opening the VMM's process".into())?;
    let error = match watch(pid, process, place, output.into_output(), begin).await {
        Ok(vm) => return Ok(vm),
        Err(error) => error,
    };
    // Its sockets close a moment before the process is gone.
    let Ok(ended) = tokio::time::timeout(LAST_WORDS, witness.wait()).await else { return Err(error) };
    let words = String::from_utf8_lossy(&words.take()).trim().to_owned();
    Err(VmmError::EndedAtStart { output: format!("{words} ({})", describe(ended)) })
}

fn describe(ended: Ended) -> String {
    match ended {
        Ended::Exited(status) => format!("exit status {status}"),
        Ended::Signaled(signal) => format!("signal {signal}"),
        Ended::Unknown => "no exit status".into(),
    }
}

fn listen(path: &Path) -> Result<std::os::unix::net::UnixListener, VmmError> {
    socket::listen(path).context(|| format!("listening on {}", path.display()))
}

/// A disk that can be written is one machine's own: whoever made it, from now on only root opens it.
fn open_disk(disk: &Disk) -> Result<File, VmmError> {
    let doing = || format!("opening disk {}", disk.path.display());
    let file = File::options().read(true).write(!disk.read_only).open(&disk.path).context(doing)?;
    if !disk.read_only {
        file.set_permissions(fs::Permissions::from_mode(0o600)).context(doing)?;
    }
    Ok(file)
}

fn disk_argument<'a>((disk, file): (&'a Disk, &File)) -> DiskArgument<'a> {
    DiskArgument { fd: file.as_raw_fd(), read_only: disk.read_only, serial: &disk.serial, rate: disk.rate }
}

fn tap_of(spec: &VmSpec) -> Result<Option<RawFd>, VmmError> {
    match spec.nic.as_ref().and_then(|nic| nic.link.as_ref()) {
        None => Ok(None),
        Some(Link::Tap { fd, .. }) => Ok(Some(fd.as_raw_fd())),
        Some(Link::Netns { .. }) => Err(VmmError::Spec("QEMU takes an open tap, not a namespace".into())),
    }
}

fn kernel_args(qemu: &Qemu, spec: &VmSpec) -> String {
    let mut args: Vec<String> = KERNEL_ARGS.map(str::to_owned).into();
    args.extend(qemu.accelerator.kernel_args());
    args.extend(qemu.kernel_args.iter().chain(&spec.kernel_args).cloned());
    args.join(" ")
}

fn root(qemu: &Qemu, spec: &VmSpec, place: &Place) -> Result<Root, VmmError> {
    let mount_point = place.dir.join("root");
    fs::create_dir(&mount_point).context(|| format!("making {}", mount_point.display()))?;
    let file = |source: &Path, inside| BoundFile { source: source.to_owned(), inside, device: false };
    let mut files = vec![file(&spec.boot.kernel, KERNEL), file(&spec.boot.initramfs, INITRAMFS)];
    if qemu.accelerator == Accelerator::Kvm {
        files.push(BoundFile { source: KVM.into(), inside: KVM, device: true });
    }
    Ok(Root { tree: qemu.bundle.root.clone(), mount_point, files })
}

/// The group that may open `/dev/kvm`, where that is used.
fn groups(accelerator: Accelerator) -> Result<Vec<u32>, VmmError> {
    match accelerator {
        Accelerator::Tcg => Ok(Vec::new()),
        Accelerator::Kvm => Ok(vec![fs::metadata(KVM).context(|| format!("looking at {KVM}"))?.gid()]),
    }
}
