//! A name and its certificates as clients read them: what there is, what is missing, what to do about it.

use roost_api_types::{
    AcmeChallenge, CertificateDetail, CertificateEntry, CertificateStatus, CertificateSummary,
    CertificateValidation, DnsRecords, DnsRequirements, IssuedCertificate, OwnershipRecord, ValidationError,
};
use roost_records::{AppRecord, CertificateRecord, DnsFindings};

use super::dns::ownership_name;
use crate::{acme, api::Api};

/// The name does not lead here, as it must before an authority is asked.
pub const DNS_NOT_CONFIGURED: &str = "dns_not_configured";

/// What a name's owner has to put into DNS.
pub fn requirements(api: &Api, app: &AppRecord, hostname: &str) -> DnsRequirements {
    let (v4, v6): (Vec<_>, Vec<_>) = api.config.public_addresses.iter().partition(|ip| ip.is_ipv4());
    let texts = |ips: Vec<&std::net::IpAddr>| ips.into_iter().map(ToString::to_string).collect();
    DnsRequirements {
        a: texts(v4),
        aaaa: texts(v6),
        cname: format!("{}.{}", app.name, api.config.base_domain),
        acme_challenge: acme::dns_challenge(&api.config, &app.name, hostname)
            .map(|(name, target)| AcmeChallenge { name, target })
            .unwrap_or_default(),
        ownership: OwnershipRecord {
            name: ownership_name(hostname),
            app_value: format!("app-{}", app.number),
            org_value: format!("org-{}", app.org),
        },
    }
}

pub fn detail(api: &Api, app: &AppRecord, record: &CertificateRecord) -> CertificateDetail {
    let requirements = requirements(api, app, &record.hostname);
    let seen = Seen::of(record.dns.as_ref(), &requirements);
    CertificateDetail {
        hostname: record.hostname.clone(),
        configured: seen.leads_here,
        acme_requested: record.acme_requested,
        status: status(record, seen),
        dns_provider: String::new(),
        certificates: entries(record, seen),
        validation: CertificateValidation {
            dns_configured: seen.leads_here || seen.proven_in_dns,
            alpn_configured: seen.leads_here,
            http_configured: seen.leads_here,
            ownership_txt_configured: seen.owned_by_txt,
        },
        validation_errors: errors(api, record, seen, &requirements),
        dns_requirements: requirements,
        dns_records: None,
        warning: None,
    }
}

pub fn summary(api: &Api, app: &AppRecord, record: &CertificateRecord) -> CertificateSummary {
    let seen = Seen::of(record.dns.as_ref(), &requirements(api, app, &record.hostname));
    CertificateSummary {
        hostname: record.hostname.clone(),
        status: status(record, seen),
        dns_provider: String::new(),
        acme_dns_configured: seen.proven_in_dns,
        acme_alpn_configured: seen.leads_here,
        acme_http_configured: seen.leads_here,
        ownership_txt_configured: seen.owned_by_txt,
        configured: seen.leads_here,
        acme_requested: record.acme_requested,
        has_custom_certificate: record.custom.is_some(),
        has_fly_certificate: record.issued.is_some(),
        created_at: record.created_at,
        updated_at: record.updated_at,
    }
}

pub fn records(found: &DnsFindings) -> DnsRecords {
    DnsRecords {
        a: found.a.clone(),
        aaaa: found.aaaa.clone(),
        cname: found.cname.clone(),
        resolved_addresses: found.a.iter().chain(&found.aaaa).cloned().collect(),
        soa: found.soa.clone(),
        acme_challenge_cname: found.acme_challenge_cname.clone(),
        ownership_txt: found.ownership_txt.clone(),
    }
}

/// Whether what was found means that the name's clients come here.
pub fn leads_here(api: &Api, app: &AppRecord, hostname: &str, found: &DnsFindings) -> bool {
    Seen::of(Some(found), &requirements(api, app, hostname)).leads_here
}

/// What the last check of the DNS means.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    leads_here: bool,
    owned_by_txt: bool,
    /// Its challenge name leads into the platform's zone.
    proven_in_dns: bool,
}

impl Seen {
    fn of(found: Option<&DnsFindings>, needed: &DnsRequirements) -> Self {
        let Some(found) = found else { return Self::default() };
        let mut ours = needed.a.iter().chain(&needed.aaaa);
        let addresses = ours.any(|ip| found.a.contains(ip) || found.aaaa.contains(ip));
        let said = found.ownership_txt.as_deref().unwrap_or_default();
        let OwnershipRecord { app_value, org_value, .. } = &needed.ownership;
        Self {
            leads_here: addresses || found.cname.contains(&needed.cname),
            owned_by_txt: said
                .split(';')
                .any(|value| [app_value, org_value].iter().any(|v| *v == value.trim())),
            proven_in_dns: !needed.acme_challenge.target.is_empty()
                && found.acme_challenge_cname.as_ref() == Some(&needed.acme_challenge.target),
        }
    }
}

fn status(record: &CertificateRecord, seen: Seen) -> CertificateStatus {
    match &record.custom {
        None if record.issued.is_some() => CertificateStatus::Active,
        None => CertificateStatus::PendingValidation,
        Some(_) if seen.leads_here || seen.owned_by_txt => CertificateStatus::Active,
        Some(_) => CertificateStatus::PendingOwnership,
    }
}

fn entries(record: &CertificateRecord, seen: Seen) -> Vec<CertificateEntry> {
    let custom = record.custom.as_ref().map(|custom| CertificateEntry {
        source: "custom".to_owned(),
        status: status(record, seen),
        created_at: custom.created_at,
        expires_at: Some(custom.expires_at),
        issuer: custom.issuer.clone(),
        issued: vec![IssuedCertificate {
            r#type: custom.key_type.clone(),
            expires_at: custom.expires_at,
            certificate_authority: custom.issuer.clone(),
        }],
    });
    let requested = record.acme_requested.then(|| requested(record));
    custom.into_iter().chain(requested).collect()
}

/// The certificate that the platform gets for the name, there or to come.
fn requested(record: &CertificateRecord) -> CertificateEntry {
    let issued = record.issued.as_ref();
    let status = match issued {
        Some(_) => CertificateStatus::Active,
        None => CertificateStatus::PendingValidation,
    };
    CertificateEntry {
        source: "fly".to_owned(),
        status,
        created_at: issued.map_or(record.created_at, |issued| issued.created_at),
        expires_at: issued.map(|issued| issued.expires_at),
        issuer: issued.map(|issued| issued.issuer.clone()).unwrap_or_default(),
        issued: issued
            .map(|issued| IssuedCertificate {
                r#type: "ecdsa".to_owned(),
                expires_at: issued.expires_at,
                certificate_authority: issued.authority.clone(),
            })
            .into_iter()
            .collect(),
    }
}

fn errors(
    api: &Api,
    record: &CertificateRecord,
    seen: Seen,
    needed: &DnsRequirements,
) -> Vec<ValidationError> {
    let mut errors = Vec::new();
    let mut add = |code: &str, message: String, remediation: String| {
        let timestamp = record.dns.as_ref().map_or(record.updated_at, |found| found.looked_at);
        errors.push(ValidationError { code: code.to_owned(), message, remediation, timestamp });
    };
    let hostname = &record.hostname;
    if record.acme_requested && api.config.acme.authorities.is_empty() {
        add(
            "issuing_unavailable",
            "this server names no authority that issues certificates; the request is kept".to_owned(),
            "import a certificate of your own (certs import), or ask the server's operator for [acme]"
                .to_owned(),
        );
    }
    if let Some(failure) = &record.issuing.failure {
        let of_dns = failure.code == DNS_NOT_CONFIGURED;
        let again = record.issuing.next_try.map(|at| format!("it is tried again at {at}"));
        // Of names that lead here only wildcards lack something; for the others DNS itself says it below.
        if of_dns && seen.leads_here && !seen.proven_in_dns {
            add(DNS_NOT_CONFIGURED, failure.message.clone(), delegation(needed));
        } else if !of_dns {
            add(&failure.code, failure.message.clone(), again.unwrap_or_default());
        }
    }
    match record.dns.as_ref() {
        Some(found) if !seen.leads_here && !seen.proven_in_dns => {
            let addresses = needed.a.iter().chain(&needed.aaaa).cloned().collect::<Vec<_>>().join(", ");
            add(
                DNS_NOT_CONFIGURED,
                found.failure.clone().unwrap_or_else(|| format!("{hostname} does not lead here")),
                format!("make it a CNAME to {}, or give it the addresses {addresses}", needed.cname),
            );
        }
        _ => {}
    }
    errors
}

/// How a wildcard's owner lets it be proven.
fn delegation(needed: &DnsRequirements) -> String {
    let AcmeChallenge { name, target } = &needed.acme_challenge;
    match target.is_empty() {
        false => format!("make {name} a CNAME to {target}, then check again"),
        true => "import a certificate of your own: this server proves no names in DNS ([acme] dns_zone)"
            .to_owned(),
    }
}
