//! Makes the boot files of a kernel and prints them:
//! `cargo run -p roost-initramfs --example prepare -- <cache dir> [kernel]`.

use std::{env, error::Error, path::PathBuf};

use roost_initramfs::{Kernel, KernelSource};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let cache = arguments.next().ok_or("usage: prepare <cache dir> [kernel]")?;
    let source = arguments.next().map_or(KernelSource::Distribution, KernelSource::File);
    println!("{:#?}", Kernel::prepare(&source, &cache)?);
    Ok(())
}
