//! Ways into private networks and machines, asked for as flyctl does.

mod support;

use std::{
    fs,
    net::Ipv6Addr,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use ssh_key::{Certificate, Fingerprint, HashAlg, PrivateKey, PublicKey};
use support::Platform;

const PEER_KEY: &str = "3b1nYeCZbzlQJ5b1Lz3KQsQ0mVf0yq6C8wQeQm0p0k4=";
const USER_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ person@laptop";

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_has_a_prefix_of_its_own_in_the_network() {
    let mut platform = Platform::start().await;
    let first = add_peer(&platform, "laptop").await["data"]["addWireGuardPeer"].clone();
    let second = add_peer(&platform, "phone").await["data"]["addWireGuardPeer"].clone();
    let [first_ip, second_ip] = [&first, &second].map(|p| p["peerip"].as_str().unwrap().to_owned());
    assert_ne!(slash_120(&first_ip), slash_120(&second_ip));
    // As the machines of the same network.
    platform.create_app("web").await;
    platform.deploy("web", "fine").await;
    let machine = platform.host.machines()[0].private_ip;
    assert_eq!(slash_48(&first_ip), slash_48(&machine.to_string()));
    assert_ne!(slash_120(&first_ip), slash_120(&machine.to_string()));

    // One gateway, for good.
    assert_eq!(first["pubkey"], second["pubkey"]);
    platform.restart_api().await;
    let third = add_peer(&platform, "tablet").await;
    assert_eq!(third["data"]["addWireGuardPeer"]["pubkey"], first["pubkey"]);

    let peers = execute(&platform, "peers", json!({ "slug": "personal" })).await;
    let nodes = peers["data"]["organization"]["wireGuardPeers"]["nodes"].as_array().unwrap();
    let names: Vec<_> = nodes.iter().map(|peer| peer["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["laptop", "phone", "tablet"]);
    assert_eq!((&nodes[0]["peerip"], &nodes[0]["pubkey"]), (&json!(first_ip), &json!(PEER_KEY)));

    let input = json!({ "organizationId": "personal", "name": "laptop" });
    let removed = execute(&platform, "change_remove_peer", json!({ "input": input })).await;
    assert_eq!(removed.get("errors"), None, "{removed}");
    let input = json!({ "peerIps": [first_ip, second_ip] });
    let validated = execute(&platform, "change_validate_peers", json!({ "input": input })).await;
    assert_eq!(validated["data"]["validateWireGuardPeers"]["invalidPeerIps"], json!([first_ip]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_peer_is_refused() {
    let platform = Platform::start().await;
    add_peer(&platform, "laptop").await;
    for (name, key, network, expected) in [
        ("laptop", PEER_KEY, "", "already been taken"),
        ("a/b", PEER_KEY, "", "name"),
        ("b", "short", "", "pubkey"),
        ("b", PEER_KEY, "nowhere", "no network"),
    ] {
        let input = json!({ "organizationId": "personal", "name": name, "pubkey": key, "network": network });
        let answer = execute(&platform, "change_add_peer", json!({ "input": input })).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{name}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_signed_by_the_organization() {
    let mut platform = Platform::start().await;
    platform.create_app("web").await;
    let issued = issue(
        &platform,
        json!({ "principals": ["root", "fly"], "appNames": ["web"], "validHours": 1, "publicKey": USER_KEY }),
    )
    .await;
    let payload = &issued["data"]["issueCertificate"];
    assert_eq!(payload["key"], Value::Null);
    let certificate = Certificate::from_openssh(payload["certificate"].as_str().unwrap()).unwrap();
    let user: PublicKey = USER_KEY.parse().unwrap();
    assert_eq!(certificate.public_key(), user.key_data());
    assert_eq!(certificate.valid_principals(), ["root", "fly"]);
    assert_eq!(certificate.extensions()["apps@roost"], "web");
    assert!(certificate.extensions().contains_key("permit-pty"));

    // It is good now, and for an hour; only by this authority, which stays the same.
    platform.restart_api().await;
    let root = authority(&platform).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    certificate.validate_at(now, [&root]).unwrap();
    assert!(certificate.validate_at(now + 3700, [&root]).is_err());
    let stranger: PublicKey = USER_KEY.parse().unwrap();
    assert!(certificate.validate_at(now, [&stranger.fingerprint(HashAlg::Sha256)]).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_key_is_made_one() {
    let platform = Platform::start().await;
    let issued = issue(&platform, json!({ "principals": ["root"], "publicKey": "" })).await;
    let payload = &issued["data"]["issueCertificate"];
    let key = PrivateKey::from_openssh(payload["key"].as_str().unwrap()).unwrap();
    let certificate = Certificate::from_openssh(payload["certificate"].as_str().unwrap()).unwrap();
    assert_eq!(certificate.public_key(), key.public_key().key_data());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_would_open_too_much_is_refused() {
    let platform = Platform::start().await;
    for (input, expected) in [
        (json!({ "principals": [] }), "principals"),
        (json!({ "principals": ["a b"] }), "principals"),
        (json!({ "principals": ["root"], "appNames": ["nobody"] }), "Could not find App"),
        (json!({ "principals": ["root"], "validHours": 10_000 }), "validHours"),
        (json!({ "principals": ["root"], "publicKey": "ssh-rsa AAAA" }), "publicKey"),
    ] {
        let answer = issue(&platform, input).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{message}");
    }
}

async fn add_peer(platform: &Platform, name: &str) -> Value {
    let input = json!({ "organizationId": "personal", "name": name, "pubkey": PEER_KEY, "nats": false });
    execute(platform, "change_add_peer", json!({ "input": input })).await
}

async fn issue(platform: &Platform, mut input: Value) -> Value {
    input["organizationId"] = json!("personal");
    execute(platform, "change_issue_certificate", json!({ "input": input })).await
}

async fn authority(platform: &Platform) -> Fingerprint {
    let answer = execute(platform, "logged_certificates", json!({ "slug": "personal" })).await;
    let root = &answer["data"]["organization"]["loggedCertificates"]["nodes"][0];
    assert_eq!(root["root"], true);
    let key: PublicKey = root["cert"].as_str().unwrap().parse().unwrap();
    key.fingerprint(HashAlg::Sha256)
}

async fn execute(platform: &Platform, document: &str, variables: Value) -> Value {
    let path = format!("{}/tests/documents/{document}.graphql", env!("CARGO_MANIFEST_DIR"));
    let query = fs::read_to_string(path).unwrap();
    platform.post("/graphql", json!({ "query": query, "variables": variables })).await
}

fn slash_120(address: &str) -> [u8; 15] {
    address.parse::<Ipv6Addr>().unwrap().octets()[..15].try_into().unwrap()
}

fn slash_48(address: &str) -> [u8; 6] {
    address.parse::<Ipv6Addr>().unwrap().octets()[..6].try_into().unwrap()
}
