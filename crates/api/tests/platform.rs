//! Apps, secrets, addresses and regions in the shapes that clients of the Machines API rely on.

mod support;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::Platform;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_app_has_what_clients_read() {
    let platform = Platform::start().await;
    let body = json!({ "app_name": "web", "org_slug": "personal", "network": "", "app_role_id": "postgres_cluster" });
    let response = platform.send(Method::POST, "/v1/apps?wait=true", body).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let app: Value = platform.get("/v1/apps/web").await;
    assert_eq!(
        (&app["name"], &app["status"], &app["network"]),
        (&json!("web"), &json!("pending"), &json!("default"))
    );
    assert_eq!(
        (&app["app_role"], &app["cname_target"]),
        (&json!("postgres_cluster"), &json!("web.roost.localhost"))
    );
    assert!(app["organization"]["internal_numeric_id"].is_u64() && app["network_cidr"] == "fdaa:0:1::/48");
    platform.create_app("plain").await;
    let listed =
        async |query: &str| platform.get::<Value>(&format!("/v1/apps?{query}")).await["total_apps"].clone();
    assert_eq!(listed("org_slug=personal").await, json!(2));
    assert_eq!(listed("org_slug=personal&app_role=postgres_cluster").await, json!(1));
    assert_eq!(listed("org_slug=personal&app_role=remote-docker-builder").await, json!(0));
    let builder =
        json!({ "name": "fly-builder-x", "org_slug": "personal", "app_role_id": "remote-docker-builder" });
    let (status, error) = platform.refused(Method::POST, "/v1/apps", builder).await;
    assert!(status == 422 && error["error"].as_str().unwrap().contains("BUILDKIT_ADDR"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_without_machines_is_suspended_once_it_was_deployed() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    platform.deploy("web", "fine").await;
    assert_eq!(platform.get::<Value>("/v1/apps/web").await["status"], json!("deployed"));
    let machines: Vec<Value> = platform.get("/v1/apps/web/machines").await;
    let path = format!("/v1/apps/web/machines/{}?kill=true", machines[0]["id"].as_str().unwrap());
    let _: Value = platform.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(platform.get::<Value>("/v1/apps/web").await["status"], json!("suspended"));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_say_their_version_and_never_their_value() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let path = "/v1/apps/web/secrets";
    let set: Value = platform.post(path, json!({ "values": { "A": "1", "B": "2" } })).await;
    assert_eq!((&set["version"], set["secrets"].as_array().unwrap().len()), (&json!(1), 2));
    let set: Value = platform.post(path, json!({ "values": { "A": null, "NEVER_THERE": null } })).await;
    assert_eq!((&set["version"], &set["secrets"][0]["name"]), (&json!(2), &json!("B")));
    let one = platform.send(Method::POST, &format!("{path}/C"), json!({ "value": "3" })).await;
    assert_eq!(one.status(), StatusCode::CREATED);
    assert_eq!(one.json::<Value>().await.unwrap()["version"], json!(3));
    let list: Value = platform.get(&format!("{path}?version=3&show_secrets=false")).await;
    assert!(
        list["secrets"]
            .as_array()
            .unwrap()
            .iter()
            .all(|s| s.get("value").is_none() && s["digest"].is_string())
    );
    let (status, _) = platform.refused(Method::GET, &format!("{path}?min_version=4"), Value::Null).await;
    assert_eq!(status, 409);
    let (status, _) =
        platform.refused(Method::GET, &format!("{path}/C?show_secrets=true"), Value::Null).await;
    assert_eq!(status, 403);
    let gone: Value = platform.call(Method::DELETE, &format!("{path}/C"), Value::Null).await;
    assert_eq!(gone["version"], json!(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_gets_the_addresses_that_there_are() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let path = "/v1/apps/web/ip_assignments";
    let ask = |kind: &str| json!({ "type": kind, "region": "", "org_slug": "personal", "network": "", "service_name": "" });
    assert_eq!(platform.get::<Value>(path).await, json!({ "ips": [] }));
    for (kind, ip, shared) in
        [("v6", "::1", true), ("shared_v4", "127.0.0.1", true), ("private_v6", "fdaa:0:1::1:3", false)]
    {
        let given: Value = platform.post(path, ask(kind)).await;
        assert_eq!((&given["ip"], &given["shared"]), (&json!(ip), &json!(shared)));
        assert_eq!(platform.post::<Value>(path, ask(kind)).await, given, "asked again, it is the same");
    }
    let (status, error) = platform.refused(Method::POST, path, ask("v4")).await;
    assert!(status == 422 && error["error"].as_str().unwrap().contains("shared_v4"), "{error}");
    let elsewhere = json!({ "type": "private_v6", "network": "nowhere" });
    assert_eq!(platform.refused(Method::POST, path, elsewhere).await.0, 404);
    assert_eq!(platform.refused(Method::POST, path, ask("v7")).await.0, 400);
    let release = format!("{path}/127.0.0.1");
    assert_eq!(platform.send(Method::DELETE, &release, Value::Null).await.status(), 204);
    assert_eq!(platform.refused(Method::DELETE, &release, Value::Null).await.0, 404);
    assert_eq!(platform.get::<Value>(path).await["ips"].as_array().unwrap().len(), 2);
    platform.send(Method::DELETE, "/v1/apps/web", Value::Null).await;
    platform.create_app("web").await;
    assert_eq!(platform.get::<Value>(path).await, json!({ "ips": [] }), "they went with the app");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_on_the_network_that_it_is_asked_for() {
    let platform = Platform::start().await;
    let _: Value = platform.post("/v1/orgs", json!({ "name": "Acme" })).await;
    let blue = json!({ "name": "web", "org_slug": "personal", "network": "blue" });
    let _: Value = platform.post("/v1/apps", blue).await;
    platform.create_app("first").await;
    let _: Value = platform.post("/v1/apps", json!({ "name": "theirs", "org_slug": "acme" })).await;
    let network = async |app: &str, org: &str, name: &str| {
        let asked = json!({ "type": "private_v6", "org_slug": org, "network": name });
        let given: Value = platform.post(&format!("/v1/apps/{app}/ip_assignments"), asked).await;
        let ip: std::net::IpAddr = given["ip"].as_str().unwrap().parse().unwrap();
        roost_model::addr::AppAddress::of(ip).unwrap().network
    };
    let own = network("web", "", "").await;
    assert_eq!(network("web", "personal", "blue").await, own);
    assert_ne!(network("web", "personal", "default").await, own);
    let theirs = network("theirs", "", "").await;
    assert_eq!(network("web", "acme", "").await, theirs, "another org's first one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_release_has_the_public_addresses_unless_others_were_given() {
    let platform = Platform::start().await;
    for app in ["open", "inner"] {
        platform.create_app(app).await;
    }
    let inner = "/v1/apps/inner/ip_assignments";
    let _: Value = platform.post(inner, json!({ "type": "private_v6" })).await;
    for app in ["open", "inner"] {
        platform.deploy(app, "fine").await;
    }
    let ips = async |path: &str| {
        let list: Value = platform.get(path).await;
        list["ips"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ip| ip["ip"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ips("/v1/apps/open/ip_assignments").await, ["127.0.0.1", "::1"]);
    assert!(matches!(&ips(inner).await[..], [private] if private.starts_with("fdaa:")));
    let url = async |app: &str| platform.get::<Value>(&format!("/v1/apps/{app}")).await["url"].clone();
    assert_eq!(url("inner").await, "http://inner.flycast");
    assert_ne!(url("open").await, "http://open.flycast");
    let list: Value = platform.get("/v1/apps").await;
    let query = json!({ "query": "{ app(name: \"inner\") { appUrl } apps { nodes { name appUrl } } }" });
    let graph: Value = platform.post("/graphql", query).await;
    assert_eq!(graph["data"]["app"]["appUrl"], "http://inner.flycast", "{graph}");
    for app in ["open", "inner"] {
        let url = url(app).await;
        let listed =
            |apps: &Value| apps.as_array().unwrap().iter().find(|a| a["name"] == app).unwrap().clone();
        assert_eq!(listed(&list["apps"])["url"], url);
        assert_eq!(listed(&graph["data"]["apps"]["nodes"])["appUrl"], url);
    }
    platform.send(Method::DELETE, "/v1/apps/open/ip_assignments/127.0.0.1", Value::Null).await;
    platform.deploy("open", "fine").await;
    assert_eq!(ips("/v1/apps/open/ip_assignments").await, ["::1"], "what was taken back is not given again");
}

#[tokio::test(flavor = "multi_thread")]
async fn regions_and_placements_are_the_hosts() {
    let platform = Platform::start().await;
    let regions: Value = platform.get("/v1/platform/regions?size=shared-cpu-1x").await;
    assert_eq!((&regions["nearest"], &regions["regions"][0]["code"]), (&json!("dev"), &json!("dev")));
    assert!(regions["regions"][0]["capacity"].as_u64().unwrap() > 0);
    let path = "/v1/platform/placements";
    let guest = json!({ "cpu_kind": "shared", "cpus": 1, "memory_mb": 256 });
    let ask = |region: &str, guest: &Value| {
        json!({ "compute": guest, "region": region, "count": 2, "volume_name": "", "volume_size_bytes": 0,
                "weights": null, "org_slug": "personal" })
    };
    let placed: Value = platform.post(path, ask("any", &guest)).await;
    assert_eq!(placed, json!({ "regions": [{ "region": "dev", "count": 2, "concurrency": 1 }] }));
    assert_eq!(platform.post::<Value>(path, ask("ams,eu", &guest)).await, json!({ "regions": [] }));
    let odd = json!({ "cpu_kind": "shared", "cpus": 3, "memory_mb": 256 });
    assert_eq!(platform.refused(Method::POST, path, ask("any", &odd)).await.0, 400);
    assert_eq!(platform.refused(Method::POST, path, ask("..", &guest)).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_an_id_and_every_refusal_a_body() {
    let platform = Platform::start().await;
    let json = |response: reqwest::Response| async move {
        assert!(response.headers().contains_key("fly-request-id"));
        (response.status().as_u16(), response.json::<Value>().await.unwrap()["status"].clone())
    };
    let no_token = platform.request(Method::GET, "/v1/apps").send().await.unwrap();
    assert_eq!(json(no_token).await, (401, json!("unauthorized")));
    let response = platform.send(Method::PUT, "/v1/apps", Value::Null).await;
    assert!(response.headers()["allow"].to_str().unwrap().contains("POST"));
    assert_eq!(json(response).await, (405, json!("method_not_allowed")));
    let sent = |body: Vec<u8>, content_type: &'static str| {
        let request = platform.request(Method::POST, "/v1/apps").bearer_auth(platform.token());
        async move { json(request.header("content-type", content_type).body(body).send().await.unwrap()).await }
    };
    let app = br#"{"name":"web"}"#.to_vec();
    assert_eq!(sent(b"{".to_vec(), "application/json").await, (400, json!("invalid_request")));
    assert_eq!(sent(b"name=web".to_vec(), "application/x-www-form-urlencoded").await.0, 415);
    assert!(refused_by_its_length(&platform).await.starts_with("HTTP/1.1 413"));
    assert_eq!(sent(app, "text/plain").await.0, 201);
}

/// What is answered to the head of a call whose body is announced as too large, and never sent.
async fn refused_by_its_length(platform: &Platform) -> String {
    let url = platform.url("");
    let address = url.strip_prefix("http://").unwrap();
    let token = platform.token();
    let head = format!(
        "POST /v1/apps HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 99999999\r\nconnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_machines_have_filters_and_pages() {
    let platform = Platform::start().await;
    for app in ["one", "two"] {
        platform.create_app(app).await;
        for number in 0..3 {
            let metadata = json!({ "number": number.to_string() });
            let body = json!({ "config": { "image": "example.com/app:1", "metadata": metadata } });
            let machine: Value = platform.post(&format!("/v1/apps/{app}/machines"), body).await;
            let path = format!("/v1/apps/{app}/machines/{}", machine["id"].as_str().unwrap());
            let _: Value = platform.get(&format!("{path}/wait?state=started&timeout=10")).await;
        }
    }
    let count =
        async |query: &str| platform.get::<Vec<Value>>(&format!("/v1/apps/one/machines?{query}")).await.len();
    assert_eq!(count("started").await, 3);
    assert_eq!(count("stopped").await, 0);
    assert_eq!(count("state=started,stopped&region=ams,dev").await, 3);
    assert_eq!(count("region=ams").await, 0);
    assert_eq!(count("metadata.number=1").await, 1);
    let summary: Value = platform.get("/v1/apps/one/machines?summary=true").await;
    assert!(summary[0].get("config").is_none() && summary[0]["state"] == "started");
    for query in ["state=flying", "summary=perhaps"] {
        let path = format!("/v1/apps/one/machines?{query}");
        assert_eq!(platform.refused(Method::GET, &path, Value::Null).await.0, 400, "{query}");
    }

    let (mut cursor, mut ids) = (String::new(), std::collections::BTreeSet::new());
    for page in 1..=3 {
        let path = format!("/v1/orgs/personal/machines?limit=2&cursor={cursor}");
        let list: Value = platform.get(&path).await;
        for machine in list["machines"].as_array().unwrap() {
            assert!(machine["config"]["guest"]["cpus"].is_u64() && machine["app_name"].is_string());
            ids.insert(machine["id"].as_str().unwrap().to_owned());
        }
        cursor = list["next_cursor"].as_str().unwrap().to_owned();
        assert_eq!((ids.len(), cursor.is_empty()), (page * 2, page == 3));
    }
    assert_eq!(platform.refused(Method::GET, "/v1/orgs/nobody/machines", Value::Null).await.0, 404);
    assert_eq!(
        platform.refused(Method::GET, "/v1/orgs/personal/machines?cursor=x", Value::Null).await.0,
        400
    );
}
