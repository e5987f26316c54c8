//! No line is lost while the host agent is away, as far as the buffer reaches, and none comes twice.

use crate::vm::{Vm, shell};

#[tokio::test]
async fn output_waits_for_a_host_that_went_away() {
    let vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    guest.start(shell("for i in $(seq 3000); do echo line $i; done; sleep 1; echo end; sleep 1000")).await;
    let mut seen = Vec::new();
    while seen.len() < 100 {
        seen.push(guest.line().await);
        guest.client.ack_log(guest.last_log).await.unwrap();
    }
    let acked = guest.last_log;
    // As if killed: whatever is under way to it is lost.
    drop(guest);
    let mut guest = vm.connect(2, acked).await;
    loop {
        let line = guest.line().await;
        guest.client.ack_log(guest.last_log).await.unwrap();
        if line == "end" {
            break;
        }
        seen.push(line);
    }
    let expected: Vec<String> = (1..=3000).map(|number| format!("line {number}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn what_the_buffer_cannot_hold_is_counted() {
    let vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    let mut config = shell("sleep 0.5; for i in $(seq 5000); do echo line $i; done");
    config.log_buffer_bytes = 20_000;
    guest.start(config).await;
    drop(guest);
    let mut guest = loop {
        // Away until everything is written.
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let guest = vm.connect(2, 0).await;
        if guest.hello.phase == roost_guest_api::Phase::Exited {
            break guest;
        }
    };
    let (lines, report) = guest.rest().await;
    assert_eq!(report.code, 0);
    let (mut dropped, mut kept) = (0, Vec::new());
    for line in &lines {
        // A slow machine is met while it still writes, and drops in several pieces.
        match line.strip_prefix("dropped ").and_then(|range| range.split_once('+')) {
            Some((_, count)) => dropped += count.parse::<usize>().unwrap(),
            None => kept.push(line),
        }
    }
    assert!(dropped > 0);
    assert_eq!(dropped + kept.len(), 5000);
    assert_eq!(kept.last().unwrap().as_str(), "line 5000");
}
