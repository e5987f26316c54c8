//! Any text as a configuration, in each form: read and checked, or refused. What is written from it reads
//! back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roost_app_config::{AppConfig, Format, Strictness};

fuzz_target!(|text: &str| {
    for format in [Format::Toml, Format::Json, Format::Yaml] {
        match AppConfig::load(text, format, "fly", Strictness::Lenient) {
            Ok((config, _)) => check(&config),
            Err(error) => drop(error.to_string()),
        }
    }
});

fn check(config: &AppConfig) {
    let written = config.to_toml();
    let read = AppConfig::parse(&written, Format::Toml, "fly.toml");
    let (again, _) = read.unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(*config, again, "{written}");
    for group in config.process_groups() {
        let _ = config.guest(&group.name);
    }
    let _ = config.unacted();
}
