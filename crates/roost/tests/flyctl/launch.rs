//! `fly launch`: from an image to an app that answers.

use anyhow::Result;
use roost_testbed::{App, testapp};

use crate::{assert_says, fly::Flyctl, support::server};

pub async fn an_image_becomes_an_app() -> Result<()> {
    let server = server().await?;
    let image = App::create(&server, "images").await?.push(&testapp::image("one")?).await?;
    let fly = Flyctl::new(&server)?;
    let options = ["--image", &image, "--org", "personal", "--region", "local", "--yes", "--ha=false"];

    fly.run("launch", &[&options[..], &["--name", "later", "--no-deploy"]].concat()).await?;
    let file = std::fs::read_to_string(fly.folder().join("fly.toml"))?;
    assert_says(&file, &["app = 'later'", "primary_region = 'local'", "internal_port = 8080", &image]);
    let later = App::of(&server, "later")?;
    assert!(later.machines().await?.is_empty());
    // It is to ask the other one, later.
    let awake = file.replace("auto_stop_machines = 'stop'", "auto_stop_machines = 'off'");
    assert_ne!(awake, file);
    std::fs::write(fly.folder().join("fly.toml"), awake)?;
    fly.run("deploy", &["--ha=false", "--dns-checks=false"]).await?;
    assert_says(&later.get("/").await?, &["\"version\":\"one\""]);
    assert_eq!(later.machines().await?.len(), 1);
    // The first deploy of an app with a service for the world gives it addresses.
    let given = fly.json("ips list", &["--app", "later"]).await?;
    assert_says(&given.to_string(), &["\"127.0.0.1\"", "\"::1\""]);

    std::fs::remove_file(fly.folder().join("fly.toml"))?;
    fly.run("launch", &[&options[..], &["--name", "now", "--flycast", "--dns-checks=false"]].concat())
        .await?;
    let now = App::of(&server, "now")?;
    let releases = server.json(&["releases", "--app", "now"]).await?;
    assert_eq!((&releases[0]["version"], &releases[0]["current"]), (&1.into(), &true.into()));
    // One that asks for Flycast is reached by machines of its network, and by nobody else.
    assert_eq!(fly.json("ips list", &["--app", "now"]).await?.as_array().map(Vec::len), Some(1));
    assert!(now.get("/").await.is_err());
    let machine = later.machines().await?[0]["id"].as_str().unwrap_or_default().to_owned();
    let asked =
        ["machine", "exec", "--app", "later", &machine, "--", "/app", "fetch", "now.flycast", "80", "/"];
    assert_says(&server.run(asked).await?, &["\"version\":\"one\""]);
    Ok(())
}
