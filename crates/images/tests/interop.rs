//! Other people's tools: skopeo speaks to our registry, our client to the reference registry.

mod support;

use std::process::{Child, Command, Stdio};

use roost_images::{
    ImageStore, PullConfig,
    push::{PushOptions, push_oci_layout},
};
use support::{
    Mounted,
    layout::Layout,
    server::{Server, Users},
};

/// Runs skopeo in a thread, since the registry that it speaks to lives in this runtime.
async fn skopeo(args: &[&str]) -> Result<String, String> {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let run = move || {
        let output = Command::new("skopeo").args(&args).output();
        let output =
            output.unwrap_or_else(|error| panic!("cannot run skopeo ({error}): apt-get install skopeo"));
        let text =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        if output.status.success() { Ok(text) } else { Err(text) }
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pushes_lists_copies_and_deletes() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("registry"), Users).await;
    let layout = Layout::with_file("hello", b"by skopeo");
    let source = format!("oci:{}", layout.path().display());
    let target = |name: &str| format!("docker://{}/{name}", server.address);
    let login = ["--dest-tls-verify=false", "--dest-creds=user:secret"];

    let anonymous =
        skopeo(&["copy", "--dest-tls-verify=false", "--dest-no-creds", &source, &target("app/web:v1")]).await;
    assert!(anonymous.is_err());
    skopeo(&[&["copy"], &login[..], &[&source, &target("app/web:v1")]].concat()).await.unwrap();
    let both = ["--src-tls-verify=false", "--src-creds=user:secret"];
    skopeo(&[&["copy"], &both[..], &login[..], &[&target("app/web:v1"), &target("app/copy:v2")]].concat())
        .await
        .unwrap();
    let read = ["--tls-verify=false", "--creds=reader:secret"];
    let tags = skopeo(&[&["list-tags"], &read[..], &[&target("app/copy")]].concat()).await.unwrap();
    assert!(tags.contains("\"v2\""), "{tags}");
    let inspected = skopeo(&[&["inspect"], &read[..], &[&target("app/copy:v2")]].concat()).await.unwrap();
    assert!(inspected.contains(&layout.digest), "{inspected}");

    let forbidden = skopeo(&[&["delete"], &read[..], &[&target("app/copy:v2")]].concat()).await;
    assert!(forbidden.is_err());
    let write = ["--tls-verify=false", "--creds=user:secret"];
    skopeo(&[&["delete"], &write[..], &[&target("app/copy:v2")]].concat()).await.unwrap();
    assert!(skopeo(&[&["inspect"], &read[..], &[&target("app/copy:v2")]].concat()).await.is_err());
}

/// The reference registry; ends when dropped.
struct Distribution {
    process: Child,
    address: String,
}

impl Distribution {
    async fn start(dir: &std::path::Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let config = dir.join("distribution.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: {address}}}\n",
            dir.join("distribution").display()
        );
        std::fs::write(&config, text).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = process.unwrap_or_else(|error| {
            panic!("cannot run docker-registry ({error}): apt-get install docker-registry")
        });
        let distribution = Self { process, address };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(&distribution.address).await.is_ok() {
                return distribution;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("docker-registry did not come up in 10 s");
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_registry_takes_our_pushes_and_serves_our_pulls() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Distribution::start(dir.path()).await;
    let layout = Layout::with_file("hello", b"by us");
    let push = async |name: &str, mount_from: &[&str]| {
        let options = PushOptions {
            mount_from: mount_from.iter().map(|name| (*name).to_owned()).collect(),
            ..PushOptions::default()
        };
        let target = format!("{}/{name}:v1", registry.address).parse().unwrap();
        push_oci_layout(layout.path(), &target, &options, |_| {}).await.unwrap()
    };
    let pushed = push("some/app", &[]).await;
    assert_eq!(pushed.sent_bytes, pushed.total_bytes);
    assert_eq!(push("some/app", &[]).await.sent_bytes, 0);
    assert_eq!(push("other/app", &["some/none", "some/app"]).await.sent_bytes, 0);
    let listed =
        skopeo(&["inspect", "--tls-verify=false", &format!("docker://{}/other/app:v1", registry.address)])
            .await;
    assert!(listed.unwrap().contains(&layout.digest));

    let store = ImageStore::open(&dir.path().join("images"), PullConfig::default()).unwrap();
    let resolved =
        store.resolve(&format!("{}/some/app:v1", registry.address).parse().unwrap()).await.unwrap();
    let image = store.ensure(&resolved.image, |_| {}).await.unwrap();
    assert_eq!(std::fs::read(Mounted::new(&image.disk).path().join("hello")).unwrap(), b"by us");
}
