//! Tokens and organizations, changed over GraphQL as flyctl does.

mod support;

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use support::Platform;

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_token_opens_its_app_until_it_is_revoked() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let app = execute(&platform, "app_compact", json!({ "appName": "web" })).await;
    let variables = json!({
        "name": "ci", "organizationId": "personal", "profile": "deploy", "expiry": "24h",
        "profileParams": { "app_id": app["data"]["appcompact"]["id"] },
    });
    let made = execute(&platform, "change_create_token", variables).await;
    let token = made["data"]["createLimitedAccessToken"]["limitedAccessToken"]["tokenHeader"].clone();
    let token = token.as_str().unwrap_or_else(|| panic!("no token in {made}")).to_owned();
    assert_eq!(status(&platform, &token, "/v1/apps/web/releases").await, 200);

    let listed = execute(&platform, "tokens_of_app", json!({ "appName": "web" })).await;
    let shown = &listed["data"]["appLimitedAccessTokens"]["limitedAccessTokens"]["nodes"][0];
    assert_eq!(
        (&shown["name"], &shown["token"], &shown["revokedAt"]),
        (&json!("ci"), &json!(""), &Value::Null)
    );

    let input = json!({ "id": shown["id"] });
    let revoked = execute(&platform, "change_revoke_token", json!({ "input": input })).await;
    assert_eq!(revoked.get("errors"), None, "{revoked}");
    assert_eq!(status(&platform, &token, "/v1/apps/web/releases").await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_would_be_another_than_asked_for_is_refused() {
    let platform = Platform::start().await;
    let variables = json!({
        "name": "x", "organizationId": "personal", "profile": "wireguard", "expiry": "", "profileParams": {},
    });
    let refused = execute(&platform, "change_create_token", variables).await;
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("wireguard"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_ends_no_token_that_is_no_login() {
    let platform = Platform::start().await;
    let ended = execute(&platform, "change_log_out", json!({})).await;
    assert_eq!(ended["data"]["logOut"]["ok"], true);
    let viewer = execute(&platform, "viewer", json!({})).await;
    assert_eq!(viewer.get("errors"), None, "{viewer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_comes_and_goes() {
    let platform = Platform::start().await;
    let made =
        execute(&platform, "change_create_organization", json!({ "input": { "name": "Team One" } })).await;
    let organization = &made["data"]["createOrganization"]["organization"];
    assert_eq!((&organization["type"], &organization["viewerRole"]), (&json!("SHARED"), &json!("admin")));
    let slug = organization["slug"].as_str().unwrap();

    let details = execute(&platform, "organization_details", json!({ "slug": slug })).await;
    let members = details["data"]["organizationdetails"]["members"]["edges"].as_array().unwrap();
    assert_eq!((members.len(), &members[0]["role"]), (1, &json!("ADMIN")));

    // The only admin stays, and whoever is new needs more than a line in a list.
    let input = json!({ "organizationId": slug, "userId": members[0]["node"]["id"] });
    let kept = execute(&platform, "change_remove_member", json!({ "input": input })).await;
    assert!(kept["errors"][0]["message"].as_str().unwrap().contains("only admin"), "{kept}");
    let input = json!({ "organizationId": slug, "email": "new@example.com" });
    let invited = execute(&platform, "change_invite", json!({ "input": input })).await;
    assert!(invited["errors"][0]["message"].as_str().unwrap().contains("roost orgs invite"), "{invited}");

    let input = json!({ "organizationId": slug, "clientMutationId": "7" });
    let deleted = execute(&platform, "change_delete_organization", json!({ "input": input })).await;
    assert_eq!(deleted["data"]["deleteOrganization"]["clientMutationId"], "7");
    let gone = execute(&platform, "organization", json!({ "slug": slug })).await;
    assert_eq!(gone["errors"][0]["extensions"]["code"], "NOT_FOUND");
}

async fn execute(platform: &Platform, document: &str, variables: Value) -> Value {
    let path = format!("{}/tests/documents/{document}.graphql", env!("CARGO_MANIFEST_DIR"));
    let query = fs::read_to_string(path).unwrap();
    platform.post("/graphql", json!({ "query": query, "variables": variables })).await
}

async fn status(platform: &Platform, token: &str, path: &str) -> u16 {
    let response = platform.request(Method::GET, path).bearer_auth(token).send().await.unwrap();
    response.status().as_u16()
}
