//! buildah, and podman, which builds with the same code and takes the same options.

use std::path::Path;

use tokio::process::Command;

use super::{PLATFORM, SecretFiles};
use crate::{BuildError, BuildRequest, Builder, Progress, registries::registries_conf, request::Cache, run};

/// Builds, then writes the image out as an OCI layout.
pub(crate) async fn build(
    builder: &Builder,
    request: &BuildRequest,
    layout: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BuildError> {
    let secrets = SecretFiles::write(&request.secrets)?;
    let work = tempfile::tempdir().map_err(BuildError::io("make a folder for the build"))?;
    let (conf, image_id) = (work.path().join("registries.conf"), work.path().join("image-id"));
    let mut command = Command::new(&builder.program);
    command.arg("build").args(options(request)).arg("--iidfile").arg(&image_id);
    for secret in secrets.options() {
        command.arg("--secret").arg(secret);
    }
    // Chroot isolation needs no runtime and no namespaces, so it works in containers and CI too.
    if std::env::var_os("BUILDAH_ISOLATION").is_none() {
        command.args(["--isolation", "chroot"]);
    }
    if let Some(text) = registries_conf(&request.mirrors) {
        std::fs::write(&conf, text).map_err(BuildError::io("write registries.conf"))?;
        command.env("CONTAINERS_REGISTRIES_CONF", &conf);
    }
    command.arg(&request.context);
    run::run(command, progress).await?;

    let image = std::fs::read_to_string(&image_id).map_err(BuildError::io("read the image's id"))?;
    let mut save = Command::new(&builder.program);
    save.arg("push").arg(image.trim()).arg(format!("oci:{}", layout.display()));
    run::run(save, progress).await
}

fn options(request: &BuildRequest) -> Vec<String> {
    let mut options =
        vec!["--format=oci".to_owned(), "--layers".to_owned(), format!("--platform={PLATFORM}")];
    options.push(format!("--file={}", request.dockerfile.display()));
    options.extend(request.ignorefile.iter().map(|path| format!("--ignorefile={}", path.display())));
    options.extend(request.target.iter().map(|target| format!("--target={target}")));
    options.extend(request.args.iter().map(|(name, value)| format!("--build-arg={name}={value}")));
    options.extend(request.labels.iter().map(|(name, value)| format!("--label={name}={value}")));
    if request.cache == Cache::Ignore {
        options.push("--no-cache".to_owned());
    }
    options
}
