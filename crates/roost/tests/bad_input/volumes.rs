//! Volumes that can not be made, changed or had.

use anyhow::Result;
use roost_testbed::{App, Server, netns, testapp};
use serde_json::{Value, json};

use crate::{assert_says, support::server};

#[tokio::test(flavor = "current_thread")]
async fn a_volume_that_can_not_be_is_refused_with_the_reason() -> Result<()> {
    netns::enter()?;
    let server = server().await?;
    let app = App::create(&server, "db").await?;
    for (body, says) in [
        (json!({}), &["400", "name"][..]),
        (json!({ "name": "Not A Name" }), &["400", "name"]),
        (json!({ "name": "data", "region": "mars" }), &["400", "mars", "local"]),
        (json!({ "name": "data", "size_gb": 100_000 }), &["400", "size_gb"]),
        (json!({ "name": "data", "size_gb": -1 }), &["400", "-1"]),
        (json!({ "name": "data", "fstype": "xfs" }), &["400", "fstype", "ext4"]),
        (json!({ "name": "data", "snapshot_retention": 61 }), &["400", "retention"]),
        (
            json!({ "name": "data", "source_volume_id": "vol_0000000000000000" }),
            &["404", "vol_0000000000000000"],
        ),
        (json!({ "name": "data", "snapshot_id": "vs_0000000000000000" }), &["404", "vs_0000000000000000"]),
        (
            json!({ "name": "data", "snapshot_id": "vs_1", "source_volume_id": "vol_1" }),
            &["400", "exclude each other"],
        ),
    ] {
        let said = refused(&server, "POST", "/v1/apps/db/volumes", &body).await;
        assert_says(&said, says);
    }
    assert_eq!(server.json(&["volumes", "list", "--app", "db"]).await?, json!([]));

    let made: Value = serde_json::from_str(
        &server.post("/v1/apps/db/volumes", &json!({ "name": "data", "size_gb": 2 })).await?,
    )?;
    let id = made["id"].as_str().unwrap_or_default();
    let volume = format!("/v1/apps/db/volumes/{id}");
    let smaller = refused(&server, "PUT", &format!("{volume}/extend"), &json!({ "size_gb": 1 })).await;
    assert_says(&smaller, &["400", id, "only grow"]);
    let forever = refused(&server, "PUT", &volume, &json!({ "snapshot_retention": 0 })).await;
    assert_says(&forever, &["400", "retention"]);
    App::create(&server, "other").await?;
    let foreign = refused(&server, "DELETE", &format!("/v1/apps/other/volumes/{id}"), &Value::Null).await;
    assert_says(&foreign, &["404", "volume not found"]);

    // One machine has it: no other gets it, and nobody destroys it.
    let image = app.push(&testapp::image("one")?).await?;
    let machine = |name: &str, volume: &str| {
        let mounts = json!([{ "volume": volume, "path": "/data" }]);
        json!({ "name": name, "skip_launch": true, "config": { "image": image, "mounts": mounts } })
    };
    server.post("/v1/apps/db/machines", &machine("first", id)).await?;
    let taken = refused(&server, "POST", "/v1/apps/db/machines", &machine("second", id)).await;
    assert_says(&taken, &[id]);
    let unknown =
        refused(&server, "POST", "/v1/apps/db/machines", &machine("third", "vol_0000000000000000")).await;
    assert_says(&unknown, &["404", "vol_0000000000000000"]);
    let in_use = refused(&server, "DELETE", &volume, &Value::Null).await;
    assert_says(&in_use, &[id]);
    assert_eq!(app.machines().await?.len(), 1);
    Ok(())
}

async fn refused(server: &Server, method: &str, path: &str, body: &Value) -> String {
    let answer = server.call(method, path, body).await;
    format!("{:#}", answer.expect_err("the call was to be refused"))
}
