//! Any text as `Authorization`, from callers, or as `WWW-Authenticate`, from registries.
#![no_main]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use roost_wire::{
    authorization::{self, Authorization},
    challenge::{self, Challenge},
};

fuzz_target!(|text: &str| {
    match authorization::read(text) {
        Some(Authorization::Bearer(token)) => assert_eq!(token, token.trim()),
        Some(Authorization::Basic { username, password }) => {
            let again = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
            assert_eq!(authorization::read(&again), Some(Authorization::Basic { username, password }));
        }
        None => {}
    }
    if let Some(Challenge::Bearer { realm, service }) = challenge::parse(text) {
        let mut again = format!("Bearer realm={}", quoted(&realm));
        if let Some(service) = &service {
            again.push_str(&format!(",service={}", quoted(service)));
        }
        assert_eq!(challenge::parse(&again), Some(Challenge::Bearer { realm, service }), "{again}");
    }
});

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
