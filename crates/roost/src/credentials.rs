//! The tokens of this user's logins: a file that only they read.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Credentials {
    /// URL of the API that commands talk to when nothing else is said.
    pub current: Option<String>,
    /// By URL.
    pub tokens: BTreeMap<String, String>,
}

impl Credentials {
    /// What is there; nothing when there is no file, or nobody's home is known.
    pub fn load() -> anyhow::Result<Self> {
        let Some(path) = path() else { return Ok(Self::default()) };
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).with_context(|| format!("cannot read {}", path.display())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    pub fn token(&self, url: &str) -> Option<&str> {
        self.tokens.get(trim(url)).map(String::as_str)
    }

    /// From now on commands talk to this server.
    pub fn log_in(&mut self, url: &str, token: String) {
        self.current = Some(trim(url).to_owned());
        self.tokens.insert(trim(url).to_owned(), token);
    }

    pub fn log_out(&mut self, url: &str) {
        self.tokens.remove(trim(url));
        if self.current.as_deref() == Some(trim(url)) {
            self.current = None;
        }
    }

    /// Complete or as it was, and never readable for others.
    pub fn save(&self) -> anyhow::Result<()> {
        let path = path().context("there is no home folder to keep the token in; set ROOST_CONFIG_DIR")?;
        let folder = path.parent().context("the file has a folder")?;
        let cannot = || format!("cannot write {}", path.display());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(cannot)?;
        let unfinished = path.with_extension(format!("new-{}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .with_context(cannot)?;
        file.write_all(toml::to_string(self)?.as_bytes()).with_context(cannot)?;
        file.sync_all().with_context(cannot)?;
        fs::rename(&unfinished, &path).with_context(cannot)
    }
}

/// `$ROOST_CONFIG_DIR`, or `roost` in the place where users' configuration belongs.
fn path() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = || folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
    let folder = folder("ROOST_CONFIG_DIR").or_else(|| Some(config()?.join("roost")))?;
    Some(folder.join("credentials.toml"))
}

fn trim(url: &str) -> &str {
    url.trim().trim_end_matches('/')
}
