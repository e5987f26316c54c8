//! Leases: lapse, keep-alive, revocation.

use std::{future::Future, time::Duration};

use futures::StreamExt;

use super::Subject;
use crate::{DirectoryError, Event, Op, Txn};

/// The shortest that any backend allows.
const TTL: Duration = Duration::from_secs(1);

/// Backends look for lapsed leases now and then; none may take longer than this on top.
const SLACK: Duration = Duration::from_secs(4);

pub async fn run<F: Future<Output = Subject>>(new_subject: &impl Fn() -> F) {
    a_revoked_lease_takes_its_keys_along(new_subject().await).await;
    a_lease_lapses_unless_kept_alive(new_subject().await).await;
    a_put_without_the_lease_frees_the_key(new_subject().await).await;
}

async fn a_revoked_lease_takes_its_keys_along(subject: Subject) {
    let directory = &subject.directory;
    let lease = directory.lease_grant(Duration::from_secs(60)).await.unwrap();
    let ops = ["a", "b"].map(|name| Op::put_leased(subject.key(name), name, lease));
    directory.txn(Txn::always(ops)).await.unwrap();
    assert_eq!(directory.get(&subject.key("a")).await.unwrap().expect("put").lease, Some(lease));
    let mut watch = directory.watch(&subject.prefix, None).await.unwrap();
    directory.lease_revoke(lease).await.unwrap();
    let batch = watch.next().await.expect("the watch goes on").expect("no error");
    let deleted = |name| Event::Delete { key: subject.key(name) };
    assert_eq!(batch.events, [deleted("a"), deleted("b")], "all keys in one revision");
    for result in [directory.lease_revoke(lease).await, directory.lease_keepalive(lease).await] {
        let error = result.expect_err("the lease is gone");
        assert!(matches!(error, DirectoryError::LeaseNotFound(id) if id == lease), "{error}");
    }
}

async fn a_lease_lapses_unless_kept_alive(subject: Subject) {
    let (directory, key) = (&subject.directory, subject.key("a"));
    let lease = directory.lease_grant(TTL).await.unwrap();
    directory.txn(Txn::always([Op::put_leased(&key, "", lease)])).await.unwrap();
    for _ in 0..6 {
        tokio::time::sleep(TTL / 3).await;
        directory.lease_keepalive(lease).await.unwrap();
    }
    assert!(directory.get(&key).await.unwrap().is_some(), "kept alive for twice its time");
    let mut watch = directory.watch(&subject.prefix, None).await.unwrap();
    let batch = tokio::time::timeout(TTL + SLACK, watch.next()).await.expect("the lease lapses in time");
    let batch = batch.expect("the watch goes on").expect("no error");
    assert_eq!(batch.events, [Event::Delete { key }]);
}

async fn a_put_without_the_lease_frees_the_key(subject: Subject) {
    let (directory, key) = (&subject.directory, subject.key("a"));
    let lease = directory.lease_grant(Duration::from_secs(60)).await.unwrap();
    directory.txn(Txn::always([Op::put_leased(&key, "1", lease)])).await.unwrap();
    directory.txn(Txn::always([Op::put(&key, "2")])).await.unwrap();
    directory.lease_revoke(lease).await.unwrap();
    let kv = directory.get(&key).await.unwrap().expect("the key no longer hangs on the lease");
    assert_eq!((&kv.value[..], kv.lease), (&b"2"[..], None));
}
