//! Process groups: their names, their commands, and that whoever names one names one that exists.

use super::Problems;
use crate::{AppConfig, machine::split_words, read::nearest, section::StrategyName};

/// A group's name becomes part of names and metadata.
const MAX_NAME: usize = 63;

pub(super) fn validate(config: &AppConfig, problems: &mut Problems) {
    for (name, command) in &config.processes {
        let path = format!("processes.{name}");
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(fine) {
            problems.add(
                &path,
                format!("\"{name}\" is no name for a process group: use up to 63 lower-case letters, digits, '-' and '_'"),
            );
        }
        if let Err(reason) = split_words(command) {
            problems.add(&path, reason);
        }
    }
    mentions(config, problems);
    mount_per_group(config, problems);
    strategy_with_mounts(config, problems);
}

/// Every list of `processes` names groups that there are.
fn mentions(config: &AppConfig, problems: &mut Problems) {
    let groups = config.process_groups();
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    let mut check = |path: String, processes: &[String]| {
        for (n, name) in processes.iter().enumerate().filter(|(_, name)| !names.contains(&name.as_str())) {
            let message = format!("there is no process group \"{name}\"");
            let help = match nearest(name, &names) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("the groups are {}", names.join(", ")),
            };
            problems.add_with_help(format!("{path}.processes[{n}]"), message, help);
        }
    };
    if let Some(service) = &config.http_service {
        check("http_service".to_owned(), &service.processes);
    }
    let indexed = |section: &str, n: usize| format!("{section}[{n}]");
    config.services.iter().enumerate().for_each(|(n, s)| check(indexed("services", n), &s.processes));
    config.mounts.iter().enumerate().for_each(|(n, s)| check(indexed("mounts", n), &s.processes));
    config.vm.iter().enumerate().for_each(|(n, s)| check(indexed("vm", n), &s.processes));
    config.restart.iter().enumerate().for_each(|(n, s)| check(indexed("restart", n), &s.processes));
    config.metrics.iter().enumerate().for_each(|(n, s)| check(indexed("metrics", n), &s.processes));
    config.files.iter().enumerate().for_each(|(n, s)| check(indexed("files", n), &s.processes));
    config.checks.iter().for_each(|(name, s)| check(format!("checks.{name}"), &s.processes));
    must_name_groups(config, problems);
}

/// With several groups, a service has to say which of them it means.
fn must_name_groups(config: &AppConfig, problems: &mut Problems) {
    if config.processes.len() < 2 {
        return;
    }
    let help = "add processes = [\"...\"] with the groups that listen on its internal_port";
    let message = "with several process groups a service must name those that serve it";
    if config.http_service.as_ref().is_some_and(|service| service.processes.is_empty()) {
        problems.add_with_help("http_service", message, help);
    }
    for (n, _) in config.services.iter().enumerate().filter(|(_, s)| s.processes.is_empty()) {
        problems.add_with_help(format!("services[{n}]"), message, help);
    }
}

/// A second machine would need the volume that the first one has.
fn strategy_with_mounts(config: &AppConfig, problems: &mut Problems) {
    let beside = [StrategyName::Canary, StrategyName::Bluegreen];
    let Some(strategy) = config.deploy.strategy.filter(|strategy| beside.contains(strategy)) else { return };
    if !config.mounts.is_empty() {
        problems.add_with_help(
            "deploy.strategy",
            format!(
                "\"{}\" makes a second machine beside the old one, which can not have its volume too",
                strategy.as_str()
            ),
            "use \"rolling\" or \"immediate\": machines with volumes are updated where they are",
        );
    }
}

fn mount_per_group(config: &AppConfig, problems: &mut Problems) {
    for group in config.process_groups() {
        let mine = |(_, mount): &(usize, &crate::section::Mount)| {
            crate::machine::includes(&mount.processes, &group.name)
        };
        if let Some((n, _)) = config.mounts.iter().enumerate().filter(mine).nth(1) {
            problems.add(
                format!("mounts[{n}]"),
                format!("group \"{}\" has more than one mount; a machine has one volume", group.name),
            );
        }
    }
}
