//! No server, no token, no free name.

use anyhow::Result;
use roost_testbed::{App, load, netns, server::API, testapp};
use serde_json::json;

use crate::{assert_says, support::server};

#[tokio::test(flavor = "current_thread")]
async fn without_a_server_it_is_said_how_to_start_one() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "web").await?;
    app.configure("")?;
    let deploy = app.deploy_arguments("127.0.0.1:1/none:1");

    server.kill();
    for command in [vec!["apps".to_owned(), "list".to_owned()], deploy.clone()] {
        let said = server.refused(command).await?;
        assert_says(
            &said,
            &["no server answers at http://127.0.0.1:4280: Connection refused", "next: sudo roost server"],
        );
    }
    server.restart().await?;
    assert!(server.terminate().await.success());
    let said = server.refused(deploy).await?;
    assert_says(&said, &["server", "next: sudo roost server"]);

    server.restart().await?;
    let apps = server.json(&["apps", "list"]).await?;
    assert_eq!((apps.as_array().map(Vec::len), &apps[0]["name"]), (Some(1), &json!("web")));
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn without_a_good_token_nothing_happens() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("fly.toml"), "app = \"sneaky\"\n")?;
    let folder = folder.path().display().to_string();

    for command in
        [vec!["apps", "list"], vec!["deploy", "--config", &folder, "--image", "127.0.0.1:1/none:1"]]
    {
        let said = server.refused([vec!["--access-token", "roost_wrong"], command].concat()).await?;
        assert_says(&said, &["token is not known here, or has expired", "next: ", "ROOST_API_TOKEN"]);
    }

    // A person who can not read the server's files.
    let mut stranger = server.roost(["apps", "list"]);
    stranger.env("ROOST_DATA_DIR", &folder).env("ROOST_API_URL", format!("http://{API}"));
    let said = String::from_utf8(stranger.output()?.stderr)?;
    assert_says(&said, &["admin-token", "next: run the command with sudo, or set ROOST_API_TOKEN"]);

    let said = format!("{:#}", load::get(API, "api", "/v1/apps").await.unwrap_err());
    assert_says(&said, &["401", "this call needs an API token", "Authorization: Bearer"]);

    let apps = server.json(&["apps", "list"]).await?;
    assert_eq!(apps.as_array().map(Vec::len), Some(0), "{apps:#}");
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn a_name_that_is_taken_is_refused() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "web").await?;
    let said = server.refused(["apps", "create", "web"]).await?;
    assert_says(&said, &["there is an app \"web\"; choose another name", "next: roost apps list"]);

    let image = app.push(&testapp::image("one")?).await?;
    let machine = json!({"name": "first", "config": {"image": image}, "skip_launch": true});
    server.post("/v1/apps/web/machines", &machine).await?;
    let said = format!("{:#}", server.post("/v1/apps/web/machines", &machine).await.unwrap_err());
    let id = app.machines().await?[0]["id"].as_str().unwrap_or_default().to_owned();
    assert_says(&said, &["409", "has a machine called first already", &id, "choose another name"]);
    assert_eq!(app.machines().await?.len(), 1);
    Ok(())
}
