//! Ways into a machine beside plain HTTP: a port of the app's own, TLS, and its files.

use std::time::Duration;

use anyhow::Result;
use roost_testbed::{App, netns, testapp, wait_until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::server;

const CONFIG: &str = r#"
[[services]]
internal_port = 8080
protocol = "tcp"
auto_stop_machines = "off"
[[services.ports]]
port = 7000
[[services.ports]]
port = 80
handlers = ["http"]
[[services.ports]]
port = 443
handlers = ["tls", "http"]

[[statics]]
guest_path = "/"
url_prefix = "/files"
"#;

#[tokio::test(flavor = "current_thread")]
async fn a_port_of_its_own_tls_and_statics_lead_into_the_machine() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "ways").await?;
    app.configure(CONFIG)?;
    let image = app.push(&testapp::image("one")?).await?;
    server.run(app.deploy_arguments(&image)).await?;

    let raw =
        wait_until("an answer on port 7000", Duration::from_secs(60), async || ask_raw().await.ok()).await;
    assert!(raw.contains("\"version\":\"one\""), "{raw}");

    let mut curl = tokio::process::Command::new("curl");
    curl.args(["--silent", "--insecure", "--max-time", "60", "https://ways.roost.localhost/"]);
    let secure = String::from_utf8(curl.output().await?.stdout)?;
    assert!(secure.contains("\"version\":\"one\""), "{secure}");

    let mut curl = tokio::process::Command::new("curl");
    curl.args(["--silent", "--max-time", "60", "http://ways.roost.localhost/files/app"]);
    assert!(curl.output().await?.stdout == testapp::binary()?, "the image's file, byte by byte");

    let other = App::create(&server, "other").await?;
    other.configure(CONFIG)?;
    let refused = server.output(other.deploy_arguments(&image)).await?;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("public port 7000"), "{said}");
    Ok(())
}

/// One request, as bytes.
async fn ask_raw() -> Result<String> {
    let mut stream = TcpStream::connect("127.0.0.1:7000").await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    anyhow::ensure!(!answer.is_empty(), "closed without a word");
    Ok(answer)
}
