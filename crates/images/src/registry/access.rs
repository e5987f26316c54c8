//! Lets a request in, or tells it where to get a token.

use axum::http::{HeaderMap, header};
use roost_wire::authorization::{self, Authorization};

use super::{Access, Credentials, Denied, Registry, error::RegistryError};

/// A token of the registry's own is good for what it grants; anything else goes to the authorizer.
pub async fn check(
    registry: &Registry,
    headers: &HeaderMap,
    repository: Option<&str>,
    access: Access,
) -> Result<(), RegistryError> {
    let credentials = credentials(headers);
    if let Some(Credentials::Bearer(token)) = &credentials
        && let Some(grants) = registry.tokens.verify(token)
    {
        return if grants.allow(repository, access) {
            Ok(())
        } else {
            let message = format!("the token does not allow to {} here", access.as_str());
            Err(RegistryError::unauthorized(message, challenge(headers, repository, access)))
        };
    }
    match registry.auth.authorize(credentials.as_ref(), repository, access).await {
        Ok(()) => Ok(()),
        Err(Denied::Forbidden(reason)) => Err(RegistryError::denied(reason)),
        Err(Denied::Unauthenticated(reason)) => {
            Err(RegistryError::unauthorized(reason, challenge(headers, repository, access)))
        }
    }
}

/// What the `Authorization` header says; `None` also for schemes that nobody knows.
pub fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Some(match authorization::read(value)? {
        Authorization::Bearer(token) => Credentials::Bearer(token),
        Authorization::Basic { username, password } => Credentials::Basic { username, password },
    })
}

/// Names the token service (distribution specification, "Token Authentication").
fn challenge(headers: &HeaderMap, repository: Option<&str>, access: Access) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let plain = |text: &&str| !text.contains(['"', '\\', ',', ' ']);
    let host = text("host").filter(plain).unwrap_or("localhost");
    let scheme = text("x-forwarded-proto").filter(|&proto| proto == "https").unwrap_or("http");
    let mut challenge = format!("Bearer realm=\"{scheme}://{host}/v2/token\",service=\"{host}\"");
    if let Some(repository) = repository {
        let actions = match access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
            Access::Delete => "delete",
        };
        challenge.push_str(&format!(",scope=\"repository:{repository}:{actions}\""));
    }
    challenge
}
