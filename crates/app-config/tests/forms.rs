//! The three forms of a configuration say the same, and every key is known.

use roost_app_config::{AppConfig, Format, Strictness};

const COMPLETE: &str = include_str!("data/complete.toml");

fn parse(text: &str, format: Format) -> AppConfig {
    let (config, warnings) = AppConfig::parse(text, format, "fly").unwrap_or_else(|e| panic!("{e}"));
    assert!(warnings.is_empty(), "{}", warnings[0]);
    config
}

#[test]
fn every_documented_key_is_known_and_valid() {
    let (_, warnings) = AppConfig::load(COMPLETE, Format::Toml, "fly.toml", Strictness::Strict)
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(warnings, []);
}

#[test]
fn json_and_yaml_say_what_toml_says() {
    let toml: toml::Value = toml::from_str(COMPLETE).unwrap();
    let json = serde_json::to_string_pretty(&toml).unwrap();
    let config = parse(COMPLETE, Format::Toml);
    assert_eq!(parse(&json, Format::Json), config);
    // What serde_json writes is YAML's flow style as well.
    assert_eq!(parse(&json, Format::Yaml), config);
}

#[test]
fn yaml_block_style_is_read() {
    let text = "
app: täst-free  # not read as a name
"
    .replace("täst-free", "web");
    let text = format!(
        "{text}
env:
  A: 'ü'
  B: 12
  C: \"12\"
http_service:
  internal_port: 8080
  processes: [app]
mounts:
  source: data
  destination: /data
"
    );
    let config = parse(&text, Format::Yaml);
    assert_eq!(config.env["A"], "ü");
    assert_eq!(config.env["B"], "12");
    assert_eq!(config.mounts.len(), 1);
}

#[test]
fn what_releases_store_is_what_was_read() {
    let config = parse(COMPLETE, Format::Toml);
    let stored = serde_json::to_string(&config).unwrap();
    assert!(!stored.contains("null"), "{stored}");
    assert_eq!(serde_json::from_str::<AppConfig>(&stored).unwrap(), config);
}

#[test]
fn what_launch_writes_is_read_again() {
    let config = parse(COMPLETE, Format::Toml);
    assert_eq!(parse(&config.to_toml(), Format::Toml), config);
    let small = parse("app = \"web\"\n[http_service]\ninternal_port = 8080\n", Format::Toml);
    assert_eq!(small.to_toml(), "app = \"web\"\n\n[http_service]\ninternal_port = 8080\n");
}

#[test]
fn a_table_stands_for_a_list_of_one() {
    for section in ["vm", "restart", "metrics", "mounts", "files", "statics"] {
        let one = parse(&format!("[{section}]\n"), Format::Toml);
        let list = parse(&format!("[[{section}]]\n"), Format::Toml);
        assert_eq!(one, list, "{section}");
    }
    // The api takes a client's JSON without the reader of files.
    let config: AppConfig = serde_json::from_str(r#"{"vm": {"memory": 512}}"#).unwrap();
    assert_eq!(config.vm.len(), 1);
}

#[test]
fn an_empty_file_is_an_empty_configuration() {
    assert_eq!(parse("", Format::Toml), AppConfig::default());
    assert_eq!(parse("{}", Format::Json), AppConfig::default());
    assert_eq!(parse("# nothing\n", Format::Yaml), AppConfig::default());
}

#[test]
fn units_of_bare_integers_depend_on_the_section() {
    let config = parse(
        "kill_timeout = 5\n[[http_service.checks]]\ninterval = 5\n[vm]\nmemory = 512\n[mounts]\ninitial_size = 3\n",
        Format::Toml,
    );
    assert_eq!(config.kill_timeout.unwrap().0.as_secs(), 5);
    assert_eq!(config.http_service.unwrap().checks[0].interval.unwrap().0.as_millis(), 5);
    assert_eq!(config.vm[0].memory.unwrap().0, 512);
    assert_eq!(config.mounts[0].initial_size.unwrap().0, 3);
}
