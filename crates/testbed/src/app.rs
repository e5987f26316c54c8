//! An app of a test's server: made, deployed and asked through the command line and the edge.

use std::path::Path;

use anyhow::{Context, Result};
use roost_images::{
    Credentials,
    push::{PushOptions, push_oci_layout},
};
use roost_model::ImageRef;
use tempfile::TempDir;

use crate::{OciImage, Server, load};

/// An app that the server knows; it goes with the server.
pub struct App<'a> {
    server: &'a Server,
    name: String,
    folder: TempDir,
}

impl<'a> App<'a> {
    /// `roost apps create`.
    pub async fn create(server: &'a Server, name: &str) -> Result<Self> {
        server.run(["apps", "create", name]).await?;
        Self::of(server, name)
    }

    /// An app that is there, or will be.
    pub fn of(server: &'a Server, name: &str) -> Result<Self> {
        Ok(Self { server, name: name.to_owned(), folder: tempfile::tempdir()? })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name that the edge knows the app by.
    pub fn host(&self) -> String {
        format!("{}.roost.localhost", self.name)
    }

    /// The folder that holds the app's fly.toml.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Pushes an image to the platform's registry; gives its reference, pinned.
    pub async fn push(&self, image: &OciImage) -> Result<String> {
        let target: ImageRef = format!("{}/{}:test", self.server.api(), self.name).parse()?;
        let token = std::fs::read_to_string(self.server.data_dir().join("admin-token"))?;
        let credentials = Some(Credentials::Token { token: token.trim().to_owned() });
        let options = PushOptions { credentials, ..PushOptions::default() };
        let pushed = push_oci_layout(image.path(), &target, &options, |_| {}).await?;
        let registry = "registry.roost.localhost".to_owned();
        Ok(ImageRef { registry, ..pushed.image }.to_string())
    }

    /// Deploys with one HTTP service on port 8080 and a check of it.
    pub async fn deploy(&self, image: &OciImage) -> Result<String> {
        self.deploy_with(image, "").await
    }

    /// As `deploy`, with further keys of `[http_service]`.
    pub async fn deploy_with(&self, image: &OciImage, service: &str) -> Result<String> {
        self.configure(&service_config(service))?;
        let image = self.push(image).await?;
        self.server.run(self.deploy_arguments(&image)).await
    }

    /// Writes fly.toml: the app's name, then `text`.
    pub fn configure(&self, text: &str) -> Result<()> {
        let text = format!("app = {:?}\n{text}", self.name);
        std::fs::write(self.folder.path().join("fly.toml"), text).context("write fly.toml")
    }

    /// `deploy --image` of the configuration last written.
    pub fn deploy_arguments(&self, image: &str) -> Vec<String> {
        let folder = self.folder.path().display().to_string();
        ["deploy", "--config", &folder, "--image", image].map(str::to_owned).to_vec()
    }

    /// One request through the edge; the body of a successful answer.
    pub async fn get(&self, path: &str) -> Result<String> {
        load::get(self.server.edge(), &self.host(), path).await
    }

    /// The app's machines, as `machine list --json` shows them.
    pub async fn machines(&self) -> Result<Vec<serde_json::Value>> {
        let machines = self.server.json(&["machine", "list", "--app", &self.name]).await?;
        Ok(machines.as_array().cloned().unwrap_or_default())
    }
}

/// A fly.toml's service on port 8080 with an http check.
pub fn service_config(service: &str) -> String {
    format!(
        "[http_service]\ninternal_port = 8080\n{service}\n\n\
         [[http_service.checks]]\ntype = \"http\"\npath = \"/\"\ninterval = \"1s\"\ntimeout = \"5s\"\n\
         grace_period = \"1s\"\n"
    )
}
