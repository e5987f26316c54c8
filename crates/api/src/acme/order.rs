//! One name's way from nothing to a certificate. Each step that the authority remembers is written down before
//! the next, so that a new process goes on with the same order and key.

use std::{sync::Arc, time::Duration};

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewOrder, Order, OrderStatus, RetryPolicy,
};
use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use roost_records::{CertificateRecord, ChallengeKind, IssuedCertificate, Issuing, OpenOrder};

use super::{
    Name, account, change,
    config::Authority,
    due::{self, Ways},
    failure::{self, IssueError},
    proof::{self, Proof},
    renewal,
};
use crate::{
    api::Api,
    certificates::{self, Leaf},
    error::ApiError,
};

/// For the authority's look at a proof, and for its signature.
const CHECKED_WITHIN: Duration = Duration::from_secs(90);

/// Gets a certificate for the name and keeps it.
pub async fn issue(api: &Arc<Api>, name: &Name, record: &CertificateRecord) -> Result<(), IssueError> {
    let kind = provable(api, name, record).await?;
    let authority = authority(api, record)?;
    let account = account::open(api, authority).await?;
    let (mut order, key) = order(api, name, record, authority, &account).await?;
    let of = |error| IssueError::of(&authority.name, error);
    if order.refresh().await.map_err(of)?.status == OrderStatus::Pending {
        prove(api, name, &mut order, kind, authority).await?;
    }
    if order.state().status == OrderStatus::Ready {
        order.finalize_csr(&request(&name.hostname, &key)?).await.map_err(of)?;
    }
    let chain = order.poll_certificate(&patience()).await.map_err(of)?;
    keep(api, name, authority, &account, chain, &key).await?;
    proof::withdraw(api, name).await?;
    Ok(())
}

/// How the name can be proven, by what DNS says of it now.
async fn provable(api: &Api, name: &Name, record: &CertificateRecord) -> Result<ChallengeKind, IssueError> {
    let ways = match &name.app {
        None => Ways { leads_here: false, by_handshake: false, by_dns: true },
        Some(app) => {
            let (found, ways) = certificates::ways(api, app, &name.hostname).await?;
            change(api, name, |record| record.dns = Some(found.clone())).await?;
            ways
        }
    };
    due::proof(&name.hostname, ways, record.issuing.failures).ok_or_else(|| {
        let hostname = &name.hostname;
        IssueError::Dns(match hostname.starts_with("*.") {
            true => format!("{hostname} is proven in DNS alone, and _acme-challenge does not lead here"),
            false => format!("{hostname} does not lead here"),
        })
    })
}

fn authority<'a>(api: &'a Api, record: &CertificateRecord) -> Result<&'a Authority, IssueError> {
    let paused = api.acme.paused.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let now = Timestamp::now();
    let is_paused = |name: &str| paused.get(name).is_some_and(|until| *until > now);
    let authorities = &api.config.acme.authorities;
    due::authority(authorities, record.issuing.failures, is_paused).ok_or_else(|| IssueError::RateLimited {
        authority: authorities.first().map(|first| first.name.clone()).unwrap_or_default(),
        detail: "it asked for a pause, and there is no other".to_owned(),
    })
}

/// The order under way, or a new one that is written down before anything else.
async fn order(
    api: &Api,
    name: &Name,
    record: &CertificateRecord,
    authority: &Authority,
    account: &Account,
) -> Result<(Order, KeyPair), IssueError> {
    if let Some(open) = record.issuing.order.as_ref().filter(|open| open.authority == authority.name)
        && let Ok(mut order) = account.order(open.url.clone()).await
        && order.state().status != OrderStatus::Invalid
    {
        let key = api.master_key.open(&name.key, &open.sealed_key).map_err(ApiError::from)?;
        let key = std::str::from_utf8(&key).map_err(|_| IssueError::BadCertificate)?;
        return Ok((order, KeyPair::from_pem(key)?));
    }
    let key = KeyPair::generate()?;
    let identifiers = [Identifier::Dns(name.hostname.clone())];
    let order = account.new_order(&NewOrder::new(&identifiers)).await;
    let order = order.map_err(|error| IssueError::of(&authority.name, error))?;
    let open = OpenOrder {
        authority: authority.name.clone(),
        url: order.url().to_owned(),
        sealed_key: api.master_key.seal(&name.key, key.serialize_pem().as_bytes()),
    };
    change(api, name, |record| record.issuing.order = Some(open.clone())).await?;
    Ok((order, key))
}

/// Shows what the authority wants to see, and waits until it has seen it.
async fn prove(
    api: &Api,
    name: &Name,
    order: &mut Order,
    kind: ChallengeKind,
    authority: &Authority,
) -> Result<(), IssueError> {
    let of = |error| IssueError::of(&authority.name, error);
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(of)?;
        if authorization.status != AuthorizationStatus::Pending {
            continue;
        }
        let mut challenge = authorization.challenge(wire(kind)).ok_or_else(|| IssueError::Refused {
            authority: authority.name.clone(),
            detail: format!("it offers no challenge of the kind {kind:?}"),
        })?;
        let answer = challenge.key_authorization();
        let proof =
            Proof { kind, token: challenge.token.clone(), key_authorization: answer.as_str().to_owned() };
        proof::show(api, name, &proof).await?;
        challenge.set_ready().await.map_err(of)?;
    }
    match order.poll_ready(&patience()).await {
        Ok(OrderStatus::Ready) => Ok(()),
        Ok(_) => Err(refusal(order, authority, None).await),
        Err(instant_acme::Error::Api(problem)) => Err(refusal(order, authority, Some(problem)).await),
        Err(error) => Err(of(error)),
    }
}

/// What the authority saw instead of the proof.
async fn refusal(
    order: &mut Order,
    authority: &Authority,
    problem: Option<instant_acme::Problem>,
) -> IssueError {
    let mut seen = problem.as_ref().map(failure::words);
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if let Ok(state) = authorization.refresh().await {
            let errors = state.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
            seen = errors.map(failure::words).next().or(seen);
        }
    }
    let detail = seen.unwrap_or_else(|| "it does not say why".to_owned());
    IssueError::NotVerified { authority: authority.name.clone(), detail }
}

fn wire(kind: ChallengeKind) -> ChallengeType {
    match kind {
        ChallengeKind::Http => ChallengeType::Http01,
        ChallengeKind::TlsAlpn => ChallengeType::TlsAlpn01,
        ChallengeKind::Dns => ChallengeType::Dns01,
    }
}

fn request(hostname: &str, key: &KeyPair) -> Result<Vec<u8>, IssueError> {
    let mut params = CertificateParams::new([hostname.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(key)?.der().to_vec())
}

async fn keep(
    api: &Api,
    name: &Name,
    authority: &Authority,
    account: &Account,
    chain: String,
    key: &KeyPair,
) -> Result<(), IssueError> {
    let key = key.serialize_pem();
    let leaf = Leaf::checked(&name.hostname, &chain, &key).map_err(|_| IssueError::BadCertificate)?;
    let now = Timestamp::now();
    let issued = IssuedCertificate {
        renew_at: renewal::time(account, &chain, &leaf).await,
        sealed_key: api.master_key.seal(&name.key, key.as_bytes()),
        authority: authority.name.clone(),
        issuer: leaf.issuer,
        expires_at: leaf.expires_at,
        created_at: now,
        chain,
    };
    change(api, name, |record| {
        record.issued = Some(issued.clone());
        record.issuing = Issuing::default();
    })
    .await?;
    Ok(())
}

fn patience() -> RetryPolicy {
    RetryPolicy::new().timeout(CHECKED_WITHIN)
}
