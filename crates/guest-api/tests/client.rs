//! The host's client against guests that behave, and against guests that do not.

use std::time::Duration;

use roost_guest_api::{
    ApiOpened, ExecEvent, ExecRequest, GuestClient, GuestError, GuestEvent, GuestMessage, HostMessage,
    LogRecord, LogStream, PROTOCOL, Phase,
    channel::{EXEC_CHUNK, EXEC_WINDOW, LOG_WINDOW, MAX_TO_GUEST, MAX_TO_HOST, chunk_cost},
    frame::{self, Decoder},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::timeout,
};

/// The other end of the channel, played by the test.
struct Guest {
    stream: DuplexStream,
    decoder: Decoder,
    session: u64,
    heard: std::collections::VecDeque<HostMessage>,
}

impl Guest {
    fn new() -> (DuplexStream, Guest) {
        let (host, stream) = duplex(1 << 20);
        let decoder = Decoder::new(MAX_TO_GUEST);
        (host, Guest { stream, decoder, session: 0, heard: Default::default() })
    }

    async fn hear(&mut self) -> HostMessage {
        let mut buffer = vec![0; 64 << 10];
        loop {
            if let Some(message) = self.heard.pop_front() {
                return message;
            }
            let count = self.stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the host closed the channel");
            let heard = &mut self.heard;
            self.decoder.push(&buffer[..count], |frame| heard.extend(frame.map(|frame| frame.message)));
        }
    }

    async fn say(&mut self, message: GuestMessage) {
        let bytes = frame::encode(self.session, &message, MAX_TO_HOST).unwrap();
        // A host that has cut the guest off does not read this.
        let _cut_off = self.stream.write_all(&bytes).await;
    }

    async fn answer_hello(&mut self, protocol: u32) {
        let HostMessage::Hello { session, .. } = self.hear().await else { panic!("no hello") };
        self.session = session;
        let (kernel, phase) = ("6.1".into(), Phase::Running);
        self.say(GuestMessage::Hello { session, protocol, kernel, phase }).await;
    }
}

fn log(seq: u64) -> GuestMessage {
    let (stream, process, line) = (LogStream::Stdout, "app".into(), format!("line {seq}"));
    GuestMessage::Log { record: LogRecord { seq, unix_ns: 0, stream, process, line } }
}

fn exec() -> ExecRequest {
    ExecRequest {
        argv: vec!["cat".into()],
        env: Default::default(),
        user: None,
        working_dir: None,
        tty: None,
        timeout_ms: 0,
    }
}

/// A connection in session 7 and the guest at its other end.
async fn connected() -> (GuestClient, tokio::sync::mpsc::Receiver<GuestEvent>, Guest) {
    let (host, mut guest) = Guest::new();
    let (connected, ()) = tokio::join!(GuestClient::connect(host, 7, 0), guest.answer_hello(PROTOCOL));
    let (client, hello, events) = connected.unwrap();
    assert_eq!(hello.phase, Phase::Running);
    (client, events, guest)
}

#[tokio::test(start_paused = true)]
async fn the_host_asks_again_until_the_guest_has_booted() {
    let (host, mut guest) = Guest::new();
    let late = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        guest.answer_hello(PROTOCOL).await;
        guest.say(log(1)).await;
        // To the other `Hello`s.
        for _ in 0..9 {
            guest.answer_hello(PROTOCOL).await;
        }
        guest
    };
    let (connected, _guest) = tokio::join!(GuestClient::connect(host, 7, 0), late);
    let (_client, _, mut events) = connected.unwrap();
    assert!(matches!(events.recv().await, Some(GuestEvent::Log(record)) if record.seq == 1));
}

#[tokio::test]
async fn what_was_meant_for_an_earlier_host_is_not_heard() {
    let (host, mut guest) = Guest::new();
    guest.session = 6;
    guest.stream.write_all(b"end of a torn frame\0").await.unwrap();
    guest.say(log(1)).await;
    let (connected, ()) = tokio::join!(GuestClient::connect(host, 7, 0), guest.answer_hello(PROTOCOL));
    let (_client, _, mut events) = connected.unwrap();
    guest.session = 6;
    guest.say(log(2)).await;
    guest.session = 7;
    guest.say(log(3)).await;
    assert!(matches!(events.recv().await, Some(GuestEvent::Log(record)) if record.seq == 3));
}

#[tokio::test]
async fn a_guest_of_another_protocol_is_refused() {
    let (host, mut guest) = Guest::new();
    let (connected, ()) = tokio::join!(GuestClient::connect(host, 7, 0), guest.answer_hello(PROTOCOL + 1));
    assert!(matches!(connected, Err(GuestError::Protocol { guest }) if guest == PROTOCOL + 1));
}

#[tokio::test]
async fn when_the_guest_goes_away_everyone_who_waits_hears_it() {
    let (client, mut events, guest) = connected().await;
    let mut session = client.exec(exec()).await.unwrap();
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.processes().await }
    });
    tokio::task::yield_now().await;
    drop(guest);
    assert!(matches!(events.recv().await, Some(GuestEvent::Closed { .. })));
    assert!(events.recv().await.is_none());
    assert!(matches!(asking.await.unwrap(), Err(GuestError::Closed)));
    assert_eq!(session.events.next().await, None);
    assert!(session.input.write(b"x").await.is_err());
    assert!(client.sync().await.is_err());
}

#[tokio::test]
async fn a_guest_that_floods_the_log_is_cut_off() {
    let (_client, mut events, mut guest) = connected().await;
    for seq in 1..=2 * LOG_WINDOW as u64 {
        guest.say(log(seq)).await;
    }
    let mut records = 0;
    let reason = loop {
        match timeout(Duration::from_secs(60), events.recv()).await.expect("nothing happens").unwrap() {
            GuestEvent::Log(_) => records += 1,
            GuestEvent::Closed { reason } => break reason,
            other => panic!("{other:?}"),
        }
        // Slower than the guest: as if each record took its time to reach the disk.
        tokio::task::yield_now().await;
    };
    assert!((LOG_WINDOW..2 * LOG_WINDOW).contains(&records), "{records}");
    assert!(reason.contains("log records"), "{reason}");
}

#[tokio::test]
async fn input_waits_for_credit_and_goes_on_when_the_process_has_read() {
    let (client, _events, mut guest) = connected().await;
    let session = client.exec(exec()).await.unwrap();
    let HostMessage::Exec { exec, .. } = guest.hear().await else { panic!() };
    let input = session.input.clone();
    let writer = tokio::spawn(async move { input.write(&vec![1; 2 * EXEC_WINDOW]).await });
    let mut cost = 0;
    while let Ok(HostMessage::ExecInput { .. }) = timeout(Duration::from_millis(200), guest.hear()).await {
        cost += roost_guest_api::channel::chunk_cost(EXEC_CHUNK) as u64;
    }
    assert!(cost <= EXEC_WINDOW as u64 && !writer.is_finished(), "{cost}");
    while !writer.is_finished() {
        guest.say(GuestMessage::ExecInputTaken { exec, cost }).await;
        while timeout(Duration::from_millis(200), guest.hear()).await.is_ok() {}
    }
    writer.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_exec_nobody_reads_holds_up_neither_questions_nor_others() {
    let (client, _events, mut guest) = connected().await;
    let mut session = client.exec(exec()).await.unwrap();
    let HostMessage::Exec { exec, .. } = guest.hear().await else { panic!() };
    let (stream, data) = (LogStream::Stdout, "eHg=".to_owned());
    for _ in 0..EXEC_WINDOW / roost_guest_api::channel::chunk_cost(2) {
        guest.say(GuestMessage::ExecOutput { exec, stream, data: data.clone() }).await;
    }
    let asking = tokio::spawn(async move { client.sync().await });
    let HostMessage::Sync { id } = guest.hear().await else { panic!() };
    guest.say(GuestMessage::Synced { id }).await;
    asking.await.unwrap().unwrap();
    assert!(matches!(session.events.next().await, Some(ExecEvent::Output { data, .. }) if data == b"xx"));
}

/// What the guest opens as connection 1.
async fn api_opened(events: &mut tokio::sync::mpsc::Receiver<GuestEvent>, guest: &mut Guest) -> ApiOpened {
    guest.say(GuestMessage::ApiOpened { stream: 1 }).await;
    match events.recv().await {
        Some(GuestEvent::ApiOpened(opened)) => opened,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_connection_to_the_api_carries_both_ways_on_credit() {
    let (client, mut events, mut guest) = connected().await;
    let (mut reader, writer) = client.api_stream(api_opened(&mut events, &mut guest).await);
    guest.say(GuestMessage::ApiSent { stream: 1, data: "aGVsbG8=".into() }).await;
    guest.say(GuestMessage::ApiSent { stream: 1, data: String::new() }).await;
    assert_eq!(reader.read().await.as_deref(), Some(&b"hello"[..]));
    assert_eq!(reader.read().await.as_deref(), Some(&b""[..]), "the guest sends no more");

    let writing = tokio::spawn(async move { writer.write(&vec![1; 2 * EXEC_WINDOW]).await });
    let window = EXEC_WINDOW / chunk_cost(EXEC_CHUNK);
    for credit in ["at first", "given back"] {
        for _ in 0..window {
            assert!(matches!(guest.hear().await, HostMessage::ApiData { stream: 1, .. }), "{credit}");
        }
        assert!(timeout(Duration::from_millis(200), guest.hear()).await.is_err(), "{credit}");
        if credit == "at first" {
            let cost = (window * chunk_cost(EXEC_CHUNK)) as u64;
            guest.say(GuestMessage::ApiTaken { stream: 1, cost }).await;
        }
    }

    // The process is gone: whoever writes to it hears that, as does whoever reads.
    guest.say(GuestMessage::ApiClosed { stream: 1 }).await;
    assert!(matches!(writing.await.unwrap(), Err(GuestError::Closed)));
    assert_eq!(reader.read().await, None);
    drop(reader);
    assert!(matches!(guest.hear().await, HostMessage::ApiClosed { stream: 1 }));
}

#[tokio::test]
async fn connections_to_the_api_end_with_the_channel() {
    let (client, mut events, mut guest) = connected().await;
    let (mut reader, writer) = client.api_stream(api_opened(&mut events, &mut guest).await);
    drop(guest);
    assert_eq!(reader.read().await, None);
    assert!(matches!(writer.write(b"x").await, Err(GuestError::Closed)));
}

#[tokio::test]
async fn a_guest_that_opens_too_much_or_sends_beyond_its_credit_is_cut_off() {
    for (hostile, says) in [("opens", "opened more connections"), ("sends", "more data for the api")] {
        let (client, mut events, mut guest) = connected().await;
        let _unread = client.api_stream(api_opened(&mut events, &mut guest).await);
        let flood = async {
            for number in 2..20_000 {
                let message = match hostile {
                    "opens" => GuestMessage::ApiOpened { stream: number },
                    _ => GuestMessage::ApiSent { stream: 1, data: "YQ==".into() },
                };
                guest.say(message).await;
            }
        };
        let cut = async {
            loop {
                match events.recv().await.unwrap() {
                    GuestEvent::ApiOpened(_) => {}
                    GuestEvent::Closed { reason } => break reason,
                    other => panic!("{other:?}"),
                }
            }
        };
        let ((), reason) =
            timeout(Duration::from_secs(60), async { tokio::join!(flood, cut) }).await.unwrap();
        assert!(reason.contains(says), "{hostile}: {reason}");
    }
}
