//! Calls about the platform, images and logs.

use roost_api_types::{LogLine, ResolveImage, ResolvedImage, ServerStatus};
use roost_model::{AppName, MachineId};

use crate::{ApiClient, ClientError, JsonLines};

/// Which lines of an app's logs.
#[derive(Debug, Clone, Default)]
pub struct LogsQuery {
    pub machine: Option<MachineId>,
    /// The last so many lines of what is kept; of no meaning with `after`.
    pub tail: u32,
    /// Only lines after this cursor.
    pub after: Option<u64>,
    /// Go on with new ones.
    pub follow: bool,
}

impl ApiClient {
    pub async fn status(&self) -> Result<ServerStatus, ClientError> {
        self.get("/v1/status").await
    }

    /// What an image reference means now.
    pub async fn resolve_image(&self, image: &str) -> Result<ResolvedImage, ClientError> {
        self.post("/v1/images/resolve", &ResolveImage { image: image.to_owned() }).await
    }

    pub async fn logs(&self, app: &AppName, query: &LogsQuery) -> Result<JsonLines<LogLine>, ClientError> {
        let LogsQuery { machine, tail, after, follow } = query;
        let mut path = format!("/v1/apps/{app}/logs?tail={tail}&follow={follow}");
        if let Some(machine) = machine {
            path.push_str(&format!("&machine={machine}"));
        }
        if let Some(after) = after {
            path.push_str(&format!("&after={after}"));
        }
        self.lines(&path).await
    }
}
