//! How Docker is asked, by a stand-in for its program that records what it is given.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use roost_builder::{BuildError, BuildRequest, BuildSecret, Builder, Cache, Kind};

/// Answers as `docker` with a recent engine, keeps its arguments, and saves the layout `$OCI`.
const DOCKER: &str = r#"#!/bin/sh
here=$(dirname "$0")
printf '%s\n' "$*" >>"$here/calls"
case "$1 $2" in
    "buildx version") echo v0.20 ;;
    "version --format") echo 28.0.0 ;;
    "buildx build")
        while [ $# -gt 1 ]; do
            [ "$1" = --iidfile ] && echo sha256:1234 >"$2"
            shift
        done
        echo '#5 [2/3] RUN make' ;;
    "save sha256:1234") tar -C "$here/oci" -cf "$4" . ;;
    *) exit 9 ;;
esac
"#;

fn engine(index: Option<&str>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("docker");
    fs::write(&program, DOCKER).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(folder.path().join("oci")).unwrap();
    if let Some(index) = index {
        fs::write(folder.path().join("oci/index.json"), index).unwrap();
    }
    folder
}

fn path(engine: &Path) -> std::ffi::OsString {
    format!("{}:/usr/bin:/bin", engine.display()).into()
}

fn request(context: &Path) -> BuildRequest {
    let dockerfile = context.join("web.Dockerfile");
    fs::write(&dockerfile, "FROM scratch\n").unwrap();
    BuildRequest { context: context.to_owned(), dockerfile, ..BuildRequest::default() }
}

#[tokio::test]
async fn the_engine_builds_and_saves_an_oci_layout() {
    let engine = engine(Some(r#"{"manifests": [{"digest": "sha256:abcd"}]}"#));
    let context = tempfile::tempdir().unwrap();
    let builder = Builder::find_in(&path(engine.path())).await.unwrap();
    assert_eq!((builder.kind, builder.version.as_str()), (Kind::Docker, "28.0.0"));
    let mut request = request(context.path());
    request.target = Some("web".to_owned());
    request.args.insert("A".to_owned(), "1".to_owned());
    request.secrets.push(BuildSecret::new("token", b"hunter2".to_vec()).unwrap());
    request.cache = Cache::Ignore;
    let layout = context.path().join("layout");
    let built = builder.build(&request, &layout, &mut |_| {}).await.unwrap();
    assert_eq!(built.digest, "sha256:abcd");

    let calls = fs::read_to_string(engine.path().join("calls")).unwrap();
    let build = calls.lines().find(|line| line.starts_with("buildx build")).unwrap();
    for option in [
        "--load",
        "--provenance=false",
        "--platform=linux/amd64",
        "--target=web",
        "--build-arg=A=1",
        "--no-cache",
        "--secret=id=token,src=",
    ] {
        assert!(build.contains(option), "{build}");
    }
    assert!(build.ends_with(&context.path().display().to_string()), "{build}");
    assert!(!calls.contains("hunter2"), "a secret is on a command line: {calls}");
}

#[tokio::test]
async fn an_engine_too_old_for_oci_layouts_is_an_error_that_says_so() {
    let engine = engine(None);
    let context = tempfile::tempdir().unwrap();
    let builder = Builder::find_in(&path(engine.path())).await.unwrap();
    let built = builder.build(&request(context.path()), &context.path().join("layout"), &mut |_| {}).await;
    let error = built.unwrap_err();
    assert!(matches!(error, BuildError::NoImage { .. }));
    assert!(error.to_string().contains("version 25 or newer"), "{error}");
}
