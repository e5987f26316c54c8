//! Machines kept on disk, and going on from there in another VMM.

#[allow(dead_code, reason = "each file of tests uses its part")]
mod support;

use std::{fs, os::unix::fs::PermissionsExt};

use roost_vmm::VmmError;
use support::{Host, Talk};
use tokio::runtime::Runtime;

const MEMORY_MIB: u32 = 256;

#[test]
fn a_saved_machine_goes_on_where_it_was_also_under_another_agent() {
    let agent = Runtime::new().unwrap();
    let host = agent.block_on(Host::new());
    let mut machine = host.machine(31);
    machine.disk("data", 1 << 20);
    let (given_up, kept) = (machine.folder("given-up"), machine.folder("kept"));
    agent.block_on(async {
        let vm = machine.spawn().await;
        assert_eq!(Talk::to(&vm).await.ask("count").await, "1");
        vm.pause().await.unwrap();
        vm.save(&given_up, MEMORY_MIB).await.unwrap();
        // Somebody needs it after all.
        vm.go_on().await.unwrap();
        assert_eq!(Talk::to(&vm).await.ask("count").await, "2");

        vm.pause().await.unwrap();
        vm.pause().await.expect("it can be repeated");
        let bytes = vm.save(&kept, MEMORY_MIB).await.unwrap();
        assert!((1 << 20..300 << 20).contains(&bytes), "{bytes}");
        vm.cleanup().await.unwrap();
        machine.assert_nothing_left();

        let vm = machine.driver.restore(&machine.spec, &kept).await.unwrap();
        let status = fs::read_to_string(format!("/proc/{}/status", vm.pid())).unwrap();
        let field = |name: &str| status.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().to_owned();
        assert!(field("Uid:").starts_with(&machine.spec.jail.uid.to_string()));
        assert_eq!((field("Seccomp:").as_str(), field("CapEff:").as_str()), ("2", "0000000000000000"));
    });
    for file in fs::read_dir(&kept).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    agent.shutdown_background();

    Runtime::new().unwrap().block_on(async {
        // The agent died between loading it and letting it run.
        let vm = host.driver.adopt(&machine.spec.jail).await.unwrap().expect("it is there, paused");
        vm.go_on().await.unwrap();
        vm.go_on().await.expect("it can be repeated");
        let mut guest = Talk::to(&vm).await;
        assert_eq!(guest.ask("count").await, "3");
        assert_eq!(guest.ask("disks").await, "data");
        vm.kill().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_in_pieces_is_refused_and_leaves_nothing() {
    let host = Host::new().await;
    let machine = host.machine(32);
    let kept = machine.folder("kept");
    let vm = machine.spawn().await;
    assert_eq!(Talk::to(&vm).await.ask("count").await, "1");
    vm.pause().await.unwrap();
    vm.save(&kept, MEMORY_MIB).await.unwrap();
    vm.cleanup().await.unwrap();
    let state = fs::File::options().write(true).open(kept.join("state")).unwrap();
    state.set_len(state.metadata().unwrap().len() / 2).unwrap();
    let error = machine.driver.restore(&machine.spec, &kept).await.err().expect("half of it is missing");
    assert!(matches!(&error, VmmError::EndedAtStart { output } if !output.is_empty()), "{error}");
    machine.assert_nothing_left();
}
