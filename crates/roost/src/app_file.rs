//! The app's configuration file on disk: where it is, and what is in it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use roost_app_config::{AppConfig, Format, Strictness, Warning};

use crate::failure::OrNext as _;

/// A configuration that was read, and where from.
#[derive(Debug)]
pub struct AppFile {
    pub path: PathBuf,
    pub config: AppConfig,
    /// Unknown keys.
    pub warnings: Vec<Warning>,
}

/// How much is asked of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// It can be read: enough to know the app's name.
    Syntax,
    /// It makes sense as a whole.
    Whole(Strictness),
}

impl AppFile {
    /// Reads the file that `path` names (or that lies in the folder it names; here, when `None`).
    /// `None` when no path was given and there is no file here.
    pub fn find(path: Option<&Path>, check: Check) -> anyhow::Result<Option<Self>> {
        let found = match path {
            Some(file) if file.is_file() => Some(file.to_owned()),
            Some(folder) if folder.is_dir() => {
                let file = in_folder(folder);
                Some(file.with_context(|| format!("there is no fly.toml in {}", folder.display()))?)
            }
            Some(missing) => anyhow::bail!("there is no {}", missing.display()),
            None => in_folder(Path::new(".")),
        };
        found.map(|path| Self::read(path, check)).transpose()
    }

    fn read(path: PathBuf, check: Check) -> anyhow::Result<Self> {
        let name = path.strip_prefix(".").unwrap_or(&path).display().to_string();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
        let format = Format::of_path(&path);
        let read = match check {
            Check::Syntax => AppConfig::parse(&text, format, &name),
            Check::Whole(strictness) => AppConfig::load(&text, format, &name, strictness),
        };
        let (config, warnings) = read
            .with_context(|| format!("{name} cannot be used"))
            .or_next(format!("correct {name} and run the command again"))?;
        Ok(Self { path, config, warnings })
    }

    /// The folder that paths in the file are relative to.
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }
}

fn in_folder(folder: &Path) -> Option<PathBuf> {
    Format::FILE_NAMES.iter().map(|name| folder.join(name)).find(|file| file.is_file())
}

/// Whether a folder holds a configuration file already.
pub fn exists_in(folder: &Path) -> io::Result<bool> {
    folder.metadata()?;
    Ok(in_folder(folder).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_the_file_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(AppFile::find(Some(folder.path()), Check::Syntax).is_err());
        fs::write(folder.path().join("fly.json"), r#"{"app": "from-json"}"#).unwrap();
        let file = AppFile::find(Some(folder.path()), Check::Syntax).unwrap().unwrap();
        assert_eq!(file.config.app.unwrap().as_str(), "from-json");
        fs::write(folder.path().join("fly.toml"), "app = \"from-toml\"").unwrap();
        let file = AppFile::find(Some(folder.path()), Check::Syntax).unwrap().unwrap();
        assert_eq!(file.config.app.unwrap().as_str(), "from-toml");
    }

    #[test]
    fn a_broken_file_names_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fly.toml");
        fs::write(&path, "app = \"x\"\n[http_service]\ninternal_port = \"eighty\"\n").unwrap();
        let error = AppFile::find(Some(&path), Check::Syntax).unwrap_err();
        assert!(format!("{error:#}").contains("fly.toml:3:17"), "{error:#}");
    }
}
