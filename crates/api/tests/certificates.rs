//! Names of an app's own: requested, checked, with a certificate brought along, and given back.

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::Platform;

const PATH: &str = "/v1/apps/web/certificates";

const ROOT: &str = include_str!("fixtures/certificates/ca.pem");
const WWW: &str = include_str!("fixtures/certificates/www.pem");
const WWW_KEY: &str = include_str!("fixtures/certificates/www.key");
const WILD: &str = include_str!("fixtures/certificates/wild.pem");
const WILD_KEY: &str = include_str!("fixtures/certificates/wild.key");
const EXPIRED: &str = include_str!("fixtures/certificates/expired.pem");

async fn with_app() -> Platform {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    platform
}

fn import(hostname: &str, chain: &str, key: &str) -> Value {
    json!({ "hostname": hostname, "fullchain": chain, "private_key": key })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_says_what_dns_lacks_and_is_honestly_pending() {
    let platform = with_app().await;
    let body = json!({ "hostname": "Elsewhere.Example.com." });
    let asked: Value = platform.post(&format!("{PATH}/acme"), body).await;
    assert_eq!(
        (&asked["hostname"], &asked["status"], &asked["configured"]),
        (&json!("elsewhere.example.com"), &json!("pending_validation"), &json!(false))
    );
    assert_eq!(asked["dns_requirements"]["a"], json!(["127.0.0.1"]));
    assert_eq!(asked["dns_requirements"]["cname"], json!("web.roost.localhost"));
    let checked: Value = platform.post(&format!("{PATH}/elsewhere.example.com/check"), Value::Null).await;
    assert_eq!(checked["dns_records"]["a"], json!(["192.0.2.1"]));
    let codes: Vec<&Value> =
        checked["validation_errors"].as_array().unwrap().iter().map(|e| &e["code"]).collect();
    assert_eq!(codes, ["issuing_unavailable", "dns_not_configured"]);

    let _: Value = platform.post(&format!("{PATH}/acme"), json!({ "hostname": "www.example.com" })).await;
    let checked: Value = platform.post(&format!("{PATH}/www.example.com/check"), Value::Null).await;
    assert_eq!((&checked["configured"], &checked["status"]), (&json!(true), &json!("pending_validation")));
    let again: Value = platform.get(&format!("{PATH}/www.example.com")).await;
    assert_eq!(again["configured"], json!(true), "what was found is remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_ones_own_is_active_once_the_name_is_seen_to_be() {
    let platform = with_app().await;
    let chain = format!("{WILD}{ROOT}");
    let wild: Value =
        platform.post(&format!("{PATH}/custom"), import("*.example.com", &chain, WILD_KEY)).await;
    let entry = &wild["certificates"][0];
    assert_eq!((&entry["source"], &entry["status"]), (&json!("custom"), &json!("pending_ownership")));
    assert_eq!((&entry["issuer"], &entry["issued"][0]["type"]), (&json!("Test Authority"), &json!("ecdsa")));
    let checked: Value = platform.post(&format!("{PATH}/*.example.com/check"), Value::Null).await;
    assert_eq!(checked["status"], json!("active"), "a TXT record says so: {checked}");
    assert_eq!(checked["validation"]["ownership_txt_configured"], json!(true));
    let kept = std::fs::read(platform.folder.path().join("directory.db")).unwrap();
    let secret = WILD_KEY.lines().nth(1).unwrap().as_bytes();
    assert!(!kept.windows(secret.len()).any(|window| window == secret), "the key is sealed at rest");
    let gone: Value =
        platform.call(Method::DELETE, &format!("{PATH}/*.example.com/custom"), Value::Null).await;
    assert!(
        gone["warning"].as_str().unwrap().contains("no certificate now") && gone["certificates"] == json!([])
    );
    assert_eq!(platform.refused(Method::GET, &format!("{PATH}/*.example.com"), Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_by_its_key() {
    let platform = with_app().await;
    let backwards = format!("{ROOT}{WWW}");
    let unrelated = format!("{WWW}{WILD}");
    for (hostname, chain, key, says) in [
        ("www.example.com", WWW, WILD_KEY, "private_key: is not the key"),
        ("www.example.com", WWW, "none", "private_key: holds no private key"),
        ("www.example.com", "none", WWW_KEY, "fullchain: holds no certificate"),
        ("www.example.com", EXPIRED, WWW_KEY, "expired on 2021"),
        ("api.example.org", WWW, WWW_KEY, "not for api.example.org"),
        ("*.example.com", WWW, WWW_KEY, "not for *.example.com"),
        ("www.example.com", &backwards, WWW_KEY, "certificate 1 is not signed by certificate 2"),
        ("www.example.com", &unrelated, WWW_KEY, "certificate 1 is not signed by certificate 2"),
    ] {
        let (status, error) =
            platform.refused(Method::POST, &format!("{PATH}/custom"), import(hostname, chain, key)).await;
        assert!(status == 422 && error["error"].as_str().unwrap().contains(says), "{says}: {error}");
    }
    for hostname in ["", "localhost", "a..b", "-a.example.com", "a.*.example.com", "ex ample.com", "a/b.c"] {
        let body = json!({ "hostname": hostname });
        assert_eq!(platform.refused(Method::POST, &format!("{PATH}/acme"), body).await.0, 400, "{hostname}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_one_apps_and_lists_have_pages() {
    let platform = with_app().await;
    platform.create_app("other").await;
    let other = "/v1/apps/other/certificates/acme";
    for name in ["a.example.com", "b.example.com", "c.example.org"] {
        let _: Value = platform.post(&format!("{PATH}/acme"), json!({ "hostname": name })).await;
        let (status, error) = platform.refused(Method::POST, other, json!({ "hostname": name })).await;
        assert_eq!((status, &error["status"]), (409, &json!("name_taken")));
    }
    let names = |page: &Value| -> Vec<String> {
        let certificates = page["certificates"].as_array().unwrap();
        certificates.iter().map(|c| c["hostname"].as_str().unwrap().to_owned()).collect()
    };
    let first: Value = platform.get(&format!("{PATH}?limit=2")).await;
    assert_eq!(
        (names(&first), &first["total_count"]),
        (vec!["a.example.com".into(), "b.example.com".into()], &json!(3))
    );
    let cursor = first["next_cursor"].as_str().unwrap();
    let second: Value = platform.get(&format!("{PATH}?limit=2&cursor={cursor}")).await;
    assert_eq!((names(&second), &second["next_cursor"]), (vec!["c.example.org".into()], &json!("")));
    assert_eq!(names(&platform.get(&format!("{PATH}?filter=ORG")).await), ["c.example.org"]);
    assert_eq!(platform.refused(Method::GET, &format!("{PATH}?cursor=!"), Value::Null).await.0, 400);

    let one = format!("{PATH}/a.example.com");
    assert_eq!(platform.send(Method::DELETE, &one, Value::Null).await.status(), 204);
    platform.send(Method::DELETE, "/v1/apps/web", Value::Null).await;
    for name in ["a.example.com", "c.example.org"] {
        let _: Value = platform.post(other, json!({ "hostname": name })).await;
    }
}
