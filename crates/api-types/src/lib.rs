//! Bodies of the public API: HTTP/1.1 with JSON, one port for all of it.
//!
//! The Machines API, as its clients know it, under `/v1/apps`:
//!
//! | call | body | answer |
//! |---|---|---|
//! | `GET /v1/apps?org_slug=` | | [`AppList`] |
//! | `POST /v1/apps` | [`CreateApp`] | 201 [`App`] |
//! | `GET /v1/apps/{app}` | | [`App`] |
//! | `DELETE /v1/apps/{app}` | | 202; its machines are destroyed |
//! | `GET …/machines?include_deleted=&region=&state=&metadata.{key}=` | | `[`[`Machine`]`]` |
//! | `POST …/machines` | [`MachineInput`] | [`Machine`] |
//! | `GET /v1/orgs/{org}/machines?cursor=&limit=&updated_after=` | | [`OrgMachineList`]; filters as above |
//! | `GET …/machines/{id}` | | [`Machine`] |
//! | `POST …/machines/{id}` | [`MachineInput`] | [`Machine`], of a new version |
//! | `DELETE …/machines/{id}?force=` | | [`Done`] |
//! | `POST …/machines/{id}/start` | | [`Started`] |
//! | `POST …/machines/{id}/stop` | [`StopMachine`] | [`Done`] |
//! | `POST …/machines/{id}/restart?timeout=&signal=&force_stop=` | | [`Done`] |
//! | `POST …/machines/{id}/signal` | [`SignalMachine`] | [`Done`] |
//! | `POST …/machines/{id}/cordon`, `…/uncordon` | | [`Done`] |
//! | `GET …/machines/{id}/wait?state=&instance_id=&timeout=` | | [`Waited`]; 408 when the time is over |
//! | `POST …/machines/{id}/exec` | [`ExecMachine`] | [`ExecResult`] |
//! | `GET …/machines/{id}/ps` | | `[`[`ProcessStat`]`]` |
//! | `GET …/machines/{id}/memory` | | [`MachineMemory`] |
//! | `GET …/machines/{id}/events?limit=` | | `[MachineEvent]`, newest first |
//! | `POST/GET …/machines/{id}/lease` | [`LeaseRequest`] | [`LeaseAnswer`] |
//! | `DELETE …/machines/{id}/lease` | | [`Done`] |
//! | `GET …/machines/{id}/metadata` | | a map of texts |
//! | `PUT`, `PATCH …/machines/{id}/metadata` | [`UpdateMetadata`] | 204; 412 when the machine is at another version |
//! | `GET`, `POST …/machines/{id}/metadata/{key}` | [`MetadataValue`] | [`MetadataValue`]; 204 |
//! | `DELETE …/machines/{id}/metadata/{key}` | | 204 |
//! | `GET …/volumes` | | `[`[`Volume`]`]` |
//! | `POST …/volumes` | [`CreateVolume`] | [`Volume`] |
//! | `GET …/volumes/{id}` | | [`Volume`] |
//! | `PUT …/volumes/{id}` | [`UpdateVolume`] | [`Volume`] |
//! | `PUT …/volumes/{id}/extend` | [`ExtendVolume`] | [`ExtendedVolume`] |
//! | `DELETE …/volumes/{id}` | | [`Volume`]; its disk is kept for a while |
//! | `GET …/volumes/{id}/snapshots` | | `[`[`VolumeSnapshot`]`]`, newest first |
//! | `POST …/volumes/{id}/snapshots` | | [`VolumeSnapshot`], as soon as the wish is recorded |
//! | `GET /v1/orgs/{org}/volumes?include_deleted=&region=&state=&updated_after=&cursor=&limit=` | | [`OrgVolumes`] |
//! | `GET …/secrets` | | [`SecretList`] |
//! | `POST …/secrets` | [`UpdateSecrets`] | [`SecretsUpdated`] |
//! | `POST …/secrets/{name}` | [`SetSecret`] | 201 [`SecretSet`] |
//! | `DELETE …/secrets/{name}` | | [`SecretDeleted`] |
//! | `GET …/ip_assignments` | | [`AddressList`] |
//! | `POST …/ip_assignments` | [`AssignAddress`] | [`Address`] |
//! | `DELETE …/ip_assignments/{ip}` | | 204 |
//! | `GET …/certificates?filter=&cursor=&limit=` | | [`CertificateList`] |
//! | `POST …/certificates/acme` | [`RequestCertificate`] | 201 [`CertificateDetail`] |
//! | `POST …/certificates/custom` | [`ImportCertificate`] | 201 [`CertificateDetail`] |
//! | `GET …/certificates/{hostname}` | | [`CertificateDetail`] |
//! | `POST …/certificates/{hostname}/check` | | [`CertificateDetail`] with `dns_records` |
//! | `DELETE …/certificates/{hostname}` | | 204 |
//! | `DELETE …/certificates/{hostname}/acme`, `…/custom` | | [`CertificateDetail`] |
//! | `GET …/secretkeys?types=` | | [`SecretKeyList`] |
//! | `GET …/secretkeys/{name}` | | [`SecretKey`] |
//! | `POST …/secretkeys/{name}`, `…/generate` | [`SetSecretKey`] | 201 [`SecretKeySet`] |
//! | `DELETE …/secretkeys/{name}` | | [`SecretKeyDeleted`] |
//! | `POST …/secretkeys/{name}/encrypt` | [`Encrypt`] | [`Encrypted`] |
//! | `POST …/secretkeys/{name}/decrypt` | [`Decrypt`] | [`Decrypted`] |
//! | `POST …/secretkeys/{name}/sign` | [`Sign`] | [`Signed`] |
//! | `POST …/secretkeys/{name}/verify` | [`Verify`] | 204; 400 if it is another's |
//! | `GET /v1/platform/regions` | | [`RegionList`] |
//! | `POST /v1/platform/placements` | [`PlacementRequest`] | [`PlacementList`] |
//!
//! A leased machine is changed with its nonce in the header [`LEASE_NONCE_HEADER`].
//!
//! Roost's own:
//!
//! | call | body | answer |
//! |---|---|---|
//! | `GET /v1/status` | | [`ServerStatus`] |
//! | `POST /v1/images/resolve` | [`ResolveImage`] | [`ResolvedImage`] |
//! | `POST …/releases` | [`CreateRelease`] | [`DeployAnswer`]; the deploy goes on by itself |
//! | `GET …/releases` | | `[`[`Release`]`]`, newest first, without `config` |
//! | `GET …/releases/{version}` | | [`Release`] |
//! | `GET …/releases/{version}/watch` | | [`DeployEvent`]s, a JSON line each: of its last deploy |
//! | `POST …/rollback` | [`Rollback`] | [`DeployAnswer`] |
//! | `POST …/scale` | [`Scale`] | [`DeployAnswer`] |
//! | `POST …/secrets/deploy` | | [`DeployAnswer`]: machines get staged secrets |
//! | `GET …/deploys` | | `[`[`Deploy`]`]`, newest first |
//! | `GET …/deploys/{number}` | | [`Deploy`] |
//! | `GET …/deploys/{number}/watch` | | [`DeployEvent`]s until the deploy has ended |
//! | `POST …/volumes/{id}/undestroy` | | [`Volume`]: a destroyed one whose disk is kept |
//! | `GET …/logs?tail=&follow=&machine=&after=` | | [`LogLine`]s, a JSON line each |
//! | `GET /v1/user` | | [`User`]: whose token it is |
//! | `GET /v1/users` | | `[`[`User`]`]` |
//! | `GET /v1/orgs` | | `[`[`Org`]`]` |
//! | `POST /v1/orgs` | [`CreateOrg`] | 201 [`Org`] |
//! | `GET /v1/orgs/{slug}` | | [`Org`] with its members |
//! | `DELETE /v1/orgs/{slug}` | | 204; it must have no apps |
//! | `POST /v1/orgs/{slug}/members` | [`Invite`] | 201 [`Invited`] |
//! | `PATCH /v1/orgs/{slug}/members/{email}` | [`SetRole`] | [`Member`] |
//! | `DELETE /v1/orgs/{slug}/members/{email}` | | 204 |
//! | `GET /v1/audit?limit=&before=`, `GET /v1/orgs/{slug}/audit` | | `[`[`AuditEntry`]`]`, newest first |
//! | `POST /api/v1/cli_sessions` | [`BeginLogin`] | 201 [`BegunLogin`]; needs no token, as the next |
//! | `POST /api/v1/cli_sessions/{id}/redeem` | [`RedeemLogin`] | [`LoginToken`] |
//! | `GET /v1/tokens?org=&app=` | | [`TokenList`]; the caller's own when neither is given |
//! | `POST /v1/tokens` | [`CreateToken`] | 201 [`CreatedToken`] |
//! | `GET /v1/tokens/current` | | [`CurrentTokens`] |
//! | `DELETE /v1/tokens/{id}` | | 204; `current` revokes the call's own |
//! | `POST /v1/tokens/oidc` | [`CreateIdentityToken`] | a JWT, as text; machines only |
//! | `POST /v1/tokens/authenticate` | [`AuthenticateToken`] | `[`[`VerifiedToken`]`]` |
//! | `POST /v1/tokens/authorize` | [`AuthorizeToken`] | [`Authorized`] |
//! | `POST …/deploy_token` | [`CreateDeployToken`] | [`DeployToken`] |
//! | `GET …/machines/{id}/exec-stream` | upgrade [`EXEC_PROTOCOL`] | [`ExecFrame`]s, a JSON line each, both ways |
//!
//! The same, generated from the code and complete, is `docs/openapi.json`.
//!
//! `/v2` is the registry. Every answer that is no success has an [`ErrorBody`].

mod address;
mod app;
mod audit;
mod binary;
mod certificate;
mod deploy;
mod error;
mod lease;
mod login;
mod machine;
mod org;
mod platform;
mod release;
mod secret;
mod secret_key;
mod server;
mod token;
mod volume;

pub use roost_host_api::{EXEC_PROTOCOL, ExecFrame, LogLine};

pub use self::{
    address::*, app::*, audit::*, binary::*, certificate::*, deploy::*, error::*, lease::*, login::*,
    machine::*, org::*, platform::*, release::*, secret::*, secret_key::*, server::*, token::*, volume::*,
};

/// Carries the nonce of a machine's lease.
pub const LEASE_NONCE_HEADER: &str = "fly-machine-lease-nonce";

/// Largest body of a call: a machine's configuration or an app's, with injected files.
pub const MAX_BODY_BYTES: usize = roost_host_api::MAX_REQUEST_BYTES;
