//! What a machine runs: the image's settings under the machine's own.
//!
//! The rules are Docker's, to the letter (`docker run` merges a container's configuration with the
//! image's in the same way), with `exec` of the Machines API above them:
//!
//! | exec | entrypoint | cmd | what runs |
//! |---|---|---|---|
//! | set | any | any | `exec` |
//! | absent | absent | absent | image entrypoint + image cmd |
//! | absent | absent | set | image entrypoint + `cmd` |
//! | absent | set | absent | `entrypoint` alone: the image's cmd belongs to the image's entrypoint |
//! | absent | set | set | `entrypoint` + `cmd` |
//! | absent | `[]` | absent | image cmd alone |
//! | absent | `[""]` | set | `cmd` alone |

use std::collections::BTreeMap;

use roost_model::machine::{Init, MachineConfig, Process};

use crate::ImageConfig;

/// PATH of an image that sets none, as Docker has it.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One process with every setting decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments; never empty.
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// `user[:group]` by name or number; `0` when nobody names one.
    pub user: String,
    /// Absolute.
    pub working_dir: String,
}

/// What a machine, or one of its processes, sets in place of the image.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides<'a> {
    pub exec: Option<&'a [String]>,
    pub entrypoint: Option<&'a [String]>,
    pub cmd: Option<&'a [String]>,
    /// Later maps win over earlier ones, and all of them over the image.
    pub env: &'a [&'a BTreeMap<String, String>],
    pub user: Option<&'a str>,
}

/// Neither the image nor the machine says what to run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the image has neither ENTRYPOINT nor CMD, and the machine sets none: add CMD to the Dockerfile, or set `cmd`"
)]
pub struct NoCommand;

/// The processes of a machine: one for each of `processes`, else the one that `init` describes.
/// `env` wins over the image's; each process's own wins over both.
pub fn of_machine(image: &ImageConfig, config: &MachineConfig) -> Result<Vec<Command>, NoCommand> {
    if config.processes.is_empty() {
        return Ok(vec![merge(image, &of_init(&config.init, &[&config.env]))?]);
    }
    let command = |process: &Process| merge(image, &of_process(process, &[&config.env, &process.env]));
    config.processes.iter().map(command).collect()
}

fn of_init<'a>(init: &'a Init, env: &'a [&'a BTreeMap<String, String>]) -> Overrides<'a> {
    Overrides {
        exec: init.exec.as_deref(),
        entrypoint: init.entrypoint.as_deref(),
        cmd: init.cmd.as_deref(),
        env,
        user: None,
    }
}

fn of_process<'a>(process: &'a Process, env: &'a [&'a BTreeMap<String, String>]) -> Overrides<'a> {
    Overrides {
        exec: process.exec.as_deref(),
        entrypoint: process.entrypoint.as_deref(),
        cmd: process.cmd.as_deref(),
        env,
        user: process.user.as_deref(),
    }
}

/// The image's settings under `overrides`.
pub fn merge(image: &ImageConfig, overrides: &Overrides<'_>) -> Result<Command, NoCommand> {
    let argv = argv(image, overrides);
    if argv.first().is_none_or(|program| program.is_empty()) {
        return Err(NoCommand);
    }
    Ok(Command {
        argv,
        env: env(image, overrides.env),
        user: non_empty(overrides.user).or(non_empty(Some(&image.user))).unwrap_or("0").to_owned(),
        working_dir: working_dir(&image.working_dir),
    })
}

fn argv(image: &ImageConfig, overrides: &Overrides<'_>) -> Vec<String> {
    if let Some(exec) = overrides.exec.filter(|exec| !exec.is_empty()) {
        return exec.to_vec();
    }
    let own_cmd = overrides.cmd.filter(|cmd| !cmd.is_empty());
    let (entrypoint, cmd) = match overrides.entrypoint {
        None => (image.entrypoint.as_slice(), own_cmd.unwrap_or(&image.cmd)),
        Some([]) => (&[][..], own_cmd.unwrap_or(&image.cmd)),
        Some(entrypoint) => (entrypoint, own_cmd.unwrap_or_default()),
    };
    let entrypoint = if entrypoint == [String::new()] { &[] } else { entrypoint };
    [entrypoint, cmd].concat()
}

fn env(image: &ImageConfig, layers: &[&BTreeMap<String, String>]) -> BTreeMap<String, String> {
    let own = image.env.iter().filter_map(|entry| entry.split_once('='));
    let mut env: BTreeMap<_, _> = own.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    for layer in layers {
        env.extend(layer.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    env.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
    env
}

fn non_empty(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn working_dir(dir: &str) -> String {
    if dir.starts_with('/') { dir.to_owned() } else { format!("/{dir}") }
}
