//! Commands that people begin with: launch, and logs that go on.

use std::{process::Stdio, time::Duration};

use anyhow::{Context as _, Result};
use roost_testbed::{App, Server, load, netns, testapp};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};

use crate::support::server;

const DOCKERFILE: &str = "FROM scratch\nCOPY app /app\nEXPOSE 8080\nENV VERSION=launched\nCMD [\"/app\"]\n";

#[tokio::test(flavor = "current_thread")]
async fn launch_takes_a_folder_with_a_dockerfile_to_a_url() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let folder = tempfile::Builder::new().prefix("first-app").tempdir()?;
    let path = folder.path().to_str().context("a path of text")?;
    std::fs::write(folder.path().join("Dockerfile"), DOCKERFILE)?;
    let app = folder.path().join("app");
    std::fs::write(&app, testapp::binary()?)?;
    std::fs::set_permissions(&app, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;

    server.run(["launch", "--path", path, "--name", "first"]).await?;
    let file = std::fs::read_to_string(folder.path().join("fly.toml"))?;
    assert!(file.contains("internal_port = 8080") && file.contains("app = \"first\""), "{file}");
    let told = server.refused(["launch", "--path", path, "--name", "second"]).await?;
    assert!(told.contains("--force"), "{told}");

    let said = server.run(["launch", "--path", path, "--name", "first", "--force", "--now"]).await?;
    assert!(said.contains("http://first.roost.localhost"), "{said}");
    let answer = load::get(server.edge(), "first.roost.localhost", "/").await?;
    assert!(answer.contains("\"version\":\"launched\""), "{answer}");
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn followed_logs_go_on_after_a_server_that_dies() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "chatty").await?;
    app.deploy(&testapp::image("one")?).await?;
    let mut log = Follow::start(&server)?;

    app.get("/log?2").await?;
    log.reaches("line 2").await?;
    server.kill();
    server.restart().await?;
    app.get("/log?4").await?;
    let seen = log.reaches("line 4").await?;
    for line in ["line 1", "line 2", "line 3", "line 4"] {
        let times = seen.iter().filter(|said| said.ends_with(line)).count();
        // The first two are logged twice: once for each request.
        let expected = if ["line 1", "line 2"].contains(&line) { 2 } else { 1 };
        assert_eq!(times, expected, "{line} in {seen:#?}");
    }
    Ok(())
}

/// A `roost logs` that runs.
struct Follow {
    _child: tokio::process::Child,
    lines: Lines<BufReader<tokio::process::ChildStdout>>,
    seen: Vec<String>,
}

impl Follow {
    fn start(server: &Server) -> Result<Self> {
        let mut command = tokio::process::Command::from(server.roost(["logs", "--app", "chatty"]));
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        Ok(Self { _child: child, lines, seen: Vec::new() })
    }

    /// All lines so far, the last of which ends so.
    async fn reaches(&mut self, end: &str) -> Result<Vec<String>> {
        let read = async {
            while let Some(line) = self.lines.next_line().await? {
                self.seen.push(line);
                if self.seen.last().is_some_and(|line| line.ends_with(end)) {
                    return Ok(());
                }
            }
            anyhow::bail!("the command ended after {:#?}", self.seen)
        };
        tokio::time::timeout(Duration::from_secs(90), read)
            .await
            .with_context(|| format!("no line ends with {end:?}"))??;
        Ok(self.seen.clone())
    }
}
