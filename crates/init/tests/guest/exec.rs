//! Processes that the host runs beside the machine's own.

use std::time::Duration;

use roost_guest_api::{ExecEvent, ExecRequest, ExecSession, LogStream, TerminalSize};

use crate::vm::{Guest, Vm, shell};

fn request(script: &str) -> ExecRequest {
    ExecRequest {
        argv: vec!["sh".into(), "-c".into(), script.into()],
        env: [("EXTRA".into(), "more".into())].into(),
        user: None,
        working_dir: None,
        tty: None,
        timeout_ms: 0,
    }
}

/// What it wrote to stdout and stderr, its code and its signal.
async fn finish(mut session: ExecSession) -> (Vec<u8>, Vec<u8>, i32, i32) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some(event) = session.events.next().await {
        match event {
            ExecEvent::Started { pid } => assert!(pid > 1),
            ExecEvent::Output { stream: LogStream::Stdout, data } => out.extend(data),
            ExecEvent::Output { stream: LogStream::Stderr, data } => err.extend(data),
            ExecEvent::Exited { code, signal } => return (out, err, code, signal),
            ExecEvent::Failed { reason } => return (out, reason.into_bytes(), -1, -1),
        }
    }
    panic!("the connection ended before the exec did");
}

async fn run(guest: &Guest, request: ExecRequest) -> (String, String, i32, i32) {
    let (out, err, code, signal) = finish(guest.client.exec(request).await.unwrap()).await;
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap(), code, signal)
}

#[tokio::test]
async fn commands_run_beside_the_machines_own_process() {
    let vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    guest.start(shell("sleep 1000")).await;

    let (out, err, code, _) = run(&guest, request("echo $GREETING $EXTRA; pwd; echo bad >&2; exit 4")).await;
    assert_eq!((out.as_str(), err.as_str(), code), ("hello more\n/srv/work\n", "bad\n", 4));

    let as_web = ExecRequest { user: Some("web".into()), ..request("id -u; id -G") };
    assert_eq!(run(&guest, as_web).await.0, "1000\n1000 50\n");

    let missing = ExecRequest { argv: vec!["nothing".into()], ..request("") };
    assert!(run(&guest, missing).await.1.contains("no program nothing in its PATH"));

    let endless = ExecRequest { timeout_ms: 300, ..request("sleep 1000 & sleep 1000") };
    assert_eq!(run(&guest, endless).await.3, 9);

    // A megabyte each way, by a process that answers while it reads.
    let session = guest.client.exec(request("cat; echo done >&2")).await.unwrap();
    let input = session.input.clone();
    let data: Vec<u8> = (0..1_000_000u32).map(|number| (number % 251) as u8).collect();
    let sent = data.clone();
    let writer = tokio::spawn(async move {
        input.write(&sent).await.unwrap();
        input.close().await.unwrap();
    });
    let (out, err, code, _) = finish(session).await;
    writer.await.unwrap();
    assert!(out == data, "{} bytes came back", out.len());
    assert_eq!((err.as_slice(), code), (&b"done\n"[..], 0));

    // One that nobody reads holds up nobody else, and dies with its session.
    let unread = guest.client.exec(request("while :; do echo flood; done")).await.unwrap();
    assert_eq!(run(&guest, request("echo through")).await.0, "through\n");
    let sleeping = guest.client.exec(request("exec sleep 4321")).await.unwrap();
    drop((unread, sleeping));
    let gone = async {
        while guest.client.processes().await.unwrap().iter().any(|process| process.command.contains("4321")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the dropped exec still runs");
}

#[tokio::test]
async fn a_terminal_has_a_size_an_echo_and_an_end() {
    let vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    guest.start(shell("sleep 1000")).await;
    let size = TerminalSize { rows: 33, cols: 77 };
    let script = "tty; stty size; read word; echo got $word; stty size; cat; echo over";
    let request = ExecRequest { tty: Some(size), ..request(script) };
    let mut session = guest.client.exec(request).await.unwrap();
    let input = session.input.clone();
    let mut text = String::new();
    let mut told = false;
    let code = loop {
        match session.events.next().await.expect("the connection ended") {
            ExecEvent::Output { data, .. } => text += &String::from_utf8(data).unwrap(),
            ExecEvent::Exited { code, .. } => break code,
            ExecEvent::Failed { reason } => panic!("{reason}"),
            ExecEvent::Started { .. } => {}
        }
        if text.contains("33 77") && !told {
            told = true;
            input.resize(TerminalSize { rows: 50, cols: 100 }).await.unwrap();
            input.write(b"word\n").await.unwrap();
            input.close().await.unwrap();
        }
    };
    assert_eq!(code, 0);
    for expected in ["/dev/pts/0", "33 77", "got word", "50 100", "over"] {
        assert!(text.contains(expected), "{expected:?} is missing: {text:?}");
    }
}
