//! What happens to tokens with time: their last use is written down, and dead ones are forgotten.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use roost_directory::{Op, Txn};
use roost_records::{TokenRecord, TokenUse, key};

use crate::{api::Api, error::Result, store::put};

/// The last use is told to the hour: a write for each call would be a bad bargain.
const INTERVAL: Duration = Duration::from_secs(3600);

/// How long a dead token stays listed.
const KEPT_DEAD: Duration = Duration::from_secs(30 * 24 * 3600);

/// Operations of one transaction, well inside the directory's limit.
const BATCH: usize = 64;

pub async fn keep_house(api: Arc<Api>) {
    match api.store.list::<TokenUse>(key::TOKEN_USES).await {
        Ok(uses) => api.book.remember_uses(uses.into_iter().map(|stored| stored.record)),
        Err(error) => tracing::warn!(%error, "the last uses of tokens could not be read"),
    }
    loop {
        let over = api.shutdown.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none();
        if let Err(error) = note_uses(&api).await {
            tracing::warn!(%error, "the last uses of tokens could not be written");
        }
        if over {
            return;
        }
        if let Err(error) = forget_dead(&api).await {
            tracing::warn!(%error, "dead tokens could not be removed");
        }
    }
}

async fn note_uses(api: &Api) -> Result<()> {
    let uses = api.book.take_new_uses();
    let writes: Vec<Op> =
        uses.into_iter().map(|(token, at)| put(key::token_use(token), &TokenUse { token, at })).collect();
    for batch in writes.chunks(BATCH) {
        api.store.txn(Txn::always(batch.iter().cloned())).await?;
    }
    Ok(())
}

async fn forget_dead(api: &Api) -> Result<()> {
    let now = Timestamp::now();
    let tokens = api.book.tokens().into_iter().filter(|(_, token)| is_long_dead(token, now));
    let removals: Vec<Op> =
        tokens.flat_map(|(key, token)| [Op::delete(key), Op::delete(key::token_use(token.id))]).collect();
    for batch in removals.chunks(BATCH) {
        api.store.txn(Txn::always(batch.iter().cloned())).await?;
    }
    Ok(())
}

fn is_long_dead(token: &TokenRecord, now: Timestamp) -> bool {
    let ended = token.revoked.as_ref().map(|revoked| revoked.at).or(token.expires_at);
    ended.is_some_and(|at| at + KEPT_DEAD < now)
}

#[cfg(test)]
mod tests {
    use roost_records::{Revocation, TokenScope};
    use ulid::Ulid;

    use super::*;

    #[test]
    fn dead_tokens_stay_listed_for_a_month() {
        let now = Timestamp::now();
        let ago = |days: u64| now - Duration::from_secs(days * 24 * 3600);
        let token = |expires_at, revoked: Option<Timestamp>| TokenRecord {
            id: Ulid::generate(),
            name: "t".to_owned(),
            scope: TokenScope::User,
            owner: None,
            created_at: ago(400),
            expires_at,
            revoked: revoked.map(|at| Revocation { at, by: "me".to_owned() }),
        };
        assert!(!is_long_dead(&token(None, None), now));
        assert!(!is_long_dead(&token(Some(ago(29)), None), now));
        assert!(is_long_dead(&token(Some(ago(31)), None), now));
        assert!(is_long_dead(&token(None, Some(ago(31))), now));
    }
}
