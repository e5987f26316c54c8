//! Calls about an app's addresses.

use std::net::IpAddr;

use reqwest::Method;
use roost_api_types::{Address, AddressList, AssignAddress};
use roost_model::AppName;

use crate::{ApiClient, ClientError, transport::NO_BODY};

impl ApiClient {
    pub async fn addresses(&self, app: &AppName) -> Result<Vec<Address>, ClientError> {
        let list: AddressList = self.get(&of(app)).await?;
        Ok(list.ips)
    }

    /// One that the app already has is given again, unchanged.
    pub async fn assign_address(&self, app: &AppName, asked: &AssignAddress) -> Result<Address, ClientError> {
        self.post(&of(app), asked).await
    }

    pub async fn release_address(&self, app: &AppName, ip: IpAddr) -> Result<(), ClientError> {
        self.done(Method::DELETE, &format!("{}/{ip}", of(app)), NO_BODY).await
    }
}

fn of(app: &AppName) -> String {
    format!("/v1/apps/{app}/ip_assignments")
}
