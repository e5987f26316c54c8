//! A configuration comes from whoever deploys: no text makes the reader panic.

use proptest::prelude::*;
use roost_app_config::{AppConfig, Format, Strictness};

const COMPLETE: &str = include_str!("data/complete.toml");

fn read_in_every_format(text: &str) {
    for format in [Format::Toml, Format::Json, Format::Yaml] {
        match AppConfig::load(text, format, "fly", Strictness::Strict) {
            Ok((config, _)) => drop(config.to_toml()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "(?s).{0,200}") {
        read_in_every_format(&text);
    }

    #[test]
    fn text_that_looks_like_a_configuration(text in "([{}\\[\\]:,=\"'#&*|>!\\-\n \tüa1.]|app|env|services|vm){0,60}") {
        read_in_every_format(&text);
    }

    #[test]
    fn a_configuration_with_a_piece_put_elsewhere(from in 0usize..4000, length in 0usize..80, to in 0usize..4000) {
        let chars: Vec<char> = COMPLETE.chars().collect();
        let (from, to) = (from % chars.len(), to % chars.len());
        let piece = &chars[from..(from + length).min(chars.len())];
        let text: String = chars[..to].iter().chain(piece).chain(&chars[to..]).collect();
        read_in_every_format(&text);
    }
}
