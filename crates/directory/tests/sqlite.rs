//! The SQLite backend: the conformance suite, and what only a file can get wrong.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use roost_directory::{
    Compare, Directory, DirectoryError, Op, Range, SqliteDirectory, Txn,
    conformance::{self, Subject},
};

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let directory = SqliteDirectory::open(&path).await.unwrap();
    let cases = std::sync::atomic::AtomicU32::new(0);
    conformance::run(|| {
        let case = cases.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let directory: Arc<dyn Directory> = Arc::new(directory.clone());
        async move { Subject { directory, prefix: format!("case-{case:02}/") } }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let first = SqliteDirectory::open(&path).await.unwrap();
    let lease = first.lease_grant(Duration::from_secs(60)).await.unwrap();
    first.txn(Txn::always([Op::put("a", "1")])).await.unwrap();
    let put = first.txn(Txn::always([Op::put_leased("b", "2", lease)])).await.unwrap();
    drop(first);

    let second = SqliteDirectory::open(&path).await.unwrap();
    let found = second.range(Range::prefix("")).await.unwrap();
    assert_eq!((found.revision, found.kvs.len()), (put.revision, 2));
    second.lease_keepalive(lease).await.unwrap();
    let mut watch = second.watch("", Some(2)).await.unwrap();
    let revisions =
        [watch.next().await.unwrap().unwrap().revision, watch.next().await.unwrap().unwrap().revision];
    assert_eq!(revisions, [2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_from_too_far_back_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let directory = SqliteDirectory::open_with_history(&path, 10).await.unwrap();
    for n in 0..600 {
        directory.txn(Txn::always([Op::put("a", n.to_string())])).await.unwrap();
    }
    let Err(error) = directory.watch("", Some(2)).await else { panic!("revision 2 is compacted") };
    let DirectoryError::Compacted { requested: 2, oldest } = error else { panic!("{error}") };
    let mut watch = directory.watch("", Some(oldest)).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().revision, oldest, "what is said to be kept is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    drop(SqliteDirectory::open(&path).await.unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let Err(error) = SqliteDirectory::open(&path).await else { panic!("schema 99 is not known") };
    assert!(error.to_string().contains("newer Roost"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_no_longer_holds_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let directory = SqliteDirectory::open(&folder.path().join("directory.db")).await.unwrap();
    directory.txn(Txn::always([Op::put("a", "1")])).await.unwrap();
    let stale = Txn::always([Op::put("a", "2")]).when(Compare::unchanged("a", 1));
    let result = directory.txn(stale).await.unwrap();
    assert_eq!((result.succeeded, result.revision), (false, 2));
}
