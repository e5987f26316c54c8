//! The documents name things that exist.

use std::{fs, path::PathBuf, process::Command};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn architecture_names_files_that_exist() {
    let text = read("ARCHITECTURE.md");
    let paths: Vec<&str> = quoted(&text).filter(|word| word.starts_with("crates/")).collect();
    assert!(paths.len() > 10, "{paths:?}");
    for path in paths {
        assert!(root().join(path).exists(), "ARCHITECTURE.md names {path}");
    }
}

#[test]
fn architecture_has_a_line_for_every_crate() {
    let text = read("ARCHITECTURE.md");
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(quoted(&text).any(|word| word == name), "no line for crates/{name}");
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let reasons = read("docs/dependencies.md");
    let first_cells: Vec<&str> = reasons.lines().filter_map(|line| line.split('|').nth(1)).collect();
    let named = |name: &str| first_cells.iter().any(|cell| cell.split(',').any(|word| word.trim() == name));
    for name in manifest["workspace"]["dependencies"].as_table().unwrap().keys() {
        assert!(name.starts_with("roost-") || named(name), "docs/dependencies.md has no line for {name}");
    }
}

#[test]
fn the_reference_has_every_command() {
    let reference = read("docs/reference.md");
    let help = Command::new(env!("CARGO_BIN_EXE_roost")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let names: Vec<&str> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    assert!(names.contains(&"deploy"), "{names:?}");
    for name in names {
        assert!(reference.contains(&format!("`roost {name}")), "docs/reference.md has no roost {name}");
    }
}

#[test]
fn relative_links_lead_somewhere() {
    let files = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/flyctl.md",
        "docs/machine-config.md",
        "docs/getting-started.md",
        "docs/operating.md",
        "docs/reference.md",
    ];
    for file in files {
        let (text, path) = (read(file), root().join(file));
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let there =
                target.is_empty() || target.contains("://") || path.parent().unwrap().join(target).exists();
            assert!(there, "{file} links to {target}");
        }
    }
}
