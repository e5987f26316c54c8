//! Finding the Dockerfile, and the little that is read out of it.

use std::path::{Path, PathBuf};

use crate::BuildError;

/// Names that are looked for when none is configured, first one first.
const NAMES: [&str; 3] = ["Dockerfile", "dockerfile", "Containerfile"];

/// The Dockerfile of a project: the configured path, seen from the project's folder, else the first
/// of the usual names.
///
/// # Errors
/// There is none.
pub fn find_dockerfile(project: &Path, configured: Option<&Path>) -> Result<PathBuf, BuildError> {
    let candidates: Vec<PathBuf> = match configured {
        Some(path) => vec![project.join(path)],
        None => NAMES.iter().map(|name| project.join(name)).collect(),
    };
    candidates
        .iter()
        .find(|path| path.is_file())
        .cloned()
        .ok_or_else(|| BuildError::NoDockerfile(candidates[0].clone()))
}

/// TCP ports that a Dockerfile's last stage exposes, in its order. Ports given by variables are left
/// out: only a build knows them.
pub fn exposed_ports(dockerfile: &str) -> Vec<u16> {
    let mut ports = Vec::new();
    for line in dockerfile.lines() {
        let mut words = line.split_whitespace();
        match words.next().map(str::to_ascii_uppercase).as_deref() {
            // Each stage starts anew.
            Some("FROM") => ports.clear(),
            Some("EXPOSE") => ports.extend(words.filter_map(tcp_port)),
            _ => {}
        }
    }
    ports
}

fn tcp_port(word: &str) -> Option<u16> {
    let number = match word.split_once('/') {
        Some((number, protocol)) => protocol.eq_ignore_ascii_case("tcp").then_some(number)?,
        None => word,
    };
    number.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stage_exposes() {
        let text =
            "FROM a AS build\nEXPOSE 1\nFROM b\n  expose 8080 53/udp 9090/tcp $PORT 70000\n# EXPOSE 5\n";
        assert_eq!(exposed_ports(text), [8080, 9090]);
    }

    #[test]
    fn the_configured_file_goes_before_the_usual_ones() {
        let project = tempfile::tempdir().unwrap();
        let missing = find_dockerfile(project.path(), None).unwrap_err();
        assert!(missing.to_string().contains("--image"), "{missing}");
        std::fs::write(project.path().join("Containerfile"), "").unwrap();
        assert!(find_dockerfile(project.path(), None).unwrap().ends_with("Containerfile"));
        std::fs::write(project.path().join("Dockerfile"), "").unwrap();
        assert!(find_dockerfile(project.path(), None).unwrap().ends_with("Dockerfile"));
        assert!(find_dockerfile(project.path(), Some(Path::new("web.Dockerfile"))).is_err());
    }
}
