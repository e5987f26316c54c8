//! The real flyctl, pointed at a server and at nothing else.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use roost_testbed::Server;
use serde_json::Value;
use tempfile::TempDir;

use crate::ledger;

/// The longest that one command may take: a deploy of several machines, under emulation, on a busy box.
const COMMAND_LIMIT: Duration = Duration::from_secs(240);

const BUILD_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../script/flyctl");

/// A person with flyctl, the server's token, and a home of their own.
///
/// The first argument of every method is the command as docs/flyctl.md lists it. Every command that ends is
/// printed with its verdict, and written into the ledger.
pub struct Flyctl {
    api: String,
    token: String,
    home: TempDir,
    more: Vec<(&'static str, String)>,
    input: Option<String>,
}

impl Flyctl {
    pub fn new(server: &Server) -> Result<Self> {
        Self::at(server.api(), &Self::token(server)?)
    }

    /// The token of the server's administrator.
    pub fn token(server: &Server) -> Result<String> {
        let token = std::fs::read_to_string(server.data_dir().join("admin-token"))?;
        Ok(token.trim().to_owned())
    }

    /// With this token, and the API at this address.
    pub fn at(api: std::net::SocketAddr, token: &str) -> Result<Self> {
        // Short, because flyctl's agent has a socket in it.
        let home = tempfile::Builder::new().prefix("rf-").rand_bytes(4).tempdir_in("/tmp")?;
        Ok(Self { api: api.to_string(), token: token.to_owned(), home, more: Vec::new(), input: None })
    }

    /// With a further environment variable.
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.more.push((name, value));
        self
    }

    /// With this text on the stdin of every command.
    pub fn typing(mut self, input: &str) -> Self {
        self.input = Some(input.to_owned());
        self
    }

    /// Where fly.toml is written and read unless a command says otherwise.
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Runs a command that must succeed; gives its stdout.
    pub async fn run(&self, command: &str, args: &[&str]) -> Result<String> {
        judged(command, args, self.output(command, args).await?)
    }

    /// As `run` with `--json`, parsed.
    pub async fn json(&self, command: &str, args: &[&str]) -> Result<Value> {
        let text = self.run(command, &[args, &["--json"]].concat()).await?;
        serde_json::from_str(&text).with_context(|| format!("flyctl {command} {args:?} printed {text}"))
    }

    /// Runs a command that must fail; gives all that it said.
    pub async fn refused(&self, command: &str, args: &[&str]) -> Result<String> {
        let output = self.output(command, args).await?;
        let refused = !output.status.success();
        verdict(command, args, if refused { "ok, refused as it must be" } else { "FAILED: not refused" });
        if !refused {
            ledger::failed(command);
        }
        ensure!(refused, "flyctl {command} {args:?} was to fail\n{}", said(&output));
        Ok(said(&output))
    }

    /// Runs a command and leaves the judgement to the caller.
    pub async fn output(&self, command: &str, args: &[&str]) -> Result<Output> {
        let mut process = Command::new(executable());
        process.args(command.split(' ')).args(args).current_dir(self.folder()).stdin(self.stdin()?);
        process.env_clear().envs(self.environment()).envs(self.more.iter().cloned());
        let mut process = tokio::process::Command::from(process);
        tokio::time::timeout(COMMAND_LIMIT, process.kill_on_drop(true).output())
            .await
            .with_context(|| format!("flyctl {command} {args:?} does not end within {COMMAND_LIMIT:?}"))?
            .context("run flyctl")
    }

    fn stdin(&self) -> Result<Stdio> {
        let Some(input) = &self.input else { return Ok(Stdio::null()) };
        let file = self.folder().join("stdin");
        std::fs::write(&file, input)?;
        Ok(std::fs::File::open(file)?.into())
    }

    /// All of flyctl's services at the server; what cannot be pointed elsewhere meets a closed port.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let url = format!("http://{}", self.api);
        let home = self.folder().display().to_string();
        vec![
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
            ("HOME", home.clone()),
            ("FLY_CONFIG_DIR", home),
            ("FLY_API_BASE_URL", url.clone()),
            ("FLY_FLAPS_BASE_URL", url.clone()),
            ("FLY_UIEX_BASE_URL", url.clone()),
            ("FLY_REGISTRY_HOST", self.api.clone()),
            ("FLY_API_TOKEN", self.token.clone()),
            ("FLY_METRICS_BASE_URL", url.clone()),
            ("FLY_SYNTHETICS_BASE_URL", url),
            ("FLY_TRACE_COLLECTOR_URL", "127.0.0.1".to_owned()),
            ("FLY_NO_UPDATE_CHECK", "1".to_owned()),
            ("FLY_NO_INCIDENTS_CHECK", "1".to_owned()),
            ("FLY_SEND_METRICS", "0".to_owned()),
            ("FLY_SYNTHETICS_AGENT", "0".to_owned()),
            ("FLY_WIRE_GUARD_WEBSOCKETS", "false".to_owned()),
            ("HTTPS_PROXY", "http://127.0.0.1:9".to_owned()),
            ("HTTP_PROXY", "http://127.0.0.1:9".to_owned()),
            ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
            ("NO_COLOR", "1".to_owned()),
        ]
    }
}

impl Drop for Flyctl {
    /// Commands that use WireGuard leave an agent behind.
    fn drop(&mut self) {
        if self.folder().join("fly-agent.sock").exists() {
            let mut stop = Command::new(executable());
            stop.args(["agent", "stop"]).env_clear().envs(self.environment());
            let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
    }
}

/// The executable; the first call on a machine builds it.
fn executable() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let output = Command::new(BUILD_SCRIPT).stderr(Stdio::inherit()).output().expect("run script/flyctl");
        assert!(output.status.success(), "script/flyctl failed");
        String::from_utf8(output.stdout).expect("a path").trim().to_owned()
    })
}

/// The stdout of a command that must have succeeded.
fn judged(command: &str, args: &[&str], output: Output) -> Result<String> {
    let success = output.status.success();
    verdict(command, args, if success { "ok" } else { "FAILED" });
    if success {
        ledger::ran(command);
    } else {
        ledger::failed(command);
    }
    ensure!(success, "flyctl {command} {args:?}: {}\n{}", output.status, said(&output));
    Ok(String::from_utf8(output.stdout)?)
}

/// All that a command printed.
pub fn said(output: &Output) -> String {
    let [out, err] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    format!("{out}{err}")
}

/// One line of the list that a run of these tests prints, past the capture of test output.
fn verdict(command: &str, args: &[&str], verdict: &str) {
    let line = format!("flyctl {command} {}: {verdict}\n", args.join(" ").replace('\n', " "));
    let _ = std::io::stderr().write_all(line.as_bytes());
}
