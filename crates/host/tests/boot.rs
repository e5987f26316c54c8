//! A real machine: pulled, booted, asked, left alone by a restart of its host, crashed, stopped, woken,
//! destroyed. Needs root, QEMU, a kernel, nft and musl-gcc.

mod support;

use std::{
    collections::BTreeSet,
    os::unix::fs::MetadataExt,
    process::Command,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use roost_host_api::{CreateMachine, Machine, StopMachine};
use roost_model::{
    MachineId, MachineState,
    machine::{Persist, Rootfs},
};
use support::{
    by,
    real::{self, Running, get},
};

#[tokio::test]
async fn host_process() {
    real::host_process().await;
}

#[tokio::test]
async fn a_machine_lives_its_life() {
    let (folder, running, create) = real::host_with_image().await;
    let id = create.id.clone();

    running.client.create(&create).await.unwrap();
    let machine = running.wait(&id, MachineState::Started).await;
    assert_eq!(machine.image_labels.len(), 0);
    let scratch = folder.0.path().join(format!("host/machines/{id}/scratch.ext4"));
    let disk_kib = std::fs::metadata(&scratch).unwrap().blocks() / 2;
    assert!(disk_kib < 2048, "{disk_kib} KiB before the app writes");
    let answer = get(&machine, "/").await;
    assert!(answer.contains(id.as_str()) && answer.contains("\"version\":\"one\""), "{answer}");
    assert_eq!(get(&machine, "/env?SECRET").await, "sesame");
    support::eventually("the check passes", async || {
        let machine = running.client.machine(&id).await.unwrap();
        machine.checks.len() == 1 && machine.checks_pass()
    })
    .await;
    let listeners = running.client.listeners(&id).await.unwrap();
    assert!(listeners.iter().any(|listener| listener.port == 8080), "{listeners:?}");
    get(&machine, "/log?100").await;

    // Its host is killed and comes back; the machine answers all the time, and says on.
    let pid_before = get(&machine, "/").await;
    running.kill();
    assert_eq!(get(&machine, "/").await, pid_before);
    get(&machine, "/log?100").await;
    let running = Running::open(folder.0.path()).await;
    assert_eq!(running.wait(&id, MachineState::Started).await.instance_id, machine.instance_id);
    assert_eq!(get(&machine, "/").await, pid_before, "the same boot");
    support::eventually("all lines are there", async || running.lines(&id, "line ").await == 200).await;

    // A crash is recorded, and the machine starts again.
    get(&machine, "/exit?3").await;
    support::eventually("the exit is recorded", async || {
        let events = running.client.machine(&id).await.unwrap().events;
        events.iter().filter_map(|e| e.request.as_ref()?.exit_event.clone()).any(|e| e.exit_code == 3)
    })
    .await;
    running.wait(&id, MachineState::Started).await;
    // A program that runs need not have come to its signal handler; one that answers has.
    get(&machine, "/").await;

    let stop = StopMachine { cause: by("proxy"), ..StopMachine::default() };
    running.client.stop(&id, &stop).await.unwrap();
    running.wait(&id, MachineState::Stopped).await;
    assert_eq!(running.lines(&id, "stopping").await, 1, "the app was told to stop");
    let began = Instant::now();
    running.client.start(&id, &by("proxy")).await.unwrap();
    running.wait(&id, MachineState::Started).await;
    get(&machine, "/").await;
    eprintln!("woken in {:?}", began.elapsed());

    real::destroy(&folder, &running, &id).await;
}

#[tokio::test]
async fn a_root_that_stays_is_there_in_the_next_boot_with_the_kernel_s_words() {
    let (folder, running, mut create) = real::host_with_image().await;
    let config = &mut create.spec.config;
    config.rootfs = Some(Rootfs { persist: Some(Persist::Restart), size_gb: Some(1), ..Rootfs::default() });
    config.init.kernel_args = vec!["roost.test=word".to_owned()];
    let id = create.id.clone();
    running.client.create(&create).await.unwrap();
    let machine = running.wait(&id, MachineState::Started).await;
    assert_eq!(get(&machine, "/fill?3").await, "wrote 3 MB\n");
    let scratch = folder.0.path().join(format!("host/machines/{id}/scratch.ext4"));
    for boot in 1..=2 {
        let stop = StopMachine { cause: by("user"), ..StopMachine::default() };
        running.client.stop(&id, &stop).await.unwrap();
        running.wait(&id, MachineState::Stopped).await;
        let listed = Command::new("debugfs").args(["-R", "ls -l /upper"]).arg(&scratch).output().unwrap();
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(listed.contains("data.bin") && listed.contains("3145728"), "after boot {boot}: {listed}");
        running.client.start(&id, &by("user")).await.unwrap();
        running.wait(&id, MachineState::Started).await;
        get(&machine, "/").await;
    }
    let command_line = std::fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("roost.test=word") && line.contains(id.as_str())
    });
    assert!(command_line, "the VMM was given the kernel's words");
    real::destroy(&folder, &running, &id).await;
}

#[tokio::test]
async fn machines_start_from_a_primed_guest_and_are_their_own() {
    let (folder, running, create) = real::host_with_image().await;
    let kept = folder.0.path().join("host/primed/0");
    let id = create.id.clone();
    running.client.create(&create).await.unwrap();
    let first = running.wait(&id, MachineState::Started).await;
    assert!(!is_of_a_primed_guest(&first).await, "there was none yet");
    let mut boots = vec![get(&first, "/file?/proc/sys/kernel/random/boot_id").await];
    support::eventually("a guest is primed, and nothing of it runs", async || {
        kept.join("state").is_file() && !folder.0.path().join("host/primed/jail").exists()
    })
    .await;

    restart(&running, &id).await;
    let other = CreateMachine { id: MachineId::generate(), name: "other".to_owned(), ..create.clone() };
    running.client.create(&other).await.unwrap();
    let second = running.wait(&other.id, MachineState::Started).await;
    let mut addresses = Vec::new();
    let mut randoms = Vec::new();
    for machine in [&first, &second] {
        assert!(is_of_a_primed_guest(machine).await);
        assert!(get(machine, "/").await.contains(machine.id.as_str()));
        assert_eq!(get(machine, "/env?SECRET").await, "sesame");
        boots.push(get(machine, "/file?/proc/sys/kernel/random/boot_id").await);
        randoms.push(get(machine, "/file?/proc/sys/kernel/random/uuid").await);
        addresses.push(get(machine, "/file?/sys/class/net/eth0/address").await);
        let clock_ms: i64 = get(machine, "/clock").await.parse().unwrap();
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        assert!((now_ms - clock_ms).abs() < 5000, "{clock_ms} at {now_ms}");
    }
    for words in [&boots, &addresses, &randoms] {
        assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len(), "{words:?}");
    }

    // What is kept is damaged: the machine boots as if it had never been.
    let state = std::fs::File::options().write(true).open(kept.join("state")).unwrap();
    state.set_len(state.metadata().unwrap().len() / 2).unwrap();
    restart(&running, &id).await;
    assert!(!is_of_a_primed_guest(&first).await);
    assert!(!kept.exists());

    running.client.destroy(&other.id, &real::by_force()).await.unwrap();
    running.wait(&other.id, MachineState::Destroyed).await;
    real::destroy(&folder, &running, &id).await;
}

async fn is_of_a_primed_guest(machine: &Machine) -> bool {
    get(machine, "/file?/proc/cmdline").await.contains("roost.primed")
}

async fn restart(running: &Running, id: &MachineId) {
    let stop = StopMachine { cause: by("user"), ..StopMachine::default() };
    running.client.stop(id, &stop).await.unwrap();
    running.wait(id, MachineState::Stopped).await;
    running.client.start(id, &by("user")).await.unwrap();
    running.wait(id, MachineState::Started).await;
}
