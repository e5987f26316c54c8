//! Pausing and keeping a machine, over Firecracker's API. It writes devices and memory into its own folder,
//! from which they are taken; a resumed guest's memory is read from its file as it is needed.

use std::path::Path;

use super::{
    api::Client,
    chroot::{API_SOCKET, Chroot},
    requests,
};
use crate::{VmmError, snapshot, vm::Request};

/// Whoever asked and went away does not undo it.
pub(super) async fn obey(request: Request, chroot: &Chroot) {
    let client = Client::new(chroot.within(API_SOCKET));
    match request {
        Request::Console(done) => drop(done),
        Request::Pause(reply) => drop(reply.send(client.patch(&requests::pause()).await)),
        Request::Save(folder, limit, reply) => drop(reply.send(save(&client, chroot, &folder, limit).await)),
        // A snapshot is loaded before a monitor begins.
        Request::Load(_, reply) => drop(reply.send(Ok(()))),
        Request::ResizeDisk(serial, _, reply) => drop(reply.send(Err(not_resized(&serial)))),
        Request::GoOn(reply) => drop(reply.send(client.patch(&requests::go_on()).await)),
    }
}

/// The drive's number, by which Firecracker knows it, is not kept with the VMM.
fn not_resized(serial: &str) -> VmmError {
    let reason = "under Firecracker a disk has its new size at the machine's next start".to_owned();
    VmmError::Refused { command: format!("resizing {serial}"), reason }
}

/// Returns the bytes on disk.
async fn save(client: &Client, chroot: &Chroot, folder: &Path, limit: u64) -> Result<u64, VmmError> {
    // What an agent that died meanwhile had asked for.
    chroot.unlink_snapshot()?;
    client.put_memory(&requests::save()).await?;
    chroot.take_snapshot(folder)?;
    let size = snapshot::size(folder)
        .map_err(|source| VmmError::Io { what: "measuring a snapshot".into(), source })?;
    if size > limit {
        let reason = format!("it takes {size} bytes, and at most {limit} are expected");
        return Err(VmmError::Refused { command: "a snapshot".into(), reason });
    }
    Ok(size)
}
