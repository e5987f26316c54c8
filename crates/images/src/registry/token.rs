//! The registry's own tokens: signed, short-lived, good for what they name.
//!
//! Clients trade their credentials for one (distribution token specification) so that the
//! credentials do not travel with every blob. The key lives as long as the process; after a restart
//! clients are told 401 and ask again.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json,
    extract::{RawQuery, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;

use super::{Access, Denied, Registry, access, error::RegistryError};

/// Long enough for one push of many layers to need few of them.
const LIFETIME: Duration = Duration::from_secs(300);

/// Scopes of one token: a push with mounts asks for a handful.
const MAX_SCOPES: usize = 32;

/// Tells these tokens from those of the platform.
const PREFIX: &str = "rgst_";

/// What a token allows: repositories and actions.
#[derive(Debug, Serialize, Deserialize)]
pub struct Grants {
    /// Seconds since 1970.
    expires: u64,
    allowed: Vec<(String, Vec<String>)>,
}

impl Grants {
    pub fn allow(&self, repository: Option<&str>, access: Access) -> bool {
        let Some(repository) = repository else { return true };
        let covers = |(name, actions): &(String, Vec<String>)| {
            name == repository && actions.iter().any(|action| action == access.as_str())
        };
        self.allowed.iter().any(covers)
    }
}

/// Signs and checks tokens.
pub struct Signer {
    key: [u8; 32],
}

impl Signer {
    pub fn new() -> Self {
        let mut key = [0; 32];
        rand::rng().fill_bytes(&mut key);
        Self { key }
    }

    fn sign(&self, grants: &Grants) -> String {
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(grants).unwrap_or_default());
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&body).finalize().into_bytes());
        format!("{PREFIX}{body}.{signature}")
    }

    /// What a token grants; `None` if it is not ours, was changed or has expired.
    pub fn verify(&self, token: &str) -> Option<Grants> {
        let (body, signature) = token.strip_prefix(PREFIX)?.split_once('.')?;
        self.mac(body).verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let grants: Grants = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
        (grants.expires > now()).then_some(grants)
    }

    fn mac(&self, body: &str) -> Hmac<Sha256> {
        let mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.key).expect("any key length is fine");
        mac.chain_update(body)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// `GET /v2/token?service=…&scope=repository:<name>:<actions>`: grants what the credentials allow of
/// what is asked.
pub async fn issue(
    State(registry): State<Arc<Registry>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let credentials = access::credentials(&headers);
    let login = registry.auth.authorize(credentials.as_ref(), None, Access::Pull).await;
    if let Err(Denied::Unauthenticated(reason)) = login {
        return RegistryError::unauthorized(reason, "Basic realm=\"registry\"".to_owned()).into_response();
    }
    let mut allowed = Vec::new();
    for (repository, actions) in scopes(query.as_deref().unwrap_or_default()) {
        let mut granted = Vec::new();
        for access in Access::ALL.into_iter().filter(|access| actions.iter().any(|a| a == access.as_str())) {
            if registry.auth.authorize(credentials.as_ref(), Some(&repository), access).await.is_ok() {
                granted.push(access.as_str().to_owned());
            }
        }
        allowed.push((repository, granted));
    }
    let token = registry.tokens.sign(&Grants { expires: now() + LIFETIME.as_secs(), allowed });
    Json(json!({"token": token, "access_token": token, "expires_in": LIFETIME.as_secs()})).into_response()
}

/// Repositories and actions of every `scope` parameter.
fn scopes(query: &str) -> Vec<(String, Vec<String>)> {
    let pairs = super::uploads::query_pairs(query);
    let texts = pairs.iter().filter(|(key, _)| key == "scope").flat_map(|(_, value)| value.split(' '));
    texts.filter_map(scope).take(MAX_SCOPES).collect()
}

fn scope(text: &str) -> Option<(String, Vec<String>)> {
    let (name, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
    roost_model::image_ref::check_repository(name).ok()?;
    let actions: Vec<String> = match actions {
        "*" => Access::ALL.iter().map(|access| access.as_str().to_owned()).collect(),
        list => list.split(',').map(str::to_owned).collect(),
    };
    Some((name.to_owned(), actions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_grants_what_it_names_until_it_expires() {
        let signer = Signer::new();
        let grants = |expires| Grants { expires, allowed: vec![("app".to_owned(), vec!["pull".to_owned()])] };
        let token = signer.sign(&grants(now() + 10));
        let found = signer.verify(&token).unwrap();
        assert!(found.allow(Some("app"), Access::Pull));
        assert!(!found.allow(Some("app"), Access::Push));
        assert!(!found.allow(Some("other"), Access::Pull));
        assert!(signer.verify(&signer.sign(&grants(now() - 1))).is_none());
        assert!(signer.verify(&format!("{token}x")).is_none());
        assert!(Signer::new().verify(&token).is_none());
    }
}
