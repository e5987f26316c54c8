//! `roost auth docker`: the registry's credentials in docker's own file.

use std::{
    env, fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::super::context::Context;

pub fn run(context: &Context) -> anyhow::Result<()> {
    let api = context.api()?;
    let registry = api.base().split("://").last().unwrap_or_default().to_owned();
    let path = path()?;
    let mut file = read(&path)?;
    // Any user name will do: the token says who it is.
    let auth = BASE64_STANDARD.encode(format!("x:{}", api.token()));
    file["auths"][&registry] = json!({ "auth": auth });
    write(&path, &file)?;
    context.output.result(&json!({ "registry": registry, "file": path }), |_| {
        format!("docker logs in to {registry} now ({})", path.display())
    })?;
    Ok(())
}

fn path() -> anyhow::Result<PathBuf> {
    let folder = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = folder("DOCKER_CONFIG").or_else(|| Some(folder("HOME")?.join(".docker")));
    Ok(folder.context("there is no home folder; set DOCKER_CONFIG")?.join("config.json"))
}

fn read(path: &PathBuf) -> anyhow::Result<Value> {
    let file: Value = match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?,
        Err(e) if e.kind() == ErrorKind::NotFound => json!({}),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
    };
    anyhow::ensure!(
        file.is_object() && file.get("auths").is_none_or(Value::is_object),
        "{} is not what docker writes",
        path.display()
    );
    Ok(file)
}

fn write(path: &PathBuf, file: &Value) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    fs::create_dir_all(path.parent().context("the file has a folder")?).with_context(cannot)?;
    let unfinished = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let mut out =
        options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished).with_context(cannot)?;
    out.write_all(&serde_json::to_vec_pretty(file)?).with_context(cannot)?;
    fs::rename(&unfinished, path).with_context(cannot)
}
