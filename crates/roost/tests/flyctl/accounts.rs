//! Who one is, where apps can run, and apps themselves.

use anyhow::Result;
use roost_testbed::{App, netns, testapp, wait_until};

use crate::{assert_says, fly::Flyctl, support::server};

#[tokio::test(flavor = "current_thread")]
async fn one_finds_oneself_and_makes_apps() -> Result<()> {
    netns::enter()?;
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
