//! `fly secrets`: from flyctl into the app's environment, and out again.

use anyhow::Result;

use crate::{assert_says, fly::Flyctl, shop::Shop, support::server};

pub async fn secrets_reach_the_app() -> Result<()> {
    let server = server().await?;
    let shop = Shop::open(&server).await?;
    let (app, fly) = (&shop.app, &shop.fly);

    fly.run("secrets set", &["EARLY=before-the-first-deploy", "--app", "shop"]).await?;
    shop.deploy("first", &[]).await?;
    assert_eq!(app.get("/env?EARLY").await?, "before-the-first-deploy");

    fly.run("secrets set", &["PASSWORD=correct-horse", "--app", "shop", "--dns-checks=false"]).await?;
    assert_eq!(app.get("/env?PASSWORD").await?, "correct-horse");
    let listed = fly.run("secrets list", &["--app", "shop"]).await?;
    assert_says(&listed, &["PASSWORD", "EARLY", "Deployed"]);
    assert!(!listed.contains("correct-horse") && !server.log().contains("correct-horse"));

    let staged = "STAGED=later\nOTHER=two words\n";
    let typing = Flyctl::new(&server)?.typing(staged);
    typing.run("secrets import", &["--app", "shop", "--stage"]).await?;
    assert_eq!(app.get("/env?STAGED").await?, "", "staged is not deployed");
    assert_says(&fly.run("secrets list", &["--app", "shop"]).await?, &["STAGED", "Staged"]);
    fly.run("secrets deploy", &["--app", "shop", "--dns-checks=false"]).await?;
    assert_eq!(app.get("/env?STAGED").await?, "later");
    assert_eq!(app.get("/env?OTHER").await?, "two words");

    fly.run("secrets sync", &["--app", "shop"]).await?;

    fly.run("secrets unset", &["PASSWORD", "--app", "shop", "--dns-checks=false"]).await?;
    assert_eq!(app.get("/env?PASSWORD").await?, "");
    let listed = fly.run("secrets list", &["--app", "shop"]).await?;
    assert!(!listed.contains("PASSWORD"), "{listed}");
    shop.only_machine().await.map(drop)
}
