//! Changes of apps. Nearly all are made through the Machines API.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use crate::{Code, Refusal, platform::platform, types::app::App};

#[derive(Default)]
pub struct AppChanges;

#[derive(InputObject)]
#[graphql(name = "MoveAppInput")]
struct Move {
    client_mutation_id: Option<String>,
    app_id: ID,
    organization_id: ID,
}

#[derive(SimpleObject)]
#[graphql(name = "MoveAppPayload")]
struct Moved {
    client_mutation_id: Option<String>,
    app: App,
}

#[Object]
impl AppChanges {
    /// Its machines would have to leave one private network and join another, with new addresses.
    async fn move_app(&self, context: &Context<'_>, input: Move) -> Result<Option<Moved>> {
        let app = platform(context).app(&input.app_id).await?;
        let to = platform(context).organization(&input.organization_id).await?;
        let message = format!(
            "app \"{}\" can not be moved to \"{}\": an app stays in the private network that it was made in. \
             Make a new app there, deploy to it, and destroy this one",
            app.name, to.slug
        );
        Err(Refusal::new(Code::Unprocessable, message).into())
    }
}
