//! Layers become disks that the kernel mounts, with everything right.

mod support;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use roost_images::{Limits, disk};
use support::{Layer, Mounted, convert, listing, run};

fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn a_tree_of_everything_comes_out_as_gnu_tar_extracts_it() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    run("bash", &["-c", MAKE_TREE, "make-tree", source.to_str().unwrap()]);
    let tar = dir.path().join("layer.tar");
    let (tar_path, source_path) = (tar.to_str().unwrap(), source.to_str().unwrap());
    run(
        "tar",
        &[
            "--format=pax",
            "--xattrs",
            "--xattrs-include=*",
            "--numeric-owner",
            "-cf",
            tar_path,
            "-C",
            source_path,
            ".",
        ],
    );

    let disk = convert(dir.path(), &[fs::read(&tar).unwrap()], &Limits::default()).unwrap();

    run("fsck.erofs", &[disk.to_str().unwrap()]);
    let mounted = Mounted::new(&disk);
    assert_eq!(listing(mounted.path()), listing(&source));
}

/// Sizes around blocks and tails, many names, long names, every type, attributes, odd times.
const MAKE_TREE: &str = r#"
set -e
mkdir -p "$1" && cd "$1"
for size in 0 1 31 32 4000 4031 4032 4033 4095 4096 4097 8191 8192 8193 100000; do head -c $size /dev/urandom > file-$size; done
mkdir many empty deep
for i in $(seq 1 1500); do echo $i > many/some-file-name-$i; done
touch "many/$(printf 'n%.0s' $(seq 1 255))" 'many/!' 'many/-dash' 'many/ö'
mkdir -p deep/a/b/c/d/e/f
ln file-4097 deep/hard && ln file-0 deep/hard-empty
ln -s file-1 link && ln -s /absolute/nowhere long-link && ln -s $(printf 'x/%.0s' $(seq 1 2000)) very-long-link
mknod char c 5 1 && mknod block b 259 300000 && mkfifo fifo
chown 1000:2000 file-1 link && chown 3000000000:4000000000 file-31 && chmod 4755 file-32 && chmod 1777 empty && chmod 0 file-8193
python3 -c 'import os
os.setxattr("file-4000", "user.note", b"hello")
os.setxattr("file-4032", "trusted.thing", b"\0\xff=\n")
os.setxattr("file-4096", "user.big", b"a" * 3000)
os.setxattr("file-4096", "user.empty", b"")
os.setxattr("many", "user.dir", b"yes")
os.setxattr("file-8192", "security.capability", bytes([1, 0, 0, 2, 0, 4] + [0] * 14))'
touch -d @1.123456789 file-1 && touch -d @4000000000.5 file-31 && touch -d '1960-01-01 00:00:00.25 UTC' file-32 && touch -h -d @1000000000.000000001 link
"#;

#[test]
fn upper_layers_hide_replace_and_add() {
    let dir = tempfile::tempdir().unwrap();
    let low = Layer::new()
        .file("gone", b"low")
        .file("kept", b"low")
        .file("replaced", &[b'l'; 100_000])
        .file("opaque/low", b"low")
        .file("dir-to-file/x", b"low")
        .file("file-to-dir", b"low")
        .dir("usr/lib/")
        .symlink("lib", "usr/lib");
    let high = Layer::new()
        .file(".wh.gone", b"")
        .file("replaced", b"high")
        .file("opaque/high", b"high")
        .file("opaque/.wh..wh..opq", b"")
        .file("dir-to-file", b"high")
        .file("file-to-dir/x", b"high");
    let high = high_with_directory_first(high);
    let disk = convert(dir.path(), &[low.tar(), high], &Limits::default()).unwrap();
    run("fsck.erofs", &[disk.to_str().unwrap()]);

    let mounted = Mounted::new(&disk);
    let root = mounted.path();
    assert!(!root.join("gone").exists());
    assert_eq!(read(root, "kept"), "low");
    assert_eq!(read(root, "replaced"), "high");
    assert_eq!(fs::read_dir(root.join("opaque")).unwrap().count(), 1);
    assert_eq!(read(root, "dir-to-file"), "high");
    assert_eq!(read(root, "file-to-dir/x"), "high");
    assert_eq!(read(root, "usr/lib/through-the-link"), "high");
    // What is hidden takes no room on the host: the 100 kB of the lower layer are a hole.
    assert!(fs::metadata(&disk).unwrap().blocks() * 512 < 50_000);
}

fn high_with_directory_first(rest: Layer) -> Vec<u8> {
    let mut first = Layer::new().dir("file-to-dir/").file("lib/through-the-link", b"high").tar();
    // Without the two blocks of zeros, one archive continues the other.
    first.truncate(first.len() - 1024);
    first.extend(rest.tar());
    first
}

#[test]
fn a_hard_link_reaches_into_a_lower_layer() {
    let dir = tempfile::tempdir().unwrap();
    let low = Layer::new().file("a", b"shared").tar();
    let high = Layer::new().hard_link("b", "a").tar();
    let disk = convert(dir.path(), &[low, high], &Limits::default()).unwrap();
    let mounted = Mounted::new(&disk);
    let (a, b) = (mounted.path().join("a").metadata().unwrap(), mounted.path().join("b").metadata().unwrap());
    assert_eq!((a.ino(), a.nlink()), (b.ino(), 2));
}

#[test]
fn compression_is_told_by_the_bytes_and_equal_images_give_equal_disks() {
    let dir = tempfile::tempdir().unwrap();
    let tar = Layer::new().file("bin/app", &[7; 10_000]).dir("etc/").tar();
    let halves = tar.split_at(700);
    let forms = [
        tar.clone(),
        support::gzip(&tar),
        [support::gzip(halves.0), support::gzip(halves.1)].concat(),
        zstd::encode_all(&tar[..], 3).unwrap(),
    ];
    let disks = forms.iter().map(|form| {
        let layer = support::layer_file(dir.path(), form, &tar);
        let out = dir.path().join(format!("{}.erofs", layer.digest.hex()));
        disk::convert(&[layer], &out, &Limits::default(), |_| {}).unwrap();
        fs::read(out).unwrap()
    });
    let disks: Vec<_> = disks.collect();
    assert!(disks.iter().all(|disk| *disk == disks[0]));
}

#[test]
fn an_image_without_layers_is_an_empty_root() {
    let dir = tempfile::tempdir().unwrap();
    let disk = convert(dir.path(), &[], &Limits::default()).unwrap();
    run("fsck.erofs", &[disk.to_str().unwrap()]);
    let mounted = Mounted::new(&disk);
    assert_eq!(fs::read_dir(mounted.path()).unwrap().count(), 0);
    assert_eq!(mounted.path().metadata().unwrap().permissions().mode() & 0o7777, 0o755);
}
