//! Roost's edge alone, on one thread. Run by `edge`: `edge-alone HTTP_PORT HTTPS_PORT BACKEND_PORT FOLDER`.

use std::{env, path::Path};

use anyhow::{Context as _, Result};
use roost_bench_proxies::edge;

#[global_allocator]
static ALLOCATOR: roost_memory::Allocator = roost_memory::Allocator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<String> = env::args().collect();
    let [_, http, https, backend, folder] = &args[..] else {
        anyhow::bail!("expected HTTP_PORT HTTPS_PORT BACKEND_PORT FOLDER");
    };
    let port = |text: &String| text.parse::<u16>().with_context(|| format!("{text} is no port"));
    edge::serve(port(http)?, port(https)?, port(backend)?, Path::new(folder)).await
}
