//! Apps that do not do what their configuration says, and deploys in each other's way.

use std::time::Duration;

use anyhow::Result;
use roost_testbed::{
    App, Server, ServerOptions, app::service_config, netns, testapp, testapp::image_with, wait_until,
};

use crate::{
    assert_nothing_left, assert_says, assert_serves, refused_deploy, releases,
    support::{ROOST, server},
};

#[tokio::test(flavor = "current_thread")]
async fn an_app_that_exits_is_quoted() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "crashy").await?;
    let last_words = ["the last lines of ", "cannot start: the test said so", "exited with code 3"];

    let first = refused_deploy(&server, &app, &testapp::crashing_image()?).await?;
    assert_says(&first, &last_words);
    assert_says(&first, &["v1 of crashy failed", "next: roost logs --no-tail --app crashy"]);
    assert_nothing_left(&server, &app).await?;
    assert_eq!(server.leftovers(), Vec::<String>::new());
    let log = server.run(["logs", "--no-tail", "--app", "crashy"]).await?;
    assert_says(&log, &["cannot start: the test said so"]);

    app.deploy(&testapp::image("good")?).await?;
    let later = refused_deploy(&server, &app, &testapp::crashing_image()?).await?;
    assert_says(&later, &last_words);
    assert_says(&later, &["v3 was rolled back, and v2 serves again"]);
    assert_serves(&server, &app, 2, "good").await
}

#[tokio::test(flavor = "current_thread")]
async fn an_app_that_listens_elsewhere_is_told_where() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let never = unheard(&server, "never", ("START_DELAY_MS", "600000"));
    let port = unheard(&server, "port", ("PORT", "3000"));
    let loopback = unheard(&server, "loopback", ("LISTEN", "127.0.0.1"));
    let (never, port, loopback) = tokio::try_join!(never, port, loopback)?;
    assert_says(&never, &["did not become healthy", "listens on no port, but its services want 8080"]);
    assert_says(
        &port,
        &["does not listen on port 8080", "it listens on 0.0.0.0:3000 (app)", "internal_port"],
    );
    assert_says(&loopback, &["of every address (0.0.0.0 or ::)", "it listens on 127.0.0.1:8080 (app)"]);
    for text in [never, port, loopback] {
        assert_says(&text, &["next: roost logs"]);
    }
    Ok(())
}

/// The first deploy of an app that does not answer where it should; it leaves nothing.
async fn unheard(server: &Server, name: &str, variable: (&str, &str)) -> Result<String> {
    let app = App::create(server, name).await?;
    let image = app.push(&image_with(&[variable])?).await?;
    app.configure(&format!("[deploy]\nwait_timeout = \"30s\"\n{}", service_config("")))?;
    let said = server.refused(app.deploy_arguments(&image)).await?;
    assert_nothing_left(server, &app).await?;
    Ok(said)
}

#[tokio::test(flavor = "current_thread")]
async fn a_full_disk_is_the_apps_own_trouble() -> Result<()> {
    netns::enter()?;
    let options = ServerOptions { config: "[host]\nrootfs_mib = 64\n".to_owned(), ..Default::default() };
    let server = Server::start(ROOST.as_ref(), options).await?;
    let app = App::create(&server, "full").await?;
    app.deploy(&testapp::image("one")?).await?;
    let before = app.get("/").await?;

    assert_says(&app.get("/fill?200").await?, &["failed after ", "No space left on device"]);
    assert_says(&app.get("/fill?8").await?, &["wrote 8 MB"]);
    assert_eq!(app.get("/").await?, before, "the same process in the same machine");

    let other = App::create(&server, "other").await?;
    other.deploy(&testapp::image("two")?).await?;
    assert_serves(&server, &other, 1, "two").await?;
    assert_serves(&server, &app, 1, "one").await
}

#[tokio::test(flavor = "current_thread")]
async fn a_second_deploy_is_refused_and_names_the_first() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "twice").await?;
    app.configure(&service_config(""))?;
    let first = app.push(&image_with(&[("VERSION", "first"), ("START_DELAY_MS", "3000")])?).await?;
    let second = app.push(&testapp::image("second")?).await?;
    server.run([app.deploy_arguments(&first), vec!["--detach".to_owned()]].concat()).await?;

    let said = server.refused(app.deploy_arguments(&second)).await?;
    assert_says(
        &said,
        &["deploy 1 of app \"twice\" is running (release v1)", "next: roost status --app twice"],
    );

    wait_until("the end of the first deploy", Duration::from_secs(120), async || {
        let releases = releases(&server, &app).await.ok()?;
        assert_eq!(releases.len(), 1, "the refused deploy made a release");
        (releases[0]["current"] == true).then_some(())
    })
    .await;
    assert_serves(&server, &app, 1, "first").await
}
