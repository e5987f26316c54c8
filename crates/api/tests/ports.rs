//! Public ports beside those of HTTP: the first app that asks has one, or apps share it by name.

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Platform, config};

/// A machine whose service has this public port.
fn machine(protocol: &str, port: Value) -> Value {
    let service = json!({ "internal_port": 8080, "protocol": protocol, "ports": [port] });
    json!({ "config": { "image": "example.com/app:1", "services": [service] }, "skip_launch": true })
}

async fn with_apps() -> Platform {
    let platform = Platform::start().await;
    platform.create_app("one").await;
    platform.create_app("two").await;
    platform
}

const ONE: &str = "/v1/apps/one/machines";
const TWO: &str = "/v1/apps/two/machines";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_app_has_a_port_until_it_is_gone() {
    let platform = with_apps().await;
    let postgres = || machine("tcp", json!({ "port": 5432, "handlers": ["pg_tls"] }));
    for _ in 0..2 {
        let _: Value = platform.post(ONE, postgres()).await;
    }
    let (status, error) = platform.refused(Method::POST, TWO, postgres()).await;
    assert_eq!((status, &error["status"]), (409, &json!("port_taken")));
    let range = machine("tcp", json!({ "start_port": 5430, "end_port": 5440 }));
    let (_, error) = platform.refused(Method::POST, TWO, range).await;
    assert!(error["error"].as_str().unwrap().contains("public port 5432 (tcp)"), "{error}");
    let _: Value = platform.post(TWO, machine("udp", json!({ "port": 5432 }))).await;

    platform.send(Method::DELETE, "/v1/apps/one?force=true", Value::Null).await;
    let _: Value = platform.post(TWO, postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_with_names_are_shared_and_ports_of_the_platform_are_not_given_away() {
    let platform = with_apps().await;
    let named = |port: u16| machine("tcp", json!({ "port": port, "handlers": ["tls"] }));
    for path in [ONE, TWO] {
        let _: Value = platform.post(path, named(8883)).await;
        let _: Value = platform.post(path, named(443)).await;
        // Where the edge listens by itself.
        let _: Value = platform.post(path, named(8080)).await;
    }
    for port in [22, 80, 443, 8080, 8883] {
        let (status, error) =
            platform.refused(Method::POST, ONE, machine("tcp", json!({ "port": port }))).await;
        assert_eq!((status, &error["status"]), (409, &json!("port_taken")), "{port}");
    }
    let many = machine("udp", json!({ "start_port": 10_000, "end_port": 20_000 }));
    let (status, error) = platform.refused(Method::POST, ONE, many).await;
    assert!(status == 400 && error["error"].as_str().unwrap().contains("256"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_wants_anothers_port_does_not_begin() {
    let platform = with_apps().await;
    let _: Value = platform.post(ONE, machine("tcp", json!({ "port": 25 }))).await;
    let mut wants = config("two", "fine");
    wants["services"] = json!([{ "internal_port": 25, "protocol": "tcp", "ports": [{ "port": 25 }] }]);
    let body = json!({ "config": wants, "image": "example.com/app:1" });
    let (status, error) = platform.refused(Method::POST, "/v1/apps/two/releases", body).await;
    assert_eq!((status, &error["status"]), (409, &json!("port_taken")));
    let machines: Vec<Value> = platform.get(TWO).await;
    assert!(machines.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_on_private_networks_alone_take_no_public_port() {
    let platform = with_apps().await;
    let postgres = || machine("tcp", json!({ "port": 5432 }));
    for app in ["one", "two"] {
        let private = json!({ "type": "private_v6" });
        let _: Value = platform.post(&format!("/v1/apps/{app}/ip_assignments"), private).await;
        let _: Value = platform.post(&format!("/v1/apps/{app}/machines"), postgres()).await;
    }
    // Where no datagram would arrive.
    let game = || machine("udp", json!({ "port": 7777 }));
    let (status, error) = platform.refused(Method::POST, ONE, game()).await;
    assert_eq!((status, &error["status"]), (422, &json!("unsupported")));
    assert!(error["error"].as_str().unwrap().contains("port 7777 (udp)"), "{error}");
    platform.create_app("open").await;
    let _: Value = platform.post("/v1/apps/open/machines", postgres()).await;
    let _: Value = platform.post("/v1/apps/open/machines", game()).await;
    // Who comes to be there for everybody asks for the port, too.
    let _: Value = platform.post("/v1/apps/two/ip_assignments", json!({ "type": "v6" })).await;
    let (status, error) = platform.refused(Method::POST, TWO, postgres()).await;
    assert_eq!((status, &error["status"]), (409, &json!("port_taken")));
}
