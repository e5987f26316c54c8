//! Apps that answer badly: what their clients see over HTTP/1.1 and HTTP/2, what their owners read, and that nothing
//! of it stays behind. A client never takes for whole what is not.

#[path = "../support/mod.rs"]
mod support;

mod back_end;
mod cases;
mod client;

use std::{sync::atomic::Ordering, time::Duration};

use futures::future::join_all;
use http::Version;
use roost_fake_host::FakeMachine;
use support::{Node, says};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

use crate::{
    back_end::{Counts, Speaks, serve},
    cases::{Case, all},
    client::ask,
};

/// Of what must happen, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_client_is_told_what_is_wrong_or_that_the_answer_is_not_whole() {
    let cases = all();
    let (node, counts) = node_of(&cases).await;
    let mut wrong = Vec::new();
    // The second time nothing of the first is in the way.
    for version in [Version::HTTP_11, Version::HTTP_2, Version::HTTP_11, Version::HTTP_2] {
        let seen = join_all(cases.iter().map(|case| timeout(PATIENCE, ask(&node, case.app, version)))).await;
        for (case, seen) in cases.iter().zip(seen).filter(|(case, seen)| seen.as_ref() != Ok(&case.seen)) {
            wrong.push(format!("{} over {version:?}: {seen:?}, not {:?}", case.app, case.seen));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for case in &cases {
        if let Some(code) = case.seen.code() {
            node.logs(|line| line.starts_with(&format!("{} ", case.app)) && line.contains(code)).await;
        }
    }
    nothing_is_left(&node, &cases, &counts).await;
}

/// A machine for each case, whose app is its script.
async fn node_of(cases: &[Case]) -> (Node, Vec<Counts>) {
    let machines = cases.iter().map(|case| {
        let ports = serde_json::json!([{ "port": 80, "handlers": ["http"], "http_options": case.options }]);
        FakeMachine::of(case.app, says("never")).started().served_by_others().service("ports", ports)
    });
    let node = Node::with(machines).await;
    let mut counts = Vec::new();
    for case in cases {
        let snapshot = node.catalog.snapshot();
        let machine = snapshot.machines().find(|machine| machine.app.as_str() == case.app).unwrap();
        let listener = TcpListener::bind((machine.ipv4, 18080)).await.unwrap();
        let count = Counts::default();
        tokio::spawn(serve(listener, case.script.clone(), count.clone()));
        counts.push(count);
    }
    (node, counts)
}

/// No place in a machine is held, and no connection to one that was of no use any more.
async fn nothing_is_left(node: &Node, cases: &[Case], counts: &[Counts]) {
    for (case, count) in cases.iter().zip(counts) {
        let snapshot = node.catalog.snapshot();
        let app = snapshot.apps().find(|app| app.name.as_str() == case.app).unwrap();
        let load = &app.routes.targets().next().unwrap().load;
        let held = || {
            let open = count.opened.load(Ordering::SeqCst) - count.ended.load(Ordering::SeqCst);
            let open = if case.script.speaks == Speaks::Http1 { open } else { 0 };
            (load.in_flight(), open)
        };
        let empty = async {
            while held() != (0, 0) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let emptied = timeout(PATIENCE, empty).await;
        emptied.unwrap_or_else(|_| panic!("{}: (requests, connections) held: {:?}", case.app, held()));
    }
}
