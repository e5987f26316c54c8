//! The channel must allow machines to be suspended.

use std::time::Duration;

use roost_guest_api::Phase;

use crate::vm::{Vm, fresh, now_ns, shell};

#[tokio::test]
async fn a_saved_machine_goes_on_where_it_was_and_hears_a_new_host() {
    let vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    guest.start(shell("echo before; while sleep 0.2; do date +%s; done")).await;
    assert_eq!(guest.line().await, "before");
    // The port is connected and in use while the machine is saved.
    vm.save().await;
    drop(guest);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let vm = vm.restore().await;
    let mut guest = vm.connect(2, 1).await;
    assert_eq!(guest.hello.phase, Phase::Running);
    guest.client.resumed(now_ns(), fresh()).await.unwrap();
    guest.client.sync().await.unwrap();
    assert!(!vm.console().contains("roost-init:"), "{}", vm.console());
    // What was written before the save comes first; then the clock is right again.
    let right = async {
        loop {
            let seconds: i64 = guest.line().await.parse().unwrap();
            if (now_ns() / 1_000_000_000 - seconds).abs() <= 1 {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), right).await.expect("the clock stays behind");
    guest.client.stop(15, Duration::from_secs(1)).await.unwrap();
    let (_, report) = guest.rest().await;
    assert!(report.requested);
}
