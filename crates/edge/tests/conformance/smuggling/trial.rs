//! One case against one server: sent, answered, and compared with what it should have come to.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{
    back_end::{BackEnd, Seen},
    corpus::{Case, Expect},
    raw_h2,
};
use crate::support::{BASE, Node};

/// Asked last on each connection over HTTP/1.1: its answer closes the connection.
const END: &str = "/end";

/// For the edge to close a connection, on a busy box.
const LIMIT: Duration = Duration::from_secs(30);

/// How the edge took a case.
pub struct Taken {
    /// It said no, itself.
    pub refused: bool,
    /// What came back, to tell what went wrong.
    pub answer: String,
}

impl BackEnd {
    /// What is wrong, if anything.
    pub async fn try_case(&self, node: &Node, case: &Case) -> Option<String> {
        let before = self.seen().len();
        let host = format!("{}.{BASE}", self.name);
        let taken = match case.head.is_empty() {
            true => http1(node, &case.bytes.replace("{host}", &host)).await,
            false => raw_h2::send(node, &host, case).await,
        };
        let desync = self.own_answer(node, case).await;
        let mut seen = self.seen().split_off(before);
        seen.retain(|seen| seen.target != END && seen.target != PROBE);
        let fine = desync.is_none() && case.is_as_expected(&taken, &seen);
        (!fine).then(|| {
            let Taken { refused, answer } = taken;
            let desync = desync.unwrap_or_default();
            format!("{} read {seen:?}, refused: {refused}, {desync} answered {answer:?}", self.name)
        })
    }

    /// A plain request afterwards gets its own answer.
    async fn own_answer(&self, node: &Node, case: &Case) -> Option<String> {
        let answer = node.get(self.name, PROBE).await;
        let seen: Option<Seen> = serde_json::from_str(&answer.body).ok();
        let own =
            seen.is_some_and(|seen| seen.method == "GET" && seen.target == PROBE && seen.body.is_empty());
        (!own).then(|| format!("the request after {:?} got {answer:?}", case.name))
    }
}

const PROBE: &str = "/probe";

impl Case {
    fn is_as_expected(&self, taken: &Taken, seen: &[Seen]) -> bool {
        match self.expect {
            Expect::Refused => taken.refused && seen.is_empty(),
            Expect::Read => !taken.refused && seen == self.expected(),
        }
    }
}

/// Sends the bytes, and a last request; reads until the edge closes.
async fn http1(node: &Node, bytes: &str) -> Taken {
    let host = format!("end.{BASE}");
    let last = format!("GET {END} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    // The edge may have closed already: what it said counts.
    let _ = stream.write_all(format!("{bytes}{last}").as_bytes()).await;
    let mut answer = Vec::new();
    let closed = timeout(LIMIT, stream.read_to_end(&mut answer)).await.is_ok();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(closed, "the edge left a connection open after {bytes:?}: {answer:?}");
    Taken { refused: is_refusal(&answer), answer }
}

/// The first answer is a 400 of the edge's own: without the id that goes with each request passed on, or with
/// a code.
fn is_refusal(answer: &str) -> bool {
    let Some(head) = answer.split("\r\n\r\n").next() else { return false };
    let own = !head.contains("fly-request-id") || head.contains("roost-error");
    head.starts_with("HTTP/1.1 400") && own
}
