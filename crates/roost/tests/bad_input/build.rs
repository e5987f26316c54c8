//! Builds that give no image.

use anyhow::Result;
use roost_testbed::netns;

use crate::{assert_says, support::server};

#[tokio::test(flavor = "current_thread")]
async fn a_build_that_cannot_be_leaves_nothing() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let project = tempfile::tempdir()?;
    let folder = project.path().display().to_string();
    std::fs::write(project.path().join("fly.toml"), "app = \"unbuilt\"\n")?;

    let missing = server.refused(["deploy", "--config", &folder]).await?;
    assert_says(&missing, &["there is no ", &format!("{folder}/Dockerfile"), "--dockerfile", "--image"]);

    let dockerfile = "FROM scratch\nCOPY fly.toml /\nRUN [\"/not-there\"]\n";
    std::fs::write(project.path().join("Dockerfile"), dockerfile)?;
    let failed = server.refused(["deploy", "--config", &folder]).await?;
    assert_says(&failed, &["the build failed at ", "RUN [\"/not-there\"]", "next: correct the Dockerfile"]);

    let apps = server.json(&["apps", "list"]).await?;
    assert_eq!(apps.as_array().map(Vec::len), Some(0), "a build that failed made an app: {apps:#}");
    Ok(())
}
