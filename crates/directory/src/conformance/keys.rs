//! Keys, versions, revisions, ranges.

use std::future::Future;

use super::Subject;
use crate::{DirectoryError, MAX_KEY_BYTES, MAX_VALUE_BYTES, Op, Range, Txn};

pub async fn run<F: Future<Output = Subject>>(new_subject: &impl Fn() -> F) {
    a_key_counts_its_puts(new_subject().await).await;
    a_deleted_key_starts_again(new_subject().await).await;
    ranges_are_ordered_bounded_and_paged(new_subject().await).await;
    a_prefix_ends_where_it_should(new_subject().await).await;
    bounds_are_refused(new_subject().await).await;
}

async fn a_key_counts_its_puts(subject: Subject) {
    let (directory, key) = (&subject.directory, subject.key("a"));
    assert_eq!(directory.get(&key).await.unwrap(), None);
    let first = directory.txn(Txn::always([Op::put(&key, "1")])).await.unwrap();
    let second = directory.txn(Txn::always([Op::put(&key, "2")])).await.unwrap();
    assert_eq!(second.revision, first.revision + 1, "each changing transaction raises the revision by one");
    let kv = directory.get(&key).await.unwrap().expect("the key was put");
    assert_eq!((&kv.value[..], kv.version), (&b"2"[..], 2));
    assert_eq!((kv.create_revision, kv.mod_revision), (first.revision, second.revision));
}

async fn a_deleted_key_starts_again(subject: Subject) {
    let (directory, key) = (&subject.directory, subject.key("a"));
    for _ in 0..3 {
        directory.txn(Txn::always([Op::put(&key, "x")])).await.unwrap();
    }
    let deleted = directory.txn(Txn::always([Op::delete(&key)])).await.unwrap();
    assert_eq!(directory.get(&key).await.unwrap(), None);
    let nothing = directory.txn(Txn::always([Op::delete(&key)])).await.unwrap();
    assert_eq!(nothing.revision, deleted.revision, "deleting nothing changes nothing");
    let again = directory.txn(Txn::always([Op::put(&key, "y")])).await.unwrap();
    let kv = directory.get(&key).await.unwrap().expect("the key was put");
    assert_eq!((kv.version, kv.create_revision), (1, again.revision));
}

async fn ranges_are_ordered_bounded_and_paged(subject: Subject) {
    let directory = &subject.directory;
    let names = ["b", "a", "e", "d", "c"];
    directory.txn(Txn::always(names.map(|name| Op::put(subject.key(name), name)))).await.unwrap();
    let all = directory.range(Range::prefix(&subject.prefix)).await.unwrap();
    assert_eq!(shown(&subject, &all.kvs), "a b c d e");
    assert!(!all.more);
    let page = directory.range(Range::prefix(&subject.prefix).limit(2)).await.unwrap();
    assert_eq!((shown(&subject, &page.kvs).as_str(), page.more), ("a b", true));
    let rest = directory.range(Range::prefix(&subject.prefix).after(subject.key("b"))).await.unwrap();
    assert_eq!((shown(&subject, &rest.kvs).as_str(), rest.more), ("c d e", false));
    let last = directory.range(Range::prefix(&subject.prefix).descending().limit(2)).await.unwrap();
    assert_eq!((shown(&subject, &last.kvs).as_str(), last.more), ("e d", true));
    let before = Range::prefix(&subject.prefix).descending().after(subject.key("b"));
    assert_eq!(shown(&subject, &directory.range(before).await.unwrap().kvs), "a");
}

async fn a_prefix_ends_where_it_should(subject: Subject) {
    let directory = &subject.directory;
    let names = ["app", "app/1", "app/é", "app0", "apq"];
    directory.txn(Txn::always(names.map(|name| Op::put(subject.key(name), "")))).await.unwrap();
    let under = directory.range(Range::prefix(subject.key("app/"))).await.unwrap();
    assert_eq!(shown(&subject, &under.kvs), "app/1 app/é");
    directory.txn(Txn::always([Op::delete_prefix(subject.key("app/"))])).await.unwrap();
    let left = directory.range(Range::prefix(&subject.prefix)).await.unwrap();
    assert_eq!(shown(&subject, &left.kvs), "app app0 apq");
}

async fn bounds_are_refused(subject: Subject) {
    let directory = &subject.directory;
    let long = subject.key(&"k".repeat(MAX_KEY_BYTES));
    let key = subject.key("a");
    for txn in [
        Txn::always([Op::put(long, "")]),
        Txn::always([Op::put("", "")]),
        Txn::always([Op::put(&key, vec![0; MAX_VALUE_BYTES + 1])]),
        Txn::always([Op::put(&key, "1"), Op::put(&key, "2")]),
        Txn::always([Op::put(&key, "1"), Op::delete_prefix(&subject.prefix)]),
    ] {
        let error = directory.txn(txn).await.expect_err("the transaction is out of bounds");
        assert!(matches!(error, DirectoryError::InvalidRequest(_)), "{error}");
    }
    directory.txn(Txn::always([Op::put(&key, vec![7; MAX_VALUE_BYTES])])).await.unwrap();
    let kv = directory.get(&key).await.unwrap().expect("a value of the largest size is fine");
    assert_eq!(kv.value.len(), MAX_VALUE_BYTES);
}

fn shown(subject: &Subject, kvs: &[crate::KeyValue]) -> String {
    let names: Vec<&str> = kvs.iter().map(|kv| &kv.key[subject.prefix.len()..]).collect();
    names.join(" ")
}
