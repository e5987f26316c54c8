//! What runs, by Docker's rules: every line of the table, in the words of a Dockerfile.

use std::collections::BTreeMap;

use roost_images::{
    ImageConfig,
    command::{self, Command, DEFAULT_PATH, NoCommand, Overrides},
};
use roost_model::machine::{Init, MachineConfig, Process};

fn list(words: &str) -> Vec<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

fn image(entrypoint: &str, cmd: &str) -> ImageConfig {
    ImageConfig { entrypoint: list(entrypoint), cmd: list(cmd), ..ImageConfig::default() }
}

/// What runs for an image of `ENTRYPOINT e` and `CMD c`; `""` in an override stands for `[]`.
fn runs(
    image: &ImageConfig,
    exec: Option<&str>,
    entrypoint: Option<&str>,
    cmd: Option<&str>,
) -> Result<String, NoCommand> {
    let [exec, entrypoint, cmd] = [exec, entrypoint, cmd].map(|words| words.map(list));
    let overrides = Overrides {
        exec: exec.as_deref(),
        entrypoint: entrypoint.as_deref(),
        cmd: cmd.as_deref(),
        ..Overrides::default()
    };
    command::merge(image, &overrides).map(|command| command.argv.join(" "))
}

#[test]
fn every_line_of_the_table() {
    let both = image("e", "c d");
    let ok = |text: &str| Ok(text.to_owned());
    for (exec, entrypoint, cmd, expected) in [
        (None, None, None, ok("e c d")),
        (None, None, Some("x y"), ok("e x y")),
        (None, None, Some(""), ok("e c d")),
        (None, Some("n"), None, ok("n")),
        (None, Some("n"), Some("x"), ok("n x")),
        (None, Some(""), None, ok("c d")),
        (None, Some(""), Some("x"), ok("x")),
        (Some("r s"), None, None, ok("r s")),
        (Some("r"), Some("n"), Some("x"), ok("r")),
        (Some(""), None, None, ok("e c d")),
    ] {
        assert_eq!(runs(&both, exec, entrypoint, cmd), expected, "{exec:?} {entrypoint:?} {cmd:?}");
    }
    assert_eq!(runs(&image("", "c"), None, None, None), ok("c"));
    assert_eq!(runs(&image("e", ""), None, None, Some("x")), ok("e x"));
}

#[test]
fn an_entrypoint_of_one_empty_word_clears_the_image_s_own() {
    let empty = [String::new()];
    let cmd = list("x");
    let overrides = Overrides { entrypoint: Some(&empty), cmd: Some(&cmd), ..Overrides::default() };
    assert_eq!(command::merge(&image("e", "c"), &overrides).unwrap().argv, ["x"]);
    let overrides = Overrides { entrypoint: Some(&empty), ..Overrides::default() };
    assert_eq!(command::merge(&image("e", "c"), &overrides), Err(NoCommand));
}

#[test]
fn an_image_without_a_command_needs_one_from_the_machine() {
    assert_eq!(runs(&image("", ""), None, None, None), Err(NoCommand));
    assert_eq!(runs(&image("", ""), None, None, Some("x")), Ok("x".to_owned()));
    assert!(NoCommand.to_string().contains("CMD"));
}

#[test]
fn user_directory_and_environment_have_defaults() {
    let plain = command::merge(&image("", "x"), &Overrides::default()).unwrap();
    let expected = Command {
        argv: list("x"),
        env: BTreeMap::from([("PATH".to_owned(), DEFAULT_PATH.to_owned())]),
        user: "0".to_owned(),
        working_dir: "/".to_owned(),
    };
    assert_eq!(plain, expected);

    let image = ImageConfig {
        env: list("PATH=/bin A=image B=image=with=signs broken"),
        user: "www".to_owned(),
        working_dir: "srv".to_owned(),
        ..image("", "x")
    };
    let machine = BTreeMap::from([("A".to_owned(), "machine".to_owned())]);
    let overrides = Overrides { env: &[&machine], user: Some("me:us"), ..Overrides::default() };
    let merged = command::merge(&image, &overrides).unwrap();
    assert_eq!((merged.user.as_str(), merged.working_dir.as_str()), ("me:us", "/srv"));
    let env: Vec<_> = merged.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(env, ["A=machine", "B=image=with=signs", "PATH=/bin"]);
    assert_eq!(command::merge(&image, &Overrides::default()).unwrap().user, "www");
}

#[test]
fn a_machine_runs_its_init_or_each_of_its_processes() {
    let env = BTreeMap::from([("A".to_owned(), "machine".to_owned())]);
    let init = Init { cmd: Some(list("serve")), ..Init::default() };
    let mut config = MachineConfig { env, init, ..MachineConfig::default() };
    let one = command::of_machine(&image("e", "c"), &config).unwrap();
    assert_eq!((one.len(), one[0].argv.join(" ")), (1, "e serve".to_owned()));
    assert_eq!(one[0].env["A"], "machine");

    let worker = Process {
        cmd: Some(list("work")),
        env: BTreeMap::from([("A".to_owned(), "process".to_owned())]),
        user: Some("nobody".to_owned()),
        ..Process::default()
    };
    config.processes = vec![Process::default(), worker];
    let two = command::of_machine(&image("e", "c"), &config).unwrap();
    assert_eq!(two.iter().map(|it| it.argv.join(" ")).collect::<Vec<_>>(), ["e c", "e work"]);
    assert_eq!((two[1].env["A"].as_str(), two[1].user.as_str()), ("process", "nobody"));
}
