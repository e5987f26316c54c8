//! `fly ips` and `fly certs`.

use anyhow::Result;
use roost_testbed::{Server, ServerOptions};
use serde_json::Value;

use crate::{assert_says, fly::Flyctl, support::ROOST};

pub async fn addresses_are_given_and_taken_back() -> Result<()> {
    // Addresses for documentation: nothing of theirs is reached.
    let config = "edge.public_addresses = [\"192.0.2.7\", \"2001:db8::7\"]\n".to_owned();
    let server = Server::start(ROOST.as_ref(), ServerOptions { config, ..Default::default() }).await?;
    let fly = Flyctl::new(&server)?;
    fly.run("apps create", &["web", "--org", "personal"]).await?;

    fly.run("ips allocate-v6", &["--app", "web"]).await?;
    fly.run("ips allocate-v4", &["--shared", "--app", "web"]).await?;
    fly.run("ips allocate-v6", &["--private", "--app", "web"]).await?;
    let given = addresses(&fly).await?;
    let private = given.iter().find(|a| a.starts_with("fdaa:")).cloned();
    assert_eq!(given.len(), 3, "{given:?}");
    assert!(
        given.contains(&"192.0.2.7".to_owned()) && given.contains(&"2001:db8::7".to_owned()),
        "{given:?}"
    );

    let own = fly.refused("ips allocate-v4", &["--yes", "--app", "web"]).await?;
    assert_says(&own, &["shared_v4"]);
    fly.run("ips release", &[&private.unwrap_or_default(), "2001:db8::7", "--app", "web"]).await?;
    assert_eq!(addresses(&fly).await?, ["192.0.2.7"]);
    Ok(())
}

async fn addresses(fly: &Flyctl) -> Result<Vec<String>> {
    let listed = fly.json("ips list", &["--app", "web"]).await?;
    let addresses = listed.as_array().into_iter().flatten();
    Ok(addresses.filter_map(|ip: &Value| Some(ip["Address"].as_str()?.to_owned())).collect())
}

pub async fn certificates_are_asked_for() -> Result<()> {
    let server = crate::support::server().await?;
    let fly = Flyctl::new(&server)?;
    fly.run("apps create", &["web", "--org", "personal"]).await?;

    fly.run("certs add", &["www.example.test", "--app", "web"]).await?;
    assert_says(&fly.run("certs list", &["--app", "web"]).await?, &["www.example.test"]);
    assert_says(&fly.run("certs check", &["www.example.test", "--app", "web"]).await?, &["www.example.test"]);
    let setup = fly.run("certs setup", &["www.example.test", "--app", "web"]).await?;
    assert_says(&setup, &["www.example.test"]);
    let twice = fly.refused("certs add", &["not a name", "--app", "web"]).await?;
    assert_says(&twice, &["not a name"]);
    fly.run("certs remove", &["www.example.test", "--app", "web", "--yes"]).await?;
    let listed = fly.run("certs list", &["--app", "web"]).await?;
    assert!(!listed.contains("www.example.test"), "{listed}");
    Ok(())
}
