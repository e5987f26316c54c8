//! A `roost server` on a data folder of its own, and the commands of its command line.
//!
//! Start it in a network of its own (`netns::enter`): it listens on the default ports there.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use roost_host_api::HostClient;
use serde_json::Value;
use tempfile::TempDir;

use crate::{leftovers, wait_until};

/// Where a server's edge listens unless told otherwise.
pub const EDGE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 80);
pub const EDGE_TLS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 443);

/// Where a server's api listens unless told otherwise.
pub const API: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4280);

/// Tests wait by asking again and again; that there are limits is a test of its own.
const TEST_RATES: &str = "api.rate_limits.enabled = false";

/// From the start of the process to its first answer, on a busy machine.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// From the signal to the new server's own word, on a busy machine.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(180);

/// What a server says when another one serves in its place.
const TOOK_OVER: &str = "another server serves";

/// How a server is started.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    pub api: SocketAddr,
    pub edge: SocketAddr,
    /// Where it speaks TLS, if at all.
    pub edge_tls: Option<SocketAddr>,
    /// Further lines of the configuration file.
    pub config: String,
    /// Further environment variables.
    pub env: Vec<(String, String)>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { api: API, edge: EDGE, edge_tls: Some(EDGE_TLS), config: String::new(), env: Vec::new() }
    }
}

/// A running (or killed) server. Dropping it ends the server and every VM that it left.
pub struct Server {
    binary: PathBuf,
    folder: TempDir,
    options: ServerOptions,
    child: Mutex<Option<Child>>,
    /// The process that has taken over from `child`, or from another one in between.
    successor: Mutex<Option<Pid>>,
}

impl Server {
    /// Starts `binary` (the `roost` executable) and waits until its API answers.
    pub async fn start(binary: &Path, options: ServerOptions) -> Result<Self> {
        let server = Self::begin(binary, options)?;
        server.ready().await;
        Ok(server)
    }

    /// As [`Self::start`], without waiting: for a server that needs other processes before it is ready.
    pub fn begin(binary: &Path, options: ServerOptions) -> Result<Self> {
        // Short, because sockets live below it.
        let folder = tempfile::Builder::new().prefix("rt-").rand_bytes(4).tempdir_in("/tmp")?;
        let server = Self {
            binary: binary.to_owned(),
            folder,
            options,
            child: Mutex::new(None),
            successor: Mutex::new(None),
        };
        let ServerOptions { api, edge, edge_tls, config, .. } = &server.options;
        let edge_tls = edge_tls.map(|address| format!("{:?}", address.to_string())).unwrap_or_default();
        let config = format!(
            "data_dir = {:?}\napi.listen = \"{api}\"\n{TEST_RATES}\nedge.http = [\"{edge}\"]\nedge.https = [{edge_tls}]\n{config}",
            server.data_dir()
        );
        std::fs::write(server.config_path(), config)?;
        server.launch(&[])?;
        Ok(server)
    }

    /// Where the api listens.
    pub fn api(&self) -> SocketAddr {
        self.options.api
    }

    /// Where the edge listens.
    pub fn edge(&self) -> SocketAddr {
        self.options.edge
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("d")
    }

    /// What the server printed, all starts together.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// `kill -9`; machines stay.
    pub fn kill(&self) {
        if let Some(successor) = self.successor.lock().expect("no holder panics").take() {
            let _ = kill(successor, Signal::SIGKILL);
        }
        if let Some(mut child) = self.child().take() {
            child.kill().expect("kill the server");
            child.wait().expect("reap the server");
        }
    }

    /// SIGTERM, and the exit status.
    pub async fn terminate(&self) -> ExitStatus {
        kill(self.serving(), Signal::SIGTERM).expect("signal the server");
        self.ended(Duration::from_secs(60)).await
    }

    /// Sends SIGHUP to the process that serves, and waits until another one has taken over.
    pub async fn hand_over(&self) -> i32 {
        let old = self.serving();
        let takeovers = || self.log().matches(TOOK_OVER).count();
        let before = takeovers();
        kill(old, Signal::SIGHUP).expect("signal the server");
        wait_until("another server to take over", HANDOVER_TIMEOUT, async || {
            (takeovers() > before).then_some(())
        })
        .await;
        let log = self.log();
        let said = log.rsplit(TOOK_OVER).next().expect("just counted");
        let pid = said.split_once("pid=").and_then(|(_, rest)| rest.split_whitespace().next());
        let new = Pid::from_raw(pid.and_then(|pid| pid.parse().ok()).expect("the log names its process"));
        *self.successor.lock().expect("no holder panics") = Some(new);
        old.as_raw()
    }

    /// SIGHUP without a successor that comes of it.
    pub fn ask_to_hand_over(&self) {
        kill(self.serving(), Signal::SIGHUP).expect("signal the server");
    }

    /// The process that takes connections.
    fn serving(&self) -> Pid {
        let successor = *self.successor.lock().expect("no holder panics");
        successor.unwrap_or_else(|| Pid::from_raw(self.pid().expect("the server runs") as i32))
    }

    /// Waits for the process to end by itself.
    pub async fn ended(&self, within: Duration) -> ExitStatus {
        wait_until("the end of the server", within, async || self.exit_status()).await
    }

    /// The exit status of a server that ended by itself.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        let mut child = self.child();
        let status = child.as_mut().expect("the server was started").try_wait().expect("wait for the server");
        if status.is_some() {
            *child = None;
        }
        status
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().expect("no holder panics")
    }

    fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// Starts the server again on the same data folder, without waiting for it.
    pub fn launch(&self, env: &[(&str, &str)]) -> Result<()> {
        assert!(self.pid().is_none(), "the server runs already");
        let log = std::fs::File::options().create(true).append(true).open(self.log_path())?;
        let mut command = Command::new(&self.binary);
        command.arg("server").arg("--config").arg(self.config_path());
        command.envs(self.options.env.iter().map(|(k, v)| (k, v))).envs(env.iter().copied());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        *self.child() = Some(command.spawn().with_context(|| format!("run {}", self.binary.display()))?);
        Ok(())
    }

    /// A further process on this server's folder, which plays only this role.
    pub fn role(&self, role: &str) -> Result<RoleProcess> {
        let log = self.folder.path().join(format!("{role}.log"));
        let file = std::fs::File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new(&self.binary);
        command.arg("server").arg("--config").arg(self.config_path()).args(["--roles", role]);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Ok(RoleProcess { child: command.spawn()?, log })
    }

    /// Starts the server again and waits until its API answers.
    pub async fn restart(&self) -> Result<()> {
        self.launch(&[])?;
        self.ready().await;
        Ok(())
    }

    /// Waits until the API answers.
    pub async fn ready(&self) {
        let start = std::time::Instant::now();
        loop {
            let answer = self.output(["apps", "list"]).await.expect("run the command line");
            if answer.status.success() {
                return;
            }
            let ended = self.exit_status();
            assert!(
                ended.is_none() && start.elapsed() < READY_TIMEOUT,
                "the server is not ready ({ended:?}); the command line says {}
its log:
{}",
                String::from_utf8_lossy(&answer.stderr),
                self.log(),
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The command line, set up for this server.
    pub fn roost<I: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args).env("ROOST_DATA_DIR", self.data_dir()).stdin(Stdio::null());
        command
    }

    /// Runs a command while the test's own tasks go on.
    pub async fn output<I: AsRef<std::ffi::OsStr>>(
        &self,
        args: impl IntoIterator<Item = I>,
    ) -> Result<Output> {
        let mut command = tokio::process::Command::from(self.roost(args));
        Ok(command.kill_on_drop(true).output().await?)
    }

    /// Runs a command that must succeed; gives its stdout.
    pub async fn run<I: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Result<String> {
        let args: Vec<_> = args.into_iter().map(|a| a.as_ref().to_owned()).collect();
        let output = self.output(&args).await?;
        ensure!(
            output.status.success(),
            "roost {args:?}: {}\n{}{}\nserver log:\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            self.log(),
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs a command that must fail; gives its stderr.
    pub async fn refused<I: AsRef<std::ffi::OsStr>>(
        &self,
        args: impl IntoIterator<Item = I>,
    ) -> Result<String> {
        let args: Vec<_> = args.into_iter().map(|a| a.as_ref().to_owned()).collect();
        let output = self.output(&args).await?;
        ensure!(!output.status.success(), "roost {args:?} was to fail");
        Ok(String::from_utf8(output.stderr)?)
    }

    /// As `run` with `--json`, parsed.
    pub async fn json(&self, args: &[&str]) -> Result<Value> {
        let mut args = args.to_vec();
        args.push("--json");
        let text = self.run(&args).await?;
        serde_json::from_str(&text).with_context(|| format!("roost {args:?} printed {text}"))
    }

    /// Waits until a machine of the app is in a state; gives its id.
    pub async fn machine_in(&self, app: &str, state: &str, within: Duration) -> String {
        wait_until(&format!("a machine of {app} in state {state}"), within, async || {
            let machines = self.json(&["machine", "list", "--app", app]).await.ok()?;
            let found = machines.as_array()?.iter().find(|m| m["state"] == state)?;
            Some(found["id"].as_str()?.to_owned())
        })
        .await
    }

    /// Resident memory of the server's process, in KiB.
    pub fn resident_kib(&self) -> Result<u64> {
        let pid = self.pid().context("the server runs")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).context("VmRSS")?;
        Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
    }

    /// A machine's IPv4 address, by which its own host reaches it.
    pub async fn machine_ipv4(&self, machine: &str) -> Result<std::net::Ipv4Addr> {
        let host = HostClient::unix(self.data_dir().join("run/host.sock"));
        Ok(host.machine(&machine.parse()?).await?.ipv4)
    }

    /// The process id of a machine's VMM.
    pub fn vmm_pid(&self, machine: &str) -> Option<i32> {
        leftovers::processes_of(&self.data_dir(), machine).into_iter().next()
    }

    /// The command line of a machine's VMM.
    pub fn vmm_arguments(&self, machine: &str) -> Option<Vec<String>> {
        let pid = self.vmm_pid(machine)?;
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some(bytes.split(|b| *b == 0).map(|a| String::from_utf8_lossy(a).into_owned()).collect())
    }

    /// A call of the API, with the admin token; the answer's body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<String> {
        self.call("POST", path, body).await
    }

    /// As `post`, by any method.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Result<String> {
        let token = std::fs::read_to_string(self.data_dir().join("admin-token"))?;
        crate::load::call(self.api(), method, path, token.trim(), &body.to_string()).await
    }

    /// Processes, cgroups, links and files that machines of this server left, in words.
    pub fn leftovers(&self) -> Vec<String> {
        leftovers::of(&self.data_dir())
    }

    /// The configuration file, which the next start reads.
    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("roost.toml")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// A process of one role; killed when dropped.
pub struct RoleProcess {
    child: Child,
    log: PathBuf,
}

impl RoleProcess {
    /// Waits for its own end; gives the exit status and what it printed.
    pub async fn ends(mut self) -> (ExitStatus, String) {
        let began = std::time::Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("wait for the process") {
                break status;
            }
            assert!(began.elapsed() < READY_TIMEOUT, "the process does not end");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        (status, std::fs::read_to_string(&self.log).unwrap_or_default())
    }
}

impl Drop for RoleProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        leftovers::remove(&self.data_dir());
    }
}
