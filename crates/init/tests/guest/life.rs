//! Start, stop, exit, and every way in which a machine ends.

use std::time::Duration;

use roost_guest_api::{GuestEvent, LogStream, Phase};

use crate::vm::{Vm, process, shell};

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

#[tokio::test]
async fn a_machine_runs_its_process_and_powers_off_when_the_exit_is_acknowledged() {
    let mut vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    assert_eq!(guest.hello.phase, Phase::Unconfigured);
    guest.start(shell("echo out $GREETING; echo err >&2; pwd; printf unfinished; exit 7")).await;
    let mut lines = Vec::new();
    let report = loop {
        match guest.event().await {
            GuestEvent::Log(record) => lines.push((record.stream, record.line)),
            GuestEvent::Exited(report) => break report,
            other => panic!("{other:?}"),
        }
    };
    for line in ["out hello", "/srv/work", "unfinished"] {
        assert!(lines.contains(&(LogStream::Stdout, line.into())), "{line} is missing: {lines:?}");
    }
    assert!(lines.contains(&(LogStream::Stderr, "err".into())));
    assert_eq!((report.process.as_str(), report.code, report.signal), ("app", 7, -1));
    assert!(!report.requested && !report.oom_killed);

    // A host that comes back hears the end again, and nothing powers off before it says so.
    let seen = guest.last_log;
    drop(guest);
    let mut guest = vm.connect(2, seen).await;
    assert_eq!(guest.hello.phase, Phase::Exited);
    assert!(matches!(guest.event().await, GuestEvent::Exited(again) if again == report));
    guest.client.ack_exit().await.unwrap();
    vm.ended().await;
    assert!(vm.scratch_is_clean(), "{}", vm.console());
}

#[tokio::test]
async fn a_stop_signals_waits_and_then_kills() {
    let vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    let script = "trap 'echo usr1' USR1; trap 'echo term' TERM; echo ready; while :; do sleep 0.1; done";
    guest.start(shell(script)).await;
    assert_eq!(guest.line().await, "ready");
    guest.client.signal(10).await.unwrap();
    assert_eq!(guest.line().await, "usr1");
    guest.client.stop(SIGTERM, Duration::from_millis(500)).await.unwrap();
    let (lines, report) = guest.rest().await;
    assert_eq!(lines, ["term"]);
    assert_eq!((report.code, report.signal, report.requested), (-1, SIGKILL, true));
}

#[tokio::test]
async fn when_one_of_several_processes_ends_the_others_are_stopped_and_it_is_the_one_reported() {
    let vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    let mut config = shell("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done");
    let mut worker = process("worker", "test -t 1 && echo on a terminal; sleep 1; exit 3");
    worker.tty = true;
    config.processes.push(worker);
    guest.start(config).await;
    let (mut lines, report) = guest.rest().await;
    assert_eq!(lines.pop().as_deref(), Some("bye"));
    lines.sort();
    assert_eq!(lines, ["on a terminal", "up"]);
    assert_eq!((report.process.as_str(), report.code), ("worker", 3));
}

#[tokio::test]
async fn a_process_that_takes_too_much_memory_is_reported_as_killed_for_it() {
    let vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    guest.start(shell("exec tail /dev/zero")).await;
    let (_, report) = guest.rest().await;
    assert!(report.oom_killed, "{report:?}");
    assert_eq!(report.signal, SIGKILL);
}

#[tokio::test]
async fn a_machine_that_cannot_start_says_why() {
    let mut vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    let mut config = shell("");
    config.processes[0].argv = vec!["/not-a-program".into()];
    guest.client.configure(config).await.unwrap();
    let reason = loop {
        match guest.event().await {
            GuestEvent::Log(record) => assert_eq!(record.process, "init"),
            GuestEvent::SetupFailed { reason } => break reason,
            other => panic!("{other:?}"),
        }
    };
    assert!(reason.contains("/not-a-program") && reason.contains("architecture"), "{reason}");
    guest.client.ack_exit().await.unwrap();
    vm.ended().await;
}
