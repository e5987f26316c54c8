//! Machines that sleep, and requests that need them.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Body};
use futures::future::join_all;
use roost_fake_host::FakeMachine;
use roost_model::MachineState;
use serde_json::json;
use support::{Node, says};
use tokio::time::sleep;

const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn two_hundred_first_requests_share_one_wake() {
    let node = Node::with([FakeMachine::of("web", says("hello")).boots_in(Duration::from_millis(300))]).await;
    let answers = join_all((0..200).map(|_| node.get("web", "/"))).await;
    assert!(answers.iter().all(|a| a.status == 200 && a.body == "hello"));
    assert_eq!(node.host.starts(), 1);
}

#[tokio::test]
async fn a_request_waits_for_an_app_that_listens_late() {
    let slow = FakeMachine::of("web", says("hello")).listens_after(Duration::from_millis(700));
    let node = Node::with([slow]).await;
    assert_eq!(node.get("web", "/").await.body, "hello");
}

#[tokio::test]
async fn a_machine_that_ends_at_once_is_reported_with_its_exit() {
    let node = Node::with([FakeMachine::of("web", says("")).exits(3)]).await;
    let answers = join_all((0..5).map(|_| node.get("web", "/"))).await;
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), answer.code()), (503, Some("E201")));
        assert!(answer.body.contains("exited with code 3"), "{}", answer.body);
    }
    node.get("web", "/").await;
    assert_eq!(node.host.starts(), 1, "a crash is not repeated for every request");
}

#[tokio::test]
async fn a_machine_without_memory_enough_has_a_code_of_its_own() {
    let node = Node::with([FakeMachine::of("web", says("")).runs_out_of_memory()]).await;
    let answer = node.get("web", "/").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, Some("E205")));
    let told = |line: &String| line.contains(" edge: was woken by a request: E205 ");
    node.logs(told).await;
}

#[tokio::test]
async fn a_thousand_idle_machines_are_asleep_within_a_minute() {
    let machines = (0..1000).map(|n| FakeMachine::of(&format!("app-{}", n % 100), says("hello")).started());
    let node = Node::configured(machines, |edge| edge.idle_after = Duration::from_secs(1)).await;
    let all = |s: &roost_catalog::Snapshot| {
        s.machines().all(|machine| machine.state == MachineState::Stopped).then_some(())
    };
    tokio::time::timeout(SOON, node.catalog.wait_for(all)).await.expect("all of them sleep");
    assert_eq!(node.get("app-7", "/").await.body, "hello");
}

#[tokio::test]
async fn a_machine_that_says_that_it_is_busy_does_not_sleep() {
    let busy_until = |secs: i64| (jiff::Timestamp::now().as_second() + secs).to_string();
    let web = FakeMachine::of("web", says("")).started();
    let job = FakeMachine::of("job", says("")).started().metadata("roost_busy_until", &busy_until(600));
    let node = Node::configured([web, job], |edge| edge.idle_after = Duration::from_millis(100)).await;
    let id = |app: &str| {
        let snapshot = node.catalog.snapshot();
        snapshot.machines().find(|machine| machine.app.as_str() == app).unwrap().id.clone()
    };
    node.reaches(&id("web"), MachineState::Stopped, SOON).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(node.host.machine(&id("job")).unwrap().state, MachineState::Started);
    node.host.change(&id("job"), |machine| {
        machine.config.metadata.insert("roost_busy_until".into(), busy_until(-1));
    });
    node.reaches(&id("job"), MachineState::Stopped, SOON).await;
}

#[tokio::test]
async fn a_wake_that_takes_too_long_is_given_up() {
    let stuck = FakeMachine::of("web", says("")).boots_in(Duration::from_secs(3600));
    let node = Node::configured([stuck], |edge| edge.patience = Duration::from_millis(300)).await;
    let answer = node.get("web", "/").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (504, Some("E202")));
}

#[tokio::test]
async fn without_autostart_a_stopped_machine_stays_stopped() {
    let node = Node::with([FakeMachine::of("web", says("")).service("autostart", json!(false))]).await;
    assert_eq!(node.get("web", "/").await.code(), Some("E104"));
    assert_eq!(node.host.starts(), 0);
}

#[tokio::test]
async fn an_idle_machine_sleeps_and_wakes_again() {
    let machine = FakeMachine::of("web", says("hello")).started();
    let node = Node::configured([machine], |edge| edge.idle_after = Duration::from_millis(500)).await;
    let id = node.catalog.snapshot().machines().next().unwrap().id.clone();
    assert_eq!(node.get("web", "/").await.status, 200);
    node.reaches(&id, MachineState::Stopped, SOON).await;
    // On a slow machine it may have slept before the first request came.
    let before = node.host.starts();
    assert_eq!(node.get("web", "/").await.body, "hello");
    assert_eq!(node.host.starts(), before + 1);
}

#[tokio::test]
async fn a_service_that_says_suspend_has_its_idle_machine_suspended() {
    let machine = FakeMachine::of("web", says("hello")).started().service("autostop", json!("suspend"));
    let node = Node::configured([machine], |edge| edge.idle_after = Duration::from_millis(500)).await;
    let id = node.catalog.snapshot().machines().next().unwrap().id.clone();
    assert_eq!(node.get("web", "/").await.status, 200);
    node.reaches(&id, MachineState::Suspended, SOON).await;
    assert_eq!(node.get("web", "/").await.body, "hello");
    assert_eq!(node.host.starts(), 1);
}

#[tokio::test]
async fn the_floor_of_running_machines_is_kept() {
    let machine =
        || FakeMachine::of("web", says("hello")).started().service("min_machines_running", json!(2));
    let machines = [machine(), machine(), machine()];
    let node = Node::configured(machines, |edge| edge.idle_after = Duration::from_millis(100)).await;
    let running = || {
        let machines = node.catalog.snapshot();
        machines.machines().filter(|m| m.state == MachineState::Started).count()
    };
    node.catalog.wait_for(|s| s.machines().any(|m| m.state == MachineState::Stopped).then_some(())).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(running(), 2);
}

#[tokio::test]
async fn a_busy_machine_does_not_sleep() {
    let slow = Router::new().fallback(|| async {
        sleep(Duration::from_secs(3)).await;
        "done"
    });
    let machine = FakeMachine::of("web", slow).started();
    let node = Node::configured([machine], |edge| edge.idle_after = Duration::from_millis(100)).await;
    assert_eq!(node.get("web", "/").await.body, "done");
    assert_eq!(node.host.starts(), 0);
}

#[tokio::test]
async fn no_request_fails_while_machines_fall_asleep_and_wake() {
    let machine = || {
        FakeMachine::of("web", says("hello"))
            .boots_in(Duration::from_millis(50))
            .stops_in(Duration::from_millis(100))
    };
    let node =
        Node::configured([machine(), machine()], |edge| edge.idle_after = Duration::from_millis(1)).await;
    let node = Arc::new(node);
    let failed = AtomicUsize::new(0);
    let until = Instant::now() + Duration::from_secs(12);
    let client = |pause: u64| {
        let (node, failed) = (node.clone(), &failed);
        async move {
            while Instant::now() < until {
                let post = node.request("web", "/").method("POST").body(Body::from("x")).unwrap();
                let answers = [node.get("web", "/").await, node.send(post).await];
                let bad = answers.iter().filter(|a| a.status != 200).inspect(|a| eprintln!("{a:?}")).count();
                failed.fetch_add(bad, Ordering::SeqCst);
                sleep(Duration::from_millis(pause)).await;
            }
        }
    };
    // Pauses around the sleeper's own second, so that requests meet every state of a machine.
    join_all([7, 330, 700, 950, 1010, 1100, 1500, 2100].map(client)).await;
    assert_eq!(failed.into_inner(), 0);
    eprintln!("starts: {}", node.host.starts());
}

#[tokio::test]
async fn machines_in_excess_of_the_load_are_emptied_and_stopped() {
    let slow = || {
        Router::new().fallback(|| async {
            sleep(Duration::from_millis(300)).await;
            "done"
        })
    };
    let machine = || FakeMachine::of("web", slow()).started();
    let node =
        Node::configured([machine(), machine()], |edge| edge.idle_after = Duration::from_secs(1)).await;
    let client = |start: u64| {
        let node = &node;
        async move {
            sleep(Duration::from_millis(start)).await;
            loop {
                assert_eq!(node.get("web", "/").await.status, 200);
            }
        }
    };
    let one_runs = node.catalog.wait_for(|snapshot| {
        let running = snapshot.machines().filter(|m| m.state == MachineState::Started).count();
        (running == 1).then_some(())
    });
    // Eight at a time: one machine carries them below its soft limit of 20.
    tokio::select! {
        _ = join_all((0..8).map(|n| client(n * 40))) => unreachable!("clients go on"),
        settled = tokio::time::timeout(SOON, one_runs) => settled.expect("one machine is stopped"),
    }
}
