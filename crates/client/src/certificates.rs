//! Calls about an app's own names and their certificates.

use reqwest::Method;
use roost_api_types::{CertificateDetail, CertificateList, ImportCertificate, RequestCertificate};
use roost_model::AppName;

use crate::{ApiClient, ClientError, transport::NO_BODY};

/// Names of one page.
const PAGE: usize = 500;

impl ApiClient {
    /// One page; `cursor` is that of the page before, empty for the first.
    pub async fn certificates(&self, app: &AppName, cursor: &str) -> Result<CertificateList, ClientError> {
        self.get(&format!("/v1/apps/{app}/certificates?limit={PAGE}&cursor={cursor}")).await
    }

    pub async fn certificate(&self, app: &AppName, hostname: &str) -> Result<CertificateDetail, ClientError> {
        self.get(&of(app, hostname)).await
    }

    /// Makes the name the app's and has a certificate issued for it.
    pub async fn request_certificate(
        &self,
        app: &AppName,
        hostname: &str,
    ) -> Result<CertificateDetail, ClientError> {
        let request = RequestCertificate { hostname: hostname.to_owned() };
        self.post(&format!("/v1/apps/{app}/certificates/acme"), &request).await
    }

    pub async fn import_certificate(
        &self,
        app: &AppName,
        import: &ImportCertificate,
    ) -> Result<CertificateDetail, ClientError> {
        self.post(&format!("/v1/apps/{app}/certificates/custom"), import).await
    }

    /// Looks the name up anew.
    pub async fn check_certificate(
        &self,
        app: &AppName,
        hostname: &str,
    ) -> Result<CertificateDetail, ClientError> {
        self.call(Method::POST, &format!("{}/check", of(app, hostname)), NO_BODY).await
    }

    /// Takes the name and its certificates from the app.
    pub async fn remove_certificate(&self, app: &AppName, hostname: &str) -> Result<(), ClientError> {
        self.done(Method::DELETE, &of(app, hostname), NO_BODY).await
    }
}

/// A host name needs no escaping but for the star of a wildcard, which a path may hold.
fn of(app: &AppName, hostname: &str) -> String {
    format!("/v1/apps/{app}/certificates/{hostname}")
}
