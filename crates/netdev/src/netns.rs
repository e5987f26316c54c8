//! A network namespace of one machine's own, for a VMM that opens its tap by name:
//!
//! ```text
//!   host namespace          machine's namespace
//!   rt9080e6f3a12d ──veth── …p ── bridge br0 ── tap0 ── VMM
//! ```
//!
//! The host's end of the pair is treated like any machine's link.

use std::{
    fs::{self, File},
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    thread,
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};

use crate::{
    NetError,
    error::Context,
    links::Links,
    tap::{self, Lifetime},
};

/// Where `ip netns` keeps its own: people can look inside with the tools they know.
const FOLDER: &str = "/run/netns";

/// In the machine's namespace.
const TAP: &str = "tap0";
const BRIDGE: &str = "br0";

/// The tap's name and the namespace's path.
pub(crate) struct Made {
    pub path: PathBuf,
    pub tap: String,
}

/// Makes the namespace and the pair; the host's end is called `name`.
pub(crate) async fn create(host: &Links, name: &str) -> Result<Made, NetError> {
    let path = path(name);
    let pin = path.clone();
    // Only a thread of its own can be in another namespace.
    let inside = move || -> Result<(), NetError> {
        unshare(CloneFlags::CLONE_NEWNET).map_err(io::Error::from).context("making a network namespace")?;
        fs::create_dir_all(FOLDER).context("making /run/netns")?;
        File::create(&pin).context(format!("making {}", pin.display()))?;
        let source = Path::new("/proc/thread-self/ns/net");
        mount(Some(source), &pin, None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .map_err(io::Error::from)
            .context("pinning a network namespace")?;
        tap::create(TAP, Lifetime::Namespace).context("making a tap")?;
        Ok(())
    };
    run(inside).await?;
    let namespace = File::open(&path).context(format!("opening {}", path.display()))?;
    // The peer's name must be free in the host's namespace too, for a moment.
    let peer = format!("{}p", &name[..name.len().min(14)]);
    host.make_veth(name, &peer).await?;
    if let Some(index) = host.index(&peer).await? {
        host.move_to(index, namespace.as_raw_fd()).await?;
    }
    run(move || bridge(&namespace, &peer)).await?;
    Ok(Made { path, tap: TAP.into() })
}

/// Fine if it is gone.
pub(crate) fn remove(name: &str) -> Result<(), NetError> {
    let path = path(name);
    if !path.exists() {
        return Ok(());
    }
    // Not mounted: made by a run that was interrupted.
    let _ = umount2(&path, MntFlags::MNT_DETACH);
    fs::remove_file(&path).context(format!("removing {}", path.display()))
}

/// Names of the namespaces that start with a prefix.
pub(crate) fn list(prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().into_string().ok()).filter(|name| name.starts_with(prefix)).collect()
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// Joins the pair's end and the tap.
fn bridge(namespace: &File, peer: &str) -> Result<(), NetError> {
    nix::sched::setns(namespace, CloneFlags::CLONE_NEWNET)
        .map_err(io::Error::from)
        .context("entering a network namespace")?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().build().context("starting a runtime")?;
    runtime.block_on(async {
        let links = Links::open()?;
        links.make_bridge(BRIDGE).await?;
        let find = async |name: &str| {
            let missing =
                || NetError::Io { what: format!("finding {name}"), source: io::ErrorKind::NotFound.into() };
            links.index(name).await?.ok_or_else(missing)
        };
        let bridge = find(BRIDGE).await?;
        for name in [peer, TAP] {
            let index = find(name).await?;
            links.join_bridge(index, bridge).await?;
            links.up(index, None).await?;
        }
        links.up(bridge, None).await
    })
}

async fn run(work: impl FnOnce() -> Result<(), NetError> + Send + 'static) -> Result<(), NetError> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    thread::spawn(move || sender.send(work()));
    let died = || NetError::Io {
        what: "working in a network namespace".into(),
        source: io::ErrorKind::Other.into(),
    };
    receiver.await.unwrap_or_else(|_| Err(died()))
}
