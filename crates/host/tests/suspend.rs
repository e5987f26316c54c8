//! Machines that are suspended: what is kept, what goes on, and when it is a stop instead.

mod support;

use roost_host::HostSettings;
use roost_host_api::{ErrorCode, Machine, StopMachine, UpdateMachine};
use roost_model::{Guest, MachineId, MachineState, machine::Schedule};
use support::{TestHost, by, code, create, fake_guest::Control, spec};

impl TestHost {
    async fn suspend(&self, id: &MachineId) -> Machine {
        self.client.suspend(id, &by("proxy")).await.unwrap();
        self.wait(id, MachineState::Suspended).await
    }

    async fn woken(&self, id: &MachineId) -> Machine {
        self.client.start(id, &by("proxy")).await.unwrap();
        self.wait(id, MachineState::Started).await
    }

    /// What is on disk of a machine, by name.
    fn files(&self, id: &MachineId) -> Vec<String> {
        let folder = self.dir.path().join(format!("host/machines/{id}"));
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Type, source and reason of an event.
fn event(machine: &Machine, kind: &str) -> (String, String) {
    let event = machine.events.iter().find(|event| event.kind == kind);
    let event = event.unwrap_or_else(|| panic!("no {kind} in {:?}", machine.events));
    let reason = event.request.as_ref().and_then(|request| request.reason.clone());
    (event.source.clone(), reason.unwrap_or_default())
}

#[tokio::test]
async fn a_suspended_machine_frees_the_host_and_goes_on_in_the_same_boot() {
    let host = TestHost::start().await;
    let free = host.client.host().await.unwrap().free.memory_mib;
    let id = host.started(&["serve"]).await.id;
    let print = |line: &str| host.fake.vm(&id).order(Control::Print(line.into()));
    print("before");
    let suspended = host.suspend(&id).await;
    assert_eq!(event(&suspended, "suspend").0, "proxy");
    assert_eq!(suspended.started_at, None);
    assert_eq!(host.fake.leftovers(), (vec![], vec![]));
    assert_eq!(host.client.host().await.unwrap().free.memory_mib, free);
    assert_eq!(host.files(&id), ["memory", "scratch.ext4"]);
    assert_eq!(host.client.suspend(&id, &by("user")).await.unwrap().state, MachineState::Suspended);
    let exec = roost_host_api::ExecMachine { argv: vec!["ls".into()], stdin: String::new(), timeout_ms: 100 };
    assert_eq!(code(host.client.exec(&id, &exec).await), ErrorCode::GuestUnavailable);

    // Over a restart of the host, which loses nothing of it.
    let host = host.restart().await;
    let resumed = host.woken(&id).await;
    assert_eq!(event(&resumed, "start").0, "host");
    assert_eq!(resumed.instance_id, suspended.instance_id);
    assert_eq!((host.fake.spawned(), host.fake.restored()), (1, 1));
    assert_eq!(host.files(&id), ["scratch.ext4"], "it is good for one resume");
    host.fake.vm(&id).order(Control::Print("after".into()));
    support::eventually("it speaks on", async || host.output(&id).await.last().unwrap() == "after").await;
    let output = host.output(&id).await;
    let count = |line: &str| output.iter().filter(|l| l.starts_with(line)).count();
    assert_eq!((count("before"), count("after"), count("FLY_APP_NAME=")), (1, 1, 1), "{output:?}");
    assert_eq!(host.client.exec(&id, &exec).await.unwrap().stdout, "ran\n");
    host.stop_machine(&id).await;
}

#[tokio::test]
async fn a_start_that_comes_while_memory_is_written_needs_none_of_it() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let permits = host.fake.hold_saves();
    host.client.suspend(&id, &by("proxy")).await.unwrap();
    let asked = host.client.start(&id, &by("proxy")).await.unwrap();
    assert_eq!(asked.state, MachineState::Suspending);
    permits.add_permits(1);
    host.wait(&id, MachineState::Started).await;
    assert_eq!((host.fake.spawned(), host.fake.restored()), (1, 0));
    assert_eq!(host.files(&id), ["scratch.ext4"]);
    host.fake.vm(&id).order(Control::Print("after".into()));
    support::eventually("it speaks on", async || host.output(&id).await.last().unwrap() == "after").await;

    // Nor does it matter then whether it could be written.
    host.fake.fail_saves();
    host.client.suspend(&id, &by("proxy")).await.unwrap();
    host.client.start(&id, &by("proxy")).await.unwrap();
    permits.add_permits(1);
    host.wait(&id, MachineState::Started).await;
    assert_eq!((host.fake.spawned(), host.fake.restored()), (1, 0));
}

#[tokio::test]
async fn whoever_changes_or_ends_a_suspended_machine_drops_its_memory() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    host.suspend(&id).await;
    host.stop_machine(&id).await;
    assert_eq!(host.files(&id), Vec::<String>::new());
    host.woken(&id).await;

    host.suspend(&id).await;
    let restart = StopMachine { cause: by("user"), ..StopMachine::default() };
    host.client.restart(&id, &restart).await.unwrap();
    host.wait(&id, MachineState::Started).await;

    host.suspend(&id).await;
    let update = UpdateMachine {
        spec: spec(&["serve", "new"]),
        name: None,
        current_version: None,
        skip_launch: false,
        lease_nonce: None,
        lease: None,
        source: "user".into(),
    };
    host.client.update(&id, &update).await.unwrap();
    host.wait(&id, MachineState::Started).await;
    assert_eq!((host.fake.spawned(), host.fake.restored()), (4, 0));

    // Also while it is being written.
    let permits = host.fake.hold_saves();
    host.client.suspend(&id, &by("proxy")).await.unwrap();
    host.stop_machine(&id).await;
    assert_eq!(host.files(&id), Vec::<String>::new());
    permits.add_permits(2);

    host.woken(&id).await;
    host.suspend(&id).await;
    host.destroy(&id).await;
    assert_eq!(host.files(&id), Vec::<String>::new());
    assert_eq!(host.fake.leftovers(), (vec![], vec![]));
}

#[tokio::test]
async fn memory_of_another_vmm_is_not_used_and_the_event_says_so() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    host.suspend(&id).await;
    host.fake.upgrade();
    let started = host.woken(&id).await;
    let (source, reason) = event(&started, "resume_failed");
    assert_eq!(
        (source.as_str(), reason.as_str()),
        ("host", "it starts from nothing: another build of fake is installed now")
    );
    assert_eq!((host.fake.spawned(), host.fake.restored()), (2, 0));
    assert_eq!(host.files(&id), ["scratch.ext4"]);
}

#[tokio::test]
async fn what_can_not_be_suspended_is_stopped_and_the_event_says_why() {
    let settings = HostSettings { suspend_memory_mib: 512, suspended_disk_mib: 300, ..Default::default() };
    let host = TestHost::with_settings(settings).await;
    let stopped = async |change: &dyn Fn(&mut roost_host_api::CreateMachine)| {
        let mut create = create(&["serve"]);
        change(&mut create);
        host.client.create(&create).await.unwrap();
        host.wait(&create.id, MachineState::Started).await;
        host.client.suspend(&create.id, &by("proxy")).await.unwrap();
        let machine = host.wait(&create.id, MachineState::Stopped).await;
        event(&machine, "stop").1
    };
    let swap = stopped(&|create| create.spec.config.init.swap_size_mb = Some(64)).await;
    assert_eq!(swap, "it can not be suspended: it has swap (init.swap_size_mb)");
    let schedule = stopped(&|create| create.spec.config.schedule = Some(Schedule::Hourly)).await;
    assert!(schedule.contains("schedule"), "{schedule}");
    let large = Guest { memory_mb: 1024, ..Guest::default() };
    let large = stopped(&|create| create.spec.config.guest = Some(large.clone())).await;
    assert!(large.contains("1024 MiB") && large.contains("suspend_memory_mib"), "{large}");

    // 256 MiB fit once, until they are there and known to be less.
    let medium = Guest { memory_mb: 512, ..Guest::default() };
    let room = stopped(&|create| create.spec.config.guest = Some(medium.clone())).await;
    assert!(room.contains("suspended_disk_mib"), "{room}");
    let id = host.started(&["serve"]).await.id;
    host.suspend(&id).await;
    let id = host.started(&["serve"]).await.id;
    host.suspend(&id).await;

    host.fake.fail_saves();
    let failed = stopped(&|_| {}).await;
    assert!(failed.contains("the VMM refused migrate"), "{failed}");
    assert_eq!(host.fake.leftovers(), (vec![], vec![]));
    assert_eq!(
        code(
            host.client.suspend(&id, &by("user")).await.map(drop).and(
                host.client
                    .signal(
                        &id,
                        &roost_host_api::SignalMachine { cause: by("user"), signal: "SIGHUP".into() }
                    )
                    .await
            )
        ),
        ErrorCode::WrongState
    );
}

#[tokio::test]
async fn a_host_that_comes_back_finishes_what_was_begun() {
    let host = TestHost::start().await;
    let id = host.started(&["serve"]).await.id;
    let _never = host.fake.hold_saves();
    host.client.suspend(&id, &by("proxy")).await.unwrap();
    host.fake.hold_saves().add_permits(100);
    let host = host.restart().await;
    host.wait(&id, MachineState::Suspended).await;
    assert_eq!(host.fake.leftovers(), (vec![], vec![]));
    host.woken(&id).await;
    assert_eq!((host.fake.spawned(), host.fake.restored()), (1, 1));
}
