//! A host that ends and begins again, while its machines run on.

mod support;

use roost_host::HostSettings;
use roost_host_api::{LeaseRequest, StopMachine};
use roost_model::MachineState;
use support::{TestHost, by, create, fake_guest::Control};

#[tokio::test]
async fn a_running_machine_notices_nothing_and_none_of_its_lines_is_lost_or_doubled() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let vm = host.fake.vm(&id);
    let printed = |from: u32, to: u32| {
        (from..to).for_each(|n| vm.order(Control::Print(format!("line {n}"))));
    };
    printed(0, 50);
    let (dir, fake) = (host.dir.clone(), host.fake.clone());
    host.stop().await;
    printed(50, 100);
    let host = TestHost::open(dir, fake, HostSettings::default()).await;
    printed(100, 150);
    vm.order(Control::Disconnect);
    printed(150, 200);
    support::eventually("the last line is there", async || {
        host.output(&id).await.last().is_some_and(|line| line == "line 199")
    })
    .await;
    let lines = host.output(&id).await.into_iter().filter(|line| line.starts_with("line "));
    assert_eq!(lines.collect::<Vec<_>>(), (0..200).map(|n| format!("line {n}")).collect::<Vec<_>>());
    assert_eq!(host.fake.spawned(), 1);
    assert_eq!(host.client.machine(&id).await.unwrap().state, MachineState::Started);
    // It can still be told what to do.
    host.stop_machine(&id).await;
}

#[tokio::test]
async fn an_exit_while_the_host_is_away_is_recorded_and_acted_on() {
    let host = TestHost::start().await;
    let done = host.started(&["serve"]).await.id;
    let failed = host.started(&["serve"]).await.id;
    let died = host.started(&["serve"]).await.id;
    let vms = [&done, &failed, &died].map(|id| host.fake.vm(id));
    let (dir, fake) = (host.dir.clone(), host.fake.clone());
    host.stop().await;
    vms[0].order(Control::Exit(0));
    vms[1].order(Control::Exit(9));
    vms[2].end(roost_vmm::ExitCause::Killed);
    let host = TestHost::open(dir, fake, HostSettings::default()).await;
    let exit_code = async |id| {
        let machine = host.client.machine(id).await.unwrap();
        let exit = machine.events.iter().find_map(|event| event.request.as_ref()?.exit_event.clone());
        exit.map(|exit| exit.guest_exit_code)
    };
    host.wait(&done, MachineState::Stopped).await;
    assert_eq!(exit_code(&done).await, Some(0));
    support::eventually("both failures are started again", async || host.fake.spawned() == 5).await;
    host.wait(&failed, MachineState::Started).await;
    host.wait(&died, MachineState::Started).await;
    assert_eq!((exit_code(&failed).await, exit_code(&died).await), (Some(9), Some(-1)));
}

#[tokio::test]
async fn a_stop_that_was_recorded_is_finished_by_the_next_host() {
    let host = TestHost::start().await;
    let id = host.started(&["deaf"]).await.id;
    let stop =
        StopMachine { cause: by("user"), timeout: Some("60s".parse().unwrap()), ..StopMachine::default() };
    host.client.stop(&id, &stop).await.unwrap();
    let host = host.restart().await;
    assert_eq!(host.client.machine(&id).await.unwrap().state, MachineState::Stopping);
    host.fake.vm(&id).order(Control::Exit(0));
    host.wait(&id, MachineState::Stopped).await;
    assert_eq!(host.fake.leftovers(), (vec![], vec![]));
}

#[tokio::test]
async fn a_boot_that_was_under_way_goes_on_with_the_vmm_that_it_has() {
    let host = TestHost::start().await;
    let create = create(&["hang"]);
    host.client.create(&create).await.unwrap();
    support::eventually("the VMM runs", async || host.fake.spawned() == 1).await;
    let host = host.restart().await;
    let machine = host.client.machine(&create.id).await.unwrap();
    assert_eq!((machine.state, host.fake.spawned()), (MachineState::Starting, 1));
}

#[tokio::test]
async fn what_belongs_to_no_machine_is_removed() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let orphan = host.dir.path().join("host/machines/00000000000abc");
    std::fs::create_dir_all(orphan.join("jail")).unwrap();
    let host = host.restart().await;
    assert!(!orphan.exists());
    assert_eq!(host.client.machine(&id).await.unwrap().state, MachineState::Started);
}

#[tokio::test]
async fn stopped_machines_leases_and_cordons_are_remembered() {
    let host = TestHost::start().await;
    let mut create = create(&["serve"]);
    create.skip_launch = true;
    create.cordoned = true;
    let owner = "user".to_owned();
    create.lease = Some(LeaseRequest { description: String::new(), owner, ttl_secs: 600, nonce: None });
    let made = host.client.create(&create).await.unwrap();
    assert_eq!(made.state, MachineState::Created);
    let nonce = made.nonce.expect("a create that takes a lease tells its nonce");
    let host = host.restart().await;
    let found = host.client.machine(&create.id).await.unwrap();
    assert!(found.cordoned && found.nonce.is_none());
    host.wait(&create.id, MachineState::Stopped).await;
    host.client.release_lease(&create.id, &nonce).await.unwrap();
    host.client.start(&create.id, &by("user")).await.unwrap();
    host.wait(&create.id, MachineState::Started).await;
}
