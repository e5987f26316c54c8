//! SSH certificates: an authority for each org, and what it signs.
//!
//! A certificate says whom it is for (its key id), as whom they log in (its principals), until when, and
//! in an extension of ours for which apps. Signed ones are not kept: they end within days.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crypto_box::aead::OsRng;
use rand::RngCore;
use roost_api_types::ErrorCode;
use roost_model::AppName;
use roost_records::key;
use ssh_key::{
    Algorithm, LineEnding, PrivateKey, PublicKey,
    certificate::{Builder, CertType},
    private::Ed25519Keypair,
};
use zeroize::Zeroizing;

use super::key_pair::{self, KeyPair};
use crate::{
    api::Api,
    auth::Caller,
    error::{ApiError, Result},
};

/// Life of a certificate when nobody says, and the longest.
const DEFAULT_HOURS: u64 = 24;
const MAX_HOURS: u64 = 72;

/// Principals and apps of one certificate.
const MAX_NAMES: usize = 50;

/// Longest principal: a Linux user name and some room.
const MAX_PRINCIPAL: usize = 64;

/// Clocks of machines may be behind.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Names the apps, separated by commas; absent: all of the org's.
pub const APPS_EXTENSION: &str = "apps@roost";

/// What a login may do, as OpenSSH names it.
const EXTENSIONS: [&str; 4] =
    ["permit-agent-forwarding", "permit-port-forwarding", "permit-pty", "permit-user-rc"];

pub struct NewCertificate {
    pub principals: Vec<String>,
    pub apps: Vec<String>,
    /// As OpenSSH writes it; a key is made when it is absent.
    pub public_key: Option<String>,
    pub valid_hours: Option<i32>,
}

pub struct Issued {
    pub certificate: String,
    /// The private key that was made.
    pub private_key: Option<Zeroizing<String>>,
}

/// The public key that signs the org's certificates.
pub async fn authority(api: &Api, org: &str) -> Result<String> {
    Ok(authority_pair(api, org).await?.public_key)
}

pub async fn issue(api: &Api, caller: &Caller, org: &str, new: NewCertificate) -> Result<Issued> {
    check_principals(&new.principals)?;
    check_apps(api, org, &new.apps).await?;
    let hours = hours(new.valid_hours)?;
    let (public_key, made) = match &new.public_key {
        Some(text) => (read_public_key(text)?, None),
        None => {
            let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(failed)?;
            (key.public_key().clone(), Some(key.to_openssh(LineEnding::LF).map_err(failed)?))
        }
    };
    let pair = authority_pair(api, org).await?;
    let signer = PrivateKey::from(Ed25519Keypair::from_seed(&pair.private_key));
    let now = SystemTime::now();
    let valid_until = now + Duration::from_secs(hours * 3600);
    let (after, before) = (unix_seconds(now - CLOCK_SKEW), unix_seconds(valid_until));
    let mut builder =
        Builder::new_with_random_nonce(&mut OsRng, public_key.key_data().clone(), after, before)
            .map_err(failed)?;
    builder.serial(rand::rng().next_u64()).map_err(failed)?;
    builder.cert_type(CertType::User).map_err(failed)?;
    builder.key_id(format!("{} of {org}", caller.name)).map_err(failed)?;
    for principal in &new.principals {
        builder.valid_principal(principal).map_err(failed)?;
    }
    // OpenSSH wants them in the order of their names.
    if !new.apps.is_empty() {
        builder.extension(APPS_EXTENSION, new.apps.join(",")).map_err(failed)?;
    }
    for extension in EXTENSIONS {
        builder.extension(extension, "").map_err(failed)?;
    }
    let certificate =
        builder.sign(&signer).and_then(|certificate| certificate.to_openssh()).map_err(failed)?;
    tracing::info!(org, by = caller.name, principals = ?new.principals, hours, "SSH certificate issued");
    Ok(Issued { certificate, private_key: made })
}

async fn authority_pair(api: &Api, org: &str) -> Result<KeyPair> {
    key_pair::ensure(api, &key::ssh_authority(org), || {
        let mut seed = Zeroizing::new([0; 32]);
        rand::rng().fill_bytes(&mut seed[..]);
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
        Ok(KeyPair { public_key: key.public_key().to_openssh().map_err(failed)?, private_key: seed })
    })
    .await
}

fn read_public_key(text: &str) -> Result<PublicKey> {
    let key = PublicKey::from_openssh(text.trim());
    let key = key.map_err(|e| ApiError::invalid(format!("`publicKey` is no OpenSSH public key: {e}")))?;
    match key.algorithm() {
        Algorithm::Ed25519 => Ok(key),
        other => Err(ApiError::invalid(format!("`publicKey` must be an ssh-ed25519 key, not {other}"))),
    }
}

fn check_principals(principals: &[String]) -> Result<()> {
    let fine = |name: &String| {
        !name.is_empty()
            && name.len() <= MAX_PRINCIPAL
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@+".contains(c))
    };
    if (1..=MAX_NAMES).contains(&principals.len()) && principals.iter().all(fine) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "a certificate needs 1 to {MAX_NAMES} `principals`: user names of letters, digits and - _ . @ +"
    )))
}

async fn check_apps(api: &Api, org: &str, apps: &[String]) -> Result<()> {
    if apps.len() > MAX_NAMES {
        return Err(ApiError::invalid(format!("a certificate names at most {MAX_NAMES} apps")));
    }
    for name in apps {
        let missing = || {
            let message = format!("Could not find App \"{name}\" in organization \"{org}\"");
            ApiError::new(ErrorCode::NotFound, message)
        };
        let name: AppName = name.parse().map_err(|_| missing())?;
        if api.store.app(&name).await.map_err(|_| missing())?.record.org != org {
            return Err(missing());
        }
    }
    Ok(())
}

fn hours(asked: Option<i32>) -> Result<u64> {
    let Some(asked) = asked else { return Ok(DEFAULT_HOURS) };
    let hours = u64::try_from(asked).ok().filter(|hours| (1..=MAX_HOURS).contains(hours));
    hours.ok_or_else(|| ApiError::invalid(format!("`validHours` must be 1 to {MAX_HOURS}")))
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn failed(error: ssh_key::Error) -> ApiError {
    ApiError::internal(format!("the certificate could not be made: {error}"))
}
