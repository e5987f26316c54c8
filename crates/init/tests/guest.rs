//! What a guest does, seen from its host's end of the channel. Each test boots a real machine.

mod vm;

use std::time::Duration;

use roost_guest_api::{GuestEvent, LogStream, Phase};
use vm::{Vm, shell};

#[tokio::test]
async fn a_machine_runs_its_process_and_powers_off_when_the_exit_is_acknowledged() {
    let mut vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    assert_eq!(guest.hello.phase, Phase::Unconfigured);
    guest.start(shell("echo out $GREETING; echo err >&2; pwd; exit 7")).await;
    let mut lines = Vec::new();
    let report = loop {
        match guest.event().await {
            GuestEvent::Log(record) => lines.push((record.stream, record.line)),
            GuestEvent::Exited(report) => break report,
            other => panic!("{other:?}"),
        }
    };
    assert!(lines.contains(&(LogStream::Stdout, "out hello".into())));
    assert!(lines.contains(&(LogStream::Stderr, "err".into())));
    assert!(lines.contains(&(LogStream::Stdout, "/srv/work".into())));
    assert_eq!((report.process.as_str(), report.code, report.signal), ("app", 7, -1));
    assert!(!report.requested && !report.oom_killed);
    tokio::time::sleep(Duration::from_millis(100)).await;
    guest.client.ack_exit().await.unwrap();
    vm.ended().await;
}
