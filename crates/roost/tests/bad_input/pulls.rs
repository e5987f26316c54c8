//! Pulls from a registry that breaks connections.

use anyhow::Result;
use roost_testbed::{App, OciImage, app::service_config, netns, testapp};
use serde_json::json;

use crate::{assert_says, assert_serves, registry::Registry, support::server};

/// Bytes of the image's layer that compress to nothing less: several connections' worth.
const NOISE: usize = 600_000;

#[tokio::test(flavor = "current_thread")]
async fn a_pull_that_breaks_is_resumed() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let registry = Registry::start(large_image("pulled")?, 150_000).await?;
    let app = App::create(&server, "web").await?;
    app.configure(&service_config(""))?;
    server.run(app.deploy_arguments(&registry.image())).await?;
    assert!(registry.cut() >= 4, "the registry broke {} connections", registry.cut());
    assert!(registry.sent() < 2 * NOISE as u64, "what had arrived was kept: {} bytes sent", registry.sent());
    assert_serves(&server, &app, 1, "pulled").await
}

#[tokio::test(flavor = "current_thread")]
async fn a_pull_that_keeps_breaking_says_so() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "web").await?;
    app.deploy(&testapp::image("good")?).await?;
    let registry = Registry::start(large_image("never")?, 0).await?;
    let said = server.refused(app.deploy_arguments(&registry.image())).await?;
    let address = registry.address().to_string();
    assert_says(&said, &["v2 was rolled back, and v1 serves again", "the transfer keeps breaking off"]);
    assert_says(&said, &["0 of ", " bytes arrived, and the next try goes on from there", &address, "next: "]);
    assert_serves(&server, &app, 1, "good").await
}

fn large_image(version: &str) -> Result<OciImage> {
    let noise: Vec<u8> = (0..NOISE as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    OciImage::new()
        .file("app", 0o755, testapp::binary()?)
        .file("noise", 0o644, &noise)
        .config("Entrypoint", json!(["/app"]))
        .config("Env", json!([format!("VERSION={version}")]))
        .build()
}
