//! Starts one Firecracker: chroot, jailer, configuration, guest.

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    Firecracker, api,
    chroot::{API_SOCKET, Chroot},
    requests, watch,
};
use crate::{
    Link, Vm, VmSpec, VmmError, error::Context, jail::Jail, output::OutputPipe, pidfd::Pidfd, place::Place,
};

/// From the start of the jailer to its Firecracker's socket: it copies the program into the chroot.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// What a Firecracker is told once it runs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begin<'a> {
    Boot,
    /// To load a snapshot from this folder; its guest stays paused.
    Restore(&'a Path),
}

pub(super) async fn launch(
    firecracker: &Firecracker,
    spec: &VmSpec,
    place: &Place,
    begin: Begin<'_>,
) -> Result<Vm, VmmError> {
    spec.check()?;
    let (netns, tap) = network_of(spec)?;
    place.create(&spec.jail)?;
    let chroot = Chroot::of(&place.dir, &firecracker.program, &spec.machine);
    chroot.fill(spec)?;
    if let Begin::Restore(from) = begin {
        chroot.link_snapshot(from)?;
    }

    let output = OutputPipe::new().context(|| "making a pipe".into())?;
    let mut command = Command::new(&firecracker.jailer);
    command.args(jailer_args(&firecracker.program, spec, netns)).env_clear().stdin(Stdio::null());
    command.stdout(output.stdio().context(|| "sharing a pipe".into())?);
    command.stderr(output.stdio().context(|| "sharing a pipe".into())?);
    let inherit = vec![output.keep()];
    let jail = Jail::detached(place.cgroup.doors()?);
    let child = tokio::task::spawn_blocking(move || jail.spawn(command, inherit))
        .await
        .map_err(|e| VmmError::Io { what: "starting a process".into(), source: e.into() })??;
    let process = Pidfd::open(child.id()).context(|| "opening the VMM's process".into())?;

    let client = api::Client::new(chroot.within(API_SOCKET));
    let mut words = output.output().context(|| "sharing a pipe".into())?;
    tokio::select! {
        () = client.wait_until_there() => {}
        _ = process.wait() => {
            let output = String::from_utf8_lossy(&words.take()).trim().to_owned();
            return Err(VmmError::EndedAtStart { output });
        }
        () = tokio::time::sleep(START_TIMEOUT) => return Err(VmmError::NoAnswer { after: START_TIMEOUT }),
    }
    match begin {
        Begin::Boot => {
            for request in requests::all(spec, tap, &firecracker.kernel_args) {
                client.put(&request).await?;
            }
        }
        Begin::Restore(_) => {
            client.put_memory(&requests::load()).await?;
            chroot.unlink_snapshot()?;
        }
    }
    Ok(watch(child.id(), process, place, chroot, output.into_output()))
}

/// Path of the namespace and name of the tap in it.
fn network_of(spec: &VmSpec) -> Result<(Option<&Path>, Option<&str>), VmmError> {
    match spec.nic.as_ref().and_then(|nic| nic.link.as_ref()) {
        None => Ok((None, None)),
        Some(Link::Netns { path, tap }) => Ok((Some(path), Some(tap))),
        Some(Link::Tap { .. }) => {
            Err(VmmError::Spec("Firecracker takes a namespace with a tap, not an open tap".into()))
        }
    }
}

/// No cgroup is named: the process is in ours already, and stays.
fn jailer_args(program: &Path, spec: &VmSpec, netns: Option<&Path>) -> Vec<OsString> {
    let mut args: Vec<OsString> = Vec::new();
    let mut option = |name: &str, value: OsString| args.extend([name.into(), value]);
    option("--id", spec.machine.as_str().into());
    option("--exec-file", program.into());
    option("--uid", spec.jail.uid.to_string().into());
    option("--gid", spec.jail.gid.to_string().into());
    option("--chroot-base-dir", spec.jail.dir.as_path().into());
    if let Some(netns) = netns {
        option("--netns", netns.into());
    }
    args.push("--".into());
    args.extend(["--api-sock".into(), API_SOCKET.into()]);
    args
}

#[cfg(test)]
mod tests {
    use roost_model::Guest;

    use super::*;
    use crate::{BootFiles, JailSpec, Limits};

    #[test]
    fn the_jailer_is_told_user_chroot_and_namespace() {
        let spec = VmSpec {
            machine: "9080e6f3a12d45".parse().unwrap(),
            jail: JailSpec {
                dir: "/data/jail".into(),
                uid: 10_001,
                gid: 10_002,
                cgroup: "roost/9080e6f3a12d45".into(),
                limits: Limits::for_guest(&Guest::default(), false),
            },
            vcpus: 1,
            memory_mib: 256,
            boot: BootFiles { kernel: "/k".into(), initramfs: "/i".into(), cmdline_devices: true },
            kernel_args: Vec::new(),
            disks: Vec::new(),
            nic: None,
        };
        let args = jailer_args(Path::new("/bin/firecracker"), &spec, Some(Path::new("/run/netns/rt1")));
        let expected = "--id 9080e6f3a12d45 --exec-file /bin/firecracker --uid 10001 --gid 10002 \
             --chroot-base-dir /data/jail --netns /run/netns/rt1 -- --api-sock /run/api.sock";
        assert_eq!(args.join(&OsString::from(" ")), OsString::from(expected));
    }
}
