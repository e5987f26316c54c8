//! `fly deploy` of a Dockerfile: the daemon builds, and pushes to the platform's registry.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use roost_testbed::{App, app::service_config, testapp, wait_until};
use tempfile::TempDir;

use crate::{assert_says, fly::Flyctl, support::server};

const DAEMON_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../script/dockerd");

const DOCKERFILE: &str =
    "FROM scratch\nCOPY app /app\nENV VERSION=built\nEXPOSE 8080\nENTRYPOINT [\"/app\"]\n";

pub async fn a_dockerfile_becomes_an_app() -> Result<()> {
    let server = server().await?;
    let docker = Docker::start().await?;
    let fly = Flyctl::new(&server)?.with("DOCKER_HOST", docker.address());
    fly.run("apps create", &["web", "--org", "personal"]).await?;
    let app = App::of(&server, "web")?;
    app.configure(&format!("primary_region = \"local\"\n{}", service_config("")))?;
    fs::write(app.folder().join("Dockerfile"), DOCKERFILE)?;
    fs::write(app.folder().join("app"), testapp::binary()?)?;
    Command::new("chmod").arg("0755").arg(app.folder().join("app")).status()?;

    let file = app.folder().join("fly.toml").display().to_string();
    let folder = app.folder().display().to_string();
    let options = ["--config", &file, "--ha=false", "--dns-checks=false"];
    fly.run("deploy --local-only", &[&[folder.as_str()], &options[..]].concat()).await?;
    assert_says(&app.get("/").await?, &["\"version\":\"built\""]);
    let releases = server.json(&["releases", "--app", "web"]).await?;
    let image = releases[0]["image"].as_str().unwrap_or_default();
    assert_says(image, &["registry.roost.localhost/web:deployment-", "@sha256:"]);
    Ok(())
}

/// A Docker daemon of the test's own, in the network of the calling thread.
struct Docker {
    daemon: Child,
    folder: TempDir,
}

impl Docker {
    async fn start() -> Result<Self> {
        let output =
            Command::new(DAEMON_SCRIPT).stderr(Stdio::inherit()).output().context("run script/dockerd")?;
        // This network leads nowhere, so it was fetched before.
        ensure!(
            output.status.success(),
            "script/dockerd finds no daemon: run it once, or script/test, which does"
        );
        let programs = String::from_utf8(output.stdout)?.trim().to_owned();
        // Short, because sockets live below it.
        let folder = tempfile::Builder::new().prefix("rd-").rand_bytes(4).tempdir_in("/tmp")?;
        let below = |name: &str| folder.path().join(name).display().to_string();
        fs::write(below("config.json"), "{}")?;
        let log = fs::File::create(folder.path().join("log"))?;
        let daemon = Command::new(Path::new(&programs).join("dockerd"))
            .env("PATH", format!("{programs}:/usr/sbin:/usr/bin:/sbin:/bin"))
            .args(["--host", &format!("unix://{}", below("docker.sock"))])
            .args(["--data-root", &below("data"), "--exec-root", &below("exec")])
            .args(["--pidfile", &below("pid"), "--config-file", &below("config.json")])
            .args(["--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip6tables=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("run dockerd")?;
        let docker = Self { daemon, folder };
        docker.ready().await;
        Ok(docker)
    }

    async fn ready(&self) {
        let socket = self.folder.path().join("docker.sock");
        wait_until("Docker's daemon to listen", Duration::from_secs(60), async || {
            tokio::net::UnixStream::connect(&socket).await.ok()
        })
        .await;
    }

    fn address(&self) -> String {
        format!("unix://{}", self.folder.path().join("docker.sock").display())
    }
}

impl Drop for Docker {
    /// In order, so that it ends its own processes and mounts.
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.daemon.id().cast_signed()), Signal::SIGTERM);
        let _ = self.daemon.wait();
    }
}
