//! Real builds with buildah, of images that need no base image.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use roost_builder::{BuildError, BuildRequest, BuildSecret, Builder, Built, Kind, Progress};
use tempfile::TempDir;

/// Writes what a build step sees to `/out`: the build argument WHO and the length of a secret.
const PROGRAM: &str = r#"
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    char secret[100];
    FILE *in = fopen("/run/secrets/token", "r"), *out = fopen("/out", "w");
    size_t length = in ? fread(secret, 1, sizeof secret, in) : 0;
    const char *who = getenv("WHO");
    fprintf(out, "who=%s secret=%zu\n", who ? who : "nobody", length);
    return fclose(out);
}
"#;

const DOCKERFILE: &str = r#"
FROM scratch AS base
ARG WHO
COPY show /show
COPY . /context/
RUN --mount=type=secret,id=token ["/show"]

FROM base AS web
LABEL stage=web
CMD ["/show"]

FROM base AS broken
RUN ["/not-there"]
"#;

struct Project {
    folder: TempDir,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("show.c");
        fs::write(&source, PROGRAM).unwrap();
        let compiled =
            Command::new("cc").args(["-static", "-o"]).arg(folder.path().join("show")).arg(&source).status();
        assert!(compiled.expect("run cc: install the package gcc").success());
        fs::write(folder.path().join("Dockerfile"), DOCKERFILE).unwrap();
        fs::write(folder.path().join("kept.txt"), "kept").unwrap();
        fs::write(folder.path().join("node_modules"), "ignored").unwrap();
        fs::write(folder.path().join(".dockerignore"), "node_modules\n").unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn request(&self, target: &str) -> BuildRequest {
        BuildRequest {
            context: self.path().to_owned(),
            dockerfile: self.path().join("Dockerfile"),
            target: Some(target.to_owned()),
            ..BuildRequest::default()
        }
    }

    async fn build(&self, request: &BuildRequest) -> Result<(Built, Vec<Progress>), BuildError> {
        let mut seen = Vec::new();
        let layout = self.path().with_extension("layout");
        let built = buildah().await.build(request, &layout, &mut |piece| seen.push(piece)).await;
        built.map(|built| (built, seen))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.path().with_extension("layout"));
    }
}

/// buildah alone, whatever else the machine has.
async fn buildah() -> Builder {
    let folder = tempfile::tempdir().unwrap();
    let program = ["/usr/bin/buildah", "/usr/local/bin/buildah"].iter().find(|path| Path::new(path).exists());
    let program = program.expect("buildah is missing: install the package buildah");
    std::os::unix::fs::symlink(program, folder.path().join("buildah")).unwrap();
    let builder = Builder::find_in(&folder.path().as_os_str().to_owned()).await.unwrap();
    assert_eq!(builder.kind, Kind::Buildah);
    Builder { program: PathBuf::from(program), ..builder }
}

/// Files of all layers, by path, and the image's configuration.
fn open(built: &Built) -> (BTreeMap<String, Vec<u8>>, serde_json::Value) {
    let blob = |digest: &str| fs::read(built.layout.join("blobs").join(digest.replace(':', "/"))).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&blob(&built.digest)).unwrap();
    let config = serde_json::from_slice(&blob(manifest["config"]["digest"].as_str().unwrap())).unwrap();
    let mut files = BTreeMap::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let bytes = blob(layer["digest"].as_str().unwrap());
        let plain: Box<dyn Read> = if layer["mediaType"].as_str().unwrap().ends_with("gzip") {
            Box::new(flate2::read::GzDecoder::new(&bytes[..]))
        } else {
            Box::new(&bytes[..])
        };
        for entry in tar::Archive::new(plain).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(path, content);
        }
    }
    (files, config)
}

#[tokio::test]
async fn arguments_secrets_targets_labels_and_ignore_files_reach_the_build() {
    let project = Project::new();
    let mut request = project.request("web");
    request.args.insert("WHO".to_owned(), "me".to_owned());
    request.secrets.push(BuildSecret::new("token", b"hunter2-in-no-layer".to_vec()).unwrap());
    request.labels.insert("org.roost.test".to_owned(), "yes".to_owned());
    let (built, seen) = project.build(&request).await.unwrap_or_else(|error| panic!("{error}"));

    let (files, config) = open(&built);
    assert_eq!(String::from_utf8_lossy(&files["out"]), "who=me secret=19\n");
    assert_eq!(files["context/kept.txt"], b"kept");
    assert!(!files.contains_key("context/node_modules"));
    assert!(files.values().all(|content| !content.windows(7).any(|part| part == b"hunter2")));
    assert_eq!(config["config"]["Labels"]["org.roost.test"], "yes");
    assert_eq!(config["config"]["Labels"]["stage"], "web");
    assert_eq!(config["architecture"], "amd64");
    let steps = seen.iter().filter(|piece| matches!(piece, Progress::Step { .. })).count();
    assert!(steps >= 4, "{seen:?}");
}

#[tokio::test]
async fn an_ignore_file_of_another_name_takes_the_place_of_the_usual_one() {
    let project = Project::new();
    let ignorefile = project.path().join("web.ignore");
    fs::write(&ignorefile, "kept.txt\n").unwrap();
    let request = BuildRequest { ignorefile: Some(ignorefile), ..project.request("web") };
    let (built, _) = project.build(&request).await.unwrap_or_else(|error| panic!("{error}"));
    let (files, _) = open(&built);
    assert!(files.contains_key("context/node_modules") && !files.contains_key("context/kept.txt"));
}

#[tokio::test]
async fn a_failing_step_is_named_with_its_last_lines() {
    let project = Project::new();
    let error = project.build(&project.request("broken")).await.unwrap_err();
    let BuildError::Failed { step, last_lines } = &error else { panic!("{error}") };
    assert!(step.as_ref().is_some_and(|step| step.contains("RUN [\"/not-there\"]")), "{error}");
    assert!(last_lines.iter().any(|line| line.contains("not-there")), "{error}");
}

#[tokio::test]
async fn what_is_missing_is_named_before_anything_runs() {
    let project = Project::new();
    let missing = BuildRequest { dockerfile: project.path().join("Nope"), ..project.request("web") };
    assert!(matches!(project.build(&missing).await, Err(BuildError::NoDockerfile(_))));
    let missing = BuildRequest { context: project.path().join("nope"), ..project.request("web") };
    assert!(matches!(project.build(&missing).await, Err(BuildError::NoContext(_))));
}

#[tokio::test]
async fn without_a_builder_the_error_says_what_to_install() {
    let error = Builder::find_in(&"/does/not/exist".into()).await.unwrap_err().to_string();
    for name in ["docker", "buildctl", "buildah", "podman"] {
        assert!(error.contains(&format!("{name}: ")), "{error}");
    }
    assert!(error.contains("apt-get install buildah"), "{error}");
}
