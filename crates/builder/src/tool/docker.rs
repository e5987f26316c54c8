//! Docker's engine with the buildx plugin.

use std::path::Path;

use tokio::process::Command;

use super::{PLATFORM, SecretFiles};
use crate::{
    BuildError, BuildRequest, Builder, Progress, ignore::with_ignorefile, layout as oci, request::Cache, run,
};

/// Builds into the engine, then saves the image: the engine's default storage cannot write an OCI
/// layout by itself, while what `docker save` writes since version 25 is one.
pub(crate) async fn build(
    builder: &Builder,
    request: &BuildRequest,
    layout: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BuildError> {
    let secrets = SecretFiles::write(&request.secrets)?;
    let dockerfile = with_ignorefile(request)?;
    let work = tempfile::tempdir().map_err(BuildError::io("make a folder for the build"))?;
    let (image_id, archive) = (work.path().join("image-id"), work.path().join("image.tar"));
    let mut command = Command::new(&builder.program);
    // An attestation would make the image a list of two.
    command.args(["buildx", "build", "--load", "--progress=plain", "--provenance=false"]);
    command.arg(format!("--platform={PLATFORM}")).arg(format!("--file={}", dockerfile.path.display()));
    command.arg("--iidfile").arg(&image_id);
    command.args(request.target.iter().map(|target| format!("--target={target}")));
    command.args(request.args.iter().map(|(name, value)| format!("--build-arg={name}={value}")));
    command.args(request.labels.iter().map(|(name, value)| format!("--label={name}={value}")));
    command.args(secrets.options().map(|secret| format!("--secret={secret}")));
    if request.cache == Cache::Ignore {
        command.arg("--no-cache");
    }
    command.arg(&request.context);
    run::run(command, progress).await?;

    let image = std::fs::read_to_string(&image_id).map_err(BuildError::io("read the image's id"))?;
    let mut save = Command::new(&builder.program);
    save.arg("save").arg(image.trim()).arg("--output").arg(&archive);
    run::run(save, progress).await?;
    oci::unpack(&archive, layout)?;
    if !layout.join("index.json").is_file() {
        let reason = format!("Docker {} saves no OCI layout; version 25 or newer does", builder.version);
        return Err(BuildError::NoImage { builder: "docker", reason });
    }
    Ok(())
}
