//! An app that flyctl makes and deploys.

use anyhow::{Result, ensure};
use roost_testbed::{App, OciImage, Server, app::service_config, testapp};

use crate::fly::Flyctl;

/// One machine, and no look-ups of a name below fly.dev.
const OPTIONS: [&str; 2] = ["--ha=false", "--dns-checks=false"];

pub struct Shop<'a> {
    pub app: App<'a>,
    pub fly: Flyctl,
}

impl<'a> Shop<'a> {
    pub async fn open(server: &'a Server) -> Result<Self> {
        let fly = Flyctl::new(server)?;
        fly.run("apps create", &["shop", "--org", "personal"]).await?;
        let shop = Self { app: App::of(server, "shop")?, fly };
        shop.configure("")?;
        Ok(shop)
    }

    /// Writes fly.toml: one service with a check, and further sections.
    pub fn configure(&self, sections: &str) -> Result<()> {
        self.app.configure(&format!("primary_region = \"local\"\n{}{sections}", service_config("")))
    }

    /// Deploys the test app in this version, which must then answer.
    pub async fn deploy(&self, version: &str, options: &[&str]) -> Result<()> {
        let image = self.app.push(&testapp::image(version)?).await?;
        let file = self.file();
        self.fly
            .run("deploy", &[&["--image", &image, "--config", &file], &OPTIONS[..], options].concat())
            .await?;
        self.serves(version).await
    }

    pub async fn refused(&self, image: &OciImage, options: &[&str]) -> Result<String> {
        let image = self.app.push(image).await?;
        let file = self.file();
        self.fly
            .refused("deploy", &[&["--image", &image, "--config", &file], &OPTIONS[..], options].concat())
            .await
    }

    fn file(&self) -> String {
        self.app.folder().join("fly.toml").display().to_string()
    }

    pub async fn serves(&self, version: &str) -> Result<()> {
        let answer = self.app.get("/").await?;
        ensure!(answer.contains(&format!("\"version\":\"{version}\"")), "{version} was deployed: {answer}");
        Ok(())
    }

    pub async fn only_machine(&self) -> Result<String> {
        let machines = self.app.machines().await?;
        ensure!(machines.len() == 1, "one machine: {machines:#?}");
        Ok(machines[0]["id"].as_str().unwrap_or_default().to_owned())
    }
}
