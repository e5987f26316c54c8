//! Step 5, for requests that ask to switch protocols: when the app agrees, bytes go both ways until
//! the ends have closed.

use std::{io, pin::pin};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, split},
    time::timeout,
};
use tracing::debug;

use crate::{backend::Backend, limits::HALF_CLOSED, permit::Permit};

/// Carries a WebSocket, or whatever was agreed on; holds the request's place until it ends.
pub(crate) async fn tunnel(client: OnUpgrade, backend: Backend, permit: Permit) {
    if let Err(error) = carry(client, backend).await {
        debug!(machine = %permit.target().id, %error, "tunnel ended early");
    }
    drop(permit);
}

async fn carry(client: OnUpgrade, backend: Backend) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut client = TokioIo::new(client.await?);
    let Some((app, early)) = backend.into_upgraded().await else { return Ok(()) };
    client.write_all(&early).await?;
    let (from_client, to_client) = split(client);
    let (from_app, to_app) = split(app);
    let mut up = pin!(pump(from_client, to_app));
    let mut down = pin!(pump(from_app, to_client));
    // An end that has closed gets the rest of what the other has to say, within reason.
    tokio::select! {
        done = &mut up => {
            done?;
            timeout(HALF_CLOSED, down).await??;
        }
        done = &mut down => {
            done?;
            timeout(HALF_CLOSED, up).await??;
        }
    }
    Ok(())
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    copy(&mut from, &mut to).await?;
    to.shutdown().await
}
