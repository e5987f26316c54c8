//! sslyze: protocols, ciphers, curves, renegotiation, compression and the known attacks on TLS.

use axum::Router;
use serde_json::Value;

use crate::{
    NAME, node,
    tool::{run, tool},
};

/// All scans but that of the certificate, which asks without a name: the edge then has none to show, and says so.
const SCANS: &[&str] = &[
    "--sslv2",
    "--sslv3",
    "--tlsv1",
    "--tlsv1_1",
    "--tlsv1_2",
    "--tlsv1_3",
    "--elliptic_curves",
    "--reneg",
    "--compression",
    "--heartbleed",
    "--openssl_ccs",
    "--robot",
    "--fallback",
    "--early_data",
    "--ems",
    "--resum",
];

/// What the answers to scans have to be for the server to be sound.
const SOUND: &[(&str, &str, bool)] = &[
    ("heartbleed", "/result/is_vulnerable_to_heartbleed", false),
    ("openssl_ccs_injection", "/result/is_vulnerable_to_ccs_injection", false),
    ("session_renegotiation", "/result/is_vulnerable_to_client_renegotiation_dos", false),
    ("tls_compression", "/result/supports_compression", false),
    ("tls_1_3_early_data", "/result/supports_early_data", false),
    ("tls_extended_master_secret", "/result/supports_ems_extension", true),
];

/// Protocols that nobody may speak any more.
const DEAD: [&str; 4] = ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"];

/// The only ciphers of TLS 1.2 and 1.3, all with forward secrecy and authenticated encryption.
const CIPHERS: [&str; 6] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
];

#[tokio::test(flavor = "multi_thread")]
async fn sslyze_finds_nothing() {
    let node = node(Router::new().fallback(|| async { "hello" })).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = tool("ROOST_SSLYZE");
    command.args(["--mozilla_config", "disable", "--json_out", "scan.json"]).args(SCANS);
    command.arg(format!("{NAME}:{}", node.tls_address.port()));
    let finished = run(command, folder.path()).await;
    let scan = std::fs::read(folder.path().join("scan.json")).unwrap_or_else(|_| panic!("{}", finished.text));
    let scan: Value = serde_json::from_slice(&scan).unwrap();
    let findings = findings(&scan["server_scan_results"][0]["scan_result"]);
    println!("sslyze: {} scans, {} findings", SCANS.len(), findings.len());
    assert!(findings.is_empty(), "{findings:#?}\n{}", finished.text);
    assert!(finished.success, "{}", finished.text);
}

fn findings(scan: &Value) -> Vec<String> {
    let said = SOUND.iter().filter_map(|(name, path, sound)| {
        let answer = scan[name].pointer(path).and_then(Value::as_bool);
        (answer != Some(*sound)).then(|| format!("{name}{path} is {answer:?}: {}", scan[name]))
    });
    let spoken = DEAD.iter().filter(|version| accepted(scan, version) != Some(Vec::new()));
    let spoken = spoken.map(|version| format!("{version} is spoken"));
    let alive = ["tls_1_2", "tls_1_3"].into_iter().flat_map(|version| {
        let ciphers = accepted(scan, version).unwrap_or_default();
        let weak = ciphers.iter().filter(|cipher| !CIPHERS.contains(&cipher.as_str())).cloned();
        let silent = ciphers.is_empty().then(|| format!("{version} is not spoken"));
        weak.chain(silent).collect::<Vec<_>>()
    });
    let robot = scan["robot"].pointer("/result/robot_result").and_then(Value::as_str).unwrap_or("none");
    let robot = (!robot.starts_with("NOT_VULNERABLE")).then(|| format!("robot: {robot}"));
    said.chain(spoken).chain(alive).chain(robot).collect()
}

/// The ciphers of a version that the edge agreed to.
fn accepted(scan: &Value, version: &str) -> Option<Vec<String>> {
    let suites =
        scan[format!("{version}_cipher_suites")].pointer("/result/accepted_cipher_suites")?.as_array()?;
    let name = |suite: &Value| suite.pointer("/cipher_suite/name").and_then(Value::as_str).map(str::to_owned);
    suites.iter().map(name).collect()
}
