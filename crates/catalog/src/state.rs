//! Merging: every change that a follower reports, applied to the next snapshot.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use jiff::Timestamp;
use roost_host_api::{HostInfo, Machine};
use roost_model::{AppName, HostId, MachineId, service::Protocol};

use crate::{
    AppEntry, AppRecord, Challenge, HostEntry, MachineEntry, NameEntry, PortHolder, Ports, Snapshot, derive,
};

/// One thing that a follower learned.
#[derive(Debug, Clone)]
pub enum Change {
    /// A host's stream begins; its machines follow.
    HostHello(Box<HostInfo>),
    Machine(Box<Machine>),
    /// The host dropped its record of the machine.
    Gone {
        host: HostId,
        id: MachineId,
    },
    /// The host has sent all its machines: those it did not name are gone.
    Synced(HostId),
    /// The host said something.
    Heard(HostId),
    /// The host's stream ended.
    HostLost(HostId),
    /// All apps of the directory: those that it does not name are no longer declared.
    AllApps(Vec<AppRecord>),
    App(AppRecord),
    AppDeleted(AppName),
    /// All names of apps' own; [`Change::AllPlatformNames`]: of the platform.
    AllNames(Vec<NameEntry>),
    AllPlatformNames(Vec<NameEntry>),
    Name(NameEntry),
    /// The name is this app's no longer (`None`: the platform's).
    NameDeleted {
        hostname: String,
        app: Option<AppName>,
    },
    AllPorts(Ports),
    Port((Protocol, u16), PortHolder),
    PortFree((Protocol, u16)),
    AllAddresses(Vec<(AppName, IpAddr)>),
    Address(AppName, IpAddr),
    AddressReleased(AppName, IpAddr),
    AllChallenges(BTreeMap<String, Arc<Challenge>>),
    Challenge(String, Challenge),
    ChallengeDeleted(String),
}

/// The next snapshot in the making, and what merging must remember.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub snapshot: Snapshot,
    /// Whose each machine is.
    owners: HashMap<MachineId, AppName>,
    /// Machines named since the hello of a host that is not synced yet.
    named: HashMap<HostId, HashSet<MachineId>>,
}

impl State {
    /// Applies `change`; tells whether readers would see a difference.
    pub fn apply(&mut self, change: Change, now: Timestamp) -> bool {
        match change {
            Change::HostHello(info) => self.host_hello(*info, now),
            Change::Machine(machine) => self.machine(*machine, now),
            Change::Gone { host, id } => self.gone(&host, &id),
            Change::Synced(host) => self.synced(&host),
            Change::Heard(host) => {
                self.host(&host, |entry| entry.last_heard = now);
                return false;
            }
            Change::HostLost(host) => {
                self.named.remove(&host);
                self.host(&host, |entry| entry.reachable = false);
            }
            Change::AllApps(records) => self.all_apps(records),
            Change::App(record) => self.app(record),
            Change::AppDeleted(name) => self.change_app(&name, |app| app.record = None),
            Change::AllNames(entries) => self.snapshot.names.replace(entries, |entry| entry.app.is_some()),
            Change::AllPlatformNames(entries) => {
                self.snapshot.names.replace(entries, |entry| entry.app.is_none());
            }
            Change::Name(entry) => self.snapshot.names.put(entry),
            Change::NameDeleted { hostname, app } => self.snapshot.names.remove(&hostname, app.as_ref()),
            Change::AllPorts(ports) => self.snapshot.ports = Arc::new(ports),
            Change::Port(port, holder) => {
                Arc::make_mut(&mut self.snapshot.ports).insert(port, holder);
            }
            Change::PortFree(port) => {
                Arc::make_mut(&mut self.snapshot.ports).remove(&port);
            }
            Change::AllAddresses(all) => self.all_addresses(all),
            Change::Address(app, ip) => {
                self.snapshot.addresses.put(app.clone(), ip);
                self.change_app(&app, |_| {});
            }
            Change::AddressReleased(app, ip) => {
                self.snapshot.addresses.remove(&app, ip);
                self.change_app(&app, |_| {});
            }
            Change::AllChallenges(all) => self.snapshot.names.replace_challenges(all),
            Change::Challenge(hostname, challenge) => self.snapshot.names.put_challenge(hostname, challenge),
            Change::ChallengeDeleted(hostname) => self.snapshot.names.remove_challenge(&hostname),
        }
        true
    }

    fn host_hello(&mut self, info: HostInfo, now: Timestamp) {
        self.named.insert(info.id.clone(), HashSet::new());
        let entry = HostEntry { info, reachable: true, last_heard: now };
        Arc::make_mut(&mut self.snapshot.hosts).insert(entry.info.id.clone(), entry);
    }

    fn machine(&mut self, machine: Machine, now: Timestamp) {
        if let Some(named) = self.named.get_mut(&machine.host) {
            named.insert(machine.id.clone());
        }
        self.host(&machine.host, |entry| entry.last_heard = now);
        self.put(&machine.app, &machine.host, |app, host| derive::entry(&machine, app, host));
    }

    /// A machine that was known before the last restart.
    pub fn remember(&mut self, entry: MachineEntry) {
        let (app, host) = (entry.app.clone(), entry.host.clone());
        self.put(&app, &host, |app, host| derive::settled(entry, app, host));
    }

    fn put(
        &mut self,
        app: &AppName,
        host: &HostId,
        entry: impl FnOnce(&AppEntry, Option<&HostEntry>) -> MachineEntry,
    ) {
        let hosts = self.snapshot.hosts.clone();
        let mut owned = None;
        self.change_app(app, |app| {
            let entry = entry(app, hosts.get(host));
            owned = Some((entry.id.clone(), entry.app.clone()));
            put_machine(app, entry);
        });
        self.owners.extend(owned);
    }

    /// Only the host that a machine was last seen on can say that it is gone.
    fn gone(&mut self, host: &HostId, id: &MachineId) {
        let Some(app) = self.owners.get(id).cloned() else { return };
        let seen_on = self.snapshot.app(&app).and_then(|app| app.machine(id)).map(|machine| &machine.host);
        if seen_on == Some(host) {
            self.owners.remove(id);
            self.change_app(&app, |app| drop_machine(app, id));
        }
    }

    fn synced(&mut self, host: &HostId) {
        let Some(named) = self.named.remove(host) else { return };
        let machines = self.snapshot.machines();
        let unnamed = machines.filter(|machine| machine.host == *host && !named.contains(&machine.id));
        for id in unnamed.map(|machine| machine.id.clone()).collect::<Vec<_>>() {
            self.gone(host, &id);
        }
    }

    fn all_apps(&mut self, records: Vec<AppRecord>) {
        self.snapshot.directory_read = true;
        let named: HashSet<AppName> = records.iter().map(|r| r.name.clone()).collect();
        let declared = self.snapshot.apps().filter(|app| app.record.is_some());
        let deleted: Vec<_> =
            declared.map(|app| app.name.clone()).filter(|name| !named.contains(name)).collect();
        deleted.iter().for_each(|name| self.change_app(name, |app| app.record = None));
        records.into_iter().for_each(|record| self.app(record));
    }

    fn app(&mut self, record: AppRecord) {
        self.change_app(&record.name.clone(), |app| app.record = Some(Arc::new(record)));
    }

    fn all_addresses(&mut self, all: Vec<(AppName, IpAddr)>) {
        self.snapshot.addresses.replace(all);
        let differs = |app: &&Arc<AppEntry>| app.private != self.snapshot.is_private(&app.name);
        let changed: Vec<_> = self.snapshot.apps().filter(differs).map(|app| app.name.clone()).collect();
        changed.iter().for_each(|name| self.change_app(name, |_| {}));
    }

    fn host(&mut self, id: &HostId, change: impl FnOnce(&mut HostEntry)) {
        if let Some(entry) = Arc::make_mut(&mut self.snapshot.hosts).get_mut(id) {
            change(entry);
        }
    }

    /// Replaces the app's entry by a changed copy; an app that nothing tells of any more goes.
    fn change_app(&mut self, name: &AppName, change: impl FnOnce(&mut AppEntry)) {
        let mut app = match self.snapshot.app(name) {
            Some(entry) => AppEntry::clone(entry),
            None => AppEntry {
                key: name.as_str().as_bytes().into(),
                name: name.clone(),
                private: false,
                record: None,
                machines: Vec::new(),
                routes: roost_routing::App::default(),
                traffic: Arc::default(),
            },
        };
        change(&mut app);
        app.private = self.snapshot.is_private(name);
        // What was added by one has room for as much again.
        app.machines.shrink_to_fit();
        if app.record.is_none() && app.machines.is_empty() {
            self.snapshot.apps.remove(name.as_str().as_bytes());
        } else {
            self.snapshot.apps.insert(Arc::new(app));
        }
    }
}

fn put_machine(app: &mut AppEntry, machine: MachineEntry) {
    if machine.state.is_gone() {
        app.routes.remove(&machine.id);
    } else {
        app.routes.put(machine.target.clone());
    }
    match app.machines.binary_search_by(|m| m.id.cmp(&machine.id)) {
        Ok(index) => app.machines[index] = machine,
        Err(index) => app.machines.insert(index, machine),
    }
}

fn drop_machine(app: &mut AppEntry, id: &MachineId) {
    app.machines.retain(|m| m.id != *id);
    app.routes.remove(id);
}
