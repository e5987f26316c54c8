//! Following the directory: which apps are declared, which host names, ports and addresses they have.

use std::{net::IpAddr, sync::Arc, time::Duration};

use futures::{StreamExt, future::join_all};
use roost_directory::{Directory, DirectoryError, Event, KeyValue, Range, Revision};
use roost_model::{AppName, service::Protocol};
use roost_records::{CertificateRecord, ChallengeRecord, DEFAULT_NETWORK, PortRecord, Record, key};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{AppRecord, Catalog, Change, NameEntry, PortHolder};

/// Wait before reading everything again after the watch ended.
const RETRY: Duration = Duration::from_millis(500);

/// A part of the directory, and what it means.
struct Topic {
    prefix: &'static str,
    all: fn(&[KeyValue]) -> Change,
    put: fn(&KeyValue) -> Option<Change>,
    /// Takes what follows the prefix.
    deleted: fn(&str) -> Option<Change>,
}

const TOPICS: [Topic; 6] = [
    Topic {
        prefix: key::APPS,
        all: |kvs| Change::AllApps(kvs.iter().filter_map(app).collect()),
        put: |kv| app(kv).map(Change::App),
        deleted: |name| Some(Change::AppDeleted(name.parse().ok()?)),
    },
    Topic {
        prefix: key::CERTIFICATES,
        all: |kvs| Change::AllNames(kvs.iter().filter_map(app_name_entry).collect()),
        put: |kv| app_name_entry(kv).map(Change::Name),
        deleted: |rest| {
            let (app, hostname) = rest.split_once('/')?;
            Some(Change::NameDeleted { hostname: hostname.to_owned(), app: Some(app.parse().ok()?) })
        },
    },
    Topic {
        prefix: key::PLATFORM_CERTIFICATES,
        all: |kvs| Change::AllPlatformNames(kvs.iter().filter_map(|kv| name_entry(kv, None)).collect()),
        put: |kv| name_entry(kv, None).map(Change::Name),
        deleted: |hostname| Some(Change::NameDeleted { hostname: hostname.to_owned(), app: None }),
    },
    Topic {
        prefix: key::PORTS,
        all: |kvs| Change::AllPorts(kvs.iter().filter_map(port).collect()),
        put: |kv| port(kv).map(|(port, holder)| Change::Port(port, holder)),
        deleted: |rest| key::parse_port(rest).map(Change::PortFree),
    },
    Topic {
        prefix: key::ADDRESSES,
        all: |kvs| Change::AllAddresses(kvs.iter().filter_map(|kv| address(&kv.key)).collect()),
        put: |kv| address(&kv.key).map(|(app, ip)| Change::Address(app, ip)),
        deleted: |rest| split_address(rest).map(|(app, ip)| Change::AddressReleased(app, ip)),
    },
    Topic {
        prefix: key::ACME_CHALLENGES,
        all: |kvs| {
            let read = kvs.iter().filter_map(decode::<ChallengeRecord>);
            Change::AllChallenges(read.map(|r| (r.hostname.clone(), Arc::new(r.into()))).collect())
        },
        put: |kv| decode::<ChallengeRecord>(kv).map(|r| Change::Challenge(r.hostname.clone(), r.into())),
        deleted: |hostname| Some(Change::ChallengeDeleted(hostname.to_owned())),
    },
];

impl Catalog {
    /// Follows the directory until `shutdown`: reads all of it that matters here, then every change; again
    /// from the start whenever a watch ends.
    pub async fn follow_directory(&self, directory: Arc<dyn Directory>, shutdown: CancellationToken) {
        let following = TOPICS.iter().map(|topic| async {
            loop {
                if let Err(error) = self.follow_topic(topic, &*directory).await {
                    warn!(%error, prefix = topic.prefix, "the directory's watch ended");
                }
                sleep(RETRY).await;
            }
        });
        let _: Option<Vec<()>> = shutdown.run_until_cancelled(join_all(following)).await;
    }

    async fn follow_topic(&self, topic: &Topic, directory: &dyn Directory) -> Result<(), DirectoryError> {
        let (all, revision) = everything(topic.prefix, directory).await?;
        self.apply([(topic.all)(&all)]);
        let mut changes = directory.watch(topic.prefix, Some(revision + 1)).await?;
        while let Some(batch) = changes.next().await {
            self.apply(batch?.events.iter().filter_map(|event| match event {
                Event::Put(kv) => (topic.put)(kv),
                Event::Delete { key } => (topic.deleted)(key.strip_prefix(topic.prefix)?),
            }));
        }
        Ok(())
    }
}

/// Everything under the prefix, and a revision that none of it is newer than: changes after it follow in
/// the watch, which may tell again of what was read.
async fn everything(
    prefix: &str,
    directory: &dyn Directory,
) -> Result<(Vec<KeyValue>, Revision), DirectoryError> {
    let mut all = Vec::new();
    let mut page = Range::prefix(prefix);
    let mut first_revision = None;
    loop {
        let result = directory.range(page.clone()).await?;
        let revision = *first_revision.get_or_insert(result.revision);
        let last = result.kvs.last().map(|kv| kv.key.clone());
        all.extend(result.kvs);
        match last {
            Some(last) if result.more => page = page.after(last),
            _ => return Ok((all, revision)),
        }
    }
}

fn app(kv: &KeyValue) -> Option<AppRecord> {
    let record = decode::<roost_records::AppRecord>(kv)?;
    let in_default_network = record.network_name == DEFAULT_NETWORK;
    Some(AppRecord { name: record.name, org: record.org, network: record.network, in_default_network })
}

fn app_name_entry(kv: &KeyValue) -> Option<NameEntry> {
    let (app, _) = kv.key.strip_prefix(key::CERTIFICATES)?.split_once('/')?;
    name_entry(kv, Some(app.parse::<AppName>().ok()?))
}

fn name_entry(kv: &KeyValue, app: Option<AppName>) -> Option<NameEntry> {
    decode::<CertificateRecord>(kv).map(|record| NameEntry::of(record, &kv.key, app))
}

fn port(kv: &KeyValue) -> Option<((Protocol, u16), PortHolder)> {
    let port = key::parse_port(kv.key.strip_prefix(key::PORTS)?)?;
    Some((port, decode::<PortRecord>(kv)?.app.map_or(PortHolder::Shared, PortHolder::App)))
}

/// The key says it all.
fn address(key: &str) -> Option<(AppName, IpAddr)> {
    split_address(key.strip_prefix(key::ADDRESSES)?)
}

fn split_address(rest: &str) -> Option<(AppName, IpAddr)> {
    let (app, ip) = rest.split_once('/')?;
    Some((app.parse().ok()?, ip.parse().ok()?))
}

/// The record under a key; one that cannot be read is skipped, the others matter more.
fn decode<T: Record>(kv: &KeyValue) -> Option<T> {
    T::decode(kv).inspect_err(|error| warn!(%error, "a record was skipped")).ok()
}
