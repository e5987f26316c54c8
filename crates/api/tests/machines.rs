//! The Machines API as its clients use it.

mod support;

use reqwest::Method;
use roost_api_types::{LEASE_NONCE_HEADER, LogLine, Machine};
use serde_json::{Value, json};
use support::Platform;

async fn with_machine() -> (Platform, String) {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let config = json!({ "image": "example.com/app:1", "services": [{ "internal_port": 8080 }], "unknown": { "a": 1 } });
    let machine: Machine = platform.post("/v1/apps/web/machines", json!({ "config": config })).await;
    let path = format!("/v1/apps/web/machines/{}", machine.id);
    let _: Value = platform.get(&format!("{path}/wait?state=started&timeout=10")).await;
    (platform, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_comes_back_as_it_was_sent() {
    let (platform, path) = with_machine().await;
    let machine: Value = platform.get(&path).await;
    assert_eq!((&machine["state"], &machine["host_status"]), (&json!("started"), &json!("ok")));
    assert_eq!(machine["config"]["image"], json!("example.com/app:1"));
    assert_eq!(machine["config"]["unknown"], json!({ "a": 1 }), "unknown keys are kept");
    assert_eq!(machine["config"]["guest"]["memory_mb"], json!(256), "the size is always there");
    assert_eq!(machine["image_ref"]["registry"], json!("example.com"));
    assert!(machine["image_ref"]["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(machine["version"], machine["instance_id"]);
    let list: Vec<Machine> = platform.get("/v1/apps/web/machines?state=started&region=dev").await;
    assert_eq!(list.len(), 1);
    assert!(platform.get::<Vec<Machine>>("/v1/apps/web/machines?state=stopped").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn its_life_start_stop_update_destroy() {
    let (platform, path) = with_machine().await;
    let before: Machine = platform.get(&path).await;
    let _: Value =
        platform.post(&format!("{path}/stop"), json!({ "id": "x", "signal": "", "timeout": "5s" })).await;
    let stopped: Value = platform.get(&format!("{path}/wait?state=stopped&timeout=5")).await;
    assert_eq!(stopped["ok"], json!(true));
    let started: Value = platform.post(&format!("{path}/start"), Value::Null).await;
    assert_eq!(started["previous_state"], json!("stopped"));
    let settled: Value = platform.get(&format!("{path}/wait?state=failed&state=settled&timeout=5")).await;
    assert_eq!(settled["state"], json!("started"));

    let config = json!({ "image": "example.com/app:1", "env": { "A": "b" } });
    let updated: Machine = platform.post(&path, json!({ "config": config })).await;
    assert!(updated.instance_id != before.instance_id && updated.config.env["A"] == "b");
    let (status, _) =
        platform.refused(Method::GET, &format!("{path}/wait?state=suspended&timeout=1"), Value::Null).await;
    assert_eq!(status, 408);

    let _: Value = platform.get(&format!("{path}/wait?state=started&timeout=5")).await;
    let (status, _) = platform.refused(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, 412, "a running machine is only destroyed by force");
    let _: Value = platform.call(Method::DELETE, &format!("{path}?force=true"), Value::Null).await;
    assert!(platform.get::<Vec<Machine>>("/v1/apps/web/machines").await.is_empty());
    assert_eq!(platform.get::<Vec<Machine>>("/v1/apps/web/machines?include_deleted=true").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_suspended_and_started_again() {
    let (platform, path) = with_machine().await;
    let _: Value = platform.post(&format!("{path}/suspend"), Value::Null).await;
    let suspended: Value = platform.get(&format!("{path}/wait?state=suspended&timeout=5")).await;
    assert_eq!(suspended["ok"], json!(true));
    let started: Value = platform.post(&format!("{path}/start"), Value::Null).await;
    assert_eq!(started["previous_state"], json!("suspended"));
    let _: Value = platform.get(&format!("{path}/wait?state=started&timeout=5")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leased_machine_needs_the_nonce() {
    let (platform, path) = with_machine().await;
    let (status, error) = platform.refused(Method::GET, &format!("{path}/lease"), Value::Null).await;
    assert_eq!((status, error["error"].as_str()), (404, Some("lease not found")));
    let lease: Value = platform.post(&format!("{path}/lease?ttl=30"), Value::Null).await;
    assert_eq!((&lease["status"], &lease["data"]["nonce"]), (&json!("success"), &lease["nonce"]));
    let (status, error) = platform.refused(Method::POST, &format!("{path}/stop"), json!({})).await;
    assert!(status == 409 && error["error"].as_str().unwrap().contains("lease currently held by"), "{error}");
    let nonce = lease["nonce"].as_str().unwrap();
    let request = platform.request(Method::POST, &format!("{path}/stop")).bearer_auth(platform.token());
    let response = request.header(LEASE_NONCE_HEADER, nonce).send().await.unwrap();
    assert!(response.status().is_success());
    let request = platform.request(Method::DELETE, &format!("{path}/lease")).bearer_auth(platform.token());
    assert!(request.header(LEASE_NONCE_HEADER, nonce).send().await.unwrap().status().is_success());
    let (status, _) = platform.refused(Method::GET, &format!("{path}/lease"), Value::Null).await;
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_taken_along_with_a_machine_names_its_holder() {
    let (platform, _) = with_machine().await;
    let body = json!({ "config": { "image": "example.com/app:1" }, "lease_ttl": 60 });
    let made: Value = platform.post("/v1/apps/web/machines", body).await;
    let path = format!("/v1/apps/web/machines/{}", made["id"].as_str().unwrap());
    let lease: Value = platform.get(&format!("{path}/lease")).await;
    assert_eq!(lease["data"]["owner"], json!("admin"));
    let (status, _) = platform.refused(Method::POST, &format!("{path}/stop"), json!({})).await;
    assert_eq!(status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_exec_ps_events_and_logs() {
    let (platform, path) = with_machine().await;
    let response =
        platform.send(Method::POST, &format!("{path}/metadata/colour"), json!({ "value": "red" })).await;
    assert_eq!(response.status(), 204);
    assert_eq!(platform.get::<Value>(&format!("{path}/metadata")).await, json!({ "colour": "red" }));
    let one: Value = platform.get(&format!("{path}/metadata/colour")).await;
    assert_eq!(one, json!({ "value": "red" }));
    let machine: Machine = platform.get(&path).await;
    let several =
        |version: &str| json!({ "metadata": { "a": "b", "colour": "red" }, "machine_version": version });
    let own = several(&machine.instance_id.to_string());
    let response = platform.send(Method::PATCH, &format!("{path}/metadata"), own).await;
    assert_eq!(response.status(), 204);
    let emptied = json!({ "metadata": { "a": "" } });
    let response = platform.send(Method::PUT, &format!("{path}/metadata"), emptied).await;
    assert_eq!(response.status(), 204);
    assert_eq!(platform.get::<Value>(&format!("{path}/metadata")).await, json!({ "colour": "red" }));
    let other = several("01ARZ3NDEKTSV4RRFFQ69G5FAV");
    let (status, error) = platform.refused(Method::PUT, &format!("{path}/metadata"), other).await;
    assert_eq!((status, &error["status"]), (412, &json!("precondition_failed")));
    assert_eq!(platform.get::<Vec<Machine>>("/v1/apps/web/machines?metadata.colour=red").await.len(), 1);
    assert!(platform.get::<Vec<Machine>>("/v1/apps/web/machines?metadata.colour=blue").await.is_empty());

    let body = json!({ "cmd": "echo 'two words'", "stdin": "in" });
    let result: Value = platform.post(&format!("{path}/exec"), body).await;
    assert_eq!(result["stdout"], json!("echo,two words|in"));
    let ps: Value = platform.get(&format!("{path}/ps")).await;
    assert_eq!(ps[0]["listen_sockets"][0]["address"], json!("0.0.0.0:8080"));
    let events: Value = platform.get(&format!("{path}/events?limit=1")).await;
    assert_eq!(events.as_array().unwrap().len(), 1);
    let text =
        platform.send(Method::GET, "/v1/apps/web/logs?tail=5", Value::Null).await.text().await.unwrap();
    let line: LogLine = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert!(line.message.starts_with("hello from"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_a_reason() {
    let (platform, path) = with_machine().await;
    let id = path.rsplit('/').next().unwrap();
    platform.create_app("other").await;
    let machines = "/v1/apps/web/machines";
    for (method, path, body, status, word) in [
        (Method::GET, "/v1/apps/nothing".to_owned(), Value::Null, 404, "no app"),
        (Method::GET, format!("/v1/apps/other/machines/{id}"), Value::Null, 404, "machine not found"),
        (Method::GET, format!("{machines}/zzz"), Value::Null, 404, "14 hex digits"),
        (Method::POST, machines.to_owned(), json!({ "config": {} }), 400, "config.image"),
        (
            Method::POST,
            machines.to_owned(),
            json!({ "config": { "image": "a", "size": "huge" } }),
            400,
            "size",
        ),
        (
            Method::POST,
            machines.to_owned(),
            json!({ "config": { "image": "a" }, "region": "mars" }),
            400,
            "mars",
        ),
        (
            Method::POST,
            machines.to_owned(),
            json!({ "config": { "image": "a", "size": "performance-8x" } }),
            422,
            "capacity",
        ),
        (Method::POST, machines.to_owned(), json!("text"), 400, "body"),
        (Method::GET, format!("{path}/wait?state=flying"), Value::Null, 400, "flying"),
        (Method::POST, "/v1/apps".to_owned(), json!({ "name": "web" }), 409, "taken"),
        (Method::POST, "/v1/apps".to_owned(), json!({ "name": "Not_A_Name" }), 400, "lower-case"),
        (Method::POST, "/v1/apps/web/secrets".to_owned(), json!({ "values": { "1X": "v" } }), 400, "1X"),
        (Method::GET, "/v1/nothing".to_owned(), Value::Null, 404, "no call"),
        (Method::PUT, "/v1/apps".to_owned(), Value::Null, 405, "PUT"),
    ] {
        let (got, error) = platform.refused(method.clone(), &path, body).await;
        let text = error["error"].as_str().unwrap();
        assert!(got == status && text.contains(word), "{method} {path}: {got} {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_token_opens_the_door() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use std::os::unix::fs::PermissionsExt;
    let platform = Platform::start().await;
    let token = platform.token();
    let file = platform.folder.path().join("admin-token");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let basic = BASE64_STANDARD.encode(format!("x:{token}"));
    for (header, status) in [
        (format!("Bearer {token}"), 200),
        (format!("FlyV1 {token}"), 200),
        (format!("Bearer wrong,{token}"), 200),
        (format!("Basic {basic}"), 200),
        ("Bearer wrong".to_owned(), 401),
        (token.clone(), 401),
        (String::new(), 401),
    ] {
        let request = platform.request(Method::GET, "/v1/apps").header("authorization", &header);
        assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{header}");
    }
    let response = platform.request(Method::GET, "/healthz").send().await.unwrap();
    assert_eq!(response.status(), 200, "health needs no token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_app_takes_its_machines_along_and_frees_its_name() {
    let (platform, _) = with_machine().await;
    let response = platform.send(Method::DELETE, "/v1/apps/web", Value::Null).await;
    assert_eq!(response.status(), 202);
    assert!(platform.host.machines().is_empty());
    let (status, _) = platform.refused(Method::GET, "/v1/apps/web", Value::Null).await;
    assert_eq!(status, 404);
    platform.create_app("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_of_different_networks_get_different_addresses() {
    let platform = Platform::start().await;
    platform.create_app("one").await;
    platform.create_app("two").await;
    let _: Value = platform.post("/v1/apps", json!({ "name": "three", "network": "apart" })).await;
    let mut networks = Vec::new();
    for app in ["one", "two", "three"] {
        let body = json!({ "config": { "image": "example.com/app:1" } });
        let machine: Machine = platform.post(&format!("/v1/apps/{app}/machines"), body).await;
        networks.push(roost_model::MachineAddress::of(machine.private_ip).unwrap().network);
    }
    assert_eq!(networks[0], networks[1]);
    assert_ne!(networks[0], networks[2]);
    let status: Value = platform.get("/v1/status").await;
    assert_eq!(status["hosts"][0]["id"], json!("fake"));
}
