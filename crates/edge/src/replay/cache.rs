//! Replays that are kept for later requests: by folder of the path, as apps ask, and by session, as fly.toml asks.
//!
//! A memory of the edge alone, and no promise: what is kept may be forgotten at any time, and the app is asked then.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{HeaderMap, header, request::Parts};
use roost_model::AppName;
use roost_routing::{
    Steering, bare_host,
    replay::{CacheRule, Keep, Replay, Scope, SessionKey, Stand},
};
use roost_wire::cookie;
use tokio::time::Instant;

use crate::{
    client::Client,
    context::Edge,
    destination,
    limits::{MAX_KEPT_REPLAYS, MAX_KEPT_REPLAYS_PER_APP, MAX_SESSION_KEY},
};

/// Locks that apps spread over; each is held for a look-up.
const SHARDS: usize = 32;

/// A client asks for the app all the same.
const CONTROL: &str = "fly-replay-cache-control";

#[derive(Default)]
pub(crate) struct ReplayCache {
    /// Of all shards; nothing else is touched while it is zero.
    entries: AtomicUsize,
    shards: [Mutex<HashMap<AppName, HashMap<Key, Entry>>>; SHARDS],
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Folder { host: String, folder: String },
    Session { rule: CacheRule, value: Vec<u8> },
}

struct Entry {
    app: AppName,
    steering: Steering,
    allow_bypass: bool,
    until: Instant,
}

/// A request, as far as it matters here.
pub(crate) struct Asked<'a> {
    pub app: &'a AppName,
    pub head: &'a Parts,
    pub client: &'a Client,
}

/// What is kept for a request.
pub(crate) enum Status {
    Miss,
    /// Something is, and the client does not want it.
    Bypass,
    Hit(Box<Hit>),
}

/// Where the request goes.
pub(crate) struct Hit {
    pub app: AppName,
    pub steering: Steering,
    asked: AppName,
    key: Key,
}

impl ReplayCache {
    pub fn is_empty(&self) -> bool {
        self.entries.load(Ordering::Relaxed) == 0
    }

    /// What is kept for this request: for its path before its session.
    pub fn find(&self, edge: &Edge, asked: &Asked<'_>) -> Status {
        if !self.shard(asked.app).contains_key(asked.app) {
            return Status::Miss;
        }
        let host = host(asked.head);
        let folders = Scope::folders(asked.head.uri.path());
        let folders = folders.map(|folder| Key::Folder { host: host.clone(), folder: folder.to_owned() });
        let session = rule(edge, asked, &host).and_then(|rule| session(rule, &asked.head.headers));
        let keys: Vec<Key> = folders.chain(session).collect();
        let (shard, now) = (self.shard(asked.app), Instant::now());
        let Some(kept) = shard.get(asked.app) else { return Status::Miss };
        let found =
            keys.into_iter().find_map(|key| Some((kept.get(&key).filter(|entry| entry.until > now)?, key)));
        let Some((entry, key)) = found else { return Status::Miss };
        if entry.allow_bypass && asked.head.headers.get(CONTROL).is_some_and(|value| value == "skip") {
            return Status::Bypass;
        }
        let (app, steering) = (entry.app.clone(), entry.steering.clone());
        Status::Hit(Box::new(Hit { app, steering, asked: asked.app.clone(), key }))
    }

    /// Keeps a replay if the app, or its fly.toml, wants that; tells whether it did.
    pub fn learn(
        &self,
        edge: &Edge,
        asked: &Asked<'_>,
        replay: &Replay,
        stand: &Stand,
        used: Option<&Hit>,
    ) -> bool {
        let host = host(asked.head);
        let (key, ttl, allow_bypass) = match &replay.keep {
            Some(Keep::For { scope, ttl, allow_bypass }) => {
                let Scope { host: own, folder } = scope.clone();
                (Key::Folder { host: own.unwrap_or(host), folder }, *ttl, *allow_bypass)
            }
            Some(Keep::Forget) => {
                match used {
                    Some(hit) => self.forget(hit),
                    None => self.forget_for(edge, asked),
                }
                return false;
            }
            None if !replay.can_be_kept() => return false,
            None => {
                let Some(rule) = rule(edge, asked, &host) else { return false };
                let (ttl, allow_bypass) = (rule.ttl, rule.allow_bypass);
                let Some(key) = session(rule, &asked.head.headers) else { return false };
                (key, ttl, allow_bypass)
            }
        };
        let app = replay.app.clone().unwrap_or_else(|| stand.app.clone());
        let (steering, until) = (replay.steering(&stand.machine), Instant::now() + ttl);
        self.put(asked.app, key, Entry { app, steering, allow_bypass, until });
        true
    }

    pub fn forget(&self, hit: &Hit) {
        let mut shard = self.shard(&hit.asked);
        let Some(kept) = shard.get_mut(&hit.asked) else { return };
        if kept.remove(&hit.key).is_some() {
            self.entries.fetch_sub(1, Ordering::Relaxed);
        }
        if kept.is_empty() {
            shard.remove(&hit.asked);
        }
    }

    fn forget_for(&self, edge: &Edge, asked: &Asked<'_>) {
        if let Status::Hit(hit) = self.find(edge, asked) {
            self.forget(&hit);
        }
    }

    /// Drops what is past its time.
    pub fn sweep(&self) {
        if self.is_empty() {
            return;
        }
        let now = Instant::now();
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, kept| {
                let before = kept.len();
                kept.retain(|_, entry| entry.until > now);
                self.entries.fetch_sub(before - kept.len(), Ordering::Relaxed);
                !kept.is_empty()
            });
        }
    }

    /// Where there is no room, another one of the app goes; where the node has none, nothing is kept.
    fn put(&self, app: &AppName, key: Key, entry: Entry) {
        let mut shard = self.shard(app);
        let kept = shard.entry(app.clone()).or_default();
        if let Some(same) = kept.get_mut(&key) {
            *same = entry;
            return;
        }
        if kept.len() >= MAX_KEPT_REPLAYS_PER_APP
            && let Some(other) = kept.keys().next().cloned()
        {
            kept.remove(&other);
            self.entries.fetch_sub(1, Ordering::Relaxed);
        }
        let room = |entries: usize| (entries < MAX_KEPT_REPLAYS).then_some(entries + 1);
        if self.entries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok() {
            kept.insert(key, entry);
        } else if kept.is_empty() {
            shard.remove(app);
        }
    }

    fn shard(&self, app: &AppName) -> MutexGuard<'_, HashMap<AppName, HashMap<Key, Entry>>> {
        let mut hasher = DefaultHasher::new();
        app.hash(&mut hasher);
        let index = hasher.finish() as usize % SHARDS;
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn host(head: &Parts) -> String {
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    bare_host(host.unwrap_or_default())
}

/// The rule of fly.toml for this request.
fn rule(edge: &Edge, asked: &Asked<'_>, host: &str) -> Option<CacheRule> {
    let port = destination::port_of(edge, asked.app, asked.client.public_port)?;
    CacheRule::of(&port.http.replay_cache, host, asked.head.uri.path())
}

fn session(rule: CacheRule, headers: &HeaderMap) -> Option<Key> {
    let value = match &rule.key {
        SessionKey::Header(name) => headers.get(name)?.as_bytes(),
        SessionKey::Cookie(name) => cookie::find(headers, name)?.as_bytes(),
    };
    let value = (!value.is_empty() && value.len() <= MAX_SESSION_KEY).then(|| value.to_owned())?;
    Some(Key::Session { rule, value })
}
