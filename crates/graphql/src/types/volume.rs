//! Volumes: as much of them as documents read; the Machines API has the rest.

use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};

use super::app::App;
use crate::platform::platform;

#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct Volume {
    pub id: ID,
    pub name: String,
    pub state: String,
    pub region: String,
    pub size_gb: i32,
    #[graphql(skip)]
    pub app_name: String,
}

#[ComplexObject]
impl Volume {
    async fn app(&self, context: &Context<'_>) -> Result<App> {
        Ok(platform(context).app(&self.app_name).await?)
    }
}
