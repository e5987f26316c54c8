//! What a machine is: its environment, size, files, volumes, signals and times.

use std::{str::FromStr, time::Duration};

use roost_model::{
    ImageRef,
    statics::{InvalidStatic, check_statics},
};

use super::Problems;
use crate::{
    AppConfig,
    section::{FileSection, Mount},
};

/// Signals that may end a machine.
const SIGNALS: [&str; 8] =
    ["SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGSTOP", "SIGHUP"];

/// A machine that does not stop holds up whoever waits for it.
const MAX_KILL_TIMEOUT: Duration = Duration::from_secs(300);

/// Contents of one file travel to the guest in one message.
const MAX_FILE_BYTES: usize = 1 << 20;

pub(super) fn validate(config: &AppConfig, problems: &mut Problems) {
    for name in config.env.keys() {
        env_name(name, problems);
    }
    if let Some(signal) = &config.kill_signal
        && !SIGNALS.contains(&signal.as_str())
    {
        let message = format!("unknown signal \"{signal}\"; it is one of {}", SIGNALS.join(", "));
        problems.add("kill_signal", message);
    }
    if config.kill_timeout.is_some_and(|timeout| timeout.0 > MAX_KILL_TIMEOUT) {
        problems.add("kill_timeout", "it may be at most 300 seconds");
    }
    if config.deploy.max_unavailable.is_some_and(|n| !(n.is_finite() && n > 0.0)) {
        problems.add(
            "deploy.max_unavailable",
            "it must be more than 0: a number of machines from 1 on, or a fraction below 1",
        );
    }
    if config.deploy.wait_timeout.is_some_and(|timeout| timeout.0.is_zero()) {
        problems.add("deploy.wait_timeout", "it must be more than 0");
    }
    build(config, problems);
    for (n, vm) in config.vm.iter().enumerate() {
        if let Err(error) = vm.guest() {
            problems.add(format!("vm[{n}]"), error.to_string());
        }
    }
    for (n, mount) in config.mounts.iter().enumerate() {
        mount_section(&format!("mounts[{n}]"), mount, problems);
    }
    for (n, file) in config.files.iter().enumerate() {
        file_section(&format!("files[{n}]"), file, problems);
    }
    statics(config, problems);
}

fn env_name(name: &str, problems: &mut Problems) {
    let path = format!("env.{name}");
    if name.starts_with("FLY_") {
        problems.add(path, "names that start with FLY_ are the platform's own");
    } else if name.is_empty() || name.contains(['=', '\0']) {
        problems.add(path, "a variable's name may not be empty or hold '='");
    }
}

fn build(config: &AppConfig, problems: &mut Problems) {
    let build = &config.build;
    if let Some(image) = &build.image
        && let Err(error) = ImageRef::from_str(image)
    {
        problems.add("build.image", error.to_string());
    }
    if build.image.is_some() && build.dockerfile.is_some() {
        problems.add_with_help(
            "build.image",
            "both an image and a Dockerfile are given",
            "keep `image` to deploy it as it is, or `dockerfile` to build",
        );
    }
    if build.dockerfile.as_ref().is_some_and(|path| path.contains("://")) {
        problems.add("build.dockerfile", "a URL cannot be built from; put the Dockerfile beside the app");
    }
}

fn absolute(path: &str) -> bool {
    path.starts_with('/') && !path.split('/').any(|part| part == "..")
}

fn mount_section(at: &str, mount: &Mount, problems: &mut Problems) {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if mount.source.is_empty() || mount.source.len() > 30 || !mount.source.chars().all(word) {
        problems
            .add(format!("{at}.source"), "a volume's name has 1 to 30 lower-case letters, digits and '_'");
    }
    if !absolute(&mount.destination) || mount.destination.trim_end_matches('/').is_empty() {
        problems.add(format!("{at}.destination"), "it must be an absolute path other than /");
    }
    if mount.auto_extend_size_threshold.is_some() && mount.auto_extend_size_increment.is_none() {
        problems.add(
            format!("{at}.auto_extend_size_threshold"),
            "say by how much the volume grows: auto_extend_size_increment",
        );
    }
    let mut range = |key: &str, value: Option<u32>, low: u32, high: u32, unit: &str| {
        if value.is_some_and(|value| !(low..=high).contains(&value)) {
            problems.add(format!("{at}.{key}"), format!("it must be from {low} to {high} {unit}"));
        }
    };
    range("initial_size", mount.initial_size.map(|s| s.0), 1, 500, "GB");
    range("snapshot_retention", mount.snapshot_retention, 1, 60, "days");
    range("auto_extend_size_threshold", mount.auto_extend_size_threshold, 50, 99, "percent");
    range("auto_extend_size_increment", mount.auto_extend_size_increment.map(|s| s.0), 1, 100, "GB");
    range("auto_extend_size_limit", mount.auto_extend_size_limit.map(|s| s.0), 1, 500, "GB");
}

fn statics(config: &AppConfig, problems: &mut Problems) {
    if let Err(InvalidStatic { index, key, problem }) = check_statics(&config.machine_statics()) {
        problems.add(format!("statics[{index}].{key}"), problem);
    }
    for (n, section) in config.statics.iter().enumerate() {
        if section.tigris_bucket.as_ref().is_some_and(|bucket| !bucket.is_empty()) {
            let path = format!("statics[{n}].tigris_bucket");
            let help = "put the files into the image, and name their folder in guest_path";
            problems.add_with_help(path, "there are no buckets", help);
        }
    }
}

fn file_section(at: &str, file: &FileSection, problems: &mut Problems) {
    use base64::Engine;
    if !absolute(&file.guest_path) || file.guest_path.ends_with('/') {
        problems.add(format!("{at}.guest_path"), "it must be the absolute path of a file");
    }
    let sources = [&file.raw_value, &file.local_path, &file.secret_name];
    if sources.iter().filter(|source| source.is_some()).count() != 1 {
        problems.add(at, "a file has exactly one of raw_value, local_path and secret_name");
    }
    if let Some(value) = &file.raw_value {
        match base64::engine::general_purpose::STANDARD.decode(value) {
            Err(_) => problems.add(format!("{at}.raw_value"), "it is not base64"),
            Ok(bytes) if bytes.len() > MAX_FILE_BYTES => {
                problems.add(format!("{at}.raw_value"), "it holds more than 1 MiB");
            }
            Ok(_) => {}
        }
    }
}
