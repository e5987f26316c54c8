//! Who is who, in memory: tokens, users, orgs and their members, followed from the directory.
//!
//! So a call is let in without a look into the directory, and also while that is away. What this api
//! itself changes is known here before its answer goes out ([`Book::reach`]): a token that was revoked
//! opens nothing from then on.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use futures::StreamExt;
use jiff::Timestamp;
use roost_api_types::ErrorCode;
use roost_directory::{Directory, DirectoryError, Event, KeyValue, Range, Revision};
use roost_records::{
    Corrupt, Email, MemberRecord, MemberRole, OrgRecord, Record, TokenRecord, TokenUse, UserRecord, key,
};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use super::hash;
use crate::error::{ApiError, Result};

/// Wait before everything is read again after the watch ended.
const RETRY: Duration = Duration::from_millis(500);

/// How long a change may take to come back through the watch: milliseconds, unless the disk is stuck.
const REACH_TIMEOUT: Duration = Duration::from_secs(10);

/// What is followed.
const PREFIXES: [&str; 4] = [key::TOKENS, key::USERS, key::ORGS, key::MEMBERS];

pub struct Book {
    entries: RwLock<Entries>,
    /// Every change up to this revision is in.
    reached: watch::Sender<Revision>,
    uses: Mutex<Uses>,
}

/// When tokens were used; as many as there are tokens.
#[derive(Default)]
struct Uses {
    last: HashMap<Ulid, Timestamp>,
    unwritten: HashSet<Ulid>,
}

/// By the directory's keys, which sort members under their org.
type Entries = BTreeMap<String, Entry>;

#[derive(Clone)]
enum Entry {
    Token(Arc<TokenRecord>),
    User(Arc<UserRecord>),
    Org(Arc<OrgRecord>),
    Member(Arc<MemberRecord>),
}

impl Book {
    pub async fn load(directory: &dyn Directory) -> Result<Self, DirectoryError> {
        let (entries, revision) = read_all(directory).await?;
        Ok(Self {
            entries: RwLock::new(entries),
            reached: watch::Sender::new(revision),
            uses: Mutex::default(),
        })
    }

    /// The record of a token that is good now. Tokens are found by their hash: how long that takes
    /// tells nothing about a token that somebody guesses at.
    pub fn token(&self, token: &str) -> Option<Arc<TokenRecord>> {
        self.token_of_hash(&hash(token))
    }

    /// The same for whoever kept the hash only.
    pub fn token_of_hash(&self, hash: &str) -> Option<Arc<TokenRecord>> {
        let now = Timestamp::now();
        let found = match self.read().get(&key::token(hash)) {
            Some(Entry::Token(record)) if record.is_good(now) => Arc::clone(record),
            _ => return None,
        };
        let mut uses = self.lock_uses();
        uses.last.insert(found.id, now);
        uses.unwritten.insert(found.id);
        Some(found)
    }

    /// Every token, good or not, with its key.
    pub fn tokens(&self) -> Vec<(String, Arc<TokenRecord>)> {
        self.under(key::TOKENS, |key, entry| match entry {
            Entry::Token(record) => Some((key.to_owned(), Arc::clone(record))),
            _ => None,
        })
    }

    pub fn user(&self, email: &Email) -> Option<Arc<UserRecord>> {
        match self.read().get(&key::user(email)) {
            Some(Entry::User(record)) => Some(Arc::clone(record)),
            _ => None,
        }
    }

    pub fn users(&self) -> Vec<Arc<UserRecord>> {
        self.under(key::USERS, |_, entry| match entry {
            Entry::User(record) => Some(Arc::clone(record)),
            _ => None,
        })
    }

    pub fn org(&self, slug: &str) -> Option<Arc<OrgRecord>> {
        match self.read().get(&key::org(slug)) {
            Some(Entry::Org(record)) => Some(Arc::clone(record)),
            _ => None,
        }
    }

    pub fn orgs(&self) -> Vec<Arc<OrgRecord>> {
        self.under(key::ORGS, |_, entry| match entry {
            Entry::Org(record) => Some(Arc::clone(record)),
            _ => None,
        })
    }

    pub fn members(&self, org: &str) -> Vec<Arc<MemberRecord>> {
        self.under(&key::members(org), |_, entry| match entry {
            Entry::Member(record) => Some(Arc::clone(record)),
            _ => None,
        })
    }

    pub fn role(&self, org: &str, email: &Email) -> Option<MemberRole> {
        match self.read().get(&key::member(org, email)) {
            Some(Entry::Member(record)) => Some(record.role),
            _ => None,
        }
    }

    /// Waits until changes up to a revision are known.
    pub async fn reach(&self, revision: Revision) -> Result<()> {
        let mut reached = self.reached.subscribe();
        let known = reached.wait_for(|reached| *reached >= revision);
        match tokio::time::timeout(REACH_TIMEOUT, known).await {
            Ok(_) => Ok(()),
            Err(_) => Err(ApiError::new(
                ErrorCode::Unavailable,
                "the change is written, but this api does not act on it yet: the directory answers late",
            )),
        }
    }

    /// When a token was last used.
    pub fn last_use(&self, token: Ulid) -> Option<Timestamp> {
        self.lock_uses().last.get(&token).copied()
    }

    /// What earlier runs wrote down about uses.
    pub fn remember_uses(&self, uses: impl Iterator<Item = TokenUse>) {
        let last = &mut self.lock_uses().last;
        for TokenUse { token, at } in uses {
            let known = last.entry(token).or_insert(at);
            *known = at.max(*known);
        }
    }

    /// The uses since the last call, to be written down.
    pub fn take_new_uses(&self) -> Vec<(Ulid, Timestamp)> {
        let mut uses = self.lock_uses();
        let used = std::mem::take(&mut uses.unwritten);
        used.into_iter().filter_map(|token| Some((token, *uses.last.get(&token)?))).collect()
    }

    /// Follows the directory until `shutdown`.
    pub async fn follow(&self, directory: Arc<dyn Directory>, shutdown: CancellationToken) {
        let following = async {
            loop {
                if let Err(error) = self.follow_once(&*directory).await {
                    tracing::warn!(%error, "the watch of tokens and orgs ended");
                }
                sleep(RETRY).await;
                match read_all(&*directory).await {
                    Ok((entries, revision)) => {
                        *self.write() = entries;
                        self.reached.send_replace(revision);
                    }
                    Err(error) => tracing::warn!(%error, "tokens and orgs could not be read"),
                }
            }
        };
        let _: Option<()> = shutdown.run_until_cancelled(following).await;
    }

    /// One watch of all keys, so that changes of tokens and of members come in the order in which they
    /// were made.
    async fn follow_once(&self, directory: &dyn Directory) -> Result<(), DirectoryError> {
        let from = *self.reached.borrow() + 1;
        let mut changes = directory.watch("", Some(from)).await?;
        while let Some(batch) = changes.next().await {
            let batch = batch?;
            if batch.events.iter().any(|event| is_followed(event.key())) {
                let mut entries = self.write();
                for event in batch.events.iter().filter(|event| is_followed(event.key())) {
                    match event {
                        Event::Put(kv) => put(&mut entries, kv),
                        Event::Delete { key } => drop(entries.remove(key)),
                    }
                }
            }
            self.reached.send_replace(batch.revision);
        }
        Ok(())
    }

    fn under<T>(&self, prefix: &str, pick: impl Fn(&str, &Entry) -> Option<T>) -> Vec<T> {
        let entries = self.read();
        let from = entries.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        from.filter_map(|(key, entry)| pick(key, entry)).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything, and a revision that none of it is older than: what the watch tells again is the same.
async fn read_all(directory: &dyn Directory) -> Result<(Entries, Revision), DirectoryError> {
    let mut entries = Entries::new();
    let mut first_revision = None;
    for prefix in PREFIXES {
        let mut page = Range::prefix(prefix);
        loop {
            let result = directory.range(page.clone()).await?;
            first_revision.get_or_insert(result.revision);
            result.kvs.iter().for_each(|kv| put(&mut entries, kv));
            match result.kvs.last() {
                Some(last) if result.more => page = page.after(last.key.clone()),
                _ => break,
            }
        }
    }
    Ok((entries, first_revision.unwrap_or_default()))
}

fn is_followed(key: &str) -> bool {
    PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// A record that cannot be read opens nothing; the others still do.
fn put(entries: &mut Entries, kv: &KeyValue) {
    match decode(kv) {
        Ok(entry) => drop(entries.insert(kv.key.clone(), entry)),
        Err(error) => {
            tracing::warn!(%error, "record skipped");
            entries.remove(&kv.key);
        }
    }
}

fn decode(kv: &KeyValue) -> Result<Entry, Corrupt> {
    let of = |prefix: &str| kv.key.starts_with(prefix);
    Ok(match () {
        () if of(key::TOKENS) => Entry::Token(Arc::new(TokenRecord::decode(kv)?)),
        () if of(key::USERS) => Entry::User(Arc::new(UserRecord::decode(kv)?)),
        () if of(key::ORGS) => Entry::Org(Arc::new(OrgRecord::decode(kv)?)),
        () => Entry::Member(Arc::new(MemberRecord::decode(kv)?)),
    })
}
