//! A volume in a machine: mounted, held still, made larger.

use std::{path::Path, process::Command, time::Duration};

use roost_guest_api::{GuestError, GuestMount, RunConfig};
use serde_json::json;

use crate::vm::{Vm, shell};

/// Serial of the disk `volume`.
const SERIAL: &str = "roost-volume";
const MIB: u64 = 1 << 20;

fn mounting(script: &str) -> RunConfig {
    let mounts = vec![GuestMount { serial: SERIAL.into(), path: "/data/db".into() }];
    RunConfig { mounts, ..shell(script) }
}

const WRITE: &str = "
echo one > /data/db/file
grep -q ' /data/db ext4 ' /proc/mounts && echo mounted
ls /data/db
while true; do echo x >> /data/db/log; echo tick; sleep 0.1; done";

#[tokio::test]
async fn a_volume_can_be_held_still_for_a_copy_and_lets_go_by_itself() {
    let vm = Vm::boot_with_volume(64 * MIB).await;
    let mut guest = vm.connect(1, 0).await;
    guest.start(mounting(WRITE)).await;
    let first = [guest.line().await, guest.line().await, guest.line().await];
    assert_eq!(first, ["mounted", "file", "lost+found"]);

    guest.client.freeze_volume(SERIAL, Duration::from_secs(60)).await.unwrap();
    // Whole, although the machine runs: nothing has to be recovered from the journal.
    let copy = vm.path("copy");
    std::fs::copy(vm.path("volume"), &copy).unwrap();
    let check = Command::new("e2fsck").arg("-fn").arg(&copy).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    assert_eq!(file_in(&copy, "/file"), "one\n");
    guest.client.thaw_volume(SERIAL).await.unwrap();
    assert!(matches!(guest.client.thaw_volume(SERIAL).await, Err(GuestError::Refused { .. })));

    guest.client.freeze_volume(SERIAL, Duration::from_millis(200)).await.unwrap();
    // Many more lines than can have been on their way: the writer goes on.
    let enough = guest.last_log + 30;
    while guest.last_log < enough {
        guest.line().await;
    }
    assert!(guest.client.thaw_volume(SERIAL).await.is_err(), "it had ended by itself");

    // A machine that is told to stop does stop.
    guest.client.freeze_volume(SERIAL, Duration::from_secs(110)).await.unwrap();
    guest.client.stop(15, Duration::from_secs(1)).await.unwrap();
    guest.rest().await;
}

#[tokio::test]
async fn a_volume_grows_while_it_is_in_use() {
    let vm = Vm::boot_with_volume(64 * MIB).await;
    let mut guest = vm.connect(1, 0).await;
    guest.start(mounting("echo up; sleep 1000")).await;
    guest.line().await;
    let before = guest.client.measure_volume(SERIAL).await.unwrap();
    assert!(before.blocks * before.block_size < 64 * MIB && before.blocks_free < before.blocks);
    assert!(guest.client.grow_volume(SERIAL, 300 * MIB).await.is_err(), "the disk is not larger");

    vm.monitor().await.ask("block_resize", json!({"device": "volume", "size": 300 * MIB})).await;
    // The kernel hears of it a moment later.
    let grown = async {
        while guest.client.grow_volume(SERIAL, 300 * MIB).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), grown).await.expect("the volume does not grow");
    let after = guest.client.measure_volume(SERIAL).await.unwrap();
    assert!(after.blocks * after.block_size > 250 * MIB, "{after:?}");
    guest.client.stop(15, Duration::from_secs(1)).await.unwrap();
    guest.rest().await;
}

#[tokio::test]
async fn a_disk_that_grew_while_no_machine_ran_is_used_whole() {
    let vm = Vm::boot_with_volume_in(64 * MIB, 200 * MIB).await;
    let mut guest = vm.connect(1, 0).await;
    guest.start(mounting("echo up; sleep 1000")).await;
    let measure = guest.client.measure_volume(SERIAL).await.unwrap();
    assert!(measure.blocks * measure.block_size > 150 * MIB, "{measure:?}");
}

fn file_in(disk: &Path, file: &str) -> String {
    let output = Command::new("debugfs").args(["-R", &format!("cat {file}")]).arg(disk).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
