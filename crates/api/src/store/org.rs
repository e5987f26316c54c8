//! Orgs and who belongs to them.

use jiff::Timestamp;
use roost_api_types::ErrorCode;
use roost_directory::{Compare, Op, Revision, Txn};
use roost_records::{Email, MemberRecord, MemberRole, OrgRecord, Stored, key};

use super::{MAX_TRIES, Store, next_number, put};
use crate::error::{ApiError, Result};

impl Store {
    pub async fn orgs(&self) -> Result<Vec<OrgRecord>> {
        let orgs = self.list::<OrgRecord>(key::ORGS).await?;
        Ok(orgs.into_iter().map(|stored| stored.record).collect())
    }

    pub async fn org(&self, slug: &str) -> Result<OrgRecord> {
        Ok(self.stored_org(slug).await?.record)
    }

    async fn stored_org(&self, slug: &str) -> Result<Stored<OrgRecord>> {
        let org = self.get::<OrgRecord>(&key::org(slug)).await?;
        org.ok_or_else(|| ApiError::no_org(slug))
    }

    /// That the org is there and stays, as a condition of a transaction.
    pub(super) async fn open_org(&self, slug: &str) -> Result<Compare> {
        let org = self.stored_org(slug).await?;
        match org.record.deleting {
            true => Err(ApiError::no_org(slug)),
            // A member who comes or goes makes the transaction fail as well, and its caller try again.
            false => Ok(Compare::unchanged(key::org(slug), org.revision)),
        }
    }

    /// Makes an org whose first member administers it.
    pub async fn create_org(&self, slug: &str, name: &str, owner: &Email) -> Result<(OrgRecord, Revision)> {
        for _ in 0..MAX_TRIES {
            if self.get::<OrgRecord>(&key::org(slug)).await?.is_some() {
                return Err(ApiError::new(
                    ErrorCode::NameTaken,
                    format!(
                        "Name has already been taken: there is an organization \"{slug}\"; choose another"
                    ),
                ));
            }
            let (number, unchanged, count) = next_number(self, key::ORG_COUNTER).await?;
            // 1 is `personal`.
            let org = new_org(slug, number + 1, name);
            let member = new_member(slug, owner, MemberRole::Admin);
            let writes = [count, put(key::org(slug), &org), put(key::member(slug, owner), &member)];
            let txn = Txn::always(writes).when(unchanged).when(Compare::absent(key::org(slug)));
            let done = self.txn(txn).await?;
            if done.succeeded {
                return Ok((org, done.revision));
            }
        }
        Err(ApiError::contended())
    }

    /// Makes the org that is always there, and the first user its administrator.
    pub async fn ensure_org(&self, slug: &str, name: &str, owner: &Email) -> Result<()> {
        let key = key::org(slug);
        self.txn(Txn::always([put(&key, &new_org(slug, 1, name))]).when(Compare::absent(&key))).await?;
        let (key, member) = (key::member(slug, owner), new_member(slug, owner, MemberRole::Admin));
        // Only an org without any member: who was removed stays removed.
        if self.newest::<MemberRecord>(&key::members(slug), 1).await?.is_empty() {
            self.txn(Txn::always([put(&key, &member)]).when(Compare::absent(&key))).await?;
        }
        Ok(())
    }

    /// Marks an org as being deleted, or takes that back.
    pub async fn mark_org(&self, slug: &str, deleting: bool) -> Result<()> {
        self.change_org(slug, |org| org.deleting = deleting).await
    }

    async fn change_org(&self, slug: &str, change: impl Fn(&mut OrgRecord)) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let Stored { mut record, revision, .. } = self.stored_org(slug).await?;
            change(&mut record);
            let key = key::org(slug);
            let txn = Txn::always([put(&key, &record)]).when(Compare::unchanged(&key, revision));
            if self.txn(txn).await?.succeeded {
                return Ok(());
            }
        }
        Err(ApiError::contended())
    }

    /// Removes an org that is marked and has no apps.
    pub async fn remove_org(&self, slug: &str) -> Result<Revision> {
        let several = [key::members(slug), key::networks(slug), key::peers(slug)].map(Op::delete_prefix);
        let single = [key::ssh_authority(slug), key::org(slug)].map(Op::delete);
        let txn = Txn::always(several.into_iter().chain(single));
        Ok(self.txn(txn).await?.revision)
    }

    /// Changes who belongs to an org. `change` sees the members as they are, and says what to write.
    pub async fn change_members<T>(
        &self,
        slug: &str,
        change: impl Fn(&[MemberRecord]) -> Result<(Op, T)>,
    ) -> Result<(T, Revision)> {
        for _ in 0..MAX_TRIES {
            let Stored { record: mut org, revision, .. } = self.stored_org(slug).await?;
            let members = self.list::<MemberRecord>(&key::members(slug)).await?;
            let members: Vec<_> = members.into_iter().map(|stored| stored.record).collect();
            let (write, result) = change(&members)?;
            org.membership += 1;
            let key = key::org(slug);
            let txn = Txn::always([put(&key, &org), write]).when(Compare::unchanged(&key, revision));
            let done = self.txn(txn).await?;
            if done.succeeded {
                return Ok((result, done.revision));
            }
        }
        Err(ApiError::contended())
    }
}

pub fn new_member(org: &str, email: &Email, role: MemberRole) -> MemberRecord {
    MemberRecord { org: org.to_owned(), email: email.clone(), role, joined_at: Timestamp::now() }
}

fn new_org(slug: &str, number: u64, name: &str) -> OrgRecord {
    OrgRecord {
        slug: slug.to_owned(),
        number,
        name: name.to_owned(),
        created_at: Timestamp::now(),
        membership: 0,
        deleting: false,
    }
}
