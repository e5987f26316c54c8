//! A hash table that is cheap to copy: a copy shares everything, and a change to a copy duplicates only the way to the
//! entry that it touches.
//!
//! ```text
//!  root ── 64 branches ── 64 leaves each ── slots with an entry's hash and a pointer to it
//! ```
//!
//! The two upper levels are so small that they are in a cache of the CPU's, and of a leaf one line is read as a rule: to
//! find one of many entries that nobody has asked for takes the time of two accesses to memory, the second to the entry.
//! Keys come from tenants, so the hash is keyed: nobody can fill one leaf on purpose.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

/// Children of the root, and of each branch: 4096 leaves of some 24 entries each when there are 100,000. A change
/// copies the pointers of the root, of a branch, and of a leaf.
const FAN_OUT: usize = 64;
const FAN_OUT_BITS: u32 = FAN_OUT.ilog2();

/// A persistent hash table of entries that know their key.
#[derive(Debug)]
pub(crate) struct Table<V> {
    root: Arc<[Arc<Branch<V>>; FAN_OUT]>,
    hasher: RandomState,
}

type Branch<V> = [Arc<Leaf<V>>; FAN_OUT];

/// A power of two of slots, or none. An entry is in the slot that its hash names, or in the next one that is free.
type Leaf<V> = [Option<(u64, Arc<V>)>];

/// An entry of a table.
pub(crate) trait Keyed {
    fn key(&self) -> &[u8];
}

impl<V: Keyed> Table<V> {
    pub fn get(&self, key: &[u8]) -> Option<&Arc<V>> {
        let hash = self.hasher.hash_one(key);
        let [branch, leaf] = path(hash);
        let leaf = &self.root[branch][leaf];
        leaf[find(leaf, hash, key)?].as_ref().map(|(_, entry)| entry)
    }

    /// Puts an entry in, in the place of one with the same key.
    pub fn insert(&mut self, entry: Arc<V>) {
        let hash = self.hasher.hash_one(entry.key());
        let leaf = self.leaf_mut(hash);
        match (find(leaf, hash, entry.key()), Arc::get_mut(leaf)) {
            (Some(slot), Some(slots)) => slots[slot] = Some((hash, entry)),
            (place, _) => *leaf = filled(without(leaf, place).chain([(hash, entry)]).collect()),
        }
    }

    pub fn remove(&mut self, key: &[u8]) {
        if self.get(key).is_none() {
            return;
        }
        let hash = self.hasher.hash_one(key);
        let leaf = self.leaf_mut(hash);
        *leaf = filled(without(leaf, find(leaf, hash, key)).collect());
    }

    /// In no order.
    pub fn values(&self) -> impl Iterator<Item = &Arc<V>> {
        let leaves = self.root.iter().flat_map(|branch| branch.iter());
        leaves.flat_map(|leaf| leaf.iter().flatten().map(|(_, entry)| entry))
    }

    /// The leaf of a hash, on a way that nobody else has.
    fn leaf_mut(&mut self, hash: u64) -> &mut Arc<Leaf<V>> {
        let [branch, leaf] = path(hash);
        &mut Arc::make_mut(&mut Arc::make_mut(&mut self.root)[branch])[leaf]
    }
}

/// The highest bits lead to the leaf; the lowest say where in it.
fn path(hash: u64) -> [usize; 2] {
    [hash >> (u64::BITS - FAN_OUT_BITS), hash >> (u64::BITS - 2 * FAN_OUT_BITS)]
        .map(|bits| bits as usize % FAN_OUT)
}

/// Indices of the slots where an entry may be, the likeliest first.
fn probes(slots: usize, hash: u64) -> impl Iterator<Item = usize> {
    (0..slots).map(move |step| (hash as usize).wrapping_add(step) & (slots - 1))
}

fn find<V: Keyed>(leaf: &Leaf<V>, hash: u64, key: &[u8]) -> Option<usize> {
    for index in probes(leaf.len(), hash) {
        match &leaf[index] {
            Some((other, entry)) if *other == hash && entry.key() == key => return Some(index),
            Some(_) => {}
            None => return None,
        }
    }
    None
}

fn without<V>(leaf: &Leaf<V>, place: Option<usize>) -> impl Iterator<Item = (u64, Arc<V>)> {
    let others = leaf.iter().enumerate().filter(move |(index, _)| Some(*index) != place);
    others.filter_map(|(_, slot)| slot.clone())
}

/// A leaf with these entries, a quarter of its slots free at least, so that a search ends soon.
fn filled<V>(entries: Vec<(u64, Arc<V>)>) -> Arc<Leaf<V>> {
    let slots = if entries.is_empty() { 0 } else { (entries.len() * 4).div_ceil(3).next_power_of_two() };
    let mut leaf: Vec<_> = (0..slots).map(|_| None).collect();
    for (hash, entry) in entries {
        if let Some(free) = probes(slots, hash).find(|index| leaf[*index].is_none()) {
            leaf[free] = Some((hash, entry));
        }
    }
    leaf.into()
}

impl<V> Clone for Table<V> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), hasher: self.hasher.clone() }
    }
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        let branch: Arc<Branch<V>> = Arc::new(std::array::from_fn(|_| Arc::default()));
        Self { root: Arc::new(std::array::from_fn(|_| branch.clone())), hasher: RandomState::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    /// A key and what is said of it.
    #[derive(Debug, Clone, PartialEq)]
    struct Entry(String, u32);

    impl Keyed for Entry {
        fn key(&self) -> &[u8] {
            self.0.as_bytes()
        }
    }

    fn content(table: &Table<Entry>) -> BTreeMap<String, u32> {
        table.values().map(|entry| (entry.0.clone(), entry.1)).collect()
    }

    #[test]
    fn it_is_as_any_map_and_copies_stay_as_they_were() {
        let mut dice = StdRng::seed_from_u64(5);
        let (mut table, mut model) = (Table::default(), BTreeMap::new());
        let mut copies = Vec::new();
        for number in 0..30_000 {
            let key = format!("app-{}", dice.random_range(0..8_000));
            if dice.random_ratio(1, 3) {
                table.remove(key.as_bytes());
                model.remove(&key);
            } else {
                table.insert(Arc::new(Entry(key.clone(), number)));
                model.insert(key.clone(), number);
            }
            assert_eq!(table.get(key.as_bytes()).map(|entry| entry.1), model.get(&key).copied());
            if number % 5_000 == 0 {
                copies.push((table.clone(), model.clone()));
            }
        }
        copies.push((table, model));
        for (table, model) in &copies {
            assert_eq!(content(table), *model);
            assert!(model.keys().all(|key| table.get(key.as_bytes()).is_some()));
        }
    }
}
