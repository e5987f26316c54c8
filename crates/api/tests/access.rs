//! Who may do what: every kind of token against calls of every kind, orgs and their members, and the
//! end of a token.

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::Platform;

/// A machine of app "web" of org "acme", and a foreign app "other" in the org "personal".
async fn two_orgs() -> (Platform, String) {
    let platform = Platform::start().await;
    let _: Value = platform.post("/v1/orgs", json!({ "name": "Acme" })).await;
    let _: Value = platform.post("/v1/apps", json!({ "name": "web", "org_slug": "acme" })).await;
    platform.create_app("other").await;
    let machine: Value = platform
        .post(
            "/v1/apps/web/machines",
            json!({ "config": { "image": "example.com/app:1" }, "skip_launch": true }),
        )
        .await;
    let id = machine["id"].as_str().unwrap().to_owned();
    (platform, id)
}

async fn token(platform: &Platform, body: Value) -> String {
    let created: Value = platform.post("/v1/tokens", body).await;
    created["token"].as_str().unwrap().to_owned()
}

async fn status(platform: &Platform, token: &str, method: &str, path: &str, body: Value) -> u16 {
    let method: Method = method.parse().unwrap();
    let request = platform.request(method, path).bearer_auth(token).json(&body);
    request.send().await.unwrap().status().as_u16()
}

/// The person of the platform invites another; their token.
async fn invite(platform: &Platform, org: &str, email: &str, role: &str) -> String {
    let body = json!({ "email": email, "role": role });
    let invited: Value = platform.post(&format!("/v1/orgs/{org}/members"), body).await;
    invited["login_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_token_opens_what_it_is_for_and_nothing_else() {
    let (platform, id) = two_orgs().await;
    let member = invite(&platform, "acme", "member@example.com", "member").await;
    let boss = invite(&platform, "acme", "boss@example.com", "admin").await;
    let stranger = invite(&platform, "personal", "stranger@example.com", "member").await;
    let org = token(&platform, json!({ "kind": "org", "org": "acme" })).await;
    let read = token(&platform, json!({ "kind": "org_read_only", "org": "acme" })).await;
    let deploy = token(&platform, json!({ "kind": "deploy", "app": "web" })).await;
    let exec = token(&platform, json!({ "kind": "machine_exec", "app": "web" })).await;
    let admin = platform.token();
    let tokens: [(&str, &str); 8] = [
        ("admin", &admin),
        ("boss", &boss),
        ("member", &member),
        ("org", &org),
        ("read", &read),
        ("deploy", &deploy),
        ("exec", &exec),
        ("stranger", &stranger),
    ];

    let machine = format!("/v1/apps/web/machines/{id}");
    let all = "admin boss member org read deploy exec stranger";
    let of_acme = "admin boss member org read deploy exec";
    let readers = "admin boss member org read deploy";
    let writers = "admin boss member org deploy";
    for (method, path, body, who) in [
        ("GET", "/v1/status".to_owned(), json!({}), all),
        ("GET", "/v1/tokens/current".to_owned(), json!({}), all),
        ("GET", "/v1/apps/web".to_owned(), json!({}), of_acme),
        ("GET", "/v1/apps/web/machines".to_owned(), json!({}), of_acme),
        ("GET", machine.clone(), json!({}), of_acme),
        ("GET", "/v1/apps/web/secrets".to_owned(), json!({}), readers),
        ("GET", "/v1/apps/web/releases".to_owned(), json!({}), readers),
        ("GET", "/v1/apps/web/logs".to_owned(), json!({}), readers),
        ("GET", format!("{machine}/events"), json!({}), readers),
        ("POST", format!("{machine}/metadata/colour"), json!({ "value": "red" }), writers),
        ("POST", format!("{machine}/cordon"), json!({}), writers),
        ("POST", "/v1/apps/web/secrets".to_owned(), json!({ "values": { "KEY": "v" } }), writers),
        ("POST", format!("{machine}/exec"), json!({ "cmd": "true" }), "admin boss member org deploy exec"),
        ("GET", "/v1/orgs/acme".to_owned(), json!({}), of_acme),
        ("GET", "/v1/orgs/acme/members".to_owned(), json!({}), "admin boss member org read"),
        ("GET", "/v1/tokens?org=acme".to_owned(), json!({}), "admin boss member org read"),
        ("GET", "/v1/tokens?app=web".to_owned(), json!({}), readers),
        ("POST", "/v1/apps/web/deploy_token".to_owned(), json!({}), "admin boss member"),
        ("POST", "/v1/tokens".to_owned(), json!({ "kind": "org", "org": "acme" }), "admin boss member"),
        (
            "PATCH",
            "/v1/orgs/acme/members/member@example.com".to_owned(),
            json!({ "role": "member" }),
            "admin boss",
        ),
        ("GET", "/v1/users".to_owned(), json!({}), "admin"),
        ("GET", "/v1/apps/other/secrets".to_owned(), json!({}), "admin stranger"),
        ("GET", "/v1/orgs/personal/members".to_owned(), json!({}), "admin stranger"),
    ] {
        for (name, token) in tokens {
            let status = status(&platform, token, method, &path, body.clone()).await;
            let may = who.split(' ').any(|one| one == name);
            let expected = if may { status < 300 } else { matches!(status, 403 | 404) };
            assert!(expected, "{name}: {method} {path}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_sees_nothing_of_others() {
    let (platform, id) = two_orgs().await;
    let other = token(&platform, json!({ "kind": "deploy", "app": "other" })).await;
    // That a name is taken may be known: clients ask so before they make an app.
    assert_eq!(status(&platform, &other, "GET", "/v1/apps/web", json!({})).await, 403);
    for path in ["/v1/apps/web/machines".to_owned(), format!("/v1/apps/web/machines/{id}")] {
        assert_eq!(status(&platform, &other, "GET", &path, json!({})).await, 404, "{path}");
        // A machine is of the app that its path names.
        let path = path.replace("/web/", "/other/");
        let expected = if path.ends_with("machines") { 200 } else { 404 };
        assert_eq!(status(&platform, &other, "GET", &path, json!({})).await, expected, "{path}");
    }
    assert_eq!(status(&platform, &other, "GET", "/v1/orgs/acme", json!({})).await, 404);
    let apps = platform.request(Method::GET, "/v1/apps").bearer_auth(&other).send().await.unwrap();
    let apps: Value = apps.json().await.unwrap();
    assert_eq!((apps["total_apps"].as_u64(), &apps["apps"][0]["name"]), (Some(1), &json!("other")));
    // Nor do the images of another app's repository, by whichever name of the registry.
    for registry in ["registry.roost.localhost", "127.0.0.1:4280", "roost.example.com"] {
        let image = json!({ "config": { "image": format!("{registry}/web:1") } });
        assert_eq!(
            status(&platform, &other, "POST", "/v1/apps/other/machines", image).await,
            422,
            "{registry}"
        );
        let image = json!({ "image": format!("{registry}/web:1") });
        assert_eq!(status(&platform, &other, "POST", "/v1/images/resolve", image).await, 422, "{registry}");
        let image = json!({ "image": format!("{registry}/other:1") });
        assert_eq!(status(&platform, &other, "POST", "/v1/images/resolve", image.clone()).await, 200);
        let resolved: Value = platform.post("/v1/images/resolve", image).await;
        let resolved = resolved["image"].as_str().unwrap();
        assert!(resolved.starts_with("registry.roost.localhost/other:1@"), "{registry}: {resolved}");
    }
    // Several tokens open what any of them opens.
    let web = token(&platform, json!({ "kind": "deploy", "app": "web" })).await;
    let both = format!("{other},{web}");
    assert_eq!(status(&platform, &both, "GET", "/v1/apps/web/secrets", json!({})).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_deleted_app_opens_no_later_app_of_that_name() {
    let (platform, _) = two_orgs().await;
    let deploy = token(&platform, json!({ "kind": "deploy", "app": "other" })).await;
    assert_eq!(status(&platform, &deploy, "DELETE", "/v1/apps/other", json!({})).await, 403);
    assert_eq!(status(&platform, &platform.token(), "DELETE", "/v1/apps/other", json!({})).await, 202);
    platform.create_app("other").await;
    assert_eq!(status(&platform, &deploy, "GET", "/v1/apps/other/secrets", json!({})).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_and_expired_tokens_open_nothing_from_then_on() {
    let (mut platform, _) = two_orgs().await;
    let created: Value =
        platform.post("/v1/tokens", json!({ "kind": "deploy", "app": "web", "name": "ci" })).await;
    let (deploy, id) = (created["token"].as_str().unwrap(), created["info"]["id"].as_str().unwrap());
    let short = token(&platform, json!({ "kind": "deploy", "app": "web", "expiry": "1s" })).await;
    let path = "/v1/apps/web/secrets";
    assert_eq!(status(&platform, deploy, "GET", path, json!({})).await, 200);
    assert_eq!(
        status(&platform, &platform.token(), "DELETE", &format!("/v1/tokens/{id}"), json!({})).await,
        204
    );
    assert_eq!(status(&platform, deploy, "GET", path, json!({})).await, 401);
    let listed: Value = platform.get("/v1/tokens?app=web").await;
    let ci = listed["tokens"].as_array().unwrap().iter().find(|t| t["name"] == "ci").unwrap();
    assert!(
        ci["revoked_at"].is_string() && ci["last_used_at"].is_string() && ci["revoked_by"] == "admin",
        "{ci}"
    );
    assert!(!listed.to_string().contains(deploy));

    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(status(&platform, &short, "GET", path, json!({})).await, 401);
    platform.restart_api().await;
    assert_eq!(status(&platform, deploy, "GET", path, json!({})).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_member_made_ends_with_the_membership() {
    let (platform, _) = two_orgs().await;
    let member = invite(&platform, "acme", "m@example.com", "member").await;
    let made = platform.request(Method::POST, "/v1/tokens").bearer_auth(&member);
    let made: Value =
        made.json(&json!({ "kind": "org", "org": "acme" })).send().await.unwrap().json().await.unwrap();
    let made = made["token"].as_str().unwrap();
    assert_eq!(status(&platform, made, "GET", "/v1/apps/web/secrets", json!({})).await, 200);
    let (admin, path) = (platform.token(), "/v1/orgs/acme/members/m@example.com");
    assert_eq!(status(&platform, &admin, "DELETE", path, json!({})).await, 204);
    for token in [made, &member] {
        assert_eq!(status(&platform, token, "GET", "/v1/apps/web/secrets", json!({})).await, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_admin_token_is_replaced_and_revoked() {
    let mut platform = Platform::start().await;
    let lost = platform.token();
    std::fs::remove_file(platform.folder.path().join("admin-token")).unwrap();
    platform.restart_api().await;
    assert_ne!(platform.token(), lost);
    let current =
        platform.request(Method::GET, "/v1/tokens/current").bearer_auth(&lost).send().await.unwrap();
    let id = current.json::<Value>().await.unwrap()["tokens"][0]["token_id"].as_str().unwrap().to_owned();
    assert_eq!(
        status(&platform, &platform.token(), "DELETE", &format!("/v1/tokens/{id}"), json!({})).await,
        204
    );
    assert_eq!(status(&platform, &lost, "GET", "/v1/apps", json!({})).await, 401);

    // One that was revoked is replaced by the next start.
    let revoked = platform.token();
    assert_eq!(status(&platform, &revoked, "DELETE", "/v1/tokens/current", json!({})).await, 204);
    assert_eq!(status(&platform, &revoked, "GET", "/v1/apps", json!({})).await, 401);
    platform.restart_api().await;
    assert_ne!(platform.token(), revoked);
    let _: Value = platform.get("/v1/apps").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_exec_token_runs_its_commands_only() {
    let (platform, id) = two_orgs().await;
    let body = json!({ "kind": "machine_exec", "app": "web", "commands": [
        { "args": ["rake", "db:migrate"], "exact": true }, { "args": ["echo"], "exact": false } ] });
    let exec = token(&platform, body).await;
    let path = format!("/v1/apps/web/machines/{id}/exec");
    for (command, expected) in [
        (json!({ "cmd": "rake db:migrate" }), 200),
        (json!({ "command": ["echo", "a"] }), 200),
        (json!({ "cmd": "rake db:migrate --all" }), 403),
        (json!({ "command": ["sh", "-c", "echo"] }), 403),
    ] {
        assert_eq!(status(&platform, &exec, "POST", &path, command.clone()).await, expected, "{command}");
    }
    let session = platform.request(Method::GET, &format!("{path}-stream")).bearer_auth(&exec);
    let session =
        session.header("connection", "upgrade").header("upgrade", "roost-exec/1").send().await.unwrap();
    assert_eq!(session.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn orgs_are_made_and_deleted_and_keep_an_admin() {
    let (platform, _) = two_orgs().await;
    let org: Value = platform.get("/v1/orgs/acme").await;
    assert_eq!(
        (&org["slug"], &org["role"], &org["type"]),
        (&json!("acme"), &json!("admin"), &json!("shared"))
    );
    assert_eq!(org["members"][0]["email"], json!("admin@roost.localhost"));
    let personal: Value = platform.get("/v1/orgs/personal").await;
    assert_eq!((&personal["internal_numeric_id"], &personal["type"]), (&json!(1), &json!("personal")));
    assert_ne!(org["internal_numeric_id"], json!(1));

    for (method, path, body, expected, word) in [
        (Method::POST, "/v1/orgs", json!({ "name": "ACME" }), 409, "taken"),
        (Method::POST, "/v1/orgs", json!({ "name": "!" }), 400, "letters"),
        (Method::DELETE, "/v1/orgs/acme", json!({}), 412, "roost apps destroy web"),
        (Method::DELETE, "/v1/orgs/personal", json!({}), 400, "always there"),
        (Method::DELETE, "/v1/orgs/none", json!({}), 404, "none"),
        (Method::DELETE, "/v1/orgs/acme/members/admin@roost.localhost", json!({}), 412, "only admin"),
        (Method::DELETE, "/v1/orgs/acme/members/x@example.com", json!({}), 404, "no member"),
        (Method::POST, "/v1/orgs/acme/members", json!({ "email": "nobody" }), 400, "e-mail"),
        (Method::POST, "/v1/orgs/acme/members", json!({ "email": "a@b.c", "role": "king" }), 400, "king"),
        (Method::POST, "/v1/apps", json!({ "name": "x", "org_slug": "none" }), 404, "none"),
        (Method::POST, "/v1/tokens", json!({ "kind": "deploy" }), 400, "app"),
        (
            Method::POST,
            "/v1/tokens",
            json!({ "kind": "deploy", "app": "web", "expiry": "2 weeks" }),
            400,
            "expiry",
        ),
        (
            Method::POST,
            "/v1/tokens",
            json!({ "kind": "deploy", "app": "web", "expiry": "200000h" }),
            400,
            "20 years",
        ),
        (Method::DELETE, "/v1/tokens/nothing", json!({}), 404, "no token"),
    ] {
        let (status, error) = platform.refused(method.clone(), path, body).await;
        let text = error["error"].as_str().unwrap();
        assert!(status == expected && text.contains(word), "{method} {path}: {status} {text}");
    }

    // An admin of an org adds people who are known, and nobody else.
    let boss = invite(&platform, "acme", "boss@example.com", "admin").await;
    let unknown = json!({ "email": "new@example.com" });
    assert_eq!(status(&platform, &boss, "POST", "/v1/orgs/acme/members", unknown).await, 403);
    let known = json!({ "email": "admin@roost.localhost" });
    assert_eq!(status(&platform, &boss, "POST", "/v1/orgs/acme/members", known).await, 201);

    assert_eq!(status(&platform, &boss, "DELETE", "/v1/apps/web", json!({})).await, 202);
    assert_eq!(status(&platform, &boss, "DELETE", "/v1/orgs/acme", json!({})).await, 204);
    let (status, _) = platform.refused(Method::GET, "/v1/orgs/acme", Value::Null).await;
    assert_eq!(status, 404);
}
