//! SSH certificates.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use crate::platform::{NewCertificate, platform};

#[derive(Default)]
pub struct CertificateChanges;

#[derive(InputObject)]
#[graphql(name = "IssueCertificateInput")]
struct Issue {
    client_mutation_id: Option<String>,
    organization_id: ID,
    /// Names to log in as.
    principals: Option<Vec<String>>,
    /// Apps whose machines it is for; all of the organization's when empty.
    app_names: Option<Vec<String>>,
    /// As OpenSSH writes it. A key is made when it is absent.
    public_key: Option<String>,
    valid_hours: Option<i32>,
}

#[derive(SimpleObject)]
#[graphql(name = "IssueCertificatePayload")]
struct Issued {
    client_mutation_id: Option<String>,
    certificate: String,
    /// The private key that was made, as OpenSSH writes it.
    key: Option<String>,
}

#[Object]
impl CertificateChanges {
    async fn issue_certificate(&self, context: &Context<'_>, input: Issue) -> Result<Option<Issued>> {
        let organization = platform(context).organization(&input.organization_id).await?;
        let new = NewCertificate {
            principals: input.principals.unwrap_or_default(),
            apps: input.app_names.unwrap_or_default(),
            public_key: input.public_key.filter(|key| !key.is_empty()),
            valid_hours: input.valid_hours,
        };
        let issued = platform(context).issue_certificate(&organization, new).await?;
        Ok(Some(Issued {
            client_mutation_id: input.client_mutation_id,
            certificate: issued.certificate,
            key: issued.key,
        }))
    }
}
