//! A machine proves who it is: it asks for a token inside a real VM, and somebody who knows only what is
//! published checks it.

use std::time::Duration;

use anyhow::{Context, Result};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use roost_testbed::{App, Server, app::service_config, load, netns, testapp, wait_until};
use serde_json::Value;

mod support;
use support::server;

const AUDIENCE: &str = "https://cloud.example";

/// A boot, or a restart, on a busy machine.
const WAIT: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "current_thread")]
async fn a_machine_gets_a_token_of_its_identity_before_and_after_everything() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "prover").await?;
    app.configure(&service_config("auto_stop_machines = \"off\""))?;
    let image = app.push(&testapp::image("one")?).await?;
    server.run(app.deploy_arguments(&image)).await?;
    let machine = app.machines().await?[0]["id"].as_str().context("an id")?.to_owned();
    checked(&server, &token(&app).await?, &machine).await?;

    // The channel is lost with the host: a call that was under way ends, and the next one is heard.
    assert_eq!(app.get("/hold").await?, "held\n");
    assert_eq!(closed(&server).await?, 0, "nothing ends a call that is under way");
    server.kill();
    server.restart().await?;
    wait_until("the end of the call", WAIT, async || (closed(&server).await.ok()? == 1).then_some(())).await;
    checked(&server, &token(&app).await?, &machine).await?;

    // A suspended machine takes no call with it.
    assert_eq!(app.get("/hold").await?, "held\n");
    server.run(["machine", "suspend", &machine, "--app", "prover"]).await?;
    server.machine_in("prover", "suspended", WAIT).await;
    server.run(["machine", "start", &machine, "--app", "prover"]).await?;
    wait_until("the end of the call", WAIT, async || (closed(&server).await.ok()? == 2).then_some(())).await;
    checked(&server, &token(&app).await?, &machine).await
}

/// Asks inside the machine, through `/.fly/api`.
async fn token(app: &App<'_>) -> Result<String> {
    let ask = format!("/token?{AUDIENCE}");
    let answer = wait_until("an answer through the socket", WAIT, async || {
        let answer = app.get(&ask).await.ok()?;
        // A connection that the machine opens while its host comes back is closed without a word.
        (!answer.is_empty()).then_some(answer)
    })
    .await;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| answer.clone())?;
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(body.to_owned())
}

async fn checked(server: &Server, token: &str, machine: &str) -> Result<()> {
    let published = load::get(server.api(), "api", "/oidc/personal/.well-known/openid-configuration").await?;
    let published: Value = serde_json::from_str(&published)?;
    let issuer = published["issuer"].as_str().context("an issuer")?;
    let keys = load::get(server.api(), "api", "/oidc/personal/.well-known/jwks").await?;
    let keys: JwkSet = serde_json::from_str(&keys)?;
    let kid = decode_header(token)?.kid.context("the key's name")?;
    let key = DecodingKey::from_jwk(keys.find(&kid).context("the key")?)?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[AUDIENCE]);
    let claims = decode::<Value>(token, &key, &validation)?.claims;
    assert_eq!(claims["machine_id"], machine);
    assert_eq!(claims["app_name"], "prover");
    Ok(())
}

/// Calls that the machine says were closed.
async fn closed(server: &Server) -> Result<usize> {
    Ok(server
        .run(["logs", "--app", "prover", "--no-tail", "--lines", "500"])
        .await?
        .matches("api closed")
        .count())
}
