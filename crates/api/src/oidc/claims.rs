//! What a token says about a machine.

use std::time::Duration;

use jiff::Timestamp;
use roost_host_api::Machine;
use roost_records::{AppRecord, OrgRecord};
use serde_json::{Value, json};
use ulid::Ulid;

/// Long enough to be traded for something else, which is what it is for.
pub const LIFE: Duration = Duration::from_secs(600);

/// Names of AWS's session tags.
const AWS_TAGS: &str = "https://aws.amazon.com/tags";

pub struct About<'a> {
    pub issuer: &'a str,
    pub audience: &'a str,
    pub org: &'a OrgRecord,
    pub app: &'a AppRecord,
    pub machine: &'a Machine,
    /// Adds what AWS takes session tags from.
    pub aws_principal_tags: bool,
}

pub fn claims(about: &About<'_>, now: Timestamp) -> Value {
    let About { issuer, audience, org, app, machine, aws_principal_tags } = about;
    let seconds = now.as_second();
    let mut claims = json!({
        "iss": issuer,
        "sub": format!("{}:{}:{}", org.slug, app.name, machine.name),
        "aud": audience,
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + LIFE.as_secs() as i64,
        "jti": Ulid::generate().to_string(),
        "org_id": org.number.to_string(),
        "org_name": org.slug,
        "app_id": app.number.to_string(),
        "app_name": app.name,
        "machine_id": machine.id,
        "machine_name": machine.name,
        "machine_version": machine.instance_id,
        "image": machine.image.to_string(),
        "image_digest": machine.image.digest,
        "region": machine.region,
    });
    if *aws_principal_tags {
        claims[AWS_TAGS] = json!({
            "principal_tags": {
                "org_name": [org.slug], "app_name": [app.name], "machine_id": [machine.id], "region": [machine.region],
            },
            "transitive_tag_keys": ["org_name", "app_name", "machine_id", "region"],
        });
    }
    claims
}
