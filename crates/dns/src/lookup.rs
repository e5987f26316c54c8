//! Answers out of the catalog, for one network. Pure: a snapshot goes in, records come out.

use std::{collections::BTreeSet, net::Ipv6Addr, sync::Arc};

use roost_catalog::{AppEntry, MachineEntry, Snapshot};
use roost_model::{AppName, MachineAddress, MachineState, addr::AppAddress};
use roost_wire::dns::name::{Question, Which};

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Addresses(Vec<Ipv6Addr>),
    Text(String),
}

/// Looks `question` up for a machine at `asker`; `None` when the name does not exist in its network.
/// Machines of other networks are never told of.
pub(crate) fn look_up(question: &Question, asker: MachineAddress, snapshot: &Snapshot) -> Option<Found> {
    match question {
        Question::Apps => {
            let names: BTreeSet<&str> = apps(snapshot, asker).map(|app| app.name.as_str()).collect();
            Some(Found::Text(join(names, ",")))
        }
        Question::Instances { all } => {
            let machines = apps(snapshot, asker).flat_map(|app| listed(app, asker, *all));
            let texts: BTreeSet<String> = machines
                .map(|m| format!("instance={},app={},ip={},region={}", m.id, m.app, m.private_ip, m.region))
                .collect();
            Some(Found::Text(join(&texts, ";")))
        }
        Question::Flycast(app) => {
            let given = flycast(app, asker, snapshot);
            (!given.is_empty()).then_some(Found::Addresses(given))
        }
        Question::App(name, which) => {
            let app = snapshot.app(name).filter(|app| app.network() == Some(asker.network))?;
            Some(of_app(app, which, asker))
        }
    }
}

/// The app may be of another network, even of another org: what counts is who its addresses are for.
fn flycast(app: &AppName, asker: MachineAddress, snapshot: &Snapshot) -> Vec<Ipv6Addr> {
    let private = |ip| AppAddress::of(ip).filter(|address| address.network == asker.network);
    snapshot.addresses(app).filter_map(private).map(AppAddress::ip).collect()
}

fn of_app(app: &AppEntry, which: &Which, asker: MachineAddress) -> Found {
    let started = || listed(app, asker, false);
    match which {
        Which::Started => addresses(started()),
        Which::Region(region) => addresses(started().filter(|m| m.region.as_str() == region)),
        Which::Machine(id) => addresses(started().filter(|m| m.id.as_str() == id)),
        Which::Group(group) => addresses(started().filter(|m| *m.group == **group)),
        Which::Metadata { key, value } => {
            addresses(started().filter(|m| m.labels.metadata.get(key).is_some_and(|v| v == value)))
        }
        Which::Nearest(count) => nearest(started(), *count, asker),
        Which::Machines { all } => {
            let texts: Vec<String> =
                listed(app, asker, *all).map(|m| format!("{} {}", m.id, m.region)).collect();
            Found::Text(join(&texts, ","))
        }
        Which::Regions { all } => {
            let regions: BTreeSet<&str> = listed(app, asker, *all).map(|m| m.region.as_str()).collect();
            Found::Text(join(regions, ","))
        }
    }
}

/// Apps of the asker's network.
fn apps(snapshot: &Snapshot, asker: MachineAddress) -> impl Iterator<Item = &Arc<AppEntry>> {
    snapshot.apps().filter(move |app| app.network() == Some(asker.network))
}

/// The app's machines that have a name, in the order of their ids: those that run, or all that exist.
fn listed(app: &AppEntry, asker: MachineAddress, all: bool) -> impl Iterator<Item = &MachineEntry> {
    app.machines.iter().filter(move |m| {
        let shown = if all { !m.state.is_gone() } else { m.state == MachineState::Started };
        shown && m.network == asker.network && !m.labels.hidden
    })
}

fn addresses<'a>(machines: impl Iterator<Item = &'a MachineEntry>) -> Found {
    Found::Addresses(machines.map(|m| m.private_ip).collect())
}

/// Machines of the asker's own host are nearest.
fn nearest<'a>(
    machines: impl Iterator<Item = &'a MachineEntry>,
    count: usize,
    asker: MachineAddress,
) -> Found {
    let mut machines: Vec<_> = machines.collect();
    let far = |m: &MachineEntry| MachineAddress::of(m.private_ip).is_none_or(|a| a.host != asker.host);
    machines.sort_by_key(|m| far(m));
    addresses(machines.into_iter().take(count))
}

fn join(parts: impl IntoIterator<Item = impl AsRef<str>>, separator: &str) -> String {
    let mut text = String::new();
    for part in parts {
        if !text.is_empty() {
            text.push_str(separator);
        }
        text.push_str(part.as_ref());
    }
    text
}
