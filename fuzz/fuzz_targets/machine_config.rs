//! Any JSON as a machine's configuration: what is stored and shown is what was sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roost_model::MachineConfig;

fuzz_target!(|bytes: &[u8]| {
    let Ok(config) = serde_json::from_slice::<MachineConfig>(bytes) else { return };
    let _ = config.guest();
    let _ = config.process_group();
    let stored = serde_json::to_vec(&config).expect("a configuration is JSON");
    let again: MachineConfig = serde_json::from_slice(&stored).expect("what was stored is read");
    assert_eq!(config, again);
});
