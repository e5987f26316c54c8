//! A host that dies right after recording a step, at every step there is, and is started again.

mod support;

use std::{os::unix::process::ExitStatusExt, path::Path, process::Command};

use roost_host::{CRASH_VARIABLE, HostSettings, Step};
use roost_host_api::UpdateMachine;
use roost_model::{MachineId, MachineState};
use support::{FakeBox, Folder, TestHost, by, create, spec};

/// Folder for [`a_life`], which is run as a process of its own.
const DIR_VARIABLE: &str = "ROOST_TEST_CRASH_DIR";

/// The machine of that life.
const MACHINE: &str = "0000000000beef";

#[test]
fn every_step_can_be_the_last_one_of_a_host() {
    for step in Step::ALL {
        let dir = tempfile::tempdir().unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_life", "--quiet"])
            .env(DIR_VARIABLE, dir.path())
            .env(CRASH_VARIABLE, step.name())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&status.stderr).into_owned();
        assert_eq!(status.status.signal(), Some(libc::SIGABRT), "{step} is never recorded: {text}");
        goes_on(dir, *step);
    }
}

/// One life of a machine with every step in it. The box dies with the host here, which is the harder
/// case: nothing that ran is found again.
#[tokio::test]
async fn a_life() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE) else { return };
    let host = open(Path::new(&dir)).await;
    let mut create = create(&["serve"]);
    create.id = MACHINE.parse().unwrap();
    create.name = "the-machine".into();
    host.client.create(&create).await.unwrap();
    host.wait(&create.id, MachineState::Started).await;
    let update = UpdateMachine {
        spec: spec(&["serve", "new"]),
        name: None,
        current_version: None,
        skip_launch: false,
        lease_nonce: None,
        lease_ttl_secs: None,
        source: "user".into(),
    };
    host.client.update(&create.id, &update).await.unwrap();
    host.wait(&create.id, MachineState::Started).await;
    host.client.suspend(&create.id, &by("proxy")).await.unwrap();
    host.wait(&create.id, MachineState::Suspended).await;
    host.client.start(&create.id, &by("proxy")).await.unwrap();
    host.wait(&create.id, MachineState::Started).await;
    host.stop_machine(&create.id).await;
    host.destroy(&create.id).await;
}

/// Started again on what the crash left, the host settles the machine and loses none of it.
#[tokio::main]
async fn goes_on(dir: tempfile::TempDir, step: Step) {
    let host = open(dir.path()).await;
    let id: MachineId = MACHINE.parse().unwrap();
    // One VMM if the machine runs, else none.
    let settled = async || {
        let state = host.client.machine(&id).await.unwrap().state;
        let vms = usize::from(state == MachineState::Started);
        !state.is_transient() && host.fake.leftovers().1.len() == vms
    };
    support::eventually(&format!("the machine settles after {step}"), settled).await;
    let state = host.client.machine(&id).await.unwrap().state;
    let destroyed = step == Step::Destroy || step == Step::Destroyed;
    assert_eq!(state == MachineState::Destroyed, destroyed, "{step}: {state}");

    host.destroy(&id).await;
    assert_eq!(host.fake.leftovers(), (vec![], vec![]), "{step}");
    let folders: Vec<_> = std::fs::read_dir(dir.path().join("host/machines")).unwrap().collect();
    assert!(folders.is_empty(), "{step}: {folders:?}");
    let mut again = create(&["serve"]);
    again.name = "the-machine".into();
    host.client.create(&again).await.expect("the name is free again");
    host.wait(&again.id, MachineState::Started).await;
}

async fn open(dir: &Path) -> TestHost {
    TestHost::open(Folder::Callers(dir.to_owned()), FakeBox::new(), HostSettings::default()).await
}
