//! Layers that attack are refused with a sentence that names the entry and the reason.

mod support;

use std::io::Write;

use proptest::prelude::*;
use roost_images::{ImageError, Limits, disk};
use support::{Layer, convert, gzip, layer_file};

fn refused(layer: Layer) -> String {
    let dir = tempfile::tempdir().unwrap();
    convert(dir.path(), &[layer.tar()], &Limits::default()).expect_err("the layer was taken").to_string()
}

fn with_limits(limits: &Limits, tars: &[Vec<u8>]) -> ImageError {
    let dir = tempfile::tempdir().unwrap();
    convert(dir.path(), tars, limits).expect_err("the image was taken")
}

#[test]
fn paths_out_of_the_image_are_refused() {
    let error = refused(Layer::new().file("../evil", b"x"));
    assert!(error.contains("\"../evil\"") && error.contains("leads out of the image"), "{error}");
    assert!(refused(Layer::new().file("a/../../evil", b"x")).contains("leads out"));
    assert!(refused(Layer::new().file("/etc/passwd", b"x")).contains("absolute path"));
}

#[test]
fn hard_links_out_of_the_image_are_refused() {
    assert!(refused(Layer::new().hard_link("a", "../../etc/shadow")).contains("leads out"));
    assert!(refused(Layer::new().hard_link("a", "/etc/shadow")).contains("absolute"));
    assert!(refused(Layer::new().hard_link("a", "nowhere")).contains("not in the image"));
    assert!(refused(Layer::new().dir("d/").hard_link("a", "d")).contains("is a directory"));
}

#[test]
fn a_symlink_leads_nowhere_but_into_the_image() {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    let layer = Layer::new().symlink("out", outside.to_str().unwrap()).file("out/evil", b"x");
    convert(dir.path(), &[layer.tar()], &Limits::default()).unwrap();
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    let error = refused(Layer::new().symlink("x", "y").symlink("y", "x").file("x/a", b""));
    assert!(error.contains("symbolic links"), "{error}");
}

#[test]
fn a_bomb_is_stopped_by_its_ratio_and_by_the_total() {
    let dir = tempfile::tempdir().unwrap();
    let tar = Layer::new().file("zeros", &vec![0; 100 << 20]).tar();
    let layer = layer_file(dir.path(), &gzip(&tar), &tar);
    let out = dir.path().join("disk");
    let error = disk::convert(&[layer], &out, &Limits::default(), |_| {}).unwrap_err();
    assert_eq!(error.code(), "image_too_large");
    assert!(error.to_string().contains("bomb") && error.to_string().contains("max_ratio"), "{error}");

    let limits = Limits { max_unpacked_bytes: 10_000, ..Limits::default() };
    let small = Layer::new().file("a", &[1; 4000]).tar();
    let error = with_limits(&limits, &[small, Layer::new().file("b", &[1; 8000]).tar()]);
    assert!(error.to_string().contains("max_unpacked_bytes"), "{error}");
}

#[test]
fn too_many_entries_are_refused_implied_directories_included() {
    let limits = Limits { max_entries: 100, ..Limits::default() };
    let deep = "d/".repeat(45);
    let many =
        ["a", "b", "c"].iter().fold(Layer::new(), |layer, top| layer.file(&format!("{top}/{deep}f"), b""));
    assert!(with_limits(&limits, &[many.tar()]).to_string().contains("max_entries"));
}

#[test]
fn broken_layers_say_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let tar = Layer::new().file("a", &[1; 5000]).tar();
    let compressed = gzip(&tar);
    let convert = |bytes: &[u8]| {
        let layer = layer_file(dir.path(), bytes, &tar);
        let out = dir.path().join(format!("{}.disk", layer.digest.hex()));
        disk::convert(&[layer], &out, &Limits::default(), |_| {}).unwrap_err()
    };
    let mut damaged = compressed.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    assert_eq!(convert(&damaged).code(), "image_broken_layer");
    assert!(convert(&compressed[..compressed.len() / 2]).to_string().contains("decompressed"));
    assert!(convert(&tar[..3000]).to_string().contains("ends in the middle"));
    assert!(convert(&[b'x'; 1024]).to_string().contains("is no number"));
    let mut renamed = tar.clone();
    renamed[0] = b'b';
    assert!(convert(&renamed).to_string().contains("damaged"));
    let other = Layer::new().file("b", b"").tar();
    assert_eq!(convert(&other).code(), "image_digest_mismatch");
}

#[test]
fn sparse_files_and_unknown_types_are_refused_by_name() {
    let sparse = Layer::new().pax(&[("GNU.sparse.major", b"1")]).file("disk.img", b"x");
    assert!(refused(sparse).contains("sparse"));
    let volume = Layer::new().raw(tar::EntryType::new(b'V'), "label", "", 0, b"");
    assert!(refused(volume).contains("unsupported type 'V'"));
}

#[test]
fn a_huge_extension_header_is_not_read_into_memory() {
    let mut tar = Layer::new().raw(tar::EntryType::XHeader, "x", "", 0, b"").tar();
    tar[124..136].copy_from_slice(b"77777777777\0");
    let sum: u32 = (0..512).map(|i| if (148..156).contains(&i) { 32 } else { u32::from(tar[i]) }).sum();
    write!(&mut tar[148..156], "{sum:06o}\0 ").unwrap();
    let error = with_limits(&Limits::default(), &[tar]);
    assert!(error.to_string().contains("extension header"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever the bytes are, the answer is a disk or an error: no panic, no hang.
    #[test]
    fn any_damage_is_survived(
        flips in proptest::collection::vec((0usize..8000, any::<u8>()), 1..12),
        names in proptest::collection::vec("[a-c./]{1,12}", 1..6),
        repair in any::<bool>(),
    ) {
        let kinds = [b'0', b'1', b'2', b'5', b'6'];
        let mut tar = names.iter().enumerate().fold(Layer::new(), |layer, (i, name)| {
            let kind = tar::EntryType::new(kinds[i % kinds.len()]);
            layer.raw(kind, name, &names[0], 0o644, if i % kinds.len() == 0 { b"content" } else { b"" })
        }).tar();
        for (at, byte) in flips {
            let length = tar.len();
            tar[at % length] = byte;
        }
        if repair {
            for block in tar.chunks_exact_mut(512) {
                let sum: u32 = (0..512).map(|i| if (148..156).contains(&i) { 32 } else { u32::from(block[i]) }).sum();
                if block.iter().any(|&b| b != 0) {
                    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
                }
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { max_unpacked_bytes: 1 << 20, max_entries: 1000, ..Limits::default() };
        if let Ok(disk) = convert(dir.path(), &[tar], &limits) {
            support::run("fsck.erofs", &[disk.to_str().unwrap()]);
        }
    }
}
