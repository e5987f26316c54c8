//! Real machines under QEMU: from start to every kind of end, and through a restart of the agent.
//!
//! The guest is a small shell script (`support/boot.rs`) that loads the virtio drivers and obeys lines on its
//! channel. Needs root, and the packages qemu-system-x86, linux-image-cloud-amd64 and busybox-static.

#[allow(dead_code, reason = "each file of tests uses its part")]
mod support;

use std::time::{Duration, Instant};

use roost_vmm::{DiskRate, ExitCause, Vm, VmExit, VmmError};
use support::{Host, Talk};
use tokio::runtime::Runtime;

async fn end_of(vm: &Vm) -> VmExit {
    let end = tokio::time::timeout(Duration::from_secs(60), vm.wait_exit()).await;
    end.expect("the VMM does not end")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_boots_talks_and_powers_off() {
    let host = Host::new().await;
    let mut machine = host.machine(1);
    machine.disk("first", 1 << 20).disk("second", 1 << 20);
    let vm = machine.spawn().await;

    let mut guest = Talk::to(&vm).await;
    assert_eq!(guest.ask("disks").await, "first second");
    assert!(vm.console_tail().await.contains("guest is up"));
    guest.tell("off").await;

    let exit = end_of(&vm).await;
    assert_eq!(exit.cause, ExitCause::PoweredOff, "{}", exit.output);
    assert!(vm.console_tail().await.contains("last words"));
    vm.cleanup().await.unwrap();
    machine.assert_nothing_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_with_a_rate_is_read_no_faster() {
    let host = Host::new().await;
    let mut machine = host.machine(9);
    machine.disk("slow", 8 << 20);
    machine.spec.disks[0].rate = Some(DiskRate { operations_per_s: 1000, bytes_per_s: 1 << 20 });
    let vm = machine.spawn().await;
    let mut guest = Talk::to(&vm).await;
    let began = Instant::now();
    guest.ask("network dd if=/dev/vda of=/dev/null bs=1M count=4").await;
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(3), "4 MiB at 1 MiB/s, a tenth of a second ahead: {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_the_guests_kernel_is_a_reset_and_its_words_are_kept() {
    let host = Host::new().await;
    let machine = host.machine(2);
    let vm = machine.spawn().await;
    Talk::to(&vm).await.tell("panic").await;
    assert_eq!(end_of(&vm).await.cause, ExitCause::Reset);
    assert!(vm.console_tail().await.contains("Kernel panic"));
}

#[test]
fn machines_outlive_the_agent() {
    let first_agent = Runtime::new().unwrap();
    let host = first_agent.block_on(Host::new());
    let (stays, ends) = (host.machine(3), host.machine(4));
    let pid = first_agent.block_on(async {
        let vm = stays.spawn().await;
        let mut guest = Talk::to(&ends.spawn().await).await;
        assert_eq!(guest.ask("hello").await, "hello");
        guest.tell("off").await;
        assert_eq!(Talk::to(&vm).await.ask("hello").await, "hello");
        vm.pid()
    });
    // All that an agent has of its machines is in its runtime.
    first_agent.shutdown_background();

    Runtime::new().unwrap().block_on(async {
        let vm = host.driver.adopt(&stays.spec.jail).await.unwrap().expect("it runs");
        assert_eq!(vm.pid(), pid);
        assert_eq!(Talk::to(&vm).await.ask("again").await, "again");
        assert!(vm.console_tail().await.contains("guest is up"));
        assert_eq!(vm.kill().await.cause, ExitCause::Killed);
        assert!(host.driver.adopt(&stays.spec.jail).await.unwrap().is_none());
        assert!(matches!(vm.connect_guest().await, Err(VmmError::Ended)));

        // Ended before or after this: either way the last words are not lost while it is there.
        if let Some(vm) = host.driver.adopt(&ends.spec.jail).await.unwrap() {
            end_of(&vm).await;
            assert!(vm.console_tail().await.contains("last words"));
        }
        assert!(host.driver.adopt(&ends.spec.jail).await.unwrap().is_none());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_past_its_memory_limit_ends_and_says_so() {
    let host = Host::new().await;
    let mut machine = host.machine(5);
    // Enough for QEMU to start, not for a kernel with its files.
    machine.spec.jail.limits.memory_bytes = 60 << 20;
    match machine.driver.spawn(&machine.spec).await {
        Ok(vm) => assert_eq!(end_of(&vm).await.cause, ExitCause::OutOfMemory),
        Err(error) => assert!(matches!(error, VmmError::EndedAtStart { .. }), "{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_says_why_and_leaves_nothing() {
    let host = Host::new().await;
    let mut machine = host.machine(6);
    machine.spec.boot.kernel = "/etc/passwd".into();
    let error = machine.driver.spawn(&machine.spec).await.err().expect("/etc/passwd is no kernel");
    assert!(
        matches!(&error, VmmError::EndedAtStart { output } if output.contains("exit status 1")),
        "{error}"
    );
    machine.assert_nothing_left();

    machine.spec.boot.kernel = "/no/such/kernel".into();
    let error = machine.driver.spawn(&machine.spec).await.err().expect("there is no kernel");
    assert!(matches!(&error, VmmError::Jail { step, .. } if step == "bind a file into the jail"), "{error}");
    machine.assert_nothing_left();
}

#[tokio::test]
async fn without_kvm_the_driver_says_that_it_emulates() {
    let host = Host::new().await;
    if host.driver.is_emulated() {
        assert_eq!(host.driver.describe(), "qemu (tcg)");
        assert!(host.reason.contains("emulated"), "{}", host.reason);
    } else {
        assert_eq!(host.driver.describe(), "qemu (kvm)");
    }
}
