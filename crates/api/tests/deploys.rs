//! Deploys: that they end as they should, whatever happens on the way.

mod support;

use reqwest::Method;
use roost_api_types::{
    DeployAnswer, DeployEvent, DeployStatus, FailureCode, Release, SecretList, SecretsUpdated, StepState,
};
use roost_model::{MachineState, machine::metadata};
use serde_json::{Value, json};
use support::{Platform, config};

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_makes_a_machine_that_serves() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let begun = platform.begin_deploy("web", "fine").await;
    assert!(begun.plan.contains("create machine"), "{}", begun.plan);
    let (deploy, events) = platform.watch("web", begun.deploy.unwrap().number).await;
    assert_eq!(deploy.status, DeployStatus::Succeeded);
    assert!(deploy.steps.iter().all(|step| step.state == StepState::Done), "{:?}", deploy.steps);
    assert!(matches!(events.first(), Some(DeployEvent::Deploy { .. })));

    let [machine] = &platform.host.machines()[..] else { panic!("one machine") };
    assert_eq!((machine.state, machine.cordoned), (MachineState::Started, false));
    assert_eq!(machine.config.metadata[metadata::RELEASE_VERSION], "1");
    assert!(machine.image.digest.is_some(), "the image is pinned");
    let app: Value = platform.get("/v1/apps/web").await;
    assert_eq!((&app["status"], &app["current_release"]), (&json!("deployed"), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_deploy_replaces_the_machine_only_when_the_new_one_serves() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    platform.deploy("web", "fine").await;
    let old = platform.host.machines()[0].id.clone();
    let deploy = platform.deploy("web", "slow").await;
    assert_eq!(deploy.status, DeployStatus::Succeeded);
    let [machine] = &platform.host.machines()[..] else { panic!("one machine") };
    assert_ne!(machine.id, old);
    let names: Vec<&str> = deploy.steps.iter().map(|step| step.name.as_str()).collect();
    let at =
        |name: &str| names.iter().position(|n| *n == name).unwrap_or_else(|| panic!("{name} in {names:?}"));
    assert!(at("wait_healthy") < at("uncordon") && at("uncordon") < at("cordon"), "{names:?}");
    assert!(at("drain") < at("destroy_machine"), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashing_release_is_undone_and_says_why() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    platform.deploy("web", "fine").await;
    let good = platform.host.machines()[0].id.clone();
    let deploy = platform.deploy("web", "crash").await;
    assert_eq!((deploy.status, deploy.returned_to), (DeployStatus::Returned, Some(1)));
    let failure = deploy.failure.unwrap();
    assert_eq!(failure.code, FailureCode::MachineExited);
    assert!(failure.message.contains("exited with code 3"), "{}", failure.message);
    let machine = failure.machine.unwrap();
    assert_eq!(failure.log, [format!("hello from {machine}")]);

    let left: Vec<_> = platform.host.machines().into_iter().map(|m| (m.id, m.state, m.cordoned)).collect();
    assert_eq!(left, [(good, MachineState::Started, false)], "the good machine serves, the bad one is gone");
    let releases: Vec<Release> = platform.get("/v1/apps/web/releases").await;
    let shown: Vec<_> = releases.iter().map(|r| (r.version, r.status, r.current)).collect();
    assert_eq!(shown, [(2, DeployStatus::Returned, false), (1, DeployStatus::Succeeded, true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_listens_elsewhere_is_told_where() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let deploy = platform.deploy("web", "elsewhere").await;
    assert_eq!(deploy.status, DeployStatus::Failed);
    let failure = deploy.failure.unwrap();
    assert_eq!(failure.code, FailureCode::Unhealthy);
    assert!(failure.message.contains("127.0.0.1:3000 (app)"), "{}", failure.message);
    assert!(failure.message.contains("8080"), "{}", failure.message);
    assert!(platform.host.machines().is_empty(), "a first release that fails leaves no machine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_deploy_at_once_is_refused_and_names_the_first() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let begun = platform.begin_deploy("web", "slow").await.deploy.unwrap();
    let body = json!({ "config": config("web", "fine"), "image": "example.com/app:2" });
    let (status, error) = platform.refused(Method::POST, "/v1/apps/web/releases", body).await;
    assert_eq!((status, &error["status"]), (409, &json!("deploy_running")));
    assert_eq!(error["details"]["deploy"], json!(begun.number));
    assert_eq!(platform.watch("web", begun.number).await.0.status, DeployStatus::Succeeded);
    assert_eq!(platform.deploy("web", "fine").await.status, DeployStatus::Succeeded, "the lock is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_survives_the_end_of_the_api() {
    let mut platform = Platform::start().await;
    platform.create_app("web").await;
    platform.deploy("web", "fine").await;
    let begun = platform.begin_deploy("web", "slow").await.deploy.unwrap();
    platform.wait_until("the new machine is made", |host| host.machines().len() == 2).await;
    platform.restart_api().await;
    let (deploy, _) = platform.watch("web", begun.number).await;
    assert_eq!(deploy.status, DeployStatus::Succeeded);
    let creates = platform.host.calls().iter().filter(|call| call.starts_with("create")).count();
    assert_eq!(creates, 2, "no machine was made twice");
    assert_eq!(platform.host.machines().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_survives_the_end_of_the_api() {
    let mut platform = Platform::start().await;
    platform.create_app("web").await;
    platform.deploy("web", "slow").await;
    let begun = platform.begin_deploy("web", "crash").await.deploy.unwrap();
    platform.wait_until("the bad machine is made", |host| host.machines().len() == 2).await;
    for _ in 0..3 {
        platform.restart_api().await;
    }
    let (deploy, _) = platform.watch("web", begun.number).await;
    assert_eq!(deploy.status, DeployStatus::Returned);
    assert_eq!(platform.host.machines().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_is_a_new_release_with_the_old_content() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    platform.deploy("web", "fine").await;
    platform.deploy("web", "slow").await;
    let begun: DeployAnswer = platform.post("/v1/apps/web/rollback", json!({})).await;
    let release = begun.release.unwrap();
    assert_eq!((release.version, release.description.as_str()), (3, "rollback to v1"));
    platform.watch("web", begun.deploy.unwrap().number).await;
    assert_eq!(platform.host.machines()[0].config.env["BEHAVIOUR"], "fine");
    let (status, error) =
        platform.refused(Method::POST, "/v1/apps/web/rollback", json!({ "version": 9 })).await;
    assert_eq!((status, &error["status"]), (404, &json!("release_not_found")));
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_changes_the_number_and_the_next_deploy_keeps_it() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let (status, _) =
        platform.refused(Method::POST, "/v1/apps/web/scale", json!({ "counts": { "app": 2 } })).await;
    assert_eq!(status, 412, "nothing to scale before the first deploy");
    platform.deploy("web", "fine").await;
    let begun: DeployAnswer = platform.post("/v1/apps/web/scale", json!({ "counts": { "app": 3 } })).await;
    platform.watch("web", begun.deploy.unwrap().number).await;
    assert_eq!(platform.host.machines().len(), 3);
    platform.deploy("web", "fine").await;
    assert_eq!(platform.host.machines().len(), 3);
    let (status, error) =
        platform.refused(Method::POST, "/v1/apps/web/scale", json!({ "counts": { "worker": 1 } })).await;
    assert!(status == 400 && error["error"].as_str().unwrap().contains("groups are: app"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_alone_changes_nothing() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let body = json!({ "config": config("web", "fine"), "image": "example.com/app:1", "plan_only": true });
    let answer: DeployAnswer = platform.post("/v1/apps/web/releases", body).await;
    assert!(answer.plan.contains("wait until machine"), "{}", answer.plan);
    assert!(answer.release.is_none() && platform.host.calls().is_empty());
    assert!(platform.get::<Vec<Release>>("/v1/apps/web/releases").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_releases_are_refused_with_a_reason() {
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let path = "/v1/apps/web/releases";
    let good = config("web", "fine");
    for (config, image, word) in [
        (config("other", "fine"), json!("example.com/app:1"), "another app"),
        (json!({ "http_service": { "internal_port": 99999 } }), json!("example.com/app:1"), "configuration"),
        (good.clone(), Value::Null, "no image"),
        (good.clone(), json!("not an image"), "invalid image reference"),
        (good.clone(), json!("example.com/missing:1"), "missing"),
        (good, json!("example.com/silent:1"), "CMD"),
    ] {
        let body = json!({ "config": config, "image": image });
        let (status, error) = platform.refused(Method::POST, path, body).await;
        let text = error["error"].as_str().unwrap();
        assert!([400, 422].contains(&status) && text.contains(word), "{status} {text} (wanted: {word})");
    }
    assert!(platform.get::<Vec<Release>>(path).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_reach_machines_sealed_and_by_a_release() {
    const SECRET: &str = "open-sesame-4711";
    let platform = Platform::start().await;
    platform.create_app("web").await;
    let staged: SecretsUpdated =
        platform.post("/v1/apps/web/secrets", json!({ "values": { "KEY": "one" }, "deploy": true })).await;
    assert!(staged.deploy.is_none(), "without a release there is nobody to give them to");
    platform.deploy("web", "fine").await;
    let id = platform.host.machines()[0].id.clone();
    assert_eq!(platform.host.secrets(&id)["KEY"], "one");

    let changed: SecretsUpdated = platform
        .post("/v1/apps/web/secrets", json!({ "values": { "KEY": SECRET, "B": "3" }, "deploy": true }))
        .await;
    let (deploy, _) = platform.watch("web", changed.deploy.unwrap().number).await;
    assert_eq!(deploy.status, DeployStatus::Succeeded);
    let id = platform.host.machines()[0].id.clone();
    assert_eq!(platform.host.secrets(&id)["KEY"], SECRET);

    let _: SecretsUpdated = platform.post("/v1/apps/web/secrets", json!({ "values": { "B": null } })).await;
    let list: SecretList = platform.get("/v1/apps/web/secrets").await;
    assert_eq!((list.version, list.deployed_version, list.secrets.len()), (3, 2, 1));
    let file = std::fs::read(platform.folder.path().join("directory.db")).unwrap();
    let log = std::fs::read(platform.folder.path().join("directory.db-wal")).unwrap_or_default();
    for bytes in [file, log] {
        let open = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!open, "the value lies open in the directory");
    }
}
