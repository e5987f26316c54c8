//! Pebble, the ACME authority for tests, and the DNS server that comes with it.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result};
use roost_testbed::wait_until;
use serde_json::json;
use tempfile::TempDir;

/// Where pebble answers, and where its DNS server takes orders.
const DIRECTORY: &str = "https://127.0.0.1:14000/dir";
const MANAGEMENT: &str = "https://127.0.0.1:15000";
const DNS_MANAGEMENT: &str = "http://127.0.0.1:8055";

/// Names below it are refused by the authority's policy.
pub const BLOCKED: &str = "blocked.test";

/// Both servers, in the network of the test; they end with it.
pub struct TestAuthority {
    folder: TempDir,
    children: Vec<Child>,
}

impl TestAuthority {
    /// Certificates of this authority are good for `life`.
    pub async fn start(life: Duration) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        own_certificate(folder.path())?;
        let config = json!({ "pebble": {
            "listenAddress": "127.0.0.1:14000",
            "managementListenAddress": "127.0.0.1:15000",
            "certificate": folder.path().join("own.pem"),
            "privateKey": folder.path().join("own.key"),
            "httpPort": 80,
            "tlsPort": 443,
            "domainBlocklist": [BLOCKED],
            "certificateValidityPeriod": life.as_secs(),
        }});
        std::fs::write(folder.path().join("pebble.json"), config.to_string())?;
        let mut authority = Self { folder, children: Vec::new() };
        authority.run(
            "pebble-challtestsrv",
            &[
                "-dns01",
                "127.0.0.1:53",
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
                "-management",
                "127.0.0.1:8055",
                "-defaultIPv6",
                "",
            ],
        )?;
        let file = authority.path("pebble.json");
        authority.run("pebble", &["-config", file.to_str().unwrap(), "-dnsserver", "127.0.0.1:53"])?;
        wait_until("the test authority", Duration::from_secs(60), async || authority.roots().ok()).await;
        Ok(authority)
    }

    fn run(&mut self, program: &str, args: &[&str]) -> Result<()> {
        let log = std::fs::File::create(self.path(&format!("{program}.log")))?;
        let mut command = Command::new(program);
        command.args(args).env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("run {program}: script/setup installs it"))?;
        self.children.push(child);
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lines of `[acme]` for a server that asks this authority.
    pub fn config(&self) -> String {
        let root = self.path("own.pem");
        format!(
            "dns.upstream = [\"127.0.0.1\"]\nedge.public_addresses = [\"127.0.0.1\"]\nacme.accept_terms = true\n\
             acme.authorities = [{{ name = \"pebble\", directory = \"{DIRECTORY}\", root = {root:?} }}]\n"
        )
    }

    /// A file with the root that its certificates lead to.
    pub fn roots(&self) -> Result<PathBuf> {
        let root = curl(&["--insecure", &format!("{MANAGEMENT}/roots/0")])?;
        let file = self.path("root.pem");
        std::fs::write(&file, root)?;
        Ok(file)
    }

    /// A program that publishes TXT records as roost asks it to.
    pub fn dns_command(&self) -> Result<PathBuf> {
        let script = format!(
            "#!/bin/sh\nset -e\ncase $1 in\npresent) call=set-txt ;;\n*) call=clear-txt ;;\nesac\n\
             exec curl --fail --silent --data \"{{\\\"host\\\":\\\"$2.\\\",\\\"value\\\":\\\"$3\\\"}}\" \
             {DNS_MANAGEMENT}/$call\n"
        );
        self.program("dns-command", &script)
    }

    /// A program that says that it did.
    pub fn lying_dns_command(&self) -> Result<PathBuf> {
        self.program("lying-command", "#!/bin/sh\n")
    }

    fn program(&self, name: &str, script: &str) -> Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let file = self.path(name);
        std::fs::write(&file, script)?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
        Ok(file)
    }

    /// Makes DNS say something; every name has the address 127.0.0.1 otherwise.
    pub fn dns(&self, call: &str, body: serde_json::Value) -> Result<()> {
        curl(&["--data", &body.to_string(), &format!("{DNS_MANAGEMENT}/{call}")]).map(drop)
    }
}

impl Drop for TestAuthority {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What pebble itself shows to those who connect.
fn own_certificate(folder: &Path) -> Result<()> {
    let key = rcgen::KeyPair::generate()?;
    let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    std::fs::write(folder.join("own.pem"), params.self_signed(&key)?.pem())?;
    std::fs::write(folder.join("own.key"), key.serialize_pem())?;
    Ok(())
}

/// The answer's body.
fn curl(args: &[&str]) -> Result<String> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--max-time", "20"]).args(args);
    let output = command.output().context("run curl")?;
    anyhow::ensure!(output.status.success(), "curl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
