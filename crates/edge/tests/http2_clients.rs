//! Clients over HTTP/2 that change their minds, wait, fall silent, or ask for more than is good.

mod support;

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::{any, post},
};
use futures::future::pending;
use http::{Request, StatusCode};
use roost_fake_host::FakeMachine;
use rustls::pki_types::ServerName;
use serde_json::json;
use support::{
    Node,
    frames::{ACK, DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, PING, RST_STREAM, fields, write},
    says,
    tls::trusting_anyone,
};
use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(60);
const HOST: &str = "web.roost.test";

/// RFC 9113, section 7.
const NO_ERROR: u32 = 0;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

fn machine(app: Router) -> FakeMachine {
    let tls = json!({"default_self_signed": true});
    let ports = json!([
        {"port": 80, "handlers": ["http"]},
        {"port": 443, "handlers": ["tls", "http"], "tls_options": tls}
    ]);
    FakeMachine::of("web", app).started().service("ports", ports)
}

/// Begins a request for `path`; `flags` tell whether it ends with its head.
fn ask(bytes: &mut Vec<u8>, stream: u32, method: &str, path: &str, flags: u8) {
    let pseudo = [(":method", method), (":scheme", "https"), (":authority", HOST), (":path", path)];
    write(bytes, HEADERS, END_HEADERS | flags, stream, &fields(pseudo));
}

fn reset(bytes: &mut Vec<u8>, stream: u32) {
    write(bytes, RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
}

/// The code at the end of a frame.
fn code(payload: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(payload[at..at + 4].try_into().unwrap())
}

/// Counts the requests that are in an app at the moment, and have been.
#[derive(Clone, Default)]
struct Seen {
    inside: Arc<AtomicUsize>,
    ever: Arc<AtomicUsize>,
}

struct Inside(Arc<AtomicUsize>);

impl Seen {
    fn enter(&self) -> Inside {
        self.ever.fetch_add(1, Ordering::Relaxed);
        self.inside.fetch_add(1, Ordering::Relaxed);
        Inside(self.inside.clone())
    }

    fn ever(&self) -> usize {
        self.ever.load(Ordering::Relaxed)
    }

    fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An app that never answers.
fn silent(seen: Seen) -> Router {
    Router::new().fallback(any(move || async move {
        let _inside = seen.enter();
        pending::<()>().await
    }))
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, met).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn a_request_that_is_taken_back_ends_at_the_app() {
    let seen = Seen::default();
    let node = Node::with([machine(silent(seen.clone()))]).await;
    let mut frames = Frames::connect(&node, HOST).await;
    let mut bytes = Vec::new();
    ask(&mut bytes, 1, "GET", "/", END_STREAM);
    frames.send(&bytes).await.unwrap();
    until("it reaches the app", || seen.inside() == 1).await;
    bytes.clear();
    reset(&mut bytes, 1);
    frames.send(&bytes).await.unwrap();
    until("it ends there", || seen.inside() == 0).await;
}

#[tokio::test]
async fn an_answer_before_the_end_of_an_upload_is_whole_and_calls_the_rest_off() {
    let node = Node::with([machine(says("enough"))]).await;
    let mut frames = Frames::connect(&node, HOST).await;
    let mut bytes = Vec::new();
    ask(&mut bytes, 1, "POST", "/", 0);
    write(&mut bytes, DATA, 0, 1, &[b'x'; 1000]);
    frames.send(&bytes).await.unwrap();
    let data = timeout(PATIENCE, frames.next_of(DATA)).await.unwrap().unwrap();
    assert_eq!((data.flags & END_STREAM, &data.payload[..]), (END_STREAM, &b"enough"[..]));
    let reset = timeout(PATIENCE, frames.next_of(RST_STREAM)).await.unwrap().unwrap();
    assert_eq!((reset.stream, code(&reset.payload, 0)), (1, NO_ERROR));
}

#[tokio::test]
async fn a_client_that_waits_for_permission_to_send_its_body_gets_it() {
    let echo = Router::new().route("/", post(|body: Bytes| async move { body }));
    let node = Node::with([machine(echo)]).await;
    let stream = TcpStream::connect(node.address).await.unwrap();
    let (mut requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post(format!("http://{HOST}/")).header("expect", "100-continue");
    let (mut answer, mut body) = requests.send_request(request.body(()).unwrap(), false).unwrap();
    let told = timeout(PATIENCE, poll_fn(|cx| answer.poll_informational(cx))).await.unwrap();
    assert_eq!(told.unwrap().unwrap().status(), StatusCode::CONTINUE);
    body.send_data("permitted".into(), true).unwrap();
    let mut answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
    let echoed = answer.body_mut().data().await.unwrap().unwrap();
    assert_eq!((answer.status(), &echoed[..]), (StatusCode::OK, &b"permitted"[..]));
}

#[tokio::test]
async fn requests_find_room_while_as_many_are_taken_back() {
    const AT_ONCE: u32 = 100;
    let seen = Seen::default();
    let app = silent(seen.clone()).route("/", any(|| async { "served" }));
    let node = Node::with([machine(app)]).await;
    let mut frames = Frames::connect(&node, HOST).await;
    let mut bytes = Vec::new();
    let ids = |from: u32| (from..from + AT_ONCE).map(|number| 2 * number + 1);
    ids(0).for_each(|id| ask(&mut bytes, id, "GET", "/silent", END_STREAM));
    frames.send(&bytes).await.unwrap();
    until("all reach the app", || seen.inside() == AT_ONCE as usize).await;
    // In one go: the new ones are here before the old ones have gone.
    bytes.clear();
    ids(0).for_each(|id| reset(&mut bytes, id));
    ids(AT_ONCE).for_each(|id| ask(&mut bytes, id, "GET", "/", END_STREAM));
    frames.send(&bytes).await.unwrap();
    let mut served = Vec::new();
    while served.len() < AT_ONCE as usize {
        let data = timeout(PATIENCE, frames.next_of(DATA)).await.expect("all are served").unwrap();
        assert_eq!(data.payload, b"served");
        served.push(data.stream);
    }
    served.sort_unstable();
    assert_eq!(served, ids(AT_ONCE).collect::<Vec<_>>());
    until("the others have ended", || seen.inside() == 0).await;
}

#[tokio::test]
async fn a_client_that_takes_everything_back_is_sent_away() {
    let seen = Seen::default();
    let node = Node::with([machine(silent(seen.clone()))]).await;
    // At once, before the edge has looked at any.
    let mut frames = Frames::connect(&node, HOST).await;
    let mut bytes = Vec::new();
    for id in (1..100).step_by(2) {
        ask(&mut bytes, id, "GET", "/", END_STREAM);
        reset(&mut bytes, id);
    }
    frames.send(&bytes).await.unwrap();
    let away = timeout(PATIENCE, frames.next_of(GOAWAY)).await.unwrap().unwrap();
    assert_eq!(code(&away.payload, 4), ENHANCE_YOUR_CALM);
    // One after another, when the app has them.
    until("nothing is left", || seen.inside() == 0).await;
    let (mut frames, mut next) = (Frames::connect(&node, HOST).await, 1);
    let before = seen.ever();
    let sent_away = loop {
        let ids: Vec<u32> = (next..next + 200).step_by(2).collect();
        next += 200;
        bytes.clear();
        ids.iter().for_each(|id| ask(&mut bytes, *id, "GET", "/", END_STREAM));
        frames.send(&bytes).await.unwrap();
        let asked = before + next as usize / 2;
        until("they reach the app", || seen.ever() >= asked).await;
        bytes.clear();
        ids.iter().for_each(|id| reset(&mut bytes, *id));
        frames.send(&bytes).await.unwrap();
        // More than the edge forgives.
        if next > 2 * 1100 {
            break timeout(PATIENCE, frames.next_of(GOAWAY)).await.unwrap().unwrap();
        }
    };
    assert_eq!(code(&sent_away.payload, 4), ENHANCE_YOUR_CALM);
}

#[tokio::test]
async fn a_silent_client_is_asked_whether_it_is_still_there() {
    let quick = |config: &mut roost_edge::EdgeConfig| config.head_timeout = Duration::from_secs(1);
    let node = Node::configured([machine(says("still served"))], quick).await;
    // One that does not even begin is let go.
    let (mut config, _) = trusting_anyone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(node.tls_address).await.unwrap();
    let name = ServerName::try_from(HOST).unwrap();
    let mut mute = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let mut said = Vec::new();
    let _ = timeout(PATIENCE, mute.read_to_end(&mut said)).await.expect("it is let go");

    let mut frames = Frames::connect(&node, HOST).await;
    let ping = timeout(PATIENCE, frames.next_of(PING)).await.expect("it is asked").unwrap();
    assert_eq!(ping.flags & ACK, 0);
    let mut bytes = Vec::new();
    write(&mut bytes, PING, ACK, 0, &ping.payload);
    ask(&mut bytes, 1, "GET", "/", END_STREAM);
    frames.send(&bytes).await.unwrap();
    let data = timeout(PATIENCE, frames.next_of(DATA)).await.unwrap().unwrap();
    assert_eq!(data.payload, b"still served");
}

#[tokio::test]
async fn an_upload_is_held_back_when_the_app_does_not_read() {
    let (go, going) = watch::channel(false);
    let app = Router::new().fallback(any(move |body: Body| async move {
        going.clone().wait_for(|go| *go).await.unwrap();
        let mut length = 0;
        let mut body = body.into_data_stream();
        while let Some(Ok(data)) = futures::StreamExt::next(&mut body).await {
            length += data.len();
        }
        length.to_string()
    }));
    let node = Node::with([machine(app)]).await;
    let stream = TcpStream::connect(node.address).await.unwrap();
    let (mut requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post(format!("http://{HOST}/")).body(()).unwrap();
    let (answer, mut body) = requests.send_request(request, false).unwrap();
    const PIECE: usize = 16 * 1024;
    // Longer than all windows and sockets on the way hold.
    const WHOLE: usize = 64 << 20;
    let mut sent = 0;
    let mut held_back = false;
    while sent < WHOLE {
        body.reserve_capacity(PIECE);
        let room = poll_fn(|cx| body.poll_capacity(cx));
        let room = match timeout(Duration::from_secs(2), room).await {
            Ok(room) => room.unwrap().unwrap(),
            Err(_) => {
                held_back = true;
                go.send(true).unwrap();
                continue;
            }
        };
        let piece = room.min(WHOLE - sent);
        body.send_data(vec![b'x'; piece].into(), sent + piece == WHOLE).unwrap();
        sent += piece;
    }
    assert!(held_back, "{sent} bytes went somewhere");
    let mut answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), WHOLE.to_string());
}
