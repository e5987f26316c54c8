//! A copy on disk, so that a node that starts cut off from everything still routes to what it has.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write},
    net::IpAddr,
    path::Path,
};

use jiff::Timestamp;
use roost_host_api::HostInfo;
use roost_model::{AppName, service::Protocol};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tracing::warn;

use crate::{AppRecord, Change, MachineEntry, NameEntry, PortHolder, Snapshot, state::State};

/// Version of the file; another one is not read.
const FORMAT: u32 = 4;

#[derive(Serialize, Deserialize)]
struct Saved<Machine> {
    format: u32,
    directory_read: bool,
    apps: Vec<AppRecord>,
    hosts: Vec<SavedHost>,
    machines: Vec<Machine>,
    /// Their keys stay sealed.
    #[serde(default)]
    names: Vec<NameEntry>,
    #[serde(default)]
    ports: Vec<((Protocol, u16), PortHolder)>,
    /// None: they were not known.
    #[serde(default)]
    addresses: Option<Vec<(AppName, IpAddr)>>,
}

#[derive(Serialize, Deserialize)]
struct SavedHost {
    info: HostInfo,
    last_heard: Timestamp,
}

/// Replaces the file at `path` in one step.
pub(crate) fn save(path: &Path, snapshot: &Snapshot) -> io::Result<()> {
    let hosts = snapshot.hosts().values();
    let saved = Saved {
        format: FORMAT,
        directory_read: snapshot.directory_read,
        apps: snapshot.apps().filter_map(|app| app.record.as_deref().cloned()).collect(),
        hosts: hosts.map(|h| SavedHost { info: h.info.clone(), last_heard: h.last_heard }).collect(),
        machines: snapshot.machines().collect(),
        ports: snapshot.ports().iter().map(|(port, holder)| (*port, holder.clone())).collect(),
        addresses: snapshot
            .knows_all_addresses()
            .then(|| snapshot.addresses.all().map(|(app, ip)| (app.clone(), ip)).collect()),
        names: snapshot.names().map(|name| NameEntry::clone(name)).collect(),
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    let mut writer = BufWriter::new(&mut file);
    serde_json::to_writer(&mut writer, &saved)?;
    writer.flush()?;
    drop(writer);
    // Not synced: after a crash of the whole machine an empty file costs one cold start.
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// Fills `state` from the file at `path`, if there is one that can be read.
pub(crate) fn load(path: &Path, state: &mut State) {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => return warn!(?path, %error, "saved catalog cannot be opened; starting cold"),
    };
    match serde_json::from_reader::<_, Saved<MachineEntry>>(BufReader::new(file)) {
        Ok(saved) if saved.format == FORMAT => fill(state, saved),
        Ok(saved) => warn!(?path, format = saved.format, "saved catalog of another version; starting cold"),
        Err(error) => warn!(?path, %error, "saved catalog cannot be read; starting cold"),
    }
}

fn fill(state: &mut State, saved: Saved<MachineEntry>) {
    let now = Timestamp::now();
    for host in saved.hosts {
        let id = host.info.id.clone();
        state.apply(Change::HostHello(Box::new(host.info)), host.last_heard);
        state.apply(Change::HostLost(id), host.last_heard);
    }
    for machine in saved.machines {
        state.remember(machine);
    }
    for name in saved.names {
        state.apply(Change::Name(name), now);
    }
    state.apply(Change::AllPorts(saved.ports.into_iter().collect()), now);
    if let Some(addresses) = saved.addresses {
        state.apply(Change::AllAddresses(addresses), now);
    }
    if saved.directory_read {
        state.apply(Change::AllApps(saved.apps), now);
    }
}
