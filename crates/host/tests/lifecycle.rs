//! A machine's life, as callers of the host's API see it.

mod support;

use std::time::Duration;

use roost_host::HostSettings;
use roost_host_api::{DestroyMachine, ErrorCode, LeaseRequest, StopMachine, UpdateMachine};
use roost_model::{
    Guest, MachineState,
    machine::{Mount, Restart, RestartPolicy, StopConfig},
};
use support::{SOON, TestHost, by, code, create, spec};

#[tokio::test]
async fn a_created_machine_starts_with_its_environment_and_says_so() {
    let host = TestHost::start().await;
    let mut create = create(&["serve"]);
    create.spec.config.env.insert("FROM".into(), "machine".into());
    let id = create.id.clone();
    let recorded = host.client.create(&create).await.unwrap();
    assert_eq!(recorded.state, MachineState::Starting);
    let machine = host.wait(&id, MachineState::Started).await;
    assert_eq!(machine.private_ip.to_string(), "fdaa:0:5:0:7:0:1:2");
    assert_eq!(machine.image_labels["made-by"], "test");
    assert!(machine.started_at.is_some());

    support::eventually("the environment is in the log", async || {
        let output = host.output(&id).await;
        ["FROM=machine", "PATH=/bin", "FLY_APP_NAME=hello", "FLY_PRIVATE_IP=fdaa:0:5:0:7:0:1:2"]
            .iter()
            .all(|line| output.iter().any(|printed| printed == line))
    })
    .await;
    let system: Vec<_> = host.logs(&id).await.into_iter().filter(|line| line.stream == "system").collect();
    assert!(system.iter().any(|line| line.message.starts_with("Machine started in")), "{system:?}");
}

#[tokio::test]
async fn creating_again_gives_the_same_machine_and_a_name_is_taken_once() {
    let host = TestHost::start().await;
    let first = create(&["serve"]);
    host.client.create(&first).await.unwrap();
    assert_eq!(host.client.create(&first).await.unwrap().id, first.id);
    let mut second = create(&["serve"]);
    second.name = first.name.clone();
    assert_eq!(code(host.client.create(&second).await), ErrorCode::NameTaken);
    host.destroy(&first.id).await;
    host.client.create(&second).await.unwrap();
}

#[tokio::test]
async fn what_can_not_be_had_is_refused_at_once() {
    let host = TestHost::start().await;
    let mut unpinned = create(&["serve"]);
    unpinned.spec.image.digest = None;
    assert_eq!(code(host.client.create(&unpinned).await), ErrorCode::InvalidRequest);
    let mut odd = create(&["serve"]);
    odd.spec.config.guest = Some(Guest { memory_mb: 300, ..Guest::default() });
    assert_eq!(code(host.client.create(&odd).await), ErrorCode::InvalidRequest);
    let mut mounts = create(&["serve"]);
    mounts.spec.config.mounts =
        vec![Mount { volume: "vol_1".into(), path: "/data".into(), ..Mount::default() }];
    assert_eq!(code(host.client.create(&mounts).await), ErrorCode::InvalidRequest);
    let mut signal = create(&["serve"]);
    signal.spec.config.stop_config = Some(StopConfig { signal: Some("SIGNOPE".into()), timeout: None });
    assert_eq!(code(host.client.create(&signal).await), ErrorCode::InvalidRequest);
    let unknown = roost_model::MachineId::generate();
    assert_eq!(code(host.client.machine(&unknown).await), ErrorCode::MachineNotFound);
    assert_eq!(code(host.client.start(&unknown, &by("user")).await), ErrorCode::MachineNotFound);
}

#[tokio::test]
async fn a_stopped_machine_leaves_nothing_and_starts_again() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let scratch = host.dir.path().join(format!("host/machines/{id}/scratch.ext4"));
    assert!(scratch.exists());
    let stopped = host.stop_machine(&id).await;
    assert!(!scratch.exists());
    assert_eq!(host.fake.leftovers(), (vec![], vec![]));
    let exit = stopped.events.iter().find(|event| event.kind == "exit").unwrap();
    assert!(exit.request.as_ref().unwrap().exit_event.as_ref().unwrap().requested_stop);

    host.client.start(&id, &by("proxy")).await.unwrap();
    host.wait(&id, MachineState::Started).await;
    assert_eq!(host.fake.spawned(), 2);
    // Both are fine to ask for again.
    assert_eq!(host.client.start(&id, &by("user")).await.unwrap().state, MachineState::Started);
    host.stop_machine(&id).await;
    assert_eq!(host.stop_machine(&id).await.state, MachineState::Stopped);
}

#[tokio::test]
async fn a_start_during_a_stop_is_remembered() {
    let host = TestHost::start().await;
    let id = host.started(&["deaf"]).await.id;
    let stop =
        StopMachine { cause: by("proxy"), timeout: Some("60s".parse().unwrap()), ..StopMachine::default() };
    host.client.stop(&id, &stop).await.unwrap();
    let asked = host.client.start(&id, &by("proxy")).await.unwrap();
    assert_eq!(asked.state, MachineState::Stopping);
    host.fake.vm(&id).order(support::fake_guest::Control::Exit(0));
    host.wait(&id, MachineState::Started).await;
    assert_eq!(host.fake.spawned(), 2);
}

#[tokio::test]
async fn a_boot_can_be_stopped_half_way() {
    let host = TestHost::start().await;
    let create = create(&["hang"]);
    host.client.create(&create).await.unwrap();
    support::eventually("the VMM runs", async || host.fake.spawned() == 1).await;
    host.stop_machine(&create.id).await;
    assert_eq!(host.fake.leftovers(), (vec![], vec![]));
}

#[tokio::test]
async fn success_stays_stopped_and_failure_is_tried_again_within_limits() {
    let host = TestHost::start().await;
    let done = create(&["exit", "0"]);
    host.client.create(&done).await.unwrap();
    host.wait(&done.id, MachineState::Stopped).await;

    let mut crashing = create(&["exit", "3"]);
    crashing.spec.config.restart =
        Some(Restart { policy: RestartPolicy::OnFailure, max_retries: Some(2), extra: Default::default() });
    host.client.create(&crashing).await.unwrap();
    let machine = host.wait(&crashing.id, MachineState::Stopped).await;
    let exits: Vec<_> = machine
        .events
        .iter()
        .filter_map(|event| event.request.as_ref()?.exit_event.clone())
        .map(|exit| (exit.exit_code, exit.restarting))
        .collect();
    assert_eq!(exits, [(3, false), (3, true), (3, true)]);
    assert_eq!(host.output(&crashing.id).await.len(), 3, "each try's output is kept");
}

#[tokio::test]
async fn a_dead_vmm_is_a_failure_with_the_console_s_last_words() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let before = host.fake.vm(&id);
    before.end(roost_vmm::ExitCause::Reset);
    support::eventually("a second VMM runs", async || host.fake.spawned() == 2).await;
    let machine = host.wait(&id, MachineState::Started).await;
    let exit = machine.events.iter().find(|event| event.kind == "exit").unwrap();
    let reason = exit.request.as_ref().unwrap().reason.clone().unwrap();
    assert!(reason.contains("Kernel panic"), "{reason}");
}

#[tokio::test]
async fn auto_destroy_leaves_nothing_after_the_exit() {
    let host = TestHost::start().await;
    let mut job = create(&["exit", "0"]);
    job.spec.config.auto_destroy = Some(true);
    host.client.create(&job).await.unwrap();
    host.wait(&job.id, MachineState::Destroyed).await;
    assert!(!host.dir.path().join(format!("host/machines/{}", job.id)).exists());
}

#[tokio::test]
async fn a_machine_that_can_not_be_made_fails_and_waiters_learn_why() {
    let host = TestHost::start().await;
    let broken = create(&["broken"]);
    host.client.create(&broken).await.unwrap();
    let waited = host.client.wait(&broken.id, MachineState::Started, None, SOON).await;
    let error = waited.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::WrongState));
    assert!(error.to_string().contains("not found in PATH"), "{error}");
    assert_eq!(host.client.machine(&broken.id).await.unwrap().state, MachineState::Failed);

    host.fake.lose_images();
    let mut missing = create(&["serve"]);
    missing.spec.image = format!("registry.test/gone@sha256:{}", "b".repeat(64)).parse().unwrap();
    host.client.create(&missing).await.unwrap();
    let waited = host.client.wait(&missing.id, MachineState::Started, None, SOON).await;
    assert!(waited.unwrap_err().to_string().contains("does not exist in registry"));
    assert_eq!(host.fake.leftovers(), (vec![], vec![]));
}

#[tokio::test]
async fn an_update_replaces_the_version_and_refuses_a_stale_one() {
    let host = TestHost::start().await;
    let old = host.started(&["serve"]).await;
    let mut new = spec(&["serve"]);
    new.config.env.insert("VERSION".into(), "two".into());
    let mut update = UpdateMachine {
        spec: new,
        name: None,
        current_version: Some(old.instance_id),
        skip_launch: false,
        lease_nonce: None,
        lease: None,
        source: "deploy".into(),
    };
    let replacing = host.client.update(&old.id, &update).await.unwrap();
    assert_eq!(replacing.state, MachineState::Replacing);
    assert_ne!(replacing.instance_id, old.instance_id);
    let version = Some(replacing.instance_id);
    host.client.wait(&old.id, MachineState::Started, version, SOON).await.unwrap();
    support::eventually("the new version speaks", async || {
        host.output(&old.id).await.contains(&"VERSION=two".to_owned())
    })
    .await;

    assert_eq!(code(host.client.update(&old.id, &update).await), ErrorCode::VersionMismatch);
    let waited = host.client.wait(&old.id, MachineState::Started, Some(old.instance_id), SOON).await;
    assert_eq!(code(waited), ErrorCode::VersionMismatch);

    update.current_version = None;
    update.skip_launch = true;
    host.client.update(&old.id, &update).await.unwrap();
    host.wait(&old.id, MachineState::Stopped).await;
}

#[tokio::test]
async fn a_failed_machine_can_be_updated_to_a_working_one() {
    let host = TestHost::start().await;
    let broken = create(&["broken"]);
    host.client.create(&broken).await.unwrap();
    host.wait(&broken.id, MachineState::Failed).await;
    let update = UpdateMachine {
        spec: spec(&["serve"]),
        name: None,
        current_version: None,
        skip_launch: false,
        lease_nonce: None,
        lease: None,
        source: "user".into(),
    };
    host.client.update(&broken.id, &update).await.unwrap();
    host.wait(&broken.id, MachineState::Started).await;
}

#[tokio::test]
async fn a_running_machine_is_destroyed_only_by_force() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let gentle = DestroyMachine { force: false, source: "user".into(), lease_nonce: None };
    assert_eq!(code(host.client.destroy(&id, &gentle).await), ErrorCode::WrongState);
    host.destroy(&id).await;
    assert_eq!(host.fake.leftovers(), (vec![], vec![]));
    assert!(!host.dir.path().join(format!("host/machines/{id}")).exists());
    // Fine to ask for again, and final.
    host.destroy(&id).await;
    assert_eq!(code(host.client.start(&id, &by("user")).await), ErrorCode::WrongState);
}

#[tokio::test]
async fn a_lease_ends_with_its_machine() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let owner = "somebody who is never told".to_owned();
    let request = LeaseRequest { description: String::new(), owner, ttl_secs: 600, nonce: None };
    let lease = host.client.take_lease(&id, &request).await.unwrap();
    let destroy =
        DestroyMachine { force: true, source: "user".into(), lease_nonce: Some(lease.nonce.clone()) };
    host.client.destroy(&id, &destroy).await.unwrap();
    // Whoever repeats it needs not wait for the end of a lease to what is gone.
    host.client.take_lease(&id, &request).await.unwrap();
}

#[tokio::test]
async fn a_guest_that_never_starts_is_given_up_with_its_console() {
    let host = TestHost::start().await;
    let mut hanging = create(&["hang"]);
    hanging.spec.config.restart =
        Some(Restart { policy: RestartPolicy::No, max_retries: None, extra: Default::default() });
    host.client.create(&hanging).await.unwrap();
    let failed = host.wait(&hanging.id, MachineState::Failed).await;
    let reason = failed.events.iter().find_map(|event| event.request.as_ref()?.reason.clone()).unwrap();
    assert!(reason.contains("did not start within 5 s") && reason.contains("Kernel panic"), "{reason}");
}

#[tokio::test]
async fn a_full_host_says_what_is_missing() {
    let host = TestHost::with_settings(HostSettings {
        // All but little of it.
        memory_reserve_mib: roost_vmm::Capacity::probe("/".as_ref()).unwrap().memory_mib - 400,
        ..HostSettings::default()
    })
    .await;
    let first = host.started(&["serve"]).await.id;
    let second = create(&["serve"]);
    let refused = host.client.create(&second).await;
    assert_eq!(code(refused), ErrorCode::NoCapacity);
    host.stop_machine(&first).await;
    host.client.create(&second).await.unwrap();
    host.wait(&second.id, MachineState::Started).await;
    assert_eq!(code(host.client.start(&first, &by("proxy")).await), ErrorCode::NoCapacity);
}

#[tokio::test]
async fn a_wait_ends_in_time() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let waited = host.client.wait(&id, MachineState::Stopped, None, Duration::from_millis(50)).await;
    assert_eq!(code(waited), ErrorCode::Timeout);
}
