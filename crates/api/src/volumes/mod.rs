//! Volumes, as the Machines API has them. Each call ends in the same call of the volume's host.

mod change;
mod list;
mod path;
mod snapshots;

use crate::openapi::{Routes, call, get, post, put};

pub fn routes() -> Routes {
    const ALL: &str = "/v1/apps/{app_name}/volumes";
    const VOLUME: &str = "/v1/apps/{app_name}/volumes/{volume_id}";
    let create = call("Volumes_create", "Make a volume: empty, from a snapshot, or as a fork of another");
    let undestroy = call("Volumes_undestroy", "Take a destroyed volume back while its disk is kept");
    Routes::new()
        .at(
            ALL,
            get(call("Volumes_list", "The volumes of an app"), list::of_app).post(create, change::create),
        )
        .at(
            VOLUME,
            get(call("Volumes_get_by_id", "A volume"), list::get)
                .put(call("Volumes_update", "Say how its snapshots are made and kept"), change::update)
                .delete(
                    call("Volume_delete", "Destroy a volume; its disk is kept for a while"),
                    change::destroy,
                ),
        )
        .at(&format!("{VOLUME}/extend"), put(call("Volumes_extend", "Make a volume larger"), change::extend))
        .at(&format!("{VOLUME}/undestroy"), post(undestroy, change::undestroy))
        .at(
            &format!("{VOLUME}/snapshots"),
            get(call("Volumes_list_snapshots", "The snapshots of a volume, newest first"), snapshots::list)
                .post(call("createVolumeSnapshot", "Take a snapshot of a volume"), snapshots::create),
        )
        .at(
            "/v1/orgs/{org_slug}/volumes",
            get(
                call("Volumes_org_list", "The volumes of all apps of an organization, in pages"),
                list::of_org,
            ),
        )
}
