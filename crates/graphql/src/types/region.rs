//! Where hosts are.

use async_graphql::{Context, Object, Result, SimpleObject};

use crate::platform::platform;

#[derive(Debug, Clone, PartialEq, SimpleObject)]
pub struct Region {
    pub code: String,
    pub name: String,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub gateway_available: bool,
    pub requires_paid_plan: bool,
    pub deprecated: bool,
}

/// The platform as a whole.
pub struct FlyPlatform;

#[Object]
impl FlyPlatform {
    async fn regions(&self, context: &Context<'_>) -> Result<Vec<Region>> {
        Ok(platform(context).regions().await?)
    }

    /// The region that the request came to.
    async fn request_region(&self, context: &Context<'_>) -> Result<Option<String>> {
        let nearest = platform(context).regions().await?.into_iter().next();
        Ok(nearest.map(|region| region.code))
    }
}
