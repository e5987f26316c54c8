//! Compares, branches, atomicity, races.

use std::{future::Future, sync::Arc};

use super::Subject;
use crate::{Compare, Directory, LeaseId, Op, OpResult, Relation, Target, Txn};

pub async fn run<F: Future<Output = Subject>>(new_subject: &impl Fn() -> F) {
    compares_choose_the_branch(new_subject().await).await;
    an_absent_key_compares_as_zero(new_subject().await).await;
    a_failing_transaction_leaves_nothing(new_subject().await).await;
    results_follow_the_operations(new_subject().await).await;
    racing_increments_are_all_counted(new_subject().await).await;
}

async fn compares_choose_the_branch(subject: Subject) {
    let (directory, key, other) = (&subject.directory, subject.key("a"), subject.key("b"));
    let create =
        Txn::always([Op::put(&key, "1")]).when(Compare::absent(&key)).otherwise(Op::put(&other, "taken"));
    assert!(directory.txn(create.clone()).await.unwrap().succeeded);
    assert!(!directory.txn(create).await.unwrap().succeeded);
    assert_eq!(directory.get(&other).await.unwrap().expect("the failure branch ran").value, "taken");
    let revision = directory.get(&key).await.unwrap().expect("created").mod_revision;
    for (relation, number, holds) in [
        (Relation::Equal, revision, true),
        (Relation::NotEqual, revision, false),
        (Relation::Less, revision + 1, true),
        (Relation::Less, revision, false),
        (Relation::Greater, revision - 1, true),
        (Relation::Greater, revision, false),
    ] {
        let compare = Compare::new(&key, relation, Target::ModRevision(number));
        let result = directory.txn(Txn::default().when(compare)).await.unwrap();
        assert_eq!(result.succeeded, holds, "{relation:?} {number}");
    }
    let both = Txn::default().when(Compare::value(&key, "1")).when(Compare::value(&key, "2"));
    assert!(!directory.txn(both).await.unwrap().succeeded, "every compare must hold");
}

async fn an_absent_key_compares_as_zero(subject: Subject) {
    let (directory, key) = (&subject.directory, subject.key("none"));
    for target in [Target::Version(0), Target::CreateRevision(0), Target::ModRevision(0), Target::Lease(0)] {
        let compare = Compare::new(&key, Relation::Equal, target.clone());
        assert!(directory.txn(Txn::default().when(compare)).await.unwrap().succeeded, "{target:?}");
    }
    for relation in [Relation::Equal, Relation::NotEqual, Relation::Less, Relation::Greater] {
        let compare = Compare::new(&key, relation, Target::Value("x".into()));
        let result = directory.txn(Txn::default().when(compare)).await.unwrap();
        assert!(!result.succeeded, "no compare of an absent value holds ({relation:?})");
    }
}

async fn a_failing_transaction_leaves_nothing(subject: Subject) {
    let (directory, key) = (&subject.directory, subject.key("a"));
    let no_lease = Op::put_leased(subject.key("b"), "2", LeaseId(i64::MAX));
    assert!(directory.txn(Txn::always([Op::put(&key, "1"), no_lease])).await.is_err());
    assert_eq!(directory.get(&key).await.unwrap(), None);
}

async fn results_follow_the_operations(subject: Subject) {
    let (directory, key) = (&subject.directory, subject.key("a"));
    let txn = Txn::always([Op::get(&key), Op::put(&key, "1"), Op::get(&key), Op::delete(subject.key("b"))]);
    let result = directory.txn(txn).await.unwrap();
    let [before, put, after, deleted] = &result.results[..] else { panic!("four operations, four results") };
    assert_eq!((before, put, deleted), (&OpResult::Got(None), &OpResult::Put, &OpResult::Deleted(0)));
    let OpResult::Got(Some(kv)) = after else { panic!("a later operation sees an earlier one") };
    assert_eq!(kv.mod_revision, result.revision);
}

async fn racing_increments_are_all_counted(subject: Subject) {
    const TASKS: usize = 4;
    const ROUNDS: usize = 8;
    let (directory, key) = (Arc::clone(&subject.directory), subject.key("count"));
    directory.txn(Txn::always([Op::put(&key, "0")])).await.unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (directory, key) = (Arc::clone(&directory), key.clone());
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    while !increment(&*directory, &key).await {}
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let kv = directory.get(&key).await.unwrap().expect("put above");
    assert_eq!(kv.value, (TASKS * ROUNDS).to_string());
}

async fn increment(directory: &dyn Directory, key: &str) -> bool {
    let kv = directory.get(key).await.unwrap().expect("put by the case");
    let next = std::str::from_utf8(&kv.value).unwrap().parse::<u64>().unwrap() + 1;
    let txn = Txn::always([Op::put(key, next.to_string())]).when(Compare::unchanged(key, kv.mod_revision));
    directory.txn(txn).await.unwrap().succeeded
}
