//! The image of a release: one that is named, or one that is built and pushed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use roost_builder::{BuildRequest, BuildSecret, Builder, Cache, Progress as BuildProgress, find_dockerfile};
use roost_client::{ApiClient, ClientError};
use roost_images::{
    Credentials,
    client::Mirror,
    push::{PushOptions, PushProgress, push_oci_layout},
};
use roost_model::{AppName, ImageRef};
use tempfile::TempDir;
use ulid::Ulid;

use super::Args;
use crate::{app_file::AppFile, commands::context::Context, failure::OrNext as _};

/// An image before the app is needed for it.
pub enum Image {
    /// In a registry; `None` leaves the choice to the api (the configuration's `build.image`).
    Named(Option<String>),
    /// In a folder that goes with the value.
    Built(TempDir),
}

/// Looks an image up, or builds one. Nothing of the platform changes.
pub async fn prepare(
    args: &Args,
    file: &AppFile,
    app: &AppName,
    api: &ApiClient,
    context: &Context,
) -> anyhow::Result<Image> {
    if let Some(image) = args.image.as_ref().or(file.config.build.image.as_ref()) {
        let step = context.progress.step(format!("Looking up {image}"));
        let resolved = match api.resolve_image(image).await {
            Ok(resolved) => resolved,
            Err(error) => {
                let advice = advice(&error);
                return Err(error).or_next(advice);
            }
        };
        step.done(&resolved.image.to_string());
        return Ok(Image::Named(Some(resolved.image.to_string())));
    }
    if args.plan {
        // What is to be built is not known before it is built; the steps do not depend on it.
        let releases = api.releases(app).await.or_next(format!("roost apps create {app}"))?;
        if let Some(release) = releases.first() {
            return Ok(Image::Named(Some(release.image.to_string())));
        }
    }
    api.status().await.or_next("roost status --platform")?;
    let folder = tempfile::tempdir()?;
    build(args, file, &layout(&folder), context).await?;
    Ok(Image::Built(folder))
}

impl Image {
    /// What the release names; a built image is pushed to the app's repository first.
    pub async fn reference(
        self,
        app: &AppName,
        api: &ApiClient,
        context: &Context,
    ) -> anyhow::Result<Option<String>> {
        match self {
            Self::Named(image) => Ok(image),
            Self::Built(folder) => push(&layout(&folder), app, api, context).await.map(Some),
        }
    }
}

fn layout(folder: &TempDir) -> PathBuf {
    folder.path().join("image")
}

/// What to do about an image that cannot be had.
fn advice(error: &ClientError) -> &'static str {
    let reason = match error {
        ClientError::Refused { details: Some(details), .. } => details["image_error"].as_str(),
        _ => None,
    };
    match reason {
        Some("image_wrong_platform") => "build the image for linux/amd64, push it, and deploy it again",
        Some("image_not_found") => "roost deploy --image NAME, with a name that exists",
        Some("registry_denied") => "give the server's [registry.credentials] what the registry asks for",
        _ => "roost deploy --image NAME again, or with another image",
    }
}

async fn build(args: &Args, file: &AppFile, layout: &Path, context: &Context) -> anyhow::Result<()> {
    let request = build_request(args, file)?;
    let builder = Builder::find().await?;
    let step = context.progress.step(format!("Building with {}", builder.kind.program()));
    let mut show = |progress| match progress {
        BuildProgress::Step { number, total, instruction } => {
            step.line(&format!("[{number}/{total}] {instruction}"))
        }
        BuildProgress::Line(line) => step.at(&line),
    };
    let built = builder.build(&request, layout, &mut show).await;
    let built = built.or_next("correct the Dockerfile and run roost deploy again")?;
    step.done(&built.digest);
    Ok(())
}

/// The file's `[build]`, with what the command line says in its place. Paths in the file are relative
/// to it, and so is the build context: its folder.
fn build_request(args: &Args, file: &AppFile) -> anyhow::Result<BuildRequest> {
    let (folder, build) = (file.folder(), &file.config.build);
    let configured = args.dockerfile.as_deref().or(build.dockerfile.as_deref().map(Path::new));
    let ignorefile = args.ignorefile.as_deref().or(build.ignorefile.as_deref().map(Path::new));
    let mut build_args = build.args.clone();
    build_args.extend(pairs("--build-arg", &args.build_arg)?);
    let secrets = args.build_secret.iter().map(|text| BuildSecret::parse(text));
    Ok(BuildRequest {
        context: folder.to_owned(),
        dockerfile: find_dockerfile(folder, configured)?,
        ignorefile: ignorefile.map(|path| folder.join(path)),
        target: args.build_target.clone().or_else(|| build.build_target.clone()),
        args: build_args,
        secrets: secrets.collect::<Result<_, _>>()?,
        labels: pairs("--label", &args.label)?,
        cache: if args.no_cache { Cache::Ignore } else { Cache::Use },
        mirrors: args.registry_mirror.clone(),
    })
}

fn pairs(option: &str, texts: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let pair = |text: &String| {
        let (name, value) =
            text.split_once('=').with_context(|| format!("{option} is written NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    texts.iter().map(pair).collect()
}

/// Pushes to the api's own address, under the name that the platform gives its registry: the name
/// stays the same when the api moves.
async fn push(layout: &Path, app: &AppName, api: &ApiClient, context: &Context) -> anyhow::Result<String> {
    let registry = api.status().await?.registry;
    let tag = format!("deployment-{}", Ulid::generate()).to_lowercase();
    let target: ImageRef = format!("{registry}/{app}:{tag}").parse()?;
    let options = PushOptions {
        credentials: Some(Credentials::Token { token: api.token().to_owned() }),
        mount_from: Vec::new(),
        server: Some(Mirror::try_from(api.base().to_owned())?),
        plain_http: api.base().starts_with("http://"),
    };
    let step = context.progress.step("Pushing the image");
    let show = |progress: PushProgress| {
        step.at(&format!("{} of {} MiB", progress.done_bytes >> 20, progress.total_bytes >> 20));
    };
    let pushed = push_oci_layout(layout, &target, &options, show).await;
    let pushed = pushed.or_next("roost status --platform")?;
    step.done(&format!("sent {} of {} KiB", pushed.sent_bytes >> 10, pushed.total_bytes >> 10));
    Ok(pushed.image.to_string())
}
