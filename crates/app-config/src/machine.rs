//! From the app's configuration to its machines: one machine configuration per process group.

use std::collections::BTreeMap;

use roost_model::volume::DEFAULT_VOLUME_GB;
use roost_model::{
    GoDuration, Guest, ImageRef, InvalidGuest, MachineConfig, Static,
    machine::{File, Init, Metrics, Mount as MachineMount, Restart, StopConfig, metadata},
};
use serde_json::Map;

use crate::{
    AppConfig,
    section::{FileSection, Mount, StaticSection},
};

mod service;
mod words;

pub(crate) use words::split_words;

/// The group that an app without `[processes]` consists of.
const DEFAULT_GROUP: &str = "app";

/// A process group, as far as a deploy needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessGroup {
    pub name: String,
    /// Replaces the image's command; `None` keeps it.
    pub command: Option<String>,
    /// The edge sends requests to it.
    pub has_services: bool,
    /// Its machines have volumes, so they are updated in place.
    pub has_mounts: bool,
}

/// What of a release shows in its machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseMeta {
    pub id: String,
    pub version: u64,
}

impl AppConfig {
    /// The process groups, in alphabetical order; `app` when none is named.
    pub fn process_groups(&self) -> Vec<ProcessGroup> {
        let group = |name: &str, command: Option<&String>| ProcessGroup {
            name: name.to_owned(),
            command: command.filter(|c| !c.trim().is_empty()).cloned(),
            has_services: self.serves(name),
            has_mounts: self.mounts.iter().any(|m| includes(&m.processes, name)),
        };
        if self.processes.is_empty() {
            return vec![group(DEFAULT_GROUP, None)];
        }
        self.processes.iter().map(|(name, command)| group(name, Some(command))).collect()
    }

    /// The volume of each machine of a group.
    pub fn mount(&self, group: &str) -> Option<&Mount> {
        self.mounts.iter().find(|mount| includes(&mount.processes, group))
    }

    /// The size of a group's machines: the `[[vm]]` that names the group, else the one that names
    /// none; `None` when the file does not say.
    ///
    /// # Errors
    /// The section adds up to no size that machines come in.
    pub fn guest(&self, group: &str) -> Result<Option<Guest>, InvalidGuest> {
        let named = self.vm.iter().find(|vm| vm.processes.iter().any(|name| name == group));
        let general = self.vm.iter().find(|vm| vm.processes.is_empty());
        named.or(general).map(|vm| vm.guest()).transpose()
    }

    /// What a machine of `group` is made from. Only a configuration that [`AppConfig::validate`]
    /// finds nothing in gives all that was written: a size or command that cannot be read is left out.
    pub fn machine_config(&self, group: &str, image: &ImageRef, release: &ReleaseMeta) -> MachineConfig {
        MachineConfig {
            image: image.to_string(),
            env: self.machine_env(),
            init: self.init(group),
            guest: Some(self.guest(group).ok().flatten().unwrap_or_default()),
            services: self.machine_services(group),
            checks: self.machine_named_checks(group),
            mounts: self.machine_mounts(group),
            files: self.machine_files(group),
            statics: if self.serves(group) { self.machine_statics() } else { Vec::new() },
            restart: self.machine_restart(group),
            stop_config: self.stop_config(),
            metadata: BTreeMap::from([
                (metadata::PLATFORM_VERSION.to_owned(), "v2".to_owned()),
                (metadata::PROCESS_GROUP.to_owned(), group.to_owned()),
                (metadata::RELEASE_ID.to_owned(), release.id.clone()),
                (metadata::RELEASE_VERSION.to_owned(), release.version.to_string()),
            ]),
            metrics: self.machine_metrics(group),
            ..MachineConfig::default()
        }
    }

    fn machine_env(&self) -> BTreeMap<String, String> {
        let mut env = self.env.clone();
        if let Some(region) = &self.primary_region {
            env.insert("PRIMARY_REGION".to_owned(), region.to_string());
        }
        env
    }

    /// The group's command takes the place of the image's; `[experimental]` goes under it.
    fn init(&self, group: &str) -> Init {
        let given = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
        let command = self.processes.get(group).and_then(|line| split_words(line).ok());
        Init {
            exec: given(&self.experimental.exec),
            entrypoint: given(&self.experimental.entrypoint),
            cmd: command.filter(|words| !words.is_empty()).or_else(|| given(&self.experimental.cmd)),
            swap_size_mb: self.swap_size_mb,
            ..Init::default()
        }
    }

    /// Volumes are named here; which one a machine gets is chosen when it is made.
    fn machine_mounts(&self, group: &str) -> Vec<MachineMount> {
        let mine = self.mounts.iter().filter(|mount| includes(&mount.processes, group));
        mine.map(|mount| MachineMount {
            path: mount.destination.clone(),
            name: Some(mount.source.clone()),
            size_gb: Some(mount.initial_size.map_or(DEFAULT_VOLUME_GB, |size| size.0)),
            extend_threshold_percent: mount.auto_extend_size_threshold,
            add_size_gb: mount.auto_extend_size_increment.map(|size| size.0),
            size_gb_limit: mount.auto_extend_size_limit.map(|size| size.0),
            ..MachineMount::default()
        })
        .collect()
    }

    /// Files whose contents are known here or by a secret; local ones were read before.
    fn machine_files(&self, group: &str) -> Vec<File> {
        let mine = self.files.iter().filter(|file| includes(&file.processes, group));
        mine.filter(|file| file.local_path.is_none())
            .map(|file| File {
                guest_path: file.guest_path.clone(),
                raw_value: file.raw_value.clone(),
                secret_name: file.secret_name.clone(),
                mode: None,
                extra: Map::new(),
            })
            .collect()
    }

    pub(crate) fn machine_statics(&self) -> Vec<Static> {
        let of = |section: &StaticSection| Static {
            guest_path: section.guest_path.clone(),
            url_prefix: section.url_prefix.clone(),
            index_document: section.index_document.clone(),
            extra: Map::new(),
        };
        self.statics.iter().map(of).collect()
    }

    fn machine_restart(&self, group: &str) -> Option<Restart> {
        let named = self.restart.iter().find(|r| r.processes.iter().any(|name| name == group));
        let section = named.or_else(|| self.restart.iter().find(|r| r.processes.is_empty()))?;
        Some(Restart {
            policy: section.policy.unwrap_or_default(),
            max_retries: section.retries,
            extra: Map::new(),
        })
    }

    fn stop_config(&self) -> Option<StopConfig> {
        let (signal, timeout) = (self.kill_signal.clone(), self.kill_timeout.map(GoDuration::from));
        (signal.is_some() || timeout.is_some()).then_some(StopConfig { signal, timeout })
    }

    fn machine_metrics(&self, group: &str) -> Option<Metrics> {
        let section = self.metrics.iter().find(|m| includes(&m.processes, group))?;
        Some(Metrics { port: section.port?, path: section.path.clone(), https: section.https })
    }

    /// Puts the contents of `local_path` files into the configuration, so that it stands alone.
    ///
    /// # Errors
    /// The first file that `read` cannot read.
    pub fn inline_files<E>(&mut self, mut read: impl FnMut(&str) -> Result<Vec<u8>, E>) -> Result<(), E> {
        use base64::Engine;
        for file in &mut self.files {
            if let Some(path) = &file.local_path {
                let contents = base64::engine::general_purpose::STANDARD.encode(read(path)?);
                *file = FileSection { local_path: None, raw_value: Some(contents), ..file.clone() };
            }
        }
        Ok(())
    }
}

/// An empty list of groups means all of them.
pub(crate) fn includes(processes: &[String], group: &str) -> bool {
    processes.is_empty() || processes.iter().any(|name| name == group)
}
