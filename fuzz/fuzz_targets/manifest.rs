//! Any bytes as a manifest, an index or a configuration.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roost_images::{Limits, config::ConfigBlob, manifest::Document};

fuzz_target!(|bytes: &[u8]| {
    match Document::parse(bytes) {
        Ok(Document::Manifest(manifest)) => {
            let _ = manifest.check_limits(&Limits::default());
            let _ = manifest.total_bytes();
        }
        Ok(Document::Index(index)) => drop(index.for_this_platform("fuzz")),
        Err(error) => drop(error.to_string()),
    }
    if let Ok(config) = ConfigBlob::parse(bytes) {
        let _ = config.image_config().exposed_tcp_ports();
    }
});
