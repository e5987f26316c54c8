//! Certificates from a real ACME authority: every proof, renewal, and what people are told when it fails.

use std::{path::Path, time::Duration};

use anyhow::Result;
use roost_testbed::{Server, ServerOptions, netns, wait_until};
use serde_json::{Value, json};

mod authority;
use authority::{BLOCKED, TestAuthority};

const ROOST: &str = env!("CARGO_BIN_EXE_roost");

/// An order takes seconds; a loaded machine needs longer.
const PATIENCE: Duration = Duration::from_secs(120);

const LONG: Duration = Duration::from_secs(24 * 3600);

/// A server without a host: names lead to it all the same, and its edge answers itself.
async fn server(authority: &TestAuthority, more: &str) -> Result<Server> {
    server_with(authority, more, ServerOptions::default()).await
}

async fn server_with(authority: &TestAuthority, more: &str, options: ServerOptions) -> Result<Server> {
    let config = format!("roles = [\"api\", \"edge\"]\n{}{more}", authority.config());
    let server = Server::begin(Path::new(ROOST), ServerOptions { config, ..options })?;
    ready(&server).await;
    server.run(["apps", "create", "web"]).await?;
    Ok(server)
}

/// Waits for an answer that no host is needed for.
async fn ready(server: &Server) {
    wait_until("the api", PATIENCE, async || server.run(["orgs", "list"]).await.ok()).await;
}

async fn show(server: &Server, hostname: &str) -> Option<Value> {
    server.json(&["certs", "show", hostname, "--app", "web"]).await.ok()
}

async fn issued(server: &Server, hostname: &str) -> Value {
    wait_until(&format!("a certificate for {hostname}"), PATIENCE, async || {
        show(server, hostname).await.filter(|shown| shown["status"] == "active")
    })
    .await
}

/// Waits for a reason why there is none.
async fn failed(server: &Server, hostname: &str, code: &str) -> String {
    let error = wait_until(&format!("{code} for {hostname}"), PATIENCE, async || {
        let shown = show(server, hostname).await?;
        shown["validation_errors"].as_array()?.iter().find(|error| error["code"] == code).cloned()
    })
    .await;
    error["message"].as_str().unwrap().to_owned()
}

/// Connects to a name, trusting the authority alone. The app has no machines: the edge itself answers.
async fn trusted(authority: &TestAuthority, name: &str) -> Result<()> {
    let root = authority.roots()?;
    let url = format!("https://{name}/");
    let resolve = format!("{name}:443:127.0.0.1");
    wait_until(&format!("{name} in TLS"), PATIENCE, async || {
        let mut curl = tokio::process::Command::new("curl");
        curl.args(["--silent", "--max-time", "20", "--cacert"]).arg(&root);
        curl.args(["--resolve", &resolve, "--output", "/dev/null", &url]);
        curl.status().await.ok()?.success().then_some(())
    })
    .await;
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn a_name_is_proven_by_a_handshake_and_its_certificate_renewed() -> Result<()> {
    netns::enter()?;
    let authority = TestAuthority::start(Duration::from_secs(45)).await?;
    let server = server(&authority, "").await?;
    server.run(["certs", "add", "www.example.test", "--app", "web"]).await?;
    let first = issued(&server, "www.example.test").await;
    trusted(&authority, "www.example.test").await?;
    wait_until("a renewed certificate", PATIENCE, async || {
        let shown = show(&server, "www.example.test").await?;
        (shown["certificates"][0]["expires_at"] != first["certificates"][0]["expires_at"]).then_some(())
    })
    .await;
    trusted(&authority, "www.example.test").await?;
    assert!(!server.log().contains("PRIVATE KEY"), "no key in the log");
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn without_a_tls_listener_a_name_is_proven_over_http() -> Result<()> {
    netns::enter()?;
    let authority = TestAuthority::start(LONG).await?;
    let options = ServerOptions { edge_tls: None, ..Default::default() };
    let server = server_with(&authority, "", options).await?;
    server.run(["certs", "add", "www.example.test", "--app", "web"]).await?;
    issued(&server, "www.example.test").await;
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn wildcards_of_the_platform_and_of_apps_are_proven_in_dns() -> Result<()> {
    netns::enter()?;
    let authority = TestAuthority::start(LONG).await?;
    let command = authority.dns_command()?;
    let more = format!(
        "base_domain = \"apps.test\"\nacme.platform = true\nacme.dns_zone = \"acme.test\"\nacme.dns_command = [{command:?}]\n"
    );
    let server = server(&authority, &more).await?;
    trusted(&authority, "web.apps.test").await?;

    let added = server.json(&["certs", "add", "*.example.test", "--app", "web"]).await?;
    assert!(failed(&server, "*.example.test", "dns_not_configured").await.contains("example.test"));
    let challenge = &added["dns_requirements"]["acme_challenge"];
    assert_eq!(challenge["name"], "_acme-challenge.example.test");
    let target = format!("{}.", challenge["target"].as_str().unwrap());
    authority.dns("set-cname", json!({ "host": "_acme-challenge.example.test.", "target": target }))?;
    server.run(["certs", "check", "*.example.test", "--app", "web"]).await?;
    issued(&server, "*.example.test").await;
    trusted(&authority, "any.example.test").await?;
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn people_are_told_why_there_is_no_certificate() -> Result<()> {
    netns::enter()?;
    let authority = TestAuthority::start(LONG).await?;
    let lying = authority.lying_dns_command()?;
    let more = format!("acme.dns_zone = \"acme.test\"\nacme.dns_command = [{lying:?}]\n");
    let server = server(&authority, &more).await?;
    let away = json!({ "host": "away.example.test.", "addresses": ["192.0.2.1"] });
    authority.dns("add-a", away)?;
    server.run(["certs", "add", "away.example.test", "--app", "web"]).await?;
    failed(&server, "away.example.test", "dns_not_configured").await;

    let blocked = format!("www.{BLOCKED}");
    server.run(["certs", "add", &blocked, "--app", "web"]).await?;
    assert!(failed(&server, &blocked, "order_refused").await.contains("policy"));

    let added = server.json(&["certs", "add", "*.example.test", "--app", "web"]).await?;
    let target = format!("{}.", added["dns_requirements"]["acme_challenge"]["target"].as_str().unwrap());
    authority.dns("set-cname", json!({ "host": "_acme-challenge.example.test.", "target": target }))?;
    server.run(["certs", "check", "*.example.test", "--app", "web"]).await?;
    assert!(failed(&server, "*.example.test", "validation_failed").await.contains("TXT"));
    let said = server.run(["certs", "check", "*.example.test", "--app", "web"]).await?;
    assert!(said.contains("validation_failed") && said.contains("it is tried again at"), "{said}");

    // What was mended is tried at once, also by a server that has just come back.
    authority.dns("clear-a", json!({ "host": "away.example.test." }))?;
    server.kill();
    server.launch(&[])?;
    ready(&server).await;
    server.run(["certs", "check", "away.example.test", "--app", "web"]).await?;
    issued(&server, "away.example.test").await;
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn an_order_goes_on_when_the_server_is_killed_on_the_way() -> Result<()> {
    netns::enter()?;
    let authority = TestAuthority::start(LONG).await?;
    let server = server(&authority, "").await?;
    let names: Vec<String> = (0..6).map(|n| format!("n{n}.example.test")).collect();
    for (index, name) in names.iter().enumerate() {
        server.run(["certs", "add", name, "--app", "web"]).await?;
        // Each time at another moment of an order, which takes some hundred milliseconds.
        tokio::time::sleep(Duration::from_millis(60 * index as u64)).await;
        server.kill();
        server.launch(&[])?;
        ready(&server).await;
    }
    for name in &names {
        issued(&server, name).await;
    }
    trusted(&authority, &names[0]).await
}
