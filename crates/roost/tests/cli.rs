//! The command line as a person meets it, where no server is needed.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

/// A command in an empty folder, with a data folder that no server uses.
struct Shell {
    folder: TempDir,
}

impl Shell {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn roost(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_roost"))
            .args(args)
            .current_dir(self.path())
            .env("ROOST_DATA_DIR", self.path().join("data"))
            .env_remove("ROOST_API_URL")
            .env_remove("ROOST_API_TOKEN")
            .env_remove("FLY_APP")
            .output()
            .unwrap()
    }

    /// What a command that must fail says.
    fn complaint(&self, args: &[&str]) -> String {
        let output = self.roost(args);
        assert!(!output.status.success(), "{args:?} succeeded");
        assert!(output.stdout.is_empty(), "errors go to stderr");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn without_a_server_the_next_command_is_named() {
    let complaint = Shell::new().complaint(&["apps", "list"]);
    assert!(complaint.contains("no server runs on this box"), "{complaint}");
    assert!(complaint.contains("next: sudo roost server"), "{complaint}");
}

#[test]
fn an_address_where_nobody_answers_is_named() {
    let shell = Shell::new();
    let complaint = shell.complaint(&["--api-url", "http://127.0.0.1:9", "-t", "x", "apps", "list"]);
    assert!(complaint.contains("no server answers at http://127.0.0.1:9"), "{complaint}");
}

#[test]
fn without_a_configuration_deploy_points_to_launch() {
    let complaint = Shell::new().complaint(&["deploy"]);
    assert!(complaint.contains("next: roost launch"), "{complaint}");
}

#[test]
fn a_wrong_type_in_fly_toml_is_shown_in_its_place() {
    let shell = Shell::new();
    fs::write(shell.path().join("fly.toml"), "app = \"a\"\n[http_service]\ninternal_port = \"web\"\n")
        .unwrap();
    let complaint = shell.complaint(&["deploy"]);
    assert!(complaint.contains("fly.toml:3:17"), "{complaint}");
    assert!(complaint.contains("^"), "{complaint}");
}

#[test]
fn unknown_keys_are_errors_when_strict() {
    let shell = Shell::new();
    fs::write(shell.path().join("fly.toml"), "app = \"a\"\nprimary_regoin = \"fra\"\n").unwrap();
    let complaint = shell.complaint(&["deploy", "--strict"]);
    assert!(complaint.contains("did you mean `primary_region`?"), "{complaint}");
}

#[test]
fn launch_does_not_replace_a_configuration_by_itself() {
    let shell = Shell::new();
    fs::write(shell.path().join("fly.toml"), "app = \"a\"\n").unwrap();
    let complaint = shell.complaint(&["launch"]);
    assert!(complaint.contains("has a configuration file already"), "{complaint}");
}

#[test]
fn a_configuration_is_checked_without_starting_anything() {
    let shell = Shell::new();
    let good = shell.path().join("good.toml");
    fs::write(&good, "base_domain = \"apps.example.com\"\n").unwrap();
    assert!(shell.roost(&["server", "--check-config", "--config", good.to_str().unwrap()]).status.success());
    assert!(!shell.path().join("data").exists());

    let bad = shell.path().join("bad.toml");
    fs::write(&bad, "[edge]\nhtpp = []\n").unwrap();
    let complaint = shell.complaint(&["server", "--check-config", "--config", bad.to_str().unwrap()]);
    assert!(complaint.contains("bad.toml:2:1: unknown key \"htpp\"; did you mean \"http\"?"), "{complaint}");
}

#[test]
fn an_unknown_role_names_the_roles() {
    let complaint = Shell::new().complaint(&["server", "--roles", "hosts"]);
    assert!(complaint.contains("roles are api, host, edge and dns"), "{complaint}");
}

#[test]
fn every_shell_gets_a_completion_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Shell::new().roost(&["completions", shell]);
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains("rollback"), "{shell}");
    }
}
