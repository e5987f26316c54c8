//! What every command that talks to the API needs: the API, the app, and where results go.

use std::{fs, io::ErrorKind, path::PathBuf};

use anyhow::Context as _;
use roost_client::ApiClient;
use roost_model::AppName;

use crate::{
    app_file::{AppFile, Check},
    cli::{AppOption, Global},
    config,
    credentials::Credentials,
    failure::OrNext as _,
    output::{Output, Progress},
    server::Paths,
};

/// What a command starts with.
pub struct Context {
    pub output: Output,
    pub progress: Progress,
    global: Global,
}

impl Context {
    pub fn new(global: Global) -> Self {
        let output = if global.json { Output::Json } else { Output::Human };
        Self { output, progress: Progress::new(), global }
    }

    /// The API, and a token for it: named by option or environment, else as logged in, else of this box.
    pub fn api(&self) -> anyhow::Result<ApiClient> {
        let url = self.api_url()?;
        let token = match &self.global.access_token {
            Some(token) => token.clone(),
            None => match self.credentials()?.token(&url) {
                Some(token) => token.to_owned(),
                None => self.local_token()?,
            },
        };
        Ok(ApiClient::new(&url, token.trim()))
    }

    /// Where the API is: named by option or environment, else where the user is logged in, else the
    /// server of this box.
    pub fn api_url(&self) -> anyhow::Result<String> {
        match (&self.global.api_url, self.credentials()?.current) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(url)) => Ok(url),
            (None, None) => self.local_url(),
        }
    }

    /// Of logins; none of them counts when this box's server was named by its data folder.
    fn credentials(&self) -> anyhow::Result<Credentials> {
        match self.global.data_dir {
            Some(_) => Ok(Credentials::default()),
            None => Credentials::load(),
        }
    }

    /// The app that a command is about: `--app`, else the one that the configuration file names.
    pub fn app(&self, option: &AppOption) -> anyhow::Result<AppName> {
        if let Some(name) = &option.app {
            return name.parse().or_next("roost apps list");
        }
        let file = AppFile::find(option.config.as_deref(), Check::Syntax)
            .and_then(|file| file.context("no app is named, and there is no fly.toml here"))
            .or_next("name it with --app, or run the command in the app's folder")?;
        let named = file.config.app.with_context(|| format!("{} names no app", file.path.display()));
        named.or_next("name it with --app, or add an \"app\" key to the file")
    }

    /// Whether [`Context::app`] has anything to go by.
    pub fn names_app(&self, option: &AppOption) -> bool {
        option.app.is_some()
            || option.config.is_some()
            || AppFile::find(None, Check::Syntax).is_ok_and(|file| file.is_some())
    }

    fn local_url(&self) -> anyhow::Result<String> {
        let file = self.paths()?.api_url();
        match fs::read_to_string(&file) {
            Ok(url) => Ok(url.trim().to_owned()),
            Err(e) if e.kind() == ErrorKind::NotFound => Err(anyhow::anyhow!("no server runs on this box"))
                .or_next("sudo roost server, or name a server with --api-url"),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    fn local_token(&self) -> anyhow::Result<String> {
        let file = self.paths()?.admin_token();
        let token = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()));
        token.or_next("run the command with sudo, or set ROOST_API_TOKEN")
    }

    fn paths(&self) -> anyhow::Result<Paths> {
        let root: PathBuf = match &self.global.data_dir {
            Some(dir) => dir.clone(),
            None => config::load(None)?.data_dir,
        };
        Ok(Paths::new(&root))
    }
}
