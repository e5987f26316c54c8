//! Images that cannot run here, and images that attack.

use std::io::Write;

use anyhow::Result;
use flate2::{Compression, write::GzEncoder};
use roost_testbed::{App, OciImage, netns, oci::OciImageBuilder, testapp};
use serde_json::json;

use crate::{assert_nothing_left, assert_says, assert_serves, refused_deploy, releases, support::server};

/// Unpacks to this from less than a thousandth of it.
const BOMB_BYTES: usize = 100 << 20;

#[tokio::test(flavor = "current_thread")]
async fn what_cannot_run_here_makes_no_release() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "web").await?;

    let arm = with_command().file("app", 0o755, b"#!").architecture("arm64").build()?;
    let said = refused_deploy(&server, &app, &arm).await?;
    assert_says(&said, &["linux/arm64", "linux/amd64", "next: build the image for linux/amd64"]);

    let silent = OciImage::new().file("app", 0o755, b"#!").build()?;
    let said = refused_deploy(&server, &app, &silent).await?;
    assert_says(&said, &["CMD", "next: "]);

    let said = server.refused(app.deploy_arguments("registry.roost.localhost/web:nothing")).await?;
    assert_says(&said, &["web:nothing does not exist", "next: roost deploy --image NAME"]);

    assert!(releases(&server, &app).await?.is_empty());
    assert_nothing_left(&server, &app).await
}

#[tokio::test(flavor = "current_thread")]
async fn hostile_layers_are_refused_and_the_good_release_serves() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "web").await?;
    app.deploy(&testapp::image("good")?).await?;

    use tar::EntryType::{Link, Regular};
    let whole = layer(Regular, "file", "", &[1; 5000]);
    for (layer, says) in [
        (whole[..3000].to_vec(), &["is broken", "ends in the middle"][..]),
        (layer(Regular, "../evil", "", b"x"), &["\"../evil\"", "leads out of the image"]),
        (layer(Regular, "/etc/evil", "", b"x"), &["\"/etc/evil\"", "absolute path"]),
        (layer(Link, "shadow", "../../etc/shadow", b""), &["shadow", "leads out of the image"]),
        (gzip(&layer(Regular, "zeros", "", &vec![0; BOMB_BYTES]))?, &["too large", "bomb", "max_ratio"]),
    ] {
        let said = refused_deploy(&server, &app, &with_command().build_with_layer(layer)?).await?;
        assert_says(&said, says);
        assert_says(&said, &["was rolled back, and v1 serves again", "the image can not be used", "next: "]);
    }
    let folders = server.leftovers().into_iter().filter(|left| left.starts_with("folder "));
    assert_eq!(folders.count(), 1, "only the good machine has a folder: {:?}", server.leftovers());
    assert_serves(&server, &app, 1, "good").await
}

fn with_command() -> OciImageBuilder {
    OciImage::new().config("Entrypoint", json!(["/app"]))
}

/// A tar of one entry, whose names are written as they are.
fn layer(kind: tar::EntryType, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    let gnu = header.as_gnu_mut().expect("made as one");
    gnu.name[..name.len()].copy_from_slice(name.as_bytes());
    gnu.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, content).expect("append to memory");
    builder.into_inner().expect("finish in memory")
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
