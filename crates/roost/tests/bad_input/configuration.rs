//! Faults of fly.toml.

use anyhow::Result;
use roost_testbed::{App, netns, testapp};

use crate::{assert_nothing_left, assert_says, releases, support::server};

/// Never asked for: the configuration is read first.
const NO_IMAGE: &str = "127.0.0.1:1/none:1";

#[tokio::test(flavor = "current_thread")]
async fn faults_are_shown_in_their_place() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "web").await?;
    for (value, says) in [
        ("\"web\"", &["http_service.internal_port", "expected a whole number", "\"web\""][..]),
        ("70000", &["http_service.internal_port", "from 0 to 65535, found 70000"]),
        ("0", &["http_service.internal_port", "a port is a number from 1 to 65535"]),
    ] {
        app.configure(&format!("[http_service]\ninternal_port = {value}\n"))?;
        let said = server.refused(app.deploy_arguments(NO_IMAGE)).await?;
        assert_says(&said, says);
        assert_says(&said, &["fly.toml:3:17", "^", "next: correct ", "run the command again"]);
    }
    assert!(releases(&server, &app).await?.is_empty());
    assert_nothing_left(&server, &app).await
}

#[tokio::test(flavor = "current_thread")]
async fn an_unknown_key_is_named_with_the_nearest() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "web").await?;
    let image = app.push(&testapp::image("one")?).await?;
    app.configure("primary_regoin = \"local\"\n[http_service]\ninternal_port = 8080\n")?;
    let says = ["fly.toml:2:1", "unknown key `primary_regoin`", "did you mean `primary_region`?"];

    let with = |option: &str| [app.deploy_arguments(&image), vec![option.to_owned()]].concat();
    let strict = server.refused(with("--strict")).await?;
    assert_says(&strict, &says);
    assert_says(&strict, &["Error: ", "next: correct "]);

    let lenient = server.output(with("--plan")).await?;
    assert!(lenient.status.success(), "{lenient:?}");
    let warned = String::from_utf8(lenient.stderr)?;
    assert_says(&warned, &says);
    assert_says(&warned, &["warning: "]);
    assert_says(&String::from_utf8(lenient.stdout)?, &["create machine"]);

    assert!(releases(&server, &app).await?.is_empty());
    assert_nothing_left(&server, &app).await
}
