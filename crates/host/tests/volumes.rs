//! Volumes on a host, through its API: what they hold, how they grow and end, what is refused.

mod support;

use std::{fs::File, os::unix::fs::FileExt, path::PathBuf};

use roost_host::HostSettings;
use roost_host_api::{
    CreateVolume, DestroyVolume, ErrorCode, ExtendVolume, Snapshot, UpdateMachine, Volume, VolumeKeep,
    VolumeSource,
};
use roost_model::{
    MachineState, SnapshotId, SnapshotState, VolumeId, VolumeState, machine::Mount, volume::GB,
};
use support::{TestHost, code, eventually, fake_guest::Control};

fn new_volume(name: &str) -> CreateVolume {
    CreateVolume {
        id: VolumeId::generate(),
        app: "hello".parse().unwrap(),
        name: name.parse().unwrap(),
        size_gb: Some(1),
        from: VolumeSource::Empty,
        keep: VolumeKeep::default(),
    }
}

fn disk(host: &TestHost, id: &VolumeId) -> PathBuf {
    host.dir.path().join("host/volumes").join(id.as_str()).join("disk.ext4")
}

/// Far into the file system's data, where nothing else is.
const PLACE: u64 = 700 << 20;

fn write(host: &TestHost, id: &VolumeId, text: &str) {
    let file = File::options().write(true).open(disk(host, id)).unwrap();
    file.write_all_at(text.as_bytes(), PLACE).unwrap();
}

fn read(host: &TestHost, id: &VolumeId, length: usize) -> String {
    let mut bytes = vec![0; length];
    File::open(disk(host, id)).unwrap().read_exact_at(&mut bytes, PLACE).unwrap();
    String::from_utf8(bytes).unwrap()
}

async fn created(host: &TestHost, id: &VolumeId) -> Volume {
    eventually("the volume is created", async || {
        host.client.volume(id).await.unwrap().state == VolumeState::Created
    })
    .await;
    host.client.volume(id).await.unwrap()
}

async fn taken(host: &TestHost, volume: &VolumeId, id: &SnapshotId) -> Snapshot {
    let find = async || {
        let snapshots = host.client.snapshots(volume).await.unwrap();
        snapshots.into_iter().find(|snapshot| snapshot.id == *id).unwrap()
    };
    eventually("the snapshot is taken", async || find().await.state == SnapshotState::Created).await;
    find().await
}

#[tokio::test]
async fn a_volume_is_made_grows_and_ends_and_can_be_had_back() {
    let host = TestHost::start().await;
    let create = new_volume("data");
    let volume = host.client.create_volume(&create).await.unwrap();
    assert_eq!((volume.state, volume.size_gb), (VolumeState::Created, 1));
    assert_eq!((volume.encrypted, volume.snapshot_retention_days), (false, 5));
    assert_eq!(volume.usage.total_bytes(), GB);
    assert_eq!(host.client.create_volume(&create).await.unwrap(), volume, "the same call again");
    write(&host, &volume.id, "kept");

    let keep = VolumeKeep { snapshot_retention_days: Some(9), scheduled_snapshots: Some(false) };
    let updated = host.client.update_volume(&volume.id, &keep).await.unwrap();
    assert_eq!((updated.snapshot_retention_days, updated.scheduled_snapshots), (9, false));
    let extended = host.client.extend_volume(&volume.id, &ExtendVolume { size_gb: 3 }).await.unwrap();
    assert_eq!((extended.volume.size_gb, extended.needs_restart), (3, false));
    assert_eq!(std::fs::metadata(disk(&host, &volume.id)).unwrap().len(), 3 * GB);

    let destroyed = host.client.destroy_volume(&volume.id, &DestroyVolume::default()).await.unwrap();
    assert_eq!(destroyed.state, VolumeState::PendingDestroy);
    let host = host.restart().await;
    assert_eq!(host.client.undestroy_volume(&volume.id).await.unwrap().state, VolumeState::Created);
    assert_eq!(read(&host, &volume.id, 4), "kept");
    host.client.destroy_volume(&volume.id, &DestroyVolume { for_good: true }).await.unwrap();
    assert_eq!(code(host.client.volume(&volume.id).await), ErrorCode::VolumeNotFound);
    assert!(!disk(&host, &volume.id).exists());
}

#[tokio::test]
async fn snapshots_and_forks_hold_what_the_volume_held_then() {
    let host = TestHost::start().await;
    let source = host.client.create_volume(&new_volume("data")).await.unwrap().id;
    write(&host, &source, "first");
    let first = host.client.snapshot_volume(&source).await.unwrap();
    let first = taken(&host, &source, &first.id).await;
    assert!(first.bytes > 0 && first.digest.starts_with("sha256:"));
    write(&host, &source, "other");

    let from = VolumeSource::Snapshot(first.id.clone());
    let restore = CreateVolume { from, size_gb: Some(2), ..new_volume("restored") };
    host.client.create_volume(&restore).await.unwrap();
    assert_eq!(created(&host, &restore.id).await.size_gb, 2);
    assert_eq!(read(&host, &restore.id, 5), "first");
    let fork =
        CreateVolume { from: VolumeSource::Volume(source.clone()), size_gb: None, ..new_volume("forked") };
    host.client.create_volume(&fork).await.unwrap();
    created(&host, &fork.id).await;
    assert_eq!(read(&host, &fork.id, 5), "other");
    assert_eq!(host.client.snapshots(&source).await.unwrap().len(), 1, "a fork leaves none");

    // They outlive the volume, and the host.
    host.client.destroy_volume(&source, &DestroyVolume::default()).await.unwrap();
    let host = host.restart().await;
    assert_eq!(host.client.snapshots(&source).await.unwrap(), std::slice::from_ref(&first));
    let again = CreateVolume { id: VolumeId::generate(), ..restore };
    host.client.create_volume(&again).await.unwrap();
    created(&host, &again.id).await;
    assert_eq!(read(&host, &again.id, 5), "first");

    host.client.forget_volumes(&"hello".parse().unwrap()).await.unwrap();
    assert_eq!(host.client.volumes(None).await.unwrap(), []);
    assert_eq!(code(host.client.snapshots(&source).await), ErrorCode::VolumeNotFound);
}

#[tokio::test]
async fn a_daily_snapshot_is_taken_by_itself() {
    // A round of the host comes every half a minute; the first one finds the volume due.
    let settings = HostSettings { snapshot_interval_secs: 0, ..HostSettings::default() };
    let host = TestHost::with_settings(settings).await;
    let scheduled = host.client.create_volume(&new_volume("data")).await.unwrap().id;
    let keep = VolumeKeep { scheduled_snapshots: Some(false), ..VolumeKeep::default() };
    let left_alone = CreateVolume { keep, ..new_volume("data") };
    host.client.create_volume(&left_alone).await.unwrap();
    support::eventually_within("a snapshot is there", std::time::Duration::from_secs(120), async || {
        !host.client.snapshots(&scheduled).await.unwrap().is_empty()
    })
    .await;
    assert_eq!(host.client.snapshots(&left_alone.id).await.unwrap(), []);
}

#[tokio::test]
async fn what_can_not_be_is_refused_with_a_reason() {
    let settings =
        HostSettings { max_volume_gb: 20, max_volumes: 3, volume_overcommit: 1, ..HostSettings::default() };
    let host = TestHost::with_settings(settings).await;
    let larger = CreateVolume { size_gb: Some(2), ..new_volume("data") };
    let volume = host.client.create_volume(&larger).await.unwrap().id;
    let create = async |create: CreateVolume| code(host.client.create_volume(&create).await);
    let sized = |size_gb| CreateVolume { size_gb: Some(size_gb), ..new_volume("data") };
    assert_eq!(create(sized(0)).await, ErrorCode::InvalidRequest);
    assert_eq!(create(sized(21)).await, ErrorCode::InvalidRequest);
    let keep = VolumeKeep { snapshot_retention_days: Some(61), ..VolumeKeep::default() };
    assert_eq!(create(CreateVolume { keep, ..new_volume("data") }).await, ErrorCode::InvalidRequest);
    assert_eq!(code(host.client.update_volume(&volume, &keep).await), ErrorCode::InvalidRequest);
    let of = |from, app: &str| CreateVolume { from, app: app.parse().unwrap(), ..new_volume("data") };
    let unknown = VolumeSource::Snapshot(SnapshotId::generate());
    assert_eq!(create(of(unknown, "hello")).await, ErrorCode::SnapshotNotFound);
    let of_another_app = of(VolumeSource::Volume(volume.clone()), "other");
    assert_eq!(create(of_another_app).await, ErrorCode::VolumeNotFound);
    let too_small = of(VolumeSource::Volume(volume.clone()), "hello");
    assert_eq!(create(too_small).await, ErrorCode::InvalidRequest);
    let taken = CreateVolume { id: volume.clone(), app: "other".parse().unwrap(), ..new_volume("data") };
    assert_eq!(create(taken).await, ErrorCode::NameTaken);

    let extend = async |size_gb| code(host.client.extend_volume(&volume, &ExtendVolume { size_gb }).await);
    assert_eq!(extend(1).await, ErrorCode::InvalidRequest);
    assert_eq!(extend(21).await, ErrorCode::InvalidRequest);
    assert_eq!(code(host.client.undestroy_volume(&volume).await), ErrorCode::WrongState);
    let nobody = VolumeId::generate();
    assert_eq!(code(host.client.volume(&nobody).await), ErrorCode::VolumeNotFound);
    assert_eq!(code(host.client.snapshots(&nobody).await), ErrorCode::VolumeNotFound);

    host.client.destroy_volume(&volume, &DestroyVolume::default()).await.unwrap();
    assert_eq!(extend(3).await, ErrorCode::WrongState);
    host.client.create_volume(&sized(1)).await.unwrap();
    host.client.create_volume(&sized(1)).await.unwrap();
    assert_eq!(create(sized(1)).await, ErrorCode::NoCapacity);
}

#[tokio::test]
async fn a_full_disk_takes_no_more_volumes() {
    let settings = HostSettings { volume_reserve_mib: 1 << 40, ..HostSettings::default() };
    let host = TestHost::with_settings(settings).await;
    let error = host.client.create_volume(&new_volume("data")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NoCapacity));
    assert!(error.to_string().contains("disk is full"), "{error}");
    assert!(host.client.volumes(None).await.unwrap().is_empty());
}

fn mounting(name: &str) -> roost_host_api::CreateMachine {
    let mut create = support::create(&["serve"]);
    create.spec.config.mounts =
        vec![Mount { name: Some(name.into()), size_gb: Some(1), path: "/data".into(), ..Mount::default() }];
    create
}

#[tokio::test]
async fn a_volume_is_one_machines_until_that_is_destroyed() {
    let host = TestHost::start().await;
    let volume = host.client.create_volume(&new_volume("data")).await.unwrap().id;
    let first = mounting("data");
    let made = host.client.create(&first).await.unwrap();
    assert_eq!(made.config.mounts[0].volume, volume.as_str(), "the free one is taken");
    host.wait(&first.id, MachineState::Started).await;
    assert_eq!(host.client.volume(&volume).await.unwrap().machine, Some(first.id.clone()));

    // Others get one of their own, and not this one.
    let second = host.client.create(&mounting("data")).await.unwrap();
    assert_ne!(second.config.mounts[0].volume, volume.as_str());
    let mut thief = mounting("data");
    thief.spec.config.mounts[0].volume = volume.to_string();
    assert_eq!(code(host.client.create(&thief).await), ErrorCode::VolumeInUse);
    let gone = host.client.destroy_volume(&volume, &DestroyVolume::default()).await;
    assert_eq!(code(gone), ErrorCode::VolumeInUse);

    // It stays with the machine through stop and update, also over a restart of the host.
    host.stop_machine(&first.id).await;
    let host = host.restart().await;
    let mut spec = support::spec(&["serve", "new"]);
    spec.config.mounts = first.spec.config.mounts.clone();
    let update = UpdateMachine {
        spec,
        name: None,
        current_version: None,
        skip_launch: false,
        lease_nonce: None,
        lease: None,
        source: "user".into(),
    };
    let updated = host.client.update(&first.id, &update).await.unwrap();
    assert_eq!(updated.config.mounts[0].volume, volume.as_str());
    host.wait(&first.id, MachineState::Started).await;
    let mut other = update.clone();
    other.spec.config.mounts[0].name = Some("renamed".into());
    assert_eq!(code(host.client.update(&first.id, &other).await), ErrorCode::InvalidRequest);

    host.destroy(&first.id).await;
    assert_eq!(host.client.volume(&volume).await.unwrap().machine, None);
    assert_eq!(host.client.create(&mounting("data")).await.unwrap().config.mounts[0].volume, volume.as_str());
}

#[tokio::test]
async fn a_machine_that_mounts_nothing_any_more_gives_its_volume_back() {
    let host = TestHost::start().await;
    let create = mounting("data");
    let volume: VolumeId =
        host.client.create(&create).await.unwrap().config.mounts[0].volume.parse().unwrap();
    host.wait(&create.id, MachineState::Started).await;
    let update = UpdateMachine {
        spec: support::spec(&["serve"]),
        name: None,
        current_version: None,
        skip_launch: false,
        lease_nonce: None,
        lease: None,
        source: "user".into(),
    };
    host.client.update(&create.id, &update).await.unwrap();
    host.wait(&create.id, MachineState::Started).await;
    assert_eq!(host.client.volume(&volume).await.unwrap().machine, None);
}

#[tokio::test]
async fn mounts_that_can_not_be_are_refused_and_leave_nothing() {
    let host = TestHost::start().await;
    let refused = async |change: &dyn Fn(&mut Mount)| {
        let mut create = mounting("data");
        change(&mut create.spec.config.mounts[0]);
        code(host.client.create(&create).await)
    };
    assert_eq!(refused(&|m| m.path = "data".into()).await, ErrorCode::InvalidRequest);
    assert_eq!(refused(&|m| m.path = "/".into()).await, ErrorCode::InvalidRequest);
    assert_eq!(refused(&|m| m.path = "/data/../etc".into()).await, ErrorCode::InvalidRequest);
    assert_eq!(refused(&|m| m.name = None).await, ErrorCode::InvalidRequest);
    assert_eq!(refused(&|m| m.name = Some("Data!".into())).await, ErrorCode::InvalidRequest);
    assert_eq!(refused(&|m| m.volume = "vol_1".into()).await, ErrorCode::InvalidRequest);
    assert_eq!(refused(&|m| m.volume = VolumeId::generate().to_string()).await, ErrorCode::VolumeNotFound);
    assert_eq!(refused(&|m| m.size_gb = None).await, ErrorCode::VolumeNotFound);
    assert_eq!(refused(&|m| m.size_gb = Some(501)).await, ErrorCode::InvalidRequest);
    assert_eq!(refused(&|m| m.extend_threshold_percent = Some(80)).await, ErrorCode::InvalidRequest);
    let mut two = mounting("data");
    two.spec.config.mounts.push(two.spec.config.mounts[0].clone());
    assert_eq!(code(host.client.create(&two).await), ErrorCode::InvalidRequest);
    assert_eq!(host.client.volumes(None).await.unwrap(), []);
    assert_eq!(host.client.machines(None).await.unwrap(), []);
}

#[tokio::test]
async fn a_running_machines_volume_is_copied_and_grows_as_it_fills() {
    let host = TestHost::start().await;
    let mut create = mounting("data");
    let mount = &mut create.spec.config.mounts[0];
    (mount.extend_threshold_percent, mount.add_size_gb, mount.size_gb_limit) = (Some(80), Some(2), Some(4));
    let id: VolumeId = host.client.create(&create).await.unwrap().config.mounts[0].volume.parse().unwrap();
    host.wait(&create.id, MachineState::Started).await;
    write(&host, &id, "held");
    let snapshot = host.client.snapshot_volume(&id).await.unwrap();
    let snapshot = taken(&host, &id, &snapshot.id).await;
    let restore =
        CreateVolume { from: VolumeSource::Snapshot(snapshot.id), size_gb: None, ..new_volume("restored") };
    host.client.create_volume(&restore).await.unwrap();
    created(&host, &restore.id).await;
    assert_eq!(read(&host, &restore.id, 4), "held");

    host.fake.vm(&create.id).order(Control::Fill(81));
    // A round of the host comes every half a minute.
    support::eventually_within("the volume grows to its limit", 4 * support::SOON * 2, async || {
        let volume = host.client.volume(&id).await.unwrap();
        volume.size_gb == 4 && volume.state == VolumeState::Created
    })
    .await;
    let usage = host.client.volume(&id).await.unwrap().usage;
    assert!(usage.used_bytes() * 100 / usage.total_bytes() >= 80, "{usage:?}");
    assert_eq!(std::fs::metadata(disk(&host, &id)).unwrap().len(), 4 * GB);
    let extended = host.client.extend_volume(&id, &ExtendVolume { size_gb: 5 }).await.unwrap();
    assert!(!extended.needs_restart);
}
