//! Who one is, where apps can run, and apps themselves.

use anyhow::{Context, Result};
use roost_testbed::{App, testapp, wait_until};

use crate::{assert_says, fly::Flyctl, support::server};

pub async fn one_finds_oneself_and_makes_apps() -> Result<()> {
    let server = server().await?;
    let fly = Flyctl::new(&server)?;

    assert_says(&fly.run("auth whoami", &[]).await?, &["@"]);
    assert!(fly.json("orgs list", &[]).await?.get("personal").is_some());
    assert_says(&fly.run("orgs show", &["personal"]).await?, &["personal"]);
    let regions = fly.json("platform regions", &[]).await?;
    assert_says(&regions.to_string(), &["\"local\""]);
    assert_says(&fly.run("platform vm-sizes", &[]).await?, &["shared-cpu-1x"]);

    fly.run("apps create", &["web", "--org", "personal"]).await?;
    let ours = server.json(&["apps", "list"]).await?;
    assert_says(&ours.to_string(), &["\"web\""]);
    let taken = fly.refused("apps create", &["web", "--org", "personal"]).await?;
    assert_says(&taken, &["taken"]);
    let listed = fly.json("apps list", &[]).await?;
    assert_eq!((&listed[0]["Name"], &listed[0]["Status"]), (&"web".into(), &"pending".into()));

    let app = App::of(&server, "web")?;
    app.deploy(&testapp::image("one")?).await?;
    assert_eq!(fly.json("apps list", &[]).await?[0]["Status"], "deployed");
    fly.run("apps destroy", &["web", "--yes"]).await?;
    assert_eq!(fly.json("apps list", &[]).await?, serde_json::json!([]));
    assert!(app.get("/").await.is_err(), "nothing answers for an app that is gone");
    wait_until("nothing is left of the app's machines", std::time::Duration::from_secs(60), async || {
        server.leftovers().is_empty().then_some(())
    })
    .await;
    let gone = fly.refused("status", &["--app", "web"]).await?;
    assert_says(&gone, &["Could not find App"]);
    Ok(())
}

pub async fn people_come_to_an_organization_and_go() -> Result<()> {
    let server = server().await?;
    let fly = Flyctl::new(&server)?;
    fly.run("orgs create", &["Team One"]).await?;
    assert_says(&server.run(["orgs", "list"]).await?, &["Team One", "team-one"]);
    let taken = fly.refused("orgs create", &["Team One"]).await?;
    assert_says(&taken, &["taken"]);

    // Somebody who is new needs a token to log in with, and flyctl has no place for it.
    let ann = "ann@example.com";
    let new = fly.refused("orgs invite", &["team-one", ann]).await?;
    assert_says(&new, &["roost orgs invite"]);
    let invited = server.json(&["orgs", "invite", "personal", ann]).await?;
    let token = invited["login_token"].as_str().context("a token to log in with")?;
    let ann_fly = Flyctl::at(server.api(), token)?;
    ann_fly.refused("apps create", &["hers", "--org", "team-one"]).await?;

    fly.run("orgs invite", &["team-one", ann]).await?;
    assert_says(&server.run(["orgs", "show", "team-one"]).await?, &[ann]);
    ann_fly.run("apps create", &["hers", "--org", "team-one"]).await?;
    fly.run("orgs remove", &["team-one", ann]).await?;
    ann_fly.refused("apps destroy", &["hers", "--yes"]).await?;

    let in_use = fly.refused("orgs delete", &["team-one", "--yes"]).await?;
    assert_says(&in_use, &["hers"]);
    fly.run("apps destroy", &["hers", "--yes"]).await?;
    fly.run("orgs delete", &["team-one", "--yes"]).await?;
    assert!(!server.run(["orgs", "list"]).await?.contains("team-one"));
    Ok(())
}
