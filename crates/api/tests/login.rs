//! Logging in from a command line, with the calls that flyctl makes; and the audit trail.

mod support;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::Platform;

const VERIFIER: &str = "a-verifier-that-only-the-client-knows";

async fn begin(platform: &Platform, body: Value) -> Value {
    let response = platform.request(Method::POST, "/api/v1/cli_sessions").json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    response.json().await.unwrap()
}

fn pkce() -> Value {
    json!({
        "name": "ann's <laptop>",
        "signup": false,
        "target": "auth",
        "code_challenge": BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER)),
        "code_challenge_method": "S256",
        "state": "xyz",
        "redirect_port": 4321,
    })
}

/// The approval page, by the URL that the client was given.
fn page(platform: &Platform, login: &Value, method: Method) -> RequestBuilder {
    let url = login["auth_url"].as_str().unwrap();
    let path = url.strip_prefix(&platform.url("")).expect("a URL of the server that was asked");
    platform.request(method, path)
}

async fn form_key(request: RequestBuilder) -> (String, String) {
    let html = request.send().await.unwrap().text().await.unwrap();
    let key = html.split("name=form_key value=").nth(1).unwrap_or_else(|| panic!("no form: {html}"));
    (key.split('>').next().unwrap().to_owned(), html)
}

/// Approves with a token that is pasted.
async fn approve(platform: &Platform, login: &Value, token: &str) -> Response {
    let (key, _) = form_key(page(platform, login, Method::GET)).await;
    let form = [("answer", "approve"), ("form_key", &key), ("token", token)];
    page(platform, login, Method::POST).form(&form).send().await.unwrap()
}

async fn redeem(platform: &Platform, login: &Value, code: &str, verifier: &str) -> (u16, Value) {
    let path = format!("/api/v1/cli_sessions/{}/redeem", login["id"].as_str().unwrap());
    let body = json!({ "code": code, "code_verifier": verifier });
    let response = platform.request(Method::POST, &path).json(&body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn completion_code(html: &str) -> String {
    html.split("<p class=code>").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_with_pkce_ends_in_a_token_of_the_person_who_approved() {
    let platform = Platform::start().await;
    let login = begin(&platform, pkce()).await;
    assert_eq!(login["pkce"], json!(true));
    assert_eq!(redeem(&platform, &login, "guess", VERIFIER).await.0, 403);

    let response = page(&platform, &login, Method::GET).send().await.unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    let html = response.text().await.unwrap();
    assert!(html.contains("ann&#39;s &lt;laptop&gt;") && !html.contains("<script"), "{html}");
    assert!(html.contains(login["user_code"].as_str().unwrap()), "{html}");

    let refused = approve(&platform, &login, "roost_wrong").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let approved = approve(&platform, &login, &platform.token()).await;
    assert_eq!(approved.status(), StatusCode::OK);
    let policy = approved.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-src http://127.0.0.1:4321"), "{policy}");
    let html = approved.text().await.unwrap();
    let code = completion_code(&html);
    assert!(html.contains(&format!("http://127.0.0.1:4321/callback?code={code}&amp;state=xyz")), "{html}");

    assert_eq!(redeem(&platform, &login, &code, "stolen").await, (403, json!({ "error": "invalid_code" })));
    let (status, redeemed) = redeem(&platform, &login, &code, VERIFIER).await;
    assert_eq!(status, 200);
    assert_eq!(redeem(&platform, &login, &code, VERIFIER).await.0, 404);
    assert_eq!(page(&platform, &login, Method::GET).send().await.unwrap().status(), StatusCode::NOT_FOUND);

    let token = redeemed["access_token"].as_str().unwrap();
    let user = platform.request(Method::GET, "/v1/user").bearer_auth(token).send().await.unwrap();
    assert_eq!(user.json::<Value>().await.unwrap()["email"], json!("admin@roost.localhost"));
    // Logging out ends it.
    let out = platform.request(Method::DELETE, "/v1/tokens/current").bearer_auth(token).send().await.unwrap();
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    let user = platform.request(Method::GET, "/v1/user").bearer_auth(token).send().await.unwrap();
    assert_eq!(user.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_pkce_polls_and_gets_the_token_once() {
    let platform = Platform::start().await;
    let login = begin(&platform, json!({ "name": "old", "signup": false, "target": "auth" })).await;
    assert_eq!(login["pkce"], json!(false));
    let path = format!("/api/v1/cli_sessions/{}", login["id"].as_str().unwrap());
    let poll = || async { platform.request(Method::GET, &path).send().await.unwrap() };
    assert_eq!(poll().await.status(), StatusCode::NOT_FOUND);
    assert_eq!(approve(&platform, &login, &platform.token()).await.status(), StatusCode::OK);
    let answer: Value = poll().await.json().await.unwrap();
    assert!(answer["access_token"].as_str().unwrap().starts_with("roost_"));
    assert_eq!(poll().await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_stays_signed_in_and_another_site_approves_nothing() {
    let platform = Platform::start().await;
    let first = begin(&platform, pkce()).await;
    let approved = approve(&platform, &first, &platform.token()).await;
    let cookie = approved.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("roost_s "),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert!(!cookie.contains(&platform.token()));

    let login = begin(&platform, pkce()).await;
    let with_cookie = |method| page(&platform, &login, method).header("cookie", &cookie);
    let (key, html) = form_key(with_cookie(Method::GET)).await;
    assert!(html.contains("signed in as <b>admin@roost.localhost</b>"), "{html}");
    let good = [("answer", "approve"), ("form_key", key.as_str())];
    let foreign = with_cookie(Method::POST).form(&good).header("origin", "http://evil.example");
    assert_eq!(foreign.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let guessed = with_cookie(Method::POST).form(&[("answer", "approve"), ("form_key", "0")]);
    assert_eq!(guessed.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let own = with_cookie(Method::POST).form(&good).send().await.unwrap();
    assert_eq!(own.status(), StatusCode::OK);

    // The session ends with the token that it stands for.
    let last = begin(&platform, pkce()).await;
    let end = platform.request(Method::DELETE, "/v1/tokens/current").bearer_auth(platform.token());
    assert_eq!(end.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let html = page(&platform, &last, Method::GET).header("cookie", &cookie).send().await.unwrap();
    assert!(html.text().await.unwrap().contains("API token of a login"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_login_is_refused() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let deploy: Value = platform.post("/v1/tokens", json!({ "kind": "deploy", "app": "web" })).await;
    let login = begin(&platform, pkce()).await;
    // A token of an app makes no login.
    let response = approve(&platform, &login, deploy["token"].as_str().unwrap()).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let (key, _) = form_key(page(&platform, &login, Method::GET)).await;
    let deny = page(&platform, &login, Method::POST).form(&[("answer", "deny"), ("form_key", &key)]);
    assert_eq!(deny.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(redeem(&platform, &login, "x", VERIFIER).await.0, 404);

    let password = json!({ "data": { "attributes": { "email": "a@b.c", "password": "x", "otp": "" } } });
    let response = platform.request(Method::POST, "/api/v1/sessions").json(&password).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(response.text().await.unwrap().contains("no passwords"));
    for body in [
        json!({ "code_challenge": "x", "code_challenge_method": "plain" }),
        json!({ "metadata": { "lock_instance": "1" } }),
        json!({ "code_challenge": "x".repeat(300), "code_challenge_method": "S256" }),
    ] {
        let response =
            platform.request(Method::POST, "/api/v1/cli_sessions").json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
    }

    // A login that the client wants for one app opens that app only.
    let locked = begin(&platform, json!({ "name": "ci", "metadata": { "lock_app": "web" } })).await;
    assert_eq!(approve(&platform, &locked, &platform.token()).await.status(), StatusCode::OK);
    let path = format!("/api/v1/cli_sessions/{}", locked["id"].as_str().unwrap());
    let token: Value = platform.request(Method::GET, &path).send().await.unwrap().json().await.unwrap();
    let list = platform
        .request(Method::GET, "/v1/tokens/current")
        .bearer_auth(token["access_token"].as_str().unwrap());
    let list: Value = list.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&list["tokens"][0]["kind"], &list["tokens"][0]["apps"][0]),
        (&json!("deploy"), &json!("web"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_says_who_did_what() {
    let mut platform = Platform::start().await;
    let _: Value = platform.post("/v1/orgs", json!({ "name": "Acme" })).await;
    let _: Value = platform.post("/v1/apps", json!({ "name": "web", "org_slug": "acme" })).await;
    platform.create_app("other").await;
    let _: Value =
        platform.post("/v1/apps/web/secrets", json!({ "values": { "KEY": "hidden-value" } })).await;
    let read: Value =
        platform.post("/v1/tokens", json!({ "kind": "org_read_only", "org": "acme", "name": "eye" })).await;
    let refused =
        platform.request(Method::DELETE, "/v1/apps/web").bearer_auth(read["token"].as_str().unwrap());
    assert_eq!(refused.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let _: Value = platform.get("/v1/apps/web").await;

    platform.restart_api().await;
    let trail: Vec<Value> = platform.get("/v1/orgs/acme/audit").await;
    let calls: Vec<_> = trail
        .iter()
        .map(|e| (e["method"].as_str().unwrap(), e["path"].as_str().unwrap(), e["status"].as_u64().unwrap()))
        .collect();
    let expected = [
        ("DELETE", "/v1/apps/web", 403),
        ("POST", "/v1/tokens", 201),
        ("POST", "/v1/apps/web/secrets", 200),
        ("POST", "/v1/apps", 201),
    ];
    assert_eq!(calls, expected);
    let refused = &trail[0];
    assert_eq!((&refused["token_name"], &refused["app"]), (&json!("eye"), &json!("web")));
    assert_eq!((&refused["user"], &refused["from"]), (&json!("admin@roost.localhost"), &json!("127.0.0.1")));
    let whole: Vec<Value> = platform.get("/v1/audit?limit=1000").await;
    assert!(whole.len() > trail.len());
    let text = serde_json::to_string(&whole).unwrap();
    assert!(
        !text.contains("hidden-value") && !text.contains(&platform.token()) && !text.contains("roost_"),
        "{text}"
    );
    let page: Vec<Value> =
        platform.get(&format!("/v1/orgs/acme/audit?limit=1&before={}", trail[1]["id"])).await;
    assert_eq!(page, [trail[2].clone()]);
}
