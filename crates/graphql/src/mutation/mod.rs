//! Where a changing document begins. Each change takes one `input` and gives one payload, which carries
//! the client's own id of the call back.

mod addresses;
mod apps;
mod certificates;
mod organizations;
mod peers;
mod tokens;

use async_graphql::MergedObject;

#[derive(Default, MergedObject)]
#[graphql(name = "Mutations")]
pub struct Mutations(
    addresses::AddressChanges,
    apps::AppChanges,
    certificates::CertificateChanges,
    organizations::OrganizationChanges,
    peers::PeerChanges,
    tokens::TokenChanges,
);
