//! Proofs that a name is served here: placed where the authority will look, and taken away again.

use std::{process::Stdio, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use roost_directory::{Op, Txn};
use roost_model::AppName;
use roost_records::{ChallengeKind, ChallengeRecord, key};
use sha2::{Digest, Sha256};
use tokio::{process::Command, time::timeout};

use super::{Name, failure::IssueError};
use crate::{ApiConfig, api::Api, error::Result, store::put};

/// From the directory to the edge's catalog it takes milliseconds.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// For one run of the operator's command, which waits until the record is visible.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(180);

/// Hex digits by which a name's own place in the zone is known.
const LABEL_CHARS: usize = 32;

/// What an authority wants to see.
pub struct Proof {
    pub kind: ChallengeKind,
    pub token: String,
    pub key_authorization: String,
}

/// Name and target of the CNAME by which an app's owner lets the platform prove a name in DNS.
pub(crate) fn dns_challenge(config: &ApiConfig, app: &AppName, hostname: &str) -> Option<(String, String)> {
    let zone = config.acme.dns_zone.as_ref()?;
    // Of the app as well: whoever has the name next cannot use what the last one left in DNS.
    let label = hex::encode(Sha256::digest(format!("{app}/{hostname}")));
    Some((challenge_name(hostname), format!("{}.{zone}", &label[..LABEL_CHARS])))
}

fn challenge_name(hostname: &str) -> String {
    format!("_acme-challenge.{}", hostname.trim_start_matches("*."))
}

/// Where the TXT record of a name goes.
fn record_name(config: &ApiConfig, name: &Name) -> String {
    let through = name.app.as_ref().and_then(|app| dns_challenge(config, app, &name.hostname));
    through.map_or_else(|| challenge_name(&name.hostname), |(_, target)| target)
}

/// Returns when the authority can see the proof.
pub async fn show(api: &Api, name: &Name, proof: &Proof) -> Result<(), IssueError> {
    let record = ChallengeRecord {
        hostname: name.hostname.clone(),
        kind: proof.kind,
        token: proof.token.clone(),
        key_authorization: proof.key_authorization.clone(),
        created_at: Timestamp::now(),
    };
    api.store.txn(Txn::always([put(key::acme_challenge(&name.hostname), &record)])).await?;
    match proof.kind {
        ChallengeKind::Dns => {
            let value = dns_value(&proof.key_authorization);
            command(api, "present", &record_name(&api.config, name), &value).await
        }
        ChallengeKind::Http | ChallengeKind::TlsAlpn => shown_by_the_edge(api, name, &proof.token).await,
    }
}

async fn shown_by_the_edge(api: &Api, name: &Name, token: &str) -> Result<(), IssueError> {
    let shown = async {
        loop {
            match api.edge.challenge(&name.hostname).await {
                Ok(shown) if shown.token == token => return,
                _ => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    };
    timeout(SHOWN_WITHIN, shown).await.map_err(|_| IssueError::NotShown)
}

/// Takes the proof of a name away, if there is one. A record that stays in DNS proves nothing any more.
pub async fn withdraw(api: &Api, name: &Name) -> Result<()> {
    let key = key::acme_challenge(&name.hostname);
    let Some(stored) = api.store.get::<ChallengeRecord>(&key).await? else { return Ok(()) };
    if stored.record.kind == ChallengeKind::Dns {
        let value = dns_value(&stored.record.key_authorization);
        if let Err(error) = command(api, "cleanup", &record_name(&api.config, name), &value).await {
            tracing::warn!(name = name.hostname, %error, "a proof stays in DNS");
        }
    }
    api.store.txn(Txn::always([Op::delete(&key)])).await?;
    Ok(())
}

/// Of the TXT record (RFC 8555, section 8.4).
fn dns_value(key_authorization: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(key_authorization))
}

/// Runs the operator's command. What it is told is public: it will be in DNS.
async fn command(api: &Api, action: &str, name: &str, value: &str) -> Result<(), IssueError> {
    let failed = IssueError::DnsCommand;
    let Some((program, arguments)) = api.config.acme.dns_command.split_first() else {
        return Err(failed("is not set".to_owned()));
    };
    let mut command = Command::new(program);
    command.args(arguments).args([action, name, value]).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(COMMAND_TIMEOUT, command.output()).await;
    let output = output.map_err(|_| failed(format!("{action} did not end in time")))?;
    let output = output.map_err(|e| failed(format!("{program} can not be run: {e}")))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(format!(
            "{action} {name}: {}; {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}
