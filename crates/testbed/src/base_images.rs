//! Base images of the names that the examples' Dockerfiles use, in a registry of the test's own.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A registry on a loopback port that can stand in for docker.io; it ends with the value.
pub struct BaseImages {
    process: Child,
    address: SocketAddr,
    _storage: tempfile::TempDir,
}

impl BaseImages {
    /// Starts the registry and fills it by `script/base-images`, whose first run on a machine makes
    /// the images, which takes minutes.
    pub fn serve() -> Self {
        let images = Self::start();
        let pushed = Command::new(Path::new(ROOT).join("script/base-images"))
            .args(["push", &images.address.to_string()])
            .status()
            .expect("run script/base-images");
        assert!(pushed.success(), "script/base-images push failed");
        images
    }

    /// URL of the registry.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn start() -> Self {
        let storage = tempfile::tempdir().expect("make a folder");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr()).expect("a port");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.port()));
        let config = storage.path().join("config.yml");
        let folder = storage.path().display();
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{folder}'}}}}\nhttp: {{addr: '{address}'}}\n"
        );
        fs::write(&config, text).expect("write the registry's configuration");
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("run docker-registry: install the package docker-registry");
        let images = Self { process, address, _storage: storage };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "docker-registry does not listen on {address}");
            std::thread::sleep(Duration::from_millis(20));
        }
        images
    }
}

impl Drop for BaseImages {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
