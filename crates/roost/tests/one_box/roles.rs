//! Each role in a process of its own: they meet at their sockets, and one that dies takes no other along.

use std::{path::Path, time::Duration};

use anyhow::Result;
use roost_testbed::{App, Load, Server, ServerOptions, netns, server::EDGE, testapp, wait_until};

use crate::support::ROOST;

#[tokio::test(flavor = "current_thread")]
async fn the_roles_work_apart_as_they_do_together() -> Result<()> {
    netns::enter()?;
    let options = ServerOptions { config: "roles = [\"api\"]\n".into(), ..ServerOptions::default() };
    let server = Server::begin(Path::new(ROOST), options)?;
    // The host shows the token to the registry, and the api's first start makes it.
    wait_until("the admin token", Duration::from_secs(60), async || {
        server.data_dir().join("admin-token").exists().then_some(())
    })
    .await;
    let host = server.role("host")?;
    let _dns = server.role("dns")?;
    let edge = server.role("edge")?;
    server.ready().await;
    let app = App::create(&server, "apart").await?;
    app.deploy(&testapp::image("one")?).await?;
    assert!(app.get("/").await?.contains("\"version\":\"one\""));

    // A drain asks the edge, which is elsewhere: no request is cut.
    let load = Load::start(EDGE, &app.host(), "/", 4, Duration::from_millis(20));
    app.deploy(&testapp::image("two")?).await?;
    server.kill();
    app.get("/").await?;
    drop(host);
    assert!(app.get("/").await?.contains("\"version\":\"two\""), "the edge needs neither api nor host");
    let report = load.finish().await;
    assert_eq!(report.failed, 0, "{report:#?}");

    let _host = server.role("host")?;
    server.restart().await?;
    drop(edge);
    let _edge = server.role("edge")?;
    wait_until("an answer through the new edge", Duration::from_secs(30), async || {
        app.get("/").await.ok()?.contains("two").then_some(())
    })
    .await;
    let second = server.role("edge")?.ends().await;
    assert!(!second.0.success() && second.1.contains("for the role edge"), "{}", second.1);
    Ok(())
}
