//! Builds every example from its Dockerfile as it stands, its base images coming from a mirror.
//!
//! The mirror is a registry of the test's own, filled by `script/base-images`; the first run on a
//! machine makes those images, which takes minutes.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use roost_builder::{BuildRequest, Builder, Kind, Mirror, find_dockerfile};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A registry on a loopback port, which ends with the value.
struct Registry {
    process: Child,
    address: SocketAddr,
    _storage: tempfile::TempDir,
}

impl Registry {
    fn start() -> Self {
        let storage = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let config = storage.path().join("config.yml");
        let folder = storage.path().display();
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{folder}'}}}}\nhttp: {{addr: '{address}'}}\n"
        );
        fs::write(&config, text).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("run docker-registry: install the package docker-registry");
        let registry = Self { process, address, _storage: storage };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "docker-registry does not listen on {address}");
            std::thread::sleep(Duration::from_millis(20));
        }
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The examples' folders.
fn examples() -> Vec<PathBuf> {
    let folder = Path::new(ROOT).join("examples");
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.is_dir());
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_builds_from_its_dockerfile() {
    let registry = Registry::start();
    let pushed = Command::new(Path::new(ROOT).join("script/base-images"))
        .args(["push", &registry.address.to_string()])
        .status()
        .expect("run script/base-images");
    assert!(pushed.success(), "script/base-images push failed");
    let builder = Builder::find().await.unwrap();
    assert!(
        matches!(builder.kind, Kind::Buildah | Kind::Podman),
        "{} is there and takes no mirrors from here; run this with buildah alone",
        builder.kind.program()
    );
    let mirror: Mirror = format!("docker.io=http://{}", registry.address).parse().unwrap();
    let output = tempfile::tempdir().unwrap();

    let examples = examples();
    assert_eq!(examples.len(), 6, "{examples:?}");
    for example in examples {
        let request = BuildRequest {
            context: example.clone(),
            dockerfile: find_dockerfile(&example, None).unwrap(),
            mirrors: vec![mirror.clone()],
            ..BuildRequest::default()
        };
        let layout = output.path().join(example.file_name().unwrap());
        let built = builder.build(&request, &layout, &mut |piece| println!("{piece:?}")).await;
        let built = built.unwrap_or_else(|error| panic!("{}: {error}", example.display()));
        assert!(built.digest.starts_with("sha256:"));
    }
}
