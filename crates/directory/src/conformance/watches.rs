//! Watches: order, completeness, prefixes, going back.

use std::{future::Future, time::Duration};

use futures::StreamExt;

use super::Subject;
use crate::{Event, Op, Txn, Watch, WatchBatch};

pub async fn run<F: Future<Output = Subject>>(new_subject: &impl Fn() -> F) {
    a_watch_sees_what_comes_after_it(new_subject().await).await;
    a_watch_can_go_back(new_subject().await).await;
    a_transaction_is_one_batch(new_subject().await).await;
    a_slow_watch_misses_nothing(new_subject().await).await;
}

async fn a_watch_sees_what_comes_after_it(subject: Subject) {
    let (directory, key) = (&subject.directory, subject.key("in/a"));
    directory.txn(Txn::always([Op::put(&key, "before")])).await.unwrap();
    let mut watch = directory.watch(&subject.key("in/"), None).await.unwrap();
    directory.txn(Txn::always([Op::put(subject.key("out/a"), "elsewhere")])).await.unwrap();
    let put = directory.txn(Txn::always([Op::put(&key, "after")])).await.unwrap();
    let deleted = directory.txn(Txn::always([Op::delete(&key)])).await.unwrap();
    let batch = next(&mut watch).await;
    assert_eq!(batch.revision, put.revision);
    let [Event::Put(kv)] = &batch.events[..] else { panic!("one put: {batch:?}") };
    assert_eq!((&kv.value[..], kv.version, kv.mod_revision), (&b"after"[..], 2, put.revision));
    let batch = next(&mut watch).await;
    assert_eq!(batch, WatchBatch { revision: deleted.revision, events: vec![Event::Delete { key }] });
}

async fn a_watch_can_go_back(subject: Subject) {
    let directory = &subject.directory;
    let first = directory.txn(Txn::always([Op::put(subject.key("a"), "1")])).await.unwrap();
    let second = directory.txn(Txn::always([Op::put(subject.key("a"), "2")])).await.unwrap();
    let mut watch = directory.watch(&subject.prefix, Some(first.revision)).await.unwrap();
    assert_eq!(next(&mut watch).await.revision, first.revision);
    assert_eq!(next(&mut watch).await.revision, second.revision);
    let third = directory.txn(Txn::always([Op::put(subject.key("a"), "3")])).await.unwrap();
    assert_eq!(next(&mut watch).await.revision, third.revision, "history goes over into live changes");
    let mut later = directory.watch(&subject.prefix, Some(third.revision + 2)).await.unwrap();
    directory.txn(Txn::always([Op::put(subject.key("a"), "4")])).await.unwrap();
    let fifth = directory.txn(Txn::always([Op::put(subject.key("a"), "5")])).await.unwrap();
    assert_eq!(next(&mut later).await.revision, fifth.revision, "a revision to come may be asked for");
}

async fn a_transaction_is_one_batch(subject: Subject) {
    let directory = &subject.directory;
    let mut watch = directory.watch(&subject.prefix, None).await.unwrap();
    let ops = ["a", "b", "c"].map(|name| Op::put(subject.key(name), name));
    let result = directory.txn(Txn::always(ops)).await.unwrap();
    let batch = next(&mut watch).await;
    assert_eq!((batch.revision, batch.events.len()), (result.revision, 3));
}

async fn a_slow_watch_misses_nothing(subject: Subject) {
    const WRITES: usize = 600;
    let (directory, key) = (&subject.directory, subject.key("a"));
    let mut watch = directory.watch(&subject.prefix, None).await.unwrap();
    for n in 0..WRITES {
        directory.txn(Txn::always([Op::put(&key, n.to_string())])).await.unwrap();
    }
    for n in 0..WRITES {
        let batch = next(&mut watch).await;
        let [Event::Put(kv)] = &batch.events[..] else { panic!("one put: {batch:?}") };
        assert_eq!(kv.value, n.to_string());
    }
}

async fn next(watch: &mut Watch) -> WatchBatch {
    let next = tokio::time::timeout(Duration::from_secs(10), watch.next()).await;
    next.expect("a change within 10 s").expect("the watch goes on").expect("no error")
}
