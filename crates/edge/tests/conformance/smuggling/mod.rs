//! Requests that two readers could read differently, sent through the edge to four servers: nginx, HAProxy, gunicorn and
//! Node.
//!
//! ```text
//!  http1.toml, http2.toml ─► edge ─┬─► nginx, HAProxy ─► recorder
//!                                  └─► gunicorn, Node
//! ```
//!
//! Each case is refused by the edge, or all four read the same requests from what the edge made of it: those
//! that the case names. After each case a plain request has to get its own answer: nothing was left in a
//! connection that is used again.

mod back_end;
mod corpus;
mod raw_h2;
mod trial;

use futures::future::join_all;
use roost_fake_host::FakeMachine;

use crate::{http_and_tls, support::Node};
use back_end::BackEnd;
use corpus::{Case, Wire};

const BACK_ENDS: [&str; 4] = ["nginx", "haproxy", "gunicorn", "node"];

/// The edge with one app for each server.
struct Bench {
    node: Node,
    back_ends: Vec<BackEnd>,
}

impl Bench {
    async fn start() -> Self {
        let machine = |app: &&str| {
            let nothing = axum::Router::new();
            FakeMachine::of(app, nothing).started().served_by_others().service("ports", http_and_tls())
        };
        let node = Node::with(BACK_ENDS.iter().map(machine)).await;
        let back_ends = join_all(BACK_ENDS.iter().map(|name| BackEnd::start(name, &node))).await;
        Self { node, back_ends }
    }

    /// What is wrong with how a case was taken, if anything.
    async fn judge(&self, case: &Case) -> Option<String> {
        let trials = self.back_ends.iter().map(|back_end| back_end.try_case(&self.node, case));
        let complaints: Vec<String> = join_all(trials).await.into_iter().flatten().collect();
        (!complaints.is_empty()).then(|| format!("{}: {}", case.name, complaints.join("; ")))
    }

    async fn judge_all(&self, wire: Wire) {
        let cases = corpus::read(wire);
        let mut wrong = Vec::new();
        for case in &cases {
            wrong.extend(self.judge(case).await);
        }
        println!("smuggling over {wire:?}: {} cases, {} wrong", cases.len(), wrong.len());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http1_is_refused_or_read_alike() {
    Bench::start().await.judge_all(Wire::Http1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_is_refused_or_read_alike() {
    Bench::start().await.judge_all(Wire::Http2).await;
}
