use super::*;

fn logs(dir: &tempfile::TempDir, bytes: u64) -> Logs {
    Logs::open(dir.path().to_owned(), "fra".parse().unwrap(), bytes).unwrap()
}

fn app() -> AppName {
    "hello".parse().unwrap()
}

fn machine() -> MachineId {
    "00000000000001".parse().unwrap()
}

fn line(seq: u64, message: &str) -> Entry {
    Entry {
        process: "app".to_owned(),
        stream: "stdout",
        origin: Some((1, seq)),
        ..Entry::system(&machine(), message.to_owned())
    }
}

async fn read(logs: &Logs, query: LogQuery) -> Vec<LogLine> {
    let mut cursor = logs.query(&LogQuery { app: "hello".into(), ..query }).await.unwrap();
    let mut lines = Vec::new();
    while let Some(batch) = cursor.next().await.unwrap() {
        lines.extend(batch);
    }
    lines
}

#[tokio::test]
async fn the_last_lines_come_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(&dir, 1 << 20);
    for n in 1..=10 {
        logs.append(&app(), vec![line(n, &format!("line {n}"))]).await.unwrap();
    }
    let lines = read(&logs, LogQuery { tail: Some(3), ..LogQuery::default() }).await;
    assert_eq!(lines.iter().map(|l| l.message.as_str()).collect::<Vec<_>>(), ["line 8", "line 9", "line 10"]);
    let after = read(&logs, LogQuery { after: Some(lines[1].cursor), ..LogQuery::default() }).await;
    assert_eq!(after, lines[2..]);
}

#[tokio::test]
async fn a_follower_gets_every_line_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(&dir, 8 << 20);
    let mut cursor =
        logs.query(&LogQuery { app: "hello".into(), follow: true, ..LogQuery::default() }).await.unwrap();
    let writer = logs.clone();
    let written = tokio::spawn(async move {
        for n in 0..300 {
            writer.append(&app(), vec![line(n, &"x".repeat(10_000))]).await.unwrap();
        }
    });
    let mut seen = 0;
    while seen < 300 {
        seen += cursor.next().await.unwrap().unwrap().len();
    }
    written.await.unwrap();
    assert!(segment::list(&dir.path().join("hello")).unwrap().len() > 1);
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let logs = logs(&dir, 0);
    for n in 0..200 {
        logs.append(&app(), vec![line(n, &"x".repeat(10_000))]).await.unwrap();
    }
    let kept = read(&logs, LogQuery { tail: Some(1000), ..LogQuery::default() }).await;
    assert!((40..80).contains(&kept.len()), "{}", kept.len());
}

#[tokio::test]
async fn a_new_process_knows_what_was_written_and_drops_half_a_line() {
    let dir = tempfile::tempdir().unwrap();
    logs(&dir, 1 << 20).append(&app(), vec![line(1, "one"), line(2, "two")]).await.unwrap();
    let app_dir = dir.path().join("hello");
    let first = segment::list(&app_dir).unwrap()[0];
    let path = segment::path(&app_dir, first);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend(b"{\"c\":17");
    std::fs::write(&path, bytes).unwrap();

    let logs = logs(&dir, 1 << 20);
    assert_eq!(logs.last_seq(&app(), &machine(), 1).await.unwrap(), 2);
    assert_eq!(logs.last_seq(&app(), &machine(), 2).await.unwrap(), 0);
    logs.append(&app(), vec![line(3, "three")]).await.unwrap();
    let lines = read(&logs, LogQuery::default()).await;
    assert_eq!(lines.iter().map(|l| l.message.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    assert!(lines.is_sorted_by_key(|l| l.cursor));
}
