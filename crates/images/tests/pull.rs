//! Images travel: pushed from a layout, pulled to a disk, through mirrors, interruptions and lies.

mod support;

use std::{
    collections::HashSet,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use roost_images::{
    Credentials, ImageError, ImageStore, PullConfig, Stage,
    push::{PushOptions, push_oci_layout},
};
use roost_model::ImageRef;
use serde_json::json;
use support::{
    Layer, Mounted, gzip,
    layout::{self, Layout},
    server::{Cutter, Everybody, Server, Users},
};

fn image(text: &str) -> ImageRef {
    text.parse().unwrap()
}

async fn push(layout: &Layout, target: &str) -> ImageRef {
    push_oci_layout(layout.path(), &image(target), &PushOptions::default(), |_| {}).await.unwrap().image
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|_| rand::random()).collect()
}

#[tokio::test]
async fn a_pushed_image_comes_back_as_a_disk_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("registry"), Everybody).await;
    let layout = Layout::with_file("hello", b"from the registry");
    let pushed = push(&layout, &format!("{}/app/web:v1", server.address)).await;
    assert_eq!(pushed.digest.as_deref(), Some(&*layout.digest));

    let store = ImageStore::open(&dir.path().join("images"), PullConfig::default()).unwrap();
    let resolved = store.resolve(&image(&format!("{}/app/web:v1", server.address))).await.unwrap();
    assert_eq!(resolved.image, pushed);
    assert_eq!(resolved.labels["a"], "b");
    assert!(store.get(&layout.digest).is_none());

    let (stages, ends) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    let note = |progress: roost_images::Progress| {
        stages.lock().unwrap().push(progress.stage);
        ends.fetch_max(progress.done_bytes, Ordering::Relaxed);
        assert!(progress.done_bytes <= progress.total_bytes);
    };
    let (one, two) = tokio::join!(store.ensure(&pushed, note), store.ensure(&pushed, |_| {}));
    let one = one.unwrap();
    assert!(std::sync::Arc::ptr_eq(&one, &two.unwrap()), "two callers, one pull");
    assert_eq!(one.config.cmd, ["/app"]);
    assert!(ends.load(Ordering::Relaxed) > 0 && stages.lock().unwrap().contains(&Stage::Converting));
    let mounted = Mounted::new(&one.disk);
    assert_eq!(fs::read(mounted.path().join("hello")).unwrap(), b"from the registry");

    // Another process on the same folder needs no registry.
    drop((store, server));
    let store = ImageStore::open(&dir.path().join("images"), PullConfig::default()).unwrap();
    assert_eq!(*store.ensure(&pushed, |_| {}).await.unwrap(), *one);
}

#[tokio::test]
async fn a_second_push_sends_only_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), Everybody).await;
    let shared = (noise(100_000), Vec::new());
    let make = |own: &[u8]| Layout::new(&[shared.clone(), (own.to_vec(), Vec::new())], "amd64", json!({}));
    let push = async |layout: &Layout, name: &str, mount_from: &[&str]| {
        let options = PushOptions {
            mount_from: mount_from.iter().map(|name| (*name).to_owned()).collect(),
            ..PushOptions::default()
        };
        let target = image(&format!("{}/{name}:v1", server.address));
        push_oci_layout(layout.path(), &target, &options, |_| {}).await.unwrap()
    };
    let first = push(&make(b"one"), "app/a", &[]).await;
    assert_eq!(first.sent_bytes, first.total_bytes);
    let same_repository = push(&make(b"two"), "app/a", &[]).await;
    assert!(same_repository.sent_bytes < 1000);
    let mounted = push(&make(b"one"), "app/b", &["app/none", "app/a"]).await;
    assert_eq!(mounted.sent_bytes, 0);
    let separate = push(&make(b"one"), "app/c", &[]).await;
    assert_eq!(separate.sent_bytes, separate.total_bytes);
}

#[tokio::test]
async fn a_layout_in_a_tar_is_pushed_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("registry"), Everybody).await;
    let layout = Layout::with_file("a", b"b");
    let tar = dir.path().join("layout.tar");
    support::run("tar", &["-cf", tar.to_str().unwrap(), "-C", layout.path().to_str().unwrap(), "."]);
    let target = image(&format!("{}/app:v1", server.address));
    let pushed = push_oci_layout(&tar, &target, &PushOptions::default(), |_| {}).await.unwrap();
    assert_eq!(pushed.image.digest.as_deref(), Some(&*layout.digest));
}

#[tokio::test]
async fn credentials_open_what_they_should() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("registry"), Users).await;
    let layout = Layout::with_file("a", b"b");
    let target = image(&format!("{}/app/web:v1", server.address));
    let push_as = async |credentials| {
        let options = PushOptions { credentials, ..PushOptions::default() };
        push_oci_layout(layout.path(), &target, &options, |_| {}).await
    };
    let basic = |user: &str, password: &str| {
        Some(Credentials::Basic { username: user.to_owned(), password: password.to_owned() })
    };
    assert!(matches!(push_as(None).await, Err(ImageError::Denied { .. })));
    assert!(matches!(push_as(basic("user", "wrong")).await, Err(ImageError::Denied { .. })));
    assert!(matches!(push_as(basic("reader", "secret")).await, Err(ImageError::Denied { .. })));
    let pushed = push_as(basic("user", "secret")).await.unwrap().image;
    push_as(Some(Credentials::Token { token: "token-of-user".to_owned() })).await.unwrap();

    let credentials = basic("reader", "secret").map(|it| (server.address.clone(), it)).into_iter().collect();
    let config = PullConfig { credentials, ..PullConfig::default() };
    let store = ImageStore::open(&dir.path().join("images"), config).unwrap();
    store.ensure(&pushed, |_| {}).await.unwrap();
    let elsewhere = image(&format!("{}/other:v1", server.address));
    assert!(matches!(store.resolve(&elsewhere).await, Err(ImageError::Denied { .. })));
}

#[tokio::test]
async fn mirrors_are_asked_first_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("registry"), Everybody).await;
    push(&Layout::with_file("a", b"b"), &format!("{}/hub/library/thing:1", server.address)).await;
    let text = json!({
        "mirrors": {"docker.io": ["http://127.0.0.1:1", format!("http://{}/hub", server.address)]},
        "mirror_only": ["docker.io"],
    });
    let store = ImageStore::open(&dir.path().join("images"), serde_json::from_value(text).unwrap()).unwrap();
    let resolved = store.resolve(&image("thing:1")).await.unwrap();
    assert!(resolved.image.to_string().starts_with("docker.io/library/thing:1@sha256:"));
    store.ensure(&resolved.image, |_| {}).await.unwrap();
    assert!(matches!(store.resolve(&image("missing")).await, Err(ImageError::NotFound { .. })));
}

#[tokio::test]
async fn a_pull_that_breaks_off_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("registry"), Everybody).await;
    let tar = Layer::new().file("noise", &noise(1_000_000)).tar();
    let layout = Layout::new(&[(tar.clone(), tar)], "amd64", json!({"Cmd": ["x"]}));
    let pushed = push(&layout, &format!("{}/app:v1", server.address)).await;

    let cutter = Cutter::start(&server.address, 150_000).await;
    let through = |text: &str| image(&text.replace(&server.address, &cutter.address));
    let store = ImageStore::open(&dir.path().join("images"), PullConfig::default()).unwrap();
    store.ensure(&through(&pushed.to_string()), |_| {}).await.unwrap();
    assert!((7..15).contains(&cutter.connections.load(Ordering::Relaxed)), "every piece was kept");

    // What arrived survives the process, and damage to it.
    let images = dir.path().join("images-2");
    let useless = Cutter::start(&server.address, 0).await;
    let layer = layout.manifest["layers"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:");
    fs::create_dir_all(images.join("partial")).unwrap();
    fs::write(images.join("partial").join(layer), noise(500_000)).unwrap();
    let store = ImageStore::open(&images, PullConfig::default()).unwrap();
    let nowhere = image(&pushed.to_string().replace(&server.address, &useless.address));
    assert!(matches!(store.ensure(&nowhere, |_| {}).await, Err(ImageError::Unreachable { .. })));
    store.ensure(&pushed, |_| {}).await.unwrap();
}

#[tokio::test]
async fn images_that_cannot_run_here_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("registry"), Everybody).await;
    let store = ImageStore::open(&dir.path().join("images"), PullConfig::default()).unwrap();
    let tar = Layer::new().file("a", b"b").tar();
    let layers = [(gzip(&tar), tar)];

    let arm = push(&Layout::new(&layers, "arm64", json!({})), &format!("{}/app:arm", server.address)).await;
    let error = store.resolve(&arm).await.unwrap_err().to_string();
    assert!(error.contains("linux/arm64") && error.contains("--platform linux/amd64"), "{error}");

    let many = Layout::new(&layers, "arm64", json!({}));
    let mut entry = json!({"mediaType": layout::MANIFEST, "digest": many.digest, "size": 1});
    entry["platform"] = json!({"os": "linux", "architecture": "arm64"});
    let inner = json!({"schemaVersion": 2, "mediaType": layout::INDEX, "manifests": [entry]});
    let inner = layout::put(many.path(), &serde_json::to_vec(&inner).unwrap(), layout::INDEX);
    layout::index(many.path(), &[inner]);
    let pushed = push(&many, &format!("{}/app:index", server.address)).await;
    let error = store.resolve(&pushed).await.unwrap_err();
    assert!(matches!(&error, ImageError::WrongPlatform { found, .. } if found == "linux/arm64"), "{error}");

    let unpinned = image(&format!("{}/app:arm", server.address));
    assert!(matches!(store.ensure(&unpinned, |_| {}).await, Err(ImageError::NotPinned(_))));
    let missing = image(&format!("{}/app:none", server.address));
    assert!(matches!(store.resolve(&missing).await, Err(ImageError::NotFound { .. })));
}

#[tokio::test]
async fn a_broken_layer_fails_for_everybody_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("registry"), Everybody).await;
    let tar = Layer::new().file("../../evil", b"x").tar();
    let layout = Layout::new(&[(gzip(&tar), tar)], "amd64", json!({}));
    let pushed = push(&layout, &format!("{}/app:v1", server.address)).await;
    let images = dir.path().join("images");
    let store = ImageStore::open(&images, PullConfig::default()).unwrap();
    let (one, two) = tokio::join!(store.ensure(&pushed, |_| {}), store.ensure(&pushed, |_| {}));
    assert!(matches!(one, Err(ImageError::BrokenLayer { .. })) && two.is_err());
    assert_eq!(fs::read_dir(images.join("tmp")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(images.join("images")).unwrap().count(), 0);
}

#[tokio::test]
async fn collection_keeps_what_is_named_and_what_that_needs() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("registry"), Everybody).await;
    let images = dir.path().join("images");
    let store = ImageStore::open(&images, PullConfig::default()).unwrap();
    let kept = push(&Layout::with_file("a", b"kept"), &format!("{}/app:1", server.address)).await;
    let gone = push(&Layout::with_file("a", b"gone"), &format!("{}/app:2", server.address)).await;
    let kept = store.ensure(&kept, |_| {}).await.unwrap();
    let gone = store.ensure(&gone, |_| {}).await.unwrap();

    let collected = store.collect(&HashSet::from([kept.digest.clone()])).await.unwrap();
    assert_eq!((collected.images, collected.blobs), (1, 2));
    assert!(kept.disk.exists() && !gone.disk.exists());
    assert!(store.get(&gone.digest).is_none() && store.get(&kept.digest).is_some());
    assert_eq!(fs::read_dir(images.join("blobs")).unwrap().count(), 2);
    assert_eq!(store.collect(&HashSet::from([kept.digest.clone()])).await.unwrap(), Default::default());
}

#[tokio::test]
async fn what_a_crash_left_is_cleared_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("registry"), Everybody).await;
    let pushed = push(&Layout::with_file("a", b"b"), &format!("{}/app:v1", server.address)).await;
    let images = dir.path().join("images");
    let store = ImageStore::open(&images, PullConfig::default()).unwrap();
    let image_here = store.ensure(&pushed, |_| {}).await.unwrap();
    drop(store);
    let half = images.join("images").join("0".repeat(64));
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("disk.erofs"), b"half").unwrap();
    fs::create_dir_all(images.join("tmp/abc")).unwrap();
    fs::write(images.join("tmp/abc/disk.erofs"), b"half").unwrap();
    // A disk that is shorter than its record says is made again.
    fs::write(&image_here.disk, b"cut").unwrap();

    let store = ImageStore::open(&images, PullConfig::default()).unwrap();
    assert!(!half.exists() && !images.join("tmp/abc").exists());
    assert!(store.get(&image_here.digest).is_none());
    let again = store.ensure(&pushed, |_| {}).await.unwrap();
    assert_eq!(fs::read(Mounted::new(&again.disk).path().join("a")).unwrap(), b"b");
}
