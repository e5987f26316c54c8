//! Every example, from its Dockerfile to an answer: built by the command line, run in real VMs.
//!
//! Builds need the package registries, so this server runs in the machine's own network, on ports,
//! names and a table of its own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use anyhow::Result;
use futures::{SinkExt as _, StreamExt as _};
use roost_testbed::{BaseImages, Server, ServerOptions, load, wait_until};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

const ROOST: &str = env!("CARGO_BIN_EXE_roost");

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
const TABLE: &str = "roost_examples";
const PREFIX: &str = "rx";

/// What a server leaves in the machine's own network, removed after the server has ended.
struct Network;

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("nft").args(["delete", "table", "inet", TABLE]).status();
        let tables = Command::new("nft").args(["list", "tables"]).output();
        let tables = tables.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
        if !tables.contains("inet roost") {
            let _ = Command::new("ip").args(["address", "del", "fdaa::3/128", "dev", "lo"]).status();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_does_what_it_is_there_to_show() -> Result<()> {
    let base_images = BaseImages::serve();
    let _network = Network;
    let options = ServerOptions {
        api: SocketAddr::from((Ipv4Addr::LOCALHOST, 4391)),
        edge: SocketAddr::from((Ipv4Addr::LOCALHOST, 8391)),
        edge_tls: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 8491))),
        config: format!("[network]\ntable = {TABLE:?}\niface_prefix = {PREFIX:?}\n"),
        ..ServerOptions::default()
    };
    let server = Server::start(Path::new(ROOST), options).await?;
    let examples = Examples { server: &server, mirror: format!("docker.io={}", base_images.url()) };

    examples.hello_c().await?;
    examples.python_pip().await?;
    examples.node_ws().await?;
    examples.two_processes().await?;
    examples.crash().await?;
    examples.wrong_port().await?;
    for app in ["hello-c", "python-pip", "node-ws", "two-processes", "crash", "wrong-port"] {
        server.run(["apps", "destroy", app, "--yes"]).await?;
    }
    Ok(())
}

struct Examples<'a> {
    server: &'a Server,
    mirror: String,
}

impl Examples<'_> {
    async fn hello_c(&self) -> Result<()> {
        self.deployed("hello-c").await?;
        let answer = self.get("hello-c", "/").await?;
        let machines = self.server.json(&["machine", "list", "--app", "hello-c"]).await?;
        let id = machines[0]["id"].as_str().unwrap();
        assert!(answer.contains(&format!("machine: {id}")), "{answer}");
        let own_kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        assert!(
            !answer.contains(own_kernel.trim()),
            "the answer is to come from a kernel of its own: {answer}"
        );
        Ok(())
    }

    async fn python_pip(&self) -> Result<()> {
        self.deployed("python-pip").await?;
        let answer = self.get("python-pip", "/").await?;
        assert!(answer.to_lowercase().contains("hello"), "{answer}");
        Ok(())
    }

    async fn node_ws(&self) -> Result<()> {
        self.deployed("node-ws").await?;
        assert!(!self.get("node-ws", "/").await?.is_empty());
        let mut request = "ws://node-ws.roost.localhost/echo".into_client_request()?;
        request.headers_mut().insert("host", "node-ws.roost.localhost".parse()?);
        let stream = tokio::net::TcpStream::connect(self.server.edge()).await?;
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        socket.send(Message::text("over the edge")).await?;
        let echoed = tokio::time::timeout(Duration::from_secs(30), async {
            while let Some(message) = socket.next().await {
                if message?.to_text()?.contains("over the edge") {
                    return anyhow::Ok(());
                }
            }
            anyhow::bail!("the WebSocket was closed")
        });
        echoed.await?
    }

    async fn two_processes(&self) -> Result<()> {
        self.deployed("two-processes").await?;
        let machines = self.server.json(&["machine", "list", "--app", "two-processes"]).await?;
        let groups =
            machines.as_array().unwrap().iter().map(|m| {
                m["config"]["metadata"]["fly_process_group"].as_str().unwrap_or_default().to_owned()
            });
        let mut groups: Vec<_> = groups.collect();
        groups.sort();
        assert_eq!(groups, ["web", "worker"]);
        assert!(!self.get("two-processes", "/").await?.is_empty());
        Ok(())
    }

    async fn crash(&self) -> Result<()> {
        let output = self.deploy("crash").await?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "an app that crashes cannot be deployed");
        assert!(said.contains("exited with code"), "the exit reason is to be shown: {said}");
        Ok(())
    }

    async fn wrong_port(&self) -> Result<()> {
        let output = self.deploy("wrong-port").await?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "an app on another port cannot be deployed");
        assert!(said.contains("8080") && said.contains("listens on"), "say where it does listen: {said}");
        Ok(())
    }

    async fn deployed(&self, name: &str) -> Result<()> {
        let output = self.deploy(name).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}\n{}", self.server.log());
        Ok(())
    }

    async fn deploy(&self, name: &str) -> Result<Output> {
        let folder: PathBuf = Path::new(EXAMPLES).join(name);
        let mut command = self.server.roost(["deploy", "--config"]);
        command.arg(folder).env("ROOST_BUILD_MIRRORS", &self.mirror);
        Ok(tokio::process::Command::from(command).kill_on_drop(true).output().await?)
    }

    /// Asks until there is an answer: interpreters are slow to start where machines are emulated.
    async fn get(&self, app: &str, path: &str) -> Result<String> {
        let host = format!("{app}.roost.localhost");
        let what = format!("an answer of {app}");
        let ask = async || load::get(self.server.edge(), &host, path).await.ok();
        Ok(wait_until(&what, Duration::from_secs(60), ask).await)
    }
}
