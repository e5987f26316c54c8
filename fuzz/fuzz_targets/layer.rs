//! Any bytes as a layer: a disk or an error, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roost_images::{Digest, Limits, disk};

fuzz_target!(|bytes: &[u8]| {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("layer");
    std::fs::write(&path, bytes).expect("the layer is written");
    let layer = disk::Layer { path, digest: Digest::of(bytes), diff_id: Digest::of(bytes) };
    let limits = Limits { max_unpacked_bytes: 1 << 20, max_entries: 10_000, ..Limits::default() };
    let _ = disk::convert(&[layer], &dir.path().join("disk"), &limits, |_| {});
});
