//! Builds every example from its Dockerfile as it stands, its base images coming from a mirror.
//!
//! The mirror is a registry of the test's own, filled by `script/base-images`; the first run on a
//! machine makes those images, which takes minutes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use roost_builder::{BuildRequest, Builder, Kind, Mirror, find_dockerfile};
use roost_testbed::BaseImages;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

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
    let base_images = BaseImages::serve();
    let builder = Builder::find().await.unwrap();
    assert!(
        matches!(builder.kind, Kind::Buildah | Kind::Podman),
        "{} is there and takes no mirrors from here; run this with buildah alone",
        builder.kind.program()
    );
    let mirror: Mirror = format!("docker.io={}", base_images.url()).parse().unwrap();
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
