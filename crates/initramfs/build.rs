//! Builds `roost-init` for the guest, so that the platform's one binary carries it.
//!
//! A nested cargo, because the guest's program has another target (static musl) and another profile
//! than whatever is being built here. It has a target directory of its own: the outer one is locked.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, exit},
};

const TARGET: &str = "x86_64-unknown-linux-musl";

fn main() {
    let manifest_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let crates = manifest_dir.parent().expect("this crate lies beside the others");
    for watched in ["init/src", "init/Cargo.toml", "guest-api/src", "guest-api/Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", crates.join(watched).display());
    }
    let target_dir = target_root().join("init");
    build(crates, &target_dir);
    let binary = target_dir.join(TARGET).join("init/roost-init");
    println!("cargo::rustc-env=ROOST_INIT={}", binary.display());
}

/// `OUT_DIR` is `<target>/<profile>/build/<package>/out`.
fn target_root() -> PathBuf {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    out.ancestors().nth(4).unwrap_or(&out).to_owned()
}

fn build(crates: &Path, target_dir: &Path) {
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets it"));
    cargo
        .args(["build", "--locked", "--quiet", "--package", "roost-init", "--bin", "roost-init"])
        .args(["--profile", "init", "--target", TARGET, "--target-dir"])
        .arg(target_dir)
        .current_dir(crates);
    // What the outer cargo says to this script is not meant for another build.
    let outer = env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        let kept = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_CAINFO"].contains(&&*name)
            || name.starts_with("CARGO_REGISTR")
            || name.starts_with("CARGO_SOURCE");
        name.starts_with("CARGO") && !kept || name.starts_with("RUSTC") || name.ends_with("RUSTFLAGS")
    });
    for (name, _) in outer {
        cargo.env_remove(name);
    }
    match cargo.status() {
        Ok(status) if status.success() => {}
        Ok(_) => fail("building the guest's init failed"),
        Err(error) => fail(&format!("cargo cannot be started for the guest's init: {error}")),
    }
}

fn fail(reason: &str) -> ! {
    eprintln!("{reason}. Its target is installed by: rustup target add {TARGET}");
    exit(1)
}
