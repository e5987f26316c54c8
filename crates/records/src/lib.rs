//! What the directory holds: the keys, and the JSON record under each.
//!
//! | key | record | changes |
//! |---|---|---|
//! | `users/<e-mail>` | [`UserRecord`] | |
//! | `orgs/<slug>` | [`OrgRecord`] | when its members change |
//! | `members/<org>/<e-mail>` | [`MemberRecord`] | when a role changes |
//! | `networks/<org>/<name>` | [`NetworkRecord`] | never |
//! | `apps/<app>` | [`AppRecord`] | when a deploy ends, when counts are set |
//! | `releases/<app>/<version>` | [`ReleaseRecord`] | never |
//! | `client-rollouts/<app>/<version>` | [`ClientRollout`] | as the client that carries it out says |
//! | `release-ids/<id>` | [`ReleaseId`] | never; of releases that clients carry out |
//! | `deploys/<app>/<number>` | [`DeployRecord`] | with every step, by the deploy's owner |
//! | `deploy-locks/<app>` | [`DeployLock`] | there while a deploy runs |
//! | `deploy-owners/<app>` | [`DeployOwner`] | leased: the api that executes the deploy |
//! | `builds/<app>/<number>` | [`BuildRecord`] | when the build ends |
//! | `secrets/<app>/<version>` | [`SecretsRecord`] | never: a change makes the next version |
//! | `addresses/<app>/<ip>` | [`AddressRecord`] | |
//! | `certificates/<app>/<hostname>` | [`CertificateRecord`] | when one is requested, imported, checked, issued |
//! | `platform-certificates/<hostname>` | [`CertificateRecord`] | as above; names of the platform itself |
//! | `acme-challenges/<hostname>` | [`ChallengeRecord`] | there while an authority checks a name |
//! | `acme-accounts/<authority>` | [`AcmeAccountRecord`] | never |
//! | `hostnames/<hostname>` | [`HostnameRecord`] | |
//! | `ports/<protocol>/<port>` | [`PortRecord`] | when an app needs one that nobody uses |
//! | `secret-keys/<app>` | [`SecretKeysRecord`] | with every key set |
//! | `tokens/<sha256 of the token>` | [`TokenRecord`] | when it is revoked |
//! | `token-uses/<id>` | [`TokenUse`] | at most once an hour |
//! | `wireguard-peers/<org>/<name>` | [`PeerRecord`] | never |
//! | `ssh-authorities/<org>`, `wireguard-gateway` | [`KeyPairRecord`] | never |
//! | `identity-keys/<kid>` | [`IdentityKeyRecord`] | made each month, forgotten after two |
//! | `hosts/<id>` | [`HostRecord`] | when a host comes up differently |
//! | `counters/<name>` | a number | with each one taken |
//!
//! Only the api writes. Numbers in keys have leading zeros, so that keys sort as they count.
//! Machines are not here: their hosts own them.

mod address;
mod app;
mod build;
mod certificate;
mod deploy;
mod host;
mod identity_key;
pub mod key;
mod key_pair;
mod org;
mod peer;
mod port;
mod record;
mod release;
mod secret;
mod secret_key;
mod token;
mod user;

pub use self::{
    address::{AddressKind, AddressRecord},
    app::AppRecord,
    build::{BuildRecord, BuildStatus},
    certificate::{
        AcmeAccountRecord, CertificateRecord, ChallengeKind, ChallengeRecord, CustomCertificate, DnsFindings,
        HostnameRecord, IssuedCertificate, Issuing, IssuingFailure, OpenOrder,
    },
    deploy::{DeployLock, DeployOwner, DeployRecord, RolloutRecord, StepProgress},
    host::HostRecord,
    identity_key::IdentityKeyRecord,
    key_pair::KeyPairRecord,
    org::{DEFAULT_NETWORK, MemberRecord, MemberRole, NetworkRecord, OrgRecord, PERSONAL_ORG},
    peer::PeerRecord,
    port::PortRecord,
    record::{Corrupt, Record, Stored},
    release::{CarriedOutBy, ClientRollout, ClientStatus, ReleaseId, ReleaseReason, ReleaseRecord},
    secret::{SecretsRecord, StoredSecret},
    secret_key::{SecretKeysRecord, StoredKey},
    token::{AllowedCommand, Revocation, TokenRecord, TokenScope, TokenUse},
    user::{Email, InvalidEmail, UserRecord},
};
