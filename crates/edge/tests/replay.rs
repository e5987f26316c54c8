//! Requests that apps want served elsewhere.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State, WebSocketUpgrade, ws::Message},
    response::{IntoResponse, Response},
    routing::any,
};
use futures::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use roost_catalog::{AppRecord, Change};
use roost_fake_host::FakeMachine;
use roost_model::{MachineId, NetworkId};
use serde_json::json;
use support::{Answer, Node, record};

/// An app that asks for what its client tells it to ask for (`x-ask`, `x-ask-json`, and `x-cache`), once unless
/// `x-again` says otherwise; else it says who it is and what it sees.
fn app(name: &'static str) -> (Router, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let router = Router::new().fallback(ask_or_say).with_state((name, requests.clone()));
    (router, requests)
}

async fn ask_or_say(
    State((name, requests)): State<(&'static str, Arc<AtomicUsize>)>,
    request: Request,
) -> Response {
    requests.fetch_add(1, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let came = ["fly-replay-src", "fly-replay-failed"].iter().any(|name| header(name).is_some())
        || header("fly-replay-cache-status").as_deref() == Some("hit");
    if !came || header("x-again").is_some() {
        if let Some(json) = header("x-ask-json") {
            return ([("content-type", "application/vnd.fly.replay+json")], json).into_response();
        }
        if let Some(ask) = header("x-ask") {
            let mut answer = ([("fly-replay", ask)], "nobody reads this").into_response();
            if let Some(cache) = header("x-cache") {
                let headers = answer.headers_mut();
                headers.insert("fly-replay-cache", cache.parse().unwrap());
                headers.insert("fly-replay-cache-ttl-secs", "60".parse().unwrap());
                headers.insert("fly-replay-cache-allow-bypass", "yes".parse().unwrap());
            }
            return answer;
        }
    }
    let body = body.collect().await.unwrap().to_bytes();
    let mut seen = format!("{name}: {} {} {}\n", head.method, head.uri, body.len());
    for (name, value) in &head.headers {
        seen.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    seen.into_response()
}

fn machine(of: &str, name: &'static str) -> FakeMachine {
    FakeMachine::of(of, app(name).0).started()
}

async fn ask(node: &Node, ask: &str) -> Answer {
    node.send(node.request("web", "/a?b=1").header("x-ask", ask).body(Body::empty()).unwrap()).await
}

fn id_of(node: &Node, app: &str) -> MachineId {
    let snapshot = node.catalog.snapshot();
    snapshot.machines().find(|machine| machine.app.as_str() == app).unwrap().id.clone()
}

/// Puts apps into the directory: all of org `personal`, in its default network, unless said otherwise.
fn declare(node: &Node, records: impl IntoIterator<Item = AppRecord>) {
    node.catalog.apply(records.into_iter().map(Change::App));
}

/// Two apps of one org, `web` and `other`, with a machine each.
async fn two_apps() -> Node {
    let node = Node::with([machine("web", "web"), machine("other", "other")]).await;
    declare(&node, [record("web"), record("other")]);
    node
}

#[tokio::test]
async fn another_app_serves_the_same_request_and_is_told_who_sent_it() {
    let node = two_apps().await;
    let request = node.request("web", "/a?b=1").method("POST").header("x-ask", "app=other;state=a b=c");
    let answer = node.send(request.body(Body::from(vec![b'x'; 100_000])).unwrap()).await;
    assert!(answer.body.starts_with("other: POST /a?b=1 100000\n"), "{answer:?}");
    let source = format!("fly-replay-src: instance={};region=dev;t=", id_of(&node, "web"));
    assert!(answer.body.contains(&source), "{}", answer.body);
    assert!(answer.body.contains(";state=a b=c\n"), "{}", answer.body);
    assert!(!answer.headers.contains_key("fly-replay"));
}

#[tokio::test]
async fn a_sleeping_target_is_woken() {
    let asleep = FakeMachine::of("other", app("other").0);
    let node = Node::with([machine("web", "web"), asleep]).await;
    declare(&node, [record("web"), record("other")]);
    assert!(ask(&node, "app=other").await.body.starts_with("other: GET /a?b=1 0\n"));
    assert_eq!(node.host.starts(), 1);
}

#[tokio::test]
async fn places_instances_and_elsewhere_are_what_they_say() {
    let machines =
        [machine("web", "dev"), machine("web", "fra").region("fra"), machine("web", "ord").region("ord")];
    let node = Node::with(machines).await;
    let served = |asked: &'static str| {
        let node = &node;
        async move {
            let request = node.request("web", "/").header("fly-force-region", "dev").header("x-ask", asked);
            let answer = node.send(request.body(Body::empty()).unwrap()).await;
            answer.body.split(':').next().unwrap().to_owned()
        }
    };
    assert_eq!(served("region=fra").await, "fra");
    assert_eq!(served("region=gru,us,fra").await, "ord");
    assert_eq!(served("region=eu").await, "fra");
    assert_ne!(served("elsewhere=true").await, "dev");
    let snapshot = node.catalog.snapshot();
    let ord = snapshot.machines().find(|machine| machine.region.as_str() == "ord").unwrap().id.clone();
    let by_id = |field: &str, id: &str| Box::leak(format!("{field}={id}").into_boxed_str()) as &'static str;
    assert_eq!(served(by_id("instance", ord.as_str())).await, "ord");
    assert_eq!(served(by_id("prefer_instance", ord.as_str())).await, "ord");
    let nobody = ask(&node, "region=gru").await;
    assert_eq!(nobody.code(), Some("E110"));
    let missed = ask(&node, "prefer_instance=00000000000000").await;
    assert!(missed.body.contains("fly-preferred-instance-unavailable: 00000000000000"), "{missed:?}");
}

#[tokio::test]
async fn apps_reach_only_what_is_open_to_them() {
    let names = ["web", "other", "tenant", "stranger"];
    let node = Node::with(names.map(|name| machine(name, name))).await;
    let tenant = AppRecord { network: NetworkId(2), in_default_network: false, ..record("tenant") };
    let stranger = AppRecord { org: "others".into(), network: NetworkId(3), ..record("stranger") };
    declare(&node, [record("web"), record("other"), tenant, stranger]);
    assert!(
        ask(&node, "app=tenant").await.body.starts_with("tenant:"),
        "from the default network to all of the org"
    );
    for closed in ["app=stranger", "app=nowhere"] {
        let answer = ask(&node, closed).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (502, Some("E309")), "{closed}");
    }
    let request = node.request("tenant", "/").header("x-ask", "app=web");
    let answer = node.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.code(), Some("E309"), "a network of its own leads nowhere else");
}

#[tokio::test]
async fn circles_end() {
    let (router, requests) = app("web");
    let node = Node::with([FakeMachine::of("web", router).started()]).await;
    let request = node.request("web", "/").header("x-ask", "app=web").header("x-again", "1");
    let answer = node.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (508, Some("E307")));
    assert_eq!(requests.load(Ordering::SeqCst), 11, "once, and ten replays");
}

#[tokio::test]
async fn a_body_is_replayed_up_to_the_published_limit() {
    let node = two_apps().await;
    let send = |length: usize| {
        let request = node.request("web", "/").method("POST").header("x-ask", "app=other");
        node.send(request.body(Body::from(vec![b'x'; length])).unwrap())
    };
    assert!(send(1_000_000).await.body.starts_with("other: POST / 1000000\n"));
    // The app answers at once; what it has not read is still the client's to send, and goes to the other app.
    let large = send(3 << 20).await;
    match large.code() {
        None => assert!(large.body.starts_with("other: POST / 3145728\n"), "{large:?}"),
        code => assert_eq!((large.status.as_u16(), code), (413, Some("E308"))),
    }
}

#[tokio::test]
async fn a_large_body_that_the_app_has_read_is_not_replayed() {
    let reads = Router::new().fallback(|_: Bytes| async { [("fly-replay", "app=other")] });
    let reads = reads.layer(axum::extract::DefaultBodyLimit::disable());
    let node = Node::with([FakeMachine::of("web", reads).started(), machine("other", "other")]).await;
    declare(&node, [record("web"), record("other")]);
    let send = |length: usize| {
        let request = node.request("web", "/").method("POST").body(Body::from(vec![b'x'; length]));
        node.send(request.unwrap())
    };
    assert!(send(1_000_000).await.body.starts_with("other: POST / 1000000\n"));
    let answer = send(3 << 20).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (413, Some("E308")));
}

#[tokio::test]
async fn a_replay_that_reaches_nobody_comes_back_once() {
    let node = two_apps().await;
    let web = id_of(&node, "web");
    for fallback in ["force_self", "prefer_self"] {
        let answer = ask(&node, &format!("instance=00000000000000;app=other;fallback={fallback}")).await;
        assert!(answer.body.starts_with("web: GET /a?b=1 0\n"), "{answer:?}");
        let failed = format!(
            "fly-replay-failed: instance=00000000000000;app=other;replay_source={web};reason=no_candidate;elapsed_ms="
        );
        assert!(answer.body.contains(&failed), "{}", answer.body);
        assert!(!answer.body.contains("fly-replay-src"));
    }
    let ask = "app=other;region=gru;fallback=force_self";
    let request = node.request("web", "/").header("x-ask", ask).header("x-again", "1");
    let answer = node.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.code(), Some("E307"), "what came back is not replayed again");
}

#[tokio::test]
async fn a_target_that_takes_too_long_is_given_up() {
    let stuck = FakeMachine::of("other", app("other").0).boots_in(Duration::from_secs(3600));
    let node = Node::with([machine("web", "web"), stuck]).await;
    declare(&node, [record("web"), record("other")]);
    let answer = ask(&node, "app=other;timeout=300ms;fallback=prefer_self").await;
    assert!(answer.body.contains(";reason=timeout;elapsed_ms="), "{answer:?}");
    let answer = ask(&node, "app=other;timeout=300ms").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (504, Some("E202")));
}

#[tokio::test]
async fn the_json_form_changes_path_and_headers_and_a_way_back_undoes_it() {
    let node = two_apps().await;
    let transform = json!({ "path": "/new?c=2", "delete_headers": ["x-old"],
        "set_headers": [{ "name": "x-tenant", "value": "7" }] });
    let send = |wish: serde_json::Value| {
        let request = node.request("web", "/a").header("x-old", "1").header("x-ask-json", wish.to_string());
        node.send(request.body(Body::empty()).unwrap())
    };
    let answer = send(json!({ "app": "other", "transform": transform })).await;
    assert!(answer.body.starts_with("other: GET /new?c=2 0\n"), "{answer:?}");
    assert!(answer.body.contains("x-tenant: 7\n") && !answer.body.contains("\nx-old: "), "{answer:?}");
    let back =
        send(json!({ "app": "other", "region": "gru", "fallback": "force_self", "transform": transform }))
            .await;
    assert!(back.body.starts_with("web: GET /a 0\n"), "{back:?}");
    assert!(back.body.contains("\nx-old: 1\n") && !back.body.contains("\nx-tenant: "), "{back:?}");
}

#[tokio::test]
async fn a_wish_that_cannot_be_read_is_named() {
    let node = two_apps().await;
    let answer = ask(&node, "colour=red").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (502, Some("E306")));
    assert!(answer.body.contains("colour"), "{}", answer.body);
    let request = node.request("web", "/").header("x-ask-json", r#"{"app": 7}"#);
    let answer = node.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.code(), Some("E306"));
}

#[tokio::test]
async fn a_replay_is_kept_for_a_folder_until_it_is_forgotten() {
    let (router, asked) = app("web");
    let node = Node::with([FakeMachine::of("web", router).started(), machine("other", "other")]).await;
    declare(&node, [record("web"), record("other")]);
    let get = |path: &str, header: Option<(&str, &str)>| {
        let mut request = node.request("web", path).header("x-ask", "app=other").header("x-cache", "/kept/*");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        node.send(request.body(Body::empty()).unwrap())
    };
    let first = get("/kept/1", None).await;
    assert!(first.body.contains("fly-replay-cache-status: miss\n"), "{first:?}");
    for _ in 0..3 {
        let hit = get("/kept/2", None).await;
        assert!(
            hit.body.starts_with("other:") && hit.body.contains("fly-replay-cache-status: hit\n"),
            "{hit:?}"
        );
        assert!(!hit.body.contains("fly-replay-src"), "{hit:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    get("/kept/3", Some(("fly-replay-cache-control", "skip"))).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2, "its client asked for the app");
    // Nobody is there any more: the app is asked again, and its wish fails as without a cache.
    node.host.change(&id_of(&node, "other"), |machine| machine.cordoned = true);
    node.catalog.wait_for(|s| s.machines().any(|machine| machine.cordoned).then_some(())).await;
    assert_eq!(get("/kept/4", None).await.code(), Some("E105"));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_answer_of_the_target_ends_what_is_kept() {
    let (router, asked) = app("web");
    let done = Router::new().fallback(|| async { [("fly-replay-cache", "invalidate")] });
    let node =
        Node::with([FakeMachine::of("web", router).started(), FakeMachine::of("other", done).started()])
            .await;
    declare(&node, [record("web"), record("other")]);
    for (n, expected) in [1, 1, 2, 2].into_iter().enumerate() {
        let request = node.request("web", "/").header("x-ask", "app=other").header("x-cache", "/*");
        assert_eq!(node.send(request.body(Body::empty()).unwrap()).await.status, 200);
        assert_eq!(asked.load(Ordering::SeqCst), expected, "request {n}");
    }
}

#[tokio::test]
async fn sessions_stay_where_their_first_request_was_sent() {
    let (router, asked) = app("web");
    let rule = json!({ "path_prefix": "/", "ttl_seconds": 60, "type": "cookie", "name": "session" });
    let ports = json!([{ "port": 80, "handlers": ["http"], "http_options": { "replay_cache": [rule] } }]);
    let web = FakeMachine::of("web", router).started().service("ports", ports);
    let node = Node::with([web, machine("other", "other")]).await;
    declare(&node, [record("web"), record("other")]);
    let get = |cookie: &str| {
        let request = node.request("web", "/any").header("x-ask", "app=other").header("cookie", cookie);
        node.send(request.body(Body::empty()).unwrap())
    };
    for (cookie, expected) in [
        ("theme=dark; session=one", 1),
        ("session=one", 1),
        ("session=two", 2),
        ("session=one; theme=dark", 2),
        ("theme=dark", 3),
        ("theme=dark", 4),
    ] {
        assert!(get(cookie).await.body.starts_with("other:"));
        assert_eq!(asked.load(Ordering::SeqCst), expected, "{cookie}");
    }
}

#[tokio::test]
async fn a_websocket_is_replayed_before_it_opens() {
    let echo = Router::new().route(
        "/",
        any(|upgrade: WebSocketUpgrade| async {
            upgrade.on_upgrade(|mut socket| async move {
                while let Some(Ok(Message::Text(text))) = socket.recv().await {
                    socket.send(Message::Text(text)).await.unwrap();
                }
            })
        }),
    );
    let asks = Router::new().fallback(|| async { [("fly-replay", "app=other")] });
    let node =
        Node::with([FakeMachine::of("web", asks).started(), FakeMachine::of("other", echo).started()]).await;
    declare(&node, [record("web"), record("other")]);
    let stream = tokio::net::TcpStream::connect(node.address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("ws://web.roost.test/", stream).await.unwrap();
    socket.send("hello".into()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), "hello".into());
}
