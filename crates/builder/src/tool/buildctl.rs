//! BuildKit without Docker, at `BUILDKIT_HOST`.

use std::path::Path;

use tokio::process::Command;

use super::{PLATFORM, SecretFiles};
use crate::{BuildError, BuildRequest, Builder, Progress, ignore::with_ignorefile, request::Cache, run};

pub(crate) async fn build(
    builder: &Builder,
    request: &BuildRequest,
    layout: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BuildError> {
    let secrets = SecretFiles::write(&request.secrets)?;
    let dockerfile = with_ignorefile(request)?;
    let folder = dockerfile.path.parent().unwrap_or(Path::new("."));
    let name = dockerfile.path.file_name().unwrap_or_default().to_string_lossy();
    let mut command = Command::new(&builder.program);
    command.args(["build", "--frontend=dockerfile.v0", "--progress=plain"]);
    command.arg(format!("--local=context={}", request.context.display()));
    command.arg(format!("--local=dockerfile={}", folder.display()));
    command.arg(format!("--opt=filename={name}")).arg(format!("--opt=platform={PLATFORM}"));
    command.args(request.target.iter().map(|target| format!("--opt=target={target}")));
    command.args(request.args.iter().map(|(name, value)| format!("--opt=build-arg:{name}={value}")));
    command.args(request.labels.iter().map(|(name, value)| format!("--opt=label:{name}={value}")));
    command.args(secrets.options().map(|secret| format!("--secret={secret}")));
    if request.cache == Cache::Ignore {
        command.arg("--no-cache");
    }
    command.arg(format!("--output=type=oci,tar=false,dest={}", layout.display()));
    run::run(command, progress).await
}
