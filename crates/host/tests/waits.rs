//! Waiting for a machine, and what its events and versions tell afterwards.

mod support;

use std::time::Duration;

use roost_host_api::{
    Cause, ErrorCode, LeaseRequest, Machine, Reached, SetMetadata, StopMachine, UpdateMachine, Wait, states,
};
use roost_model::{MachineId, MachineState};
use support::{SOON, TestHost, by, code, create, spec};
use ulid::Ulid;

fn any_of(names: &str) -> Wait {
    Wait::until(states(names).unwrap(), SOON)
}

async fn reached(host: &TestHost, id: &MachineId, wait: Wait) -> Reached {
    let machine = host.client.wait_for(id, &wait).await.unwrap();
    wait.met_by(&machine).unwrap()
}

fn newest(machine: &Machine) -> Ulid {
    machine.events[0].id
}

#[tokio::test]
async fn the_first_of_several_states_answers_and_settled_means_any_that_stays() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let one = reached(&host, &id, any_of("stopped,started")).await;
    assert_eq!(one.state, MachineState::Started);
    let stop = StopMachine { cause: by("user"), ..StopMachine::default() };
    host.client.stop(&id, &stop).await.unwrap();
    assert_eq!(reached(&host, &id, any_of("settled")).await.state, MachineState::Stopped);
    let never = Wait { timeout: Duration::from_millis(50), ..any_of("suspended,failed") };
    assert_eq!(code(host.client.wait_for(&id, &never).await), ErrorCode::Timeout);
    assert!(states("flying").unwrap_err().to_string().contains("flying"));
}

#[tokio::test]
async fn after_an_event_even_a_state_that_was_left_again_counts() {
    let host = TestHost::start().await;
    let mut create = create(&["exit", "0"]);
    create.skip_launch = true;
    let id = create.id.clone();
    let made = host.client.create(&create).await.unwrap();
    let launched = Wait { from_event: Some(newest(&made)), ..any_of("stopped") };
    assert_eq!(reached(&host, &id, launched.clone()).await.state, MachineState::Stopped);

    host.client.start(&id, &by("user")).await.unwrap();
    support::eventually("it has come and gone", async || {
        let machine = host.client.machine(&id).await.unwrap();
        machine.state == MachineState::Stopped && machine.events.iter().any(|event| event.kind == "exit")
    })
    .await;
    let machine = host.client.machine(&id).await.unwrap();
    let kinds: Vec<_> = machine.events.iter().map(|e| (e.kind.as_str(), e.status.as_str())).collect();
    let lived = [("exit", "stopped"), ("start", "started"), ("start", "starting"), ("launch", "stopped")];
    assert_eq!(kinds, lived);
    let exit = machine.events[0].request.clone().unwrap();
    assert_eq!((exit.exit_event.unwrap().exit_code, exit.restart_count), (0, Some(0)));

    let started = Wait { from_event: Some(newest(&made)), ..any_of("started") };
    assert_eq!(reached(&host, &id, started).await.event, Some(machine.events[1].id));
    let again =
        Wait { from_event: Some(newest(&machine)), timeout: Duration::from_millis(50), ..any_of("started") };
    assert_eq!(code(host.client.wait_for(&id, &again).await), ErrorCode::Timeout);
}

#[tokio::test]
async fn a_machine_made_without_a_start_is_stopped_once_its_image_is_here() {
    let host = TestHost::start().await;
    let mut sleeping = create(&["serve"]);
    sleeping.skip_launch = true;
    let made = host.client.create(&sleeping).await.unwrap();
    assert_eq!(made.state, MachineState::Created);
    let stopped = host.wait(&sleeping.id, MachineState::Stopped).await;
    assert_eq!((stopped.image_labels["made-by"].as_str(), host.fake.spawned()), ("test", 0));
    host.client.start(&sleeping.id, &by("user")).await.unwrap();
    host.wait(&sleeping.id, MachineState::Started).await;

    host.fake.lose_images();
    let mut missing = create(&["serve"]);
    missing.skip_launch = true;
    missing.spec.image = format!("registry.test/gone@sha256:{}", "b".repeat(64)).parse().unwrap();
    host.client.create(&missing).await.unwrap();
    let waited = host.client.wait(&missing.id, MachineState::Stopped, None, SOON).await;
    assert!(waited.unwrap_err().to_string().contains("does not exist in registry"));
}

#[tokio::test]
async fn a_destroyed_machine_is_still_told_of() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    host.destroy(&id).await;
    assert_eq!(reached(&host, &id, any_of("started,destroyed")).await.state, MachineState::Destroyed);
    assert_eq!(code(host.client.wait_for(&id, &any_of("started")).await), ErrorCode::WrongState);
    let request = LeaseRequest { description: String::new(), owner: "me".into(), ttl_secs: 9, nonce: None };
    let leased = host.client.take_lease(&id, &request).await;
    assert!(leased.unwrap_err().to_string().starts_with("machine not found"));
}

#[tokio::test]
async fn versions_are_remembered_and_metadata_can_say_which_one_it_is_for() {
    let host = TestHost::start().await;
    let first = host.started(&["serve"]).await;
    let id = first.id.clone();
    let lease = LeaseRequest { description: String::new(), owner: "me".into(), ttl_secs: 60, nonce: None };
    let nonce = host.client.take_lease(&id, &lease).await.unwrap().nonce;
    let mut update = UpdateMachine {
        spec: spec(&["serve"]),
        name: None,
        current_version: Some(first.instance_id),
        skip_launch: false,
        lease_nonce: None,
        lease: None,
        source: "user".into(),
    };
    update.spec.config.env.insert("VERSION".into(), "two".into());
    let refused = host.client.update(&id, &update).await.unwrap_err();
    assert!(refused.to_string().starts_with("lease currently held by me"), "{refused}");
    update.lease_nonce = Some(nonce);
    let second = host.client.update(&id, &update).await.unwrap();
    host.client.wait(&id, MachineState::Started, Some(second.instance_id), SOON).await.unwrap();

    let versions = host.client.versions(&id).await.unwrap();
    let named: Vec<_> = versions.iter().map(|v| (v.version, v.config.env.contains_key("VERSION"))).collect();
    assert_eq!(named, [(second.instance_id, true), (first.instance_id, false)]);

    let mut change = SetMetadata { cause: Cause::default(), ..SetMetadata::default() };
    change.metadata.insert("role".into(), Some("primary".into()));
    change.machine_version = Some(first.instance_id);
    assert_eq!(code(host.client.set_metadata(&id, &change).await), ErrorCode::VersionMismatch);
    change.machine_version = Some(second.instance_id);
    let changed = host.client.set_metadata(&id, &change).await.unwrap();
    assert_eq!(changed.config.metadata["role"], "primary");
    let host = host.restart().await;
    assert_eq!(host.client.versions(&id).await.unwrap()[0].config.metadata["role"], "primary");
}
