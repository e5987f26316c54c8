//! The catalog against real sources: a directory in a file, a host behind a socket.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use axum::Router;
use jiff::Timestamp;
use roost_catalog::{Catalog, CatalogConfig, Change, Snapshot};
use roost_directory::{Directory, Op, SqliteDirectory, Txn};
use roost_fake_host::{FakeHost, FakeMachine};
use roost_model::{AppName, MachineState, NetworkId, addr::AppAddress};
use roost_records::{AddressKind, AddressRecord, AppRecord, Record, key};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(60);

struct Node {
    folder: TempDir,
    directory: Arc<dyn Directory>,
    host: FakeHost,
    catalog: Catalog,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Node {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let directory: Arc<dyn Directory> =
            Arc::new(SqliteDirectory::open(&folder.path().join("directory.db")).await.unwrap());
        let host = FakeHost::start().await;
        let catalog = Catalog::open(config(&folder));
        let shutdown = CancellationToken::new();
        let (follower, sources) = (catalog.clone(), (directory.clone(), vec![host.client()]));
        let stop = shutdown.clone();
        let running = tokio::spawn(async move { follower.run(sources.0, sources.1, stop).await });
        Self { folder, directory, host, catalog, shutdown, running }
    }

    async fn declare(&self, name: &str, network: u32) {
        let record = AppRecord {
            name: name.parse().unwrap(),
            number: 1,
            org: "personal".into(),
            network: NetworkId(network),
            network_name: "default".into(),
            created_at: Timestamp::now(),
            current_release: None,
            counts: BTreeMap::new(),
            role: String::new(),
            deleting: false,
        };
        let op = Op::Put { key: key::app(&record.name), value: record.encode().into(), lease: None };
        self.directory.txn(Txn { success: vec![op], ..Txn::default() }).await.unwrap();
    }

    async fn withdraw(&self, name: &str) {
        let op = Op::Delete { key: key::app(&app(name)) };
        self.directory.txn(Txn { success: vec![op], ..Txn::default() }).await.unwrap();
    }

    /// Waits until the snapshot is as `wanted`.
    async fn shows(&self, what: &str, wanted: impl Fn(&Snapshot) -> bool) {
        let seen = self.catalog.wait_for(|s| wanted(s).then_some(()));
        timeout(SOON, seen).await.unwrap_or_else(|_| panic!("the catalog never showed {what}"));
    }
}

fn config(folder: &TempDir) -> CatalogConfig {
    CatalogConfig { save_to: Some(folder.path().join("catalog.json")) }
}

fn app(name: &str) -> AppName {
    name.parse().unwrap()
}

fn machine(name: &str) -> FakeMachine {
    FakeMachine::of(name, Router::new())
}

#[tokio::test]
async fn apps_come_and_go_with_the_directory() {
    let node = Node::start().await;
    node.shows("that it has read the directory", Snapshot::knows_all_apps).await;
    node.declare("web", 7).await;
    node.shows("the app", |s| s.app(&app("web")).is_some_and(|a| a.network() == Some(NetworkId(7)))).await;
    node.withdraw("web").await;
    node.shows("that the app is gone", |s| s.app(&app("web")).is_none()).await;
}

#[tokio::test]
async fn machines_follow_their_host_and_keep_their_load() {
    let node = Node::start().await;
    let id = node.host.add(machine("web").started());
    node.shows("the machine", |s| s.machines().count() == 1).await;
    let load = node.catalog.snapshot().app(&app("web")).unwrap().target(&id).unwrap().load.clone();
    load.enter(None).unwrap();

    node.host.client().stop(&id, &Default::default()).await.unwrap();
    node.shows("it stopped", |s| s.machines().any(|m| m.state == MachineState::Stopped)).await;
    let target = node.catalog.snapshot().app(&app("web")).unwrap().target(&id).unwrap().clone();
    assert_eq!((target.state, target.load.in_flight()), (MachineState::Stopped, 1));

    node.host.forget(&id);
    node.shows("it is gone", |s| s.app(&app("web")).is_none()).await;
}

#[tokio::test]
async fn a_host_that_comes_back_replaces_what_was_known_of_it() {
    let node = Node::start().await;
    let lost = node.host.add(machine("web").started());
    let kept = node.host.add(machine("web").started());
    node.shows("both machines", |s| s.machines().count() == 2).await;

    node.host.disconnect();
    node.host.forget(&lost);
    node.shows("that the host is silent", |s| s.hosts().values().all(|h| !h.reachable)).await;
    assert_eq!(node.catalog.snapshot().machines().count(), 2, "silence is not destruction");

    node.host.reconnect();
    node.shows("what is left", |s| s.machines().count() == 1).await;
    let snapshot = node.catalog.snapshot();
    assert!(snapshot.app(&app("web")).unwrap().machine(&kept).is_some());
    assert!(snapshot.hosts().values().all(|h| h.reachable));
}

#[tokio::test]
async fn a_warm_start_knows_what_was_known() {
    let node = Node::start().await;
    node.declare("web", 7).await;
    let id = node.host.add(machine("web").started());
    node.shows("everything", |s| {
        let network = s.app(&app("web")).and_then(|web| web.network());
        s.machines().count() == 1 && s.knows_all_apps() && network == Some(NetworkId(7))
    })
    .await;
    node.shutdown.cancel();
    node.running.await.unwrap();

    let warm = Catalog::open(config(&node.folder)).snapshot();
    assert!(warm.knows_all_apps());
    let entry = warm.app(&app("web")).unwrap();
    assert_eq!(entry.network(), Some(NetworkId(7)));
    assert_eq!(entry.target(&id).unwrap().state, MachineState::Started);
    assert!(warm.hosts().values().all(|host| !host.reachable), "nobody was asked yet");
}

#[tokio::test]
async fn addresses_come_and_go_and_are_known_after_a_warm_start() {
    let node = Node::start().await;
    let (web, private) = (app("web"), AppAddress { network: NetworkId(7), app: 3 }.ip());
    let public: IpAddr = [192, 0, 2, 1].into();
    let record = |ip, kind| AddressRecord {
        ip,
        kind,
        region: String::new(),
        service_name: String::new(),
        network: None,
        created_at: Timestamp::now(),
    };
    let given = [record(private.into(), AddressKind::PrivateV6), record(public, AddressKind::SharedV4)];
    for record in &given {
        let op = Op::Put { key: key::address(&web, record.ip), value: record.encode().into(), lease: None };
        node.directory.txn(Txn { success: vec![op], ..Txn::default() }).await.unwrap();
    }
    node.shows("that there may be addresses", Snapshot::knows_all_addresses).await;
    node.shows("both addresses", |s| s.addresses(&web).count() == 2).await;
    let snapshot = node.catalog.snapshot();
    assert_eq!((snapshot.app_at(private), snapshot.is_private(&web)), (Some(&web), false));
    assert!(snapshot.app(&web).is_none(), "an address makes no app");

    let op = Op::Delete { key: key::address(&web, public) };
    node.directory.txn(Txn { success: vec![op], ..Txn::default() }).await.unwrap();
    node.shows("the private one alone", |s| s.is_private(&web)).await;
    node.shutdown.cancel();
    node.running.await.unwrap();
    let warm = Catalog::open(config(&node.folder));
    assert!(warm.snapshot().knows_all_addresses());
    assert_eq!(warm.snapshot().app_at(private), Some(&web));
    warm.apply([Change::AddressReleased(web.clone(), private.into())]);
    assert_eq!((warm.snapshot().app_at(private), warm.snapshot().is_private(&web)), (None, false));
}

#[tokio::test]
async fn a_saved_file_that_cannot_be_read_is_a_cold_start() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("catalog.json"), "not JSON").unwrap();
    assert!(!Catalog::open(config(&folder)).snapshot().knows_all_apps());
}

#[tokio::test]
async fn a_change_is_known_at_once() {
    let node = Node::start().await;
    let id = node.host.add(machine("web"));
    node.shows("the machine", |s| s.machines().count() == 1).await;
    let began = std::time::Instant::now();
    for cordoned in [true, false].repeat(20) {
        node.host.change(&id, |m| m.cordoned = cordoned);
        node.shows("the change", |s| s.machines().all(|m| m.cordoned == cordoned)).await;
    }
    // They take milliseconds; a follower that only looked with each heartbeat would need 40 seconds.
    assert!(began.elapsed() < Duration::from_secs(20), "40 changes took {:?}", began.elapsed());
}
