//! What an app asks for with `fly-replay`: both forms, and the patterns of the cache.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roost_routing::replay::{CacheHeaders, CacheRule, Replay, Scope};

fuzz_target!(|bytes: &[u8]| {
    let _ = Replay::from_json(bytes);
    if let Ok(rule) = serde_json::from_slice(bytes) {
        let _ = CacheRule::read(&rule);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let cache = CacheHeaders { scope: Some(text), ttl_secs: Some(text), allow_bypass: None };
    let _ = Replay::from_header(text, cache);
    let _ = Replay::from_header(text, CacheHeaders::default());
    if let Ok(scope) = text.parse::<Scope>() {
        assert_eq!(scope.to_string().parse::<Scope>(), Ok(scope));
    }
});
