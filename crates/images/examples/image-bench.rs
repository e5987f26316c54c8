//! Image to disk, beside `mkfs.erofs` and `mke2fs -d` on the same tree.
//!
//! `image-bench TREE [ROUNDS]`: packs the tree as an image's layer (plain, gzip, zstd), makes a disk
//! of each, and has both tools make one of the tree itself, in turns. They are given the unpacked
//! tree for free; we start from what a registry serves. The last line is for machines; `ratio`
//! compares a plain layer, which is the same work, with the faster tool.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};
use roost_images::{Digest, Limits, disk};

fn main() {
    let mut args = std::env::args().skip(1);
    let tree = PathBuf::from(args.next().expect("usage: image-bench TREE [ROUNDS]"));
    let rounds: usize = args.next().map_or(5, |text| text.parse().expect("ROUNDS is a number"));
    let dir = tempfile::tempdir().expect("a folder for disks");
    let layers = layers(&tree, dir.path());
    let names = ["roost_plain", "roost_gzip", "roost_zstd", "mkfs_erofs", "mke2fs"];
    let mut times = vec![Vec::new(); names.len()];
    let mut sizes = vec![0; names.len()];
    // In turns, so that a noisy moment hits all of them.
    for _ in 0..rounds {
        for (index, name) in names.iter().enumerate() {
            let out = dir.path().join("disk");
            let begin = Instant::now();
            match layers.get(index) {
                Some(layer) => ours(layer, &out),
                None => tool(name, &tree, &out),
            }
            times[index].push(begin.elapsed());
            sizes[index] = std::fs::metadata(&out).map_or(0, |file| file.len());
            std::fs::remove_file(&out).expect("the disk was made");
        }
    }
    let medians: Vec<Duration> = times.iter_mut().map(|times| median(times)).collect();
    for (index, name) in names.iter().enumerate() {
        let range = (times[index][0].as_millis(), times[index][rounds - 1].as_millis());
        println!(
            "{name:12} {:>6} ms ({} to {})  {:>7} KiB",
            medians[index].as_millis(),
            range.0,
            range.1,
            sizes[index] / 1024
        );
    }
    let fastest = medians[3].min(medians[4]).as_secs_f64();
    let fields = names.iter().zip(&medians).map(|(name, time)| format!("{name}_ms={}", time.as_millis()));
    let fields: Vec<String> = fields.collect();
    let ratio = |index: usize| medians[index].as_secs_f64() / fastest;
    println!("result: {} ratio={:.2} ratio_gzip={:.2} rounds={rounds}", fields.join(" "), ratio(0), ratio(1));
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn layers(tree: &Path, dir: &Path) -> Vec<disk::Layer> {
    let tar = dir.join("layer.tar");
    let (tar_path, tree_path) = (tar.to_str().expect("a plain path"), tree.to_str().expect("a plain path"));
    run("tar", &["--format=pax", "--numeric-owner", "-cf", tar_path, "-C", tree_path, "."]);
    let plain = std::fs::read(&tar).expect("the layer was made");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&plain).expect("memory takes everything");
    let gzip = gzip.finish().expect("memory takes everything");
    let zstd = zstd::encode_all(&plain[..], 3).expect("memory takes everything");
    let diff_id = Digest::of(&plain);
    let layer = |(name, bytes): (&str, Vec<u8>)| {
        let path = dir.join(name);
        std::fs::write(&path, &bytes).expect("the layer is written");
        disk::Layer { path, digest: Digest::of(&bytes), diff_id }
    };
    [("plain", plain), ("gzip", gzip), ("zstd", zstd)].map(layer).into()
}

fn ours(layer: &disk::Layer, out: &Path) {
    disk::convert(std::slice::from_ref(layer), out, &Limits::default(), |_| {}).expect("the layer is fine");
}

/// Synced, as ours is.
fn tool(name: &str, tree: &Path, out: &Path) {
    let (tree, out) = (tree.to_str().expect("a plain path"), out.to_str().expect("a plain path"));
    match name {
        "mkfs_erofs" => run("mkfs.erofs", &["--quiet", out, tree]),
        _ => run("mke2fs", &["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d", tree, out, "2G"]),
    }
    run("sync", &[out]);
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}
