//! A host that dies right after recording a step, at every step there is, and is started again.

mod support;

use std::{os::unix::process::ExitStatusExt, path::Path, process::Command};

use roost_host::{CRASH_VARIABLE, HostSettings, Step};
use roost_host_api::{CreateVolume, DestroyVolume, ExtendVolume, UpdateMachine, VolumeKeep, VolumeSource};
use roost_model::{MachineId, MachineState, SnapshotState, VolumeId, VolumeState, machine::Mount};
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

/// One life of a machine and its volume with every step in it. The box dies with the host here, which is the harder
/// case: nothing that ran is found again.
#[tokio::test]
async fn a_life() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE) else { return };
    let host = open(Path::new(&dir)).await;
    let mut create = create(&["serve"]);
    create.id = MACHINE.parse().unwrap();
    create.name = "the-machine".into();
    let volume = new_volume();
    host.client.create_volume(&volume).await.unwrap();
    host.client.extend_volume(&volume.id, &ExtendVolume { size_gb: 2 }).await.unwrap();
    create.spec.config.mounts = vec![mount()];
    host.client.create(&create).await.unwrap();
    host.wait(&create.id, MachineState::Started).await;
    let mut spec = spec(&["serve", "new"]);
    spec.config.mounts = vec![mount()];
    let update = UpdateMachine {
        spec,
        name: None,
        current_version: None,
        skip_launch: false,
        lease_nonce: None,
        lease: None,
        source: "user".into(),
    };
    host.client.update(&create.id, &update).await.unwrap();
    host.wait(&create.id, MachineState::Started).await;
    host.client.suspend(&create.id, &by("proxy")).await.unwrap();
    host.wait(&create.id, MachineState::Suspended).await;
    host.client.start(&create.id, &by("proxy")).await.unwrap();
    host.wait(&create.id, MachineState::Started).await;
    host.stop_machine(&create.id).await;
    host.client.snapshot_volume(&volume.id).await.unwrap();
    support::eventually("the snapshot is taken", async || {
        host.client.snapshots(&volume.id).await.unwrap()[0].state == SnapshotState::Created
    })
    .await;
    host.destroy(&create.id).await;
    host.client.destroy_volume(&volume.id, &DestroyVolume { for_good: true }).await.unwrap();
}

fn new_volume() -> CreateVolume {
    CreateVolume {
        id: VolumeId::generate(),
        app: "hello".parse().unwrap(),
        name: "data".parse().unwrap(),
        size_gb: Some(1),
        from: VolumeSource::Empty,
        keep: VolumeKeep::default(),
    }
}

fn mount() -> Mount {
    Mount { name: Some("data".into()), path: "/data".into(), ..Mount::default() }
}

/// Started again on what the crash left, the host settles the machine and loses none of it.
#[tokio::main]
async fn goes_on(dir: tempfile::TempDir, step: Step) {
    let host = open(dir.path()).await;
    volume_settles(&host, step).await;
    let id: MachineId = MACHINE.parse().unwrap();
    // Before there was a machine, or after it was forgotten.
    if host.client.machine(&id).await.is_err() {
        return;
    }
    // One VMM if the machine runs, else none.
    let settled = async || {
        let state = host.client.machine(&id).await.unwrap().state;
        let vms = usize::from(state == MachineState::Started);
        !state.is_transient() && host.fake.leftovers().1.len() == vms
    };
    support::eventually(&format!("the machine settles after {step}"), settled).await;
    let state = host.client.machine(&id).await.unwrap().state;
    let after =
        [Step::Destroy, Step::Destroyed, Step::RetireVolume, Step::RemoveSnapshot, Step::RemoveVolume];
    let destroyed = after.contains(&step);
    assert_eq!(state == MachineState::Destroyed, destroyed, "{step}: {state}");

    host.destroy(&id).await;
    assert_eq!(host.fake.leftovers(), (vec![], vec![]), "{step}");
    let folders: Vec<_> = std::fs::read_dir(dir.path().join("host/machines")).unwrap().collect();
    assert!(folders.is_empty(), "{step}: {folders:?}");
    let volumes = host.client.volumes(None).await.unwrap();
    assert!(volumes.iter().all(|volume| volume.machine.is_none()), "{step}: {volumes:?}");
    let mut again = create(&["serve"]);
    again.name = "the-machine".into();
    host.client.create(&again).await.expect("the name is free again");
    host.wait(&again.id, MachineState::Started).await;
}

/// The volume is whole or gone, with its snapshots, and nothing else is left of it.
async fn volume_settles(host: &TestHost, step: Step) {
    let settled = async || {
        let volumes = host.client.volumes(None).await.unwrap();
        let mut snapshots = Vec::new();
        for volume in &volumes {
            // One that was on its way out may be gone by now.
            let Ok(listed) = host.client.snapshots(&volume.id).await else { return false };
            snapshots.extend(listed);
        }
        volumes.iter().all(|volume| volume.state == VolumeState::Created)
            && snapshots.iter().all(|snapshot| snapshot.state == SnapshotState::Created)
            && entries(host, "volumes") == volumes.len()
            && entries(host, "snapshots/lists") == snapshots.len()
    };
    support::eventually(&format!("the volume settles after {step}"), settled).await;
}

fn entries(host: &TestHost, folder: &str) -> usize {
    std::fs::read_dir(host.dir.path().join("host").join(folder)).map_or(0, |entries| entries.count())
}

async fn open(dir: &Path) -> TestHost {
    TestHost::open(Folder::Callers(dir.to_owned()), FakeBox::new(), HostSettings::default()).await
}
