//! Networks and apps.

use jiff::Timestamp;
use roost_api_types::ErrorCode;
use roost_directory::{Compare, Op, Txn};
use roost_model::{AppName, NetworkId};
use roost_records::{AppRecord, NetworkRecord, Stored, key};

use super::{MAX_TRIES, Store, next_number, put};
use crate::error::{ApiError, Result};

impl Store {
    /// The app, if there is one.
    pub async fn find_app(&self, name: &AppName) -> Result<Option<AppRecord>> {
        Ok(self.get::<AppRecord>(&key::app(name)).await?.map(|stored| stored.record))
    }

    pub async fn app(&self, name: &AppName) -> Result<Stored<AppRecord>> {
        let app = self.get::<AppRecord>(&key::app(name)).await?;
        app.ok_or_else(|| ApiError::no_app(name))
    }

    pub async fn apps(&self) -> Result<Vec<AppRecord>> {
        let apps = self.list::<AppRecord>(key::APPS).await?;
        Ok(apps.into_iter().map(|stored| stored.record).collect())
    }

    /// Makes an app, and its network when that is new.
    pub async fn create_app(
        &self,
        name: &AppName,
        org: &str,
        network: &str,
        role: &str,
    ) -> Result<AppRecord> {
        for _ in 0..MAX_TRIES {
            if self.get::<AppRecord>(&key::app(name)).await?.is_some() {
                return Err(name_taken(name));
            }
            // An org that is being deleted gets no more apps.
            let in_org = self.open_org(org).await?;
            let (number, unchanged, count) = next_number(self, key::APP_COUNTER).await?;
            let (network_id, conditions, mut writes) = self.network(org, network).await?;
            let app = AppRecord {
                name: name.clone(),
                number,
                org: org.to_owned(),
                network: network_id,
                network_name: network.to_owned(),
                created_at: Timestamp::now(),
                current_release: None,
                counts: Default::default(),
                role: role.to_owned(),
                deleting: false,
            };
            writes.extend([count, put(key::app(name), &app)]);
            let mut txn =
                Txn::always(writes).when(unchanged).when(in_org).when(Compare::absent(key::app(name)));
            txn.compares.extend(conditions);
            if self.txn(txn).await?.succeeded {
                return Ok(app);
            }
        }
        Err(ApiError::contended())
    }

    /// A network that is there already.
    pub async fn network_named(&self, org: &str, name: &str) -> Result<NetworkId> {
        let network = self.get::<NetworkRecord>(&key::network(org, name)).await?;
        network.map(|stored| stored.record.id).ok_or_else(|| {
            ApiError::new(ErrorCode::NotFound, format!("organization \"{org}\" has no network \"{name}\""))
        })
    }

    /// The network's id, and what must hold and be written for it to be so.
    pub(super) async fn network(&self, org: &str, name: &str) -> Result<(NetworkId, Vec<Compare>, Vec<Op>)> {
        let key = key::network(org, name);
        if let Some(stored) = self.get::<NetworkRecord>(&key).await? {
            return Ok((stored.record.id, vec![], vec![]));
        }
        let (number, unchanged, count) = next_number(self, key::NETWORK_COUNTER).await?;
        let number =
            u32::try_from(number).map_err(|_| ApiError::internal("all networks have been given out"))?;
        let record = NetworkRecord { id: NetworkId(number), org: org.to_owned(), name: name.to_owned() };
        Ok((record.id, vec![unchanged, Compare::absent(&key)], vec![count, put(&key, &record)]))
    }

    /// Changes an app's record; `change` is called again when somebody else wrote in between.
    pub async fn update_app(
        &self,
        name: &AppName,
        change: impl Fn(&mut AppRecord) -> Result<()>,
    ) -> Result<AppRecord> {
        for _ in 0..MAX_TRIES {
            let Stored { mut record, revision, .. } = self.app(name).await?;
            change(&mut record)?;
            let key = key::app(name);
            let txn = Txn::always([put(&key, &record)]).when(Compare::unchanged(&key, revision));
            if self.txn(txn).await?.succeeded {
                return Ok(record);
            }
        }
        Err(ApiError::contended())
    }

    /// Removes an app's records, the app's own last of all.
    pub async fn remove_app(&self, name: &AppName) -> Result<()> {
        self.remove_release_ids(name).await?;
        self.give_names_back(name).await?;
        self.give_ports_back(name).await?;
        let records = [
            key::client_rollouts(name),
            key::releases(name),
            key::deploys(name),
            key::builds(name),
            key::secrets(name),
            key::addresses(name),
            key::certificates(name),
        ];
        self.txn(Txn::always(records.map(Op::delete_prefix))).await?;
        self.txn(Txn::always([Op::delete(key::secret_keys(name)), Op::delete(key::app(name))])).await?;
        Ok(())
    }
}

fn name_taken(name: &AppName) -> ApiError {
    ApiError::new(
        ErrorCode::NameTaken,
        format!("Name has already been taken: there is an app \"{name}\"; choose another name"),
    )
}
