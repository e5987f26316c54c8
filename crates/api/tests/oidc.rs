//! Machines' identities: tokens that others check by what is published, and what a machine may do
//! without a token.

mod support;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use reqwest::Method;
use roost_api::{Rate, RateLimits};
use serde_json::{Value, json};
use support::Platform;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

/// A machine of app "web", which calls as its host lets it.
struct Machine {
    platform: Platform,
    id: String,
}

impl Machine {
    async fn start() -> Self {
        Self::start_limited(RateLimits::none()).await
    }

    async fn start_limited(limits: RateLimits) -> Self {
        let platform = Platform::start_limited(limits).await;
        platform.create_app("web").await;
        platform.create_app("other").await;
        let machine =
            json!({ "config": { "image": "example.com/app:1" }, "name": "one", "skip_launch": true });
        let machine: Value = platform.post("/v1/apps/web/machines", machine).await;
        Self { platform, id: machine["id"].as_str().unwrap().to_owned() }
    }

    /// A call through the machine's socket: status and body.
    async fn call(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> (u16, String) {
        let introduction = json!({ "app": "web", "machine": self.id }).to_string();
        let body = body.to_string();
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "{introduction}\n{method} {path} HTTP/1.1\r\nhost: flaps\r\n{token}connection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = self.send(request.as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {answer}"));
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    async fn send(&self, bytes: &[u8]) -> String {
        let socket = self.platform.folder.path().join("machines.sock");
        let mut stream = UnixStream::connect(socket).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = String::new();
        // The server may cut a connection that it does not understand.
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_proves_who_it_is_to_somebody_who_knows_the_published_keys_only() {
    let mut machine = Machine::start().await;
    let ask = json!({ "aud": "https://cloud.example", "aws_principal_tags": true });
    let (status, token) = machine.call("POST", "/v1/tokens/oidc", None, &ask).await;
    assert_eq!(status, 200, "{token}");

    // What is published is there for everybody, and outlives the api.
    machine.platform.restart_api().await;
    let read = |path: &'static str| {
        let request = machine.platform.request(Method::GET, path);
        async { request.send().await.unwrap().json::<Value>().await.unwrap() }
    };
    let configuration = read("/oidc/personal/.well-known/openid-configuration").await;
    let issuer = configuration["issuer"].as_str().unwrap();
    assert_eq!(configuration["jwks_uri"], json!(format!("{issuer}/.well-known/jwks")));
    let keys: JwkSet = serde_json::from_value(read("/oidc/personal/.well-known/jwks").await).unwrap();

    let kid = decode_header(&token).unwrap().kid.unwrap();
    let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&["https://cloud.example"]);
    validation.validate_nbf = true;
    let claims = decode::<Value>(&token, &key, &validation).unwrap().claims;
    for (claim, value) in [
        ("sub", json!("personal:web:one")),
        ("machine_id", json!(machine.id)),
        ("app_name", json!("web")),
        ("org_name", json!("personal")),
        ("region", json!("dev")),
        ("image_digest", json!(format!("sha256:{}", "a".repeat(64)))),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    assert_eq!(claims["https://aws.amazon.com/tags"]["principal_tags"]["app_name"], json!(["web"]));

    // A word changed, another audience: no proof.
    let (head, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{}.{signature}", head.replace('A', "B"));
    assert!(decode::<Value>(&forged, &key, &validation).is_err());
    validation.set_audience(&["https://elsewhere.example"]);
    assert!(decode::<Value>(&token, &key, &validation).is_err());
    let none = machine.platform.request(Method::GET, "/oidc/nobody/.well-known/jwks").send().await.unwrap();
    assert_eq!(none.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_may_do_what_is_its_own_and_with_a_token_what_that_allows() {
    let machine = Machine::start().await;
    let own = format!("/v1/apps/web/machines/{}", machine.id);
    let twin: Value = machine
        .platform
        .post(
            "/v1/apps/web/machines",
            json!({ "config": { "image": "example.com/app:1" }, "skip_launch": true }),
        )
        .await;
    let twin = format!("/v1/apps/web/machines/{}/metadata/colour", twin["id"].as_str().unwrap());
    let red = json!({ "value": "red" });
    for (method, path, body, expected) in [
        ("GET", own.clone(), json!({}), 200),
        ("POST", format!("{own}/metadata/colour"), red.clone(), 204),
        ("GET", "/v1/tokens/current".to_owned(), json!({}), 200),
        ("POST", twin.clone(), red.clone(), 403),
        ("GET", "/v1/apps/web/secrets".to_owned(), json!({}), 403),
        ("POST", format!("{own}/exec"), json!({ "cmd": "true" }), 403),
        ("DELETE", "/v1/apps/web".to_owned(), json!({}), 403),
        ("GET", "/v1/apps/other/machines".to_owned(), json!({}), 404),
        ("GET", "/v1/apps".to_owned(), json!({}), 401),
        ("POST", "/v1/images/resolve".to_owned(), json!({ "image": "example.com/a:1" }), 401),
        ("POST", "/graphql".to_owned(), json!({ "query": "{ viewer { id } }" }), 200),
    ] {
        let (status, answer) = machine.call(method, &path, None, &body).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
        assert!(path != "/graphql" || answer.contains("UNAUTHORIZED"), "{answer}");
    }
    let deploy: Value = machine.platform.post("/v1/tokens", json!({ "kind": "deploy", "app": "web" })).await;
    let (status, _) = machine.call("POST", &twin, deploy["token"].as_str(), &red).await;
    assert_eq!(status, 204);
    // Nobody else gets a machine's token: not even an administrator.
    let (status, _) = machine.platform.refused(Method::POST, "/v1/tokens/oidc", json!({})).await;
    assert_eq!(status, 403);
    let entries: Vec<Value> = machine.platform.get("/v1/audit").await;
    let name = json!(format!("machine {}", machine.id));
    assert!(entries.iter().any(|entry| entry["token_name"] == name && entry["status"] == 204), "{entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_does_not_say_whose_it_is_gets_nothing() {
    let machine = Machine::start().await;
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"{\"app\":\"web\"}\nGET / HTTP/1.1\r\n\r\n", &[b'x'; 2000]]
    {
        assert_eq!(machine.send(bytes).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_asks_no_more_often_than_it_may_whatever_it_asks() {
    let limits = RateLimits { machine_calls: Rate { per_second: 0.001, burst: 2 }, ..RateLimits::default() };
    let machine = Machine::start_limited(limits).await;
    let ask = json!({});
    assert_eq!(machine.call("POST", "/v1/tokens/oidc", None, &ask).await.0, 200);
    assert_eq!(machine.call("GET", "/v1/tokens/current", None, &ask).await.0, 200);
    let (status, body) = machine.call("POST", "/v1/tokens/oidc", None, &ask).await;
    assert_eq!(status, 429, "{body}");
    // A token of its own is counted by itself.
    let token = machine.platform.token();
    assert_eq!(machine.call("GET", "/v1/tokens/current", Some(&token), &ask).await.0, 200);
}
