//! A map that is cheap to copy: a copy shares everything, and a change to a copy duplicates only
//! the shard that it touches.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::Arc,
};

/// Enough that a shard of 100,000 entries' map is copied in microseconds, few enough that the map
/// itself is.
const SHARDS: usize = 256;

/// A persistent hash map.
#[derive(Debug, Clone)]
pub(crate) struct Shards<K, V> {
    shards: Vec<Arc<HashMap<K, V>>>,
    hasher: RandomState,
}

impl<K: Hash + Eq + Clone, V: Clone> Shards<K, V> {
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.shards[self.index(key)].get(key)
    }

    pub fn insert(&mut self, key: K, value: V) {
        let index = self.index(&key);
        Arc::make_mut(&mut self.shards[index]).insert(key, value);
    }

    pub fn remove(&mut self, key: &K) {
        let index = self.index(key);
        if self.shards[index].contains_key(key) {
            Arc::make_mut(&mut self.shards[index]).remove(key);
        }
    }

    /// In no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.shards.iter().flat_map(|shard| shard.values())
    }

    fn index<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        self.hasher.hash_one(key) as usize % SHARDS
    }
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Arc::new(HashMap::new())).collect();
        Self { shards, hasher: RandomState::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_does_not_see_later_changes() {
        let mut map = Shards::default();
        (0..1000).for_each(|n| map.insert(n, n));
        let copy = map.clone();
        map.insert(7, 70);
        map.remove(&8);
        assert_eq!((map.get(&7), map.get(&8)), (Some(&70), None));
        assert_eq!((copy.get(&7), copy.get(&8)), (Some(&7), Some(&8)));
        assert_eq!((map.values().count(), copy.values().count()), (999, 1000));
    }
}
