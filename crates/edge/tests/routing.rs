//! Which machine gets a request, and what happens when machines come and go under load.

mod support;

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::Router;
use futures::{
    StreamExt as _,
    future::{join, join_all},
    stream::FuturesUnordered,
};
use jiff::Timestamp;
use roost_fake_host::FakeMachine;
use roost_model::{
    MachineId,
    service::{CheckResult, CheckStatus},
};
use roost_routing::Health;
use serde_json::json;
use support::{Node, says};
use tokio::{sync::Semaphore, time::sleep};

fn check(status: CheckResult) -> Vec<CheckStatus> {
    let name = "servicecheck-00-http-18080".to_owned();
    vec![CheckStatus { name, status, output: String::new(), updated_at: Timestamp::now() }]
}

fn checked(text: &'static str) -> FakeMachine {
    FakeMachine::of("web", says(text)).started().service("checks", json!([{"type": "http"}]))
}

async fn answers(node: &Node, count: usize) -> HashSet<String> {
    let mut seen = HashSet::new();
    for _ in 0..count {
        let answer = node.get("web", "/").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        seen.insert(answer.body);
    }
    seen
}

#[tokio::test]
async fn equal_machines_share_the_requests() {
    let machines = ["a", "b", "c"].map(|text| FakeMachine::of("web", says(text)).started());
    let node = Node::with(machines).await;
    assert_eq!(answers(&node, 60).await.len(), 3);
}

#[tokio::test]
async fn what_an_old_copy_says_of_machines_is_not_believed_before_their_host_is_heard() {
    let node = Node::with([FakeMachine::of("web", says("served")).started()]).await;
    let id = node.host.machines()[0].id.clone();
    node.host.change(&id, |machine| machine.cordoned = true);
    node.catalog.wait_for(|s| s.machines().all(|machine| machine.cordoned).then_some(())).await;
    node.host.disconnect();
    node.catalog.wait_for(|s| s.hosts().values().all(|host| !host.reachable).then_some(())).await;
    node.host.change(&id, |machine| machine.cordoned = false);
    let later = async {
        // Longer than a copy of a host that is heard may be behind.
        sleep(Duration::from_secs(2)).await;
        node.host.reconnect();
    };
    let (answer, ()) = join(node.get("web", "/"), later).await;
    assert!(answer.status == 200 && answer.body == "served", "{answer:?}");
}

#[tokio::test]
async fn cordoned_and_failing_machines_get_nothing() {
    let node = Node::with([checked("cordoned"), checked("failing"), checked("good")]).await;
    let ids: Vec<MachineId> = node.catalog.snapshot().machines().map(|m| m.id.clone()).collect();
    for id in ids {
        let body = {
            let machine = node.host.machine(&id).unwrap();
            let url = format!("http://{}:18080/", machine.ipv4).parse().unwrap();
            let answer = node.client.get(url).await.unwrap();
            let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
            String::from_utf8(body.to_vec()).unwrap()
        };
        let failing = body == "failing";
        let status = if failing { CheckResult::Critical } else { CheckResult::Passing };
        node.host.change(&id, |m| {
            m.cordoned = body == "cordoned";
            m.checks = check(status);
        });
    }
    let settled = |s: &roost_catalog::Snapshot| {
        let known = s.machines().all(|m| m.health[0] != Health::Unknown);
        known.then_some(())
    };
    node.catalog.wait_for(settled).await;
    assert_eq!(answers(&node, 30).await, HashSet::from(["good".to_owned()]));
}

#[tokio::test]
async fn a_request_waits_for_a_machine_to_become_healthy() {
    let node = Arc::new(Node::with([checked("hello")]).await);
    let id = node.catalog.snapshot().machines().next().unwrap().id.clone();
    node.host.change(&id, |m| m.checks = check(CheckResult::Critical));
    let failing =
        |s: &roost_catalog::Snapshot| s.machines().any(|m| m.health[0] == Health::Failing).then_some(());
    node.catalog.wait_for(failing).await;
    let waiting = tokio::spawn({
        let node = node.clone();
        async move { node.get("web", "/").await }
    });
    sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    node.host.change(&id, |m| m.checks = check(CheckResult::Passing));
    assert_eq!(waiting.await.unwrap().body, "hello");
}

#[tokio::test]
async fn at_the_hard_limit_requests_queue_and_all_are_served() {
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (inside.clone(), most.clone());
    let app = Router::new().fallback(move || {
        let (now, peak) = (now.clone(), peak.clone());
        async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(Duration::from_millis(20)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            "done"
        }
    });
    let limits = json!({"type": "requests", "soft_limit": 1, "hard_limit": 2});
    let node = Node::with([FakeMachine::of("web", app).started().service("concurrency", limits)]).await;
    let answers = join_all((0..40).map(|_| node.get("web", "/"))).await;
    assert!(answers.iter().all(|a| a.body == "done"));
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_full_queue_is_a_clear_error() {
    let hold = Arc::new(Semaphore::new(0));
    let held = hold.clone();
    let app = Router::new().fallback(move || {
        let held = held.clone();
        async move {
            held.acquire().await.unwrap().forget();
            "done"
        }
    });
    let limits = json!({"type": "requests", "hard_limit": 1});
    let machine = FakeMachine::of("web", app).started().service("concurrency", limits);
    let node = Node::configured([machine], |edge| edge.patience = Duration::from_millis(500)).await;
    let mut requests: FuturesUnordered<_> = (0..2).map(|_| node.get("web", "/")).collect();
    let first = requests.next().await.unwrap();
    assert_eq!(first.code(), Some("E107"), "the other one is inside");
    hold.add_permits(1);
    assert_eq!(requests.next().await.unwrap().body, "done");
}

#[tokio::test]
async fn past_the_soft_limit_another_machine_is_woken() {
    let slow = || {
        Router::new().fallback(|| async {
            sleep(Duration::from_millis(200)).await;
            "done"
        })
    };
    let limits = json!({"type": "requests", "soft_limit": 2});
    let machine = || FakeMachine::of("web", slow()).service("concurrency", limits.clone());
    let node = Node::with([machine().started(), machine()]).await;
    join_all((0..6).map(|_| node.get("web", "/"))).await;
    assert_eq!(node.host.starts(), 1);
}

#[tokio::test]
async fn a_named_machine_is_asked_alone() {
    let (a, b) = (FakeMachine::of("web", says("a")).started(), FakeMachine::of("web", says("b")).started());
    let node = Node::with([a, b]).await;
    let id = node.catalog.snapshot().machines().next().unwrap().id.to_string();
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let request = node.request("web", "/").header("fly-force-instance-id", &id);
        seen.insert(node.send(request.body(axum::body::Body::empty()).unwrap()).await.body);
    }
    assert_eq!(seen.len(), 1);
    let request = node.request("web", "/").header("fly-force-instance-id", "00000000000000");
    let answer = node.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.code(), Some("E110"));
}

#[tokio::test]
async fn a_rolling_replacement_under_load_fails_no_request() {
    let machine = || FakeMachine::of("web", says("hello")).started().service("autostop", json!("off"));
    let node = Arc::new(Node::with([machine(), machine()]).await);
    let (served, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let client = || async {
        loop {
            let answer = node.get("web", "/").await;
            let counter = if answer.status == 200 { &served } else { &failed };
            counter.fetch_add(1, Ordering::SeqCst);
        }
    };
    let roll = async {
        let mut machines: VecDeque<MachineId> =
            node.catalog.snapshot().machines().map(|m| m.id.clone()).collect();
        for _ in 0..20 {
            machines.push_back(node.host.add(machine()));
            let old = machines.pop_front().unwrap();
            sleep(Duration::from_millis(50)).await;
            node.host.change(&old, |m| m.cordoned = true);
            drained(&node, &old).await;
            node.host.client().stop(&old, &Default::default()).await.unwrap();
            sleep(Duration::from_millis(50)).await;
            node.host.forget(&old);
        }
    };
    tokio::select! {
        () = roll => {}
        _ = join_all((0..8).map(|_| client())) => unreachable!("clients go on"),
    }
    assert_eq!(failed.into_inner(), 0);
    let served = served.into_inner();
    assert!(served > 100, "only {served} requests");
}

/// Waits as a deploy does: the edge has heard of the cordon, and has no request there, twice in a row.
async fn drained(node: &Node, id: &MachineId) {
    let mut idle = 0;
    while idle < 2 {
        sleep(Duration::from_millis(50)).await;
        let snapshot = node.catalog.snapshot();
        let target = snapshot.app(&"web".parse().unwrap()).and_then(|app| app.target(id)).unwrap();
        idle = if target.cordoned && target.load.in_flight() == 0 { idle + 1 } else { 0 };
    }
}

#[tokio::test]
async fn an_app_that_never_listens_is_reported() {
    let deaf = FakeMachine::of("web", says("")).started().listens_after(Duration::from_secs(3600));
    let node = Node::configured([deaf], |edge| edge.patience = Duration::from_millis(400)).await;
    let answer = node.get("web", "/").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (502, Some("E301")));
    assert!(answer.body.contains("port 18080"), "{}", answer.body);
}

#[tokio::test]
async fn an_app_is_asked_no_more_often_than_it_says() {
    let limit = json!({ "per_second": 1, "burst": 5 });
    let machine = FakeMachine::of("web", says("hello")).started().service("rate_limit", limit);
    let node = Node::with([machine, FakeMachine::of("other", says("hello")).started()]).await;
    let answers = join_all((0..200).map(|_| node.get("web", "/"))).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    // On a slow machine a second or more passes meanwhile.
    assert!((5..100).contains(&served), "{served} of 200");
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    assert_eq!((refused.status.as_u16(), refused.code()), (429, Some("E113")));
    assert_eq!(node.get("other", "/").await.status, 200, "it is this app's limit alone");
}

#[tokio::test]
async fn a_machine_that_refuses_connections_is_left_out_for_a_while() {
    let deaf = FakeMachine::of("web", says("")).started().listens_after(Duration::from_secs(3600));
    let node = Node::with([deaf, FakeMachine::of("web", says("hello")).started()]).await;
    let out = || {
        let snapshot = node.catalog.snapshot();
        let app = snapshot.app(&"web".parse().unwrap()).unwrap();
        app.routes.targets().filter(|target| target.load.is_out()).count()
    };
    while out() == 0 {
        assert_eq!(node.get("web", "/").await.body, "hello");
    }
    assert_eq!(node.get("web", "/").await.body, "hello");
    assert_eq!(out(), 1, "never all of them");
    node.logs(|line| line.contains(" edge: refuses connections; others are tried first")).await;
}

#[tokio::test]
async fn requests_in_flight_end_before_the_edge_does() {
    let arrived = Arc::new(tokio::sync::Notify::new());
    let inside = arrived.clone();
    let slow = Router::new().fallback(move || {
        inside.notify_one();
        async {
            sleep(Duration::from_millis(500)).await;
            "done"
        }
    });
    let node = Arc::new(Node::with([FakeMachine::of("web", slow).started()]).await);
    let waiting = tokio::spawn({
        let node = node.clone();
        async move { node.get("web", "/").await }
    });
    arrived.notified().await;
    node.shutdown.cancel();
    assert_eq!(waiting.await.unwrap().body, "done");
}
