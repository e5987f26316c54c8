//! Machines, as the Machines API has them. Each call ends in the same call of the machine's host.

mod change;
mod exec;
mod filter;
mod inspect;
mod lease;
mod lifecycle;
mod list;
mod memory;
mod metadata;
mod name;
mod org;
mod wait;

pub use self::{inspect::listener_address, name::name_for};
use crate::openapi::{Call, Routes, call, get, post};

const ALL: &str = "/v1/apps/{app_name}/machines";
const ONE: &str = "/v1/apps/{app_name}/machines/{machine_id}";

pub fn routes() -> Routes {
    let list = call("Machines_list", "The machines of an app");
    let create = call("Machines_create", "Make a machine, and start it unless told otherwise");
    let org_list = call("Machines_org_list", "The machines of all apps of an organization, in pages");
    Routes::new()
        .at(ALL, get(list, list::list).post(create, change::create))
        .at("/v1/orgs/{org_slug}/machines", get(org_list, org::list))
        .merge(itself())
        .merge(lifecycle())
        .merge(inside())
        .merge(leases())
        .merge(metadata())
}

fn itself() -> Routes {
    let show = call("Machines_show", "A machine");
    let update = call("Machines_update", "Give a machine a new configuration");
    let destroy = call("Machines_delete", "Destroy a machine").or_fails(&[400]);
    let versions =
        call("Machines_list_versions", "The configurations that a machine had; the present one first");
    Routes::new()
        .at(ONE, get(show, list::get).post(update, change::update).delete(destroy, lifecycle::destroy))
        .at(&format!("{ONE}/versions"), get(versions, inspect::versions))
        .at(
            &format!("{ONE}/events"),
            get(call("Machines_list_events", "What happened to a machine, newest first"), inspect::events),
        )
}

fn lifecycle() -> Routes {
    let timed = |call: Call| call.or_fails(&[408]);
    let act = |name: &str| format!("{ONE}/{name}");
    Routes::new()
        .at(&act("start"), post(call("Machines_start", "Start a machine"), lifecycle::start))
        .at(&act("stop"), post(call("Machines_stop", "Stop a machine"), lifecycle::stop))
        .at(
            &act("suspend"),
            post(call("Machines_suspend", "Stop a machine and keep its memory"), lifecycle::suspend),
        )
        .at(
            &act("restart"),
            post(timed(call("Machines_restart", "Stop a machine and start it")), lifecycle::restart),
        )
        .at(&act("signal"), post(call("Machines_signal", "Send its processes a signal"), lifecycle::signal))
        .at(
            &act("cordon"),
            post(call("Machines_cordon", "Keep new requests away from a machine"), lifecycle::cordon),
        )
        .at(&act("uncordon"), post(call("Machines_uncordon", "Let requests come again"), lifecycle::uncordon))
        .at(&act("wait"), get(timed(call("Machines_wait", "Wait until a machine is in a state")), wait::wait))
}

fn inside() -> Routes {
    let exec = call("Machines_exec", "Run a command in a machine").or_fails(&[408]);
    let stream = call("Machines_exec_stream", "A session in a machine, after an upgrade");
    let reclaim = call("Machines_reclaim_memory", "Take memory back from a machine: refused").refused();
    let memory = call("Machines_get_memory", "How large a machine's memory is, and how much is left");
    let set_limit = call("Machines_set_memory_limit", "Bound a machine's memory: refused").refused();
    Routes::new()
        .at(&format!("{ONE}/exec"), post(exec, exec::exec))
        .at(&format!("{ONE}/exec-stream"), get(stream.answers(101).or_fails(&[400, 412]), exec::exec_stream))
        .at(
            &format!("{ONE}/ps"),
            get(call("Machines_list_processes", "The processes in a machine").or_fails(&[412]), inspect::ps),
        )
        .at(
            &format!("{ONE}/memory"),
            get(memory.or_fails(&[412]), memory::show).put(set_limit, memory::set_limit),
        )
        .at(&format!("{ONE}/memory/reclaim"), post(reclaim, memory::reclaim))
}

fn leases() -> Routes {
    Routes::new().at(
        &format!("{ONE}/lease"),
        get(call("Machines_show_lease", "The lease of a machine"), lease::get_lease)
            .post(call("Machines_create_lease", "Take or refresh a lease").answers(201), lease::take_lease)
            .delete(call("Machines_release_lease", "Give a lease back"), lease::release_lease),
    )
}

fn metadata() -> Routes {
    let set_all = |id| call(id, "Set and remove metadata; nothing restarts").answers(204);
    let set = call("Machines_upsert_metadata", "Set a key of a machine's metadata").answers(204);
    let remove = call("Machines_delete_metadata", "Remove a key of a machine's metadata").answers(204);
    Routes::new()
        .at(
            &format!("{ONE}/metadata"),
            get(call("Machines_show_metadata", "A machine's metadata"), metadata::metadata)
                .put(set_all("Machines_update_metadata"), metadata::update_metadata)
                .patch(set_all("Machines_patch_metadata"), metadata::update_metadata),
        )
        .at(
            &format!("{ONE}/metadata/{{key}}"),
            get(
                call("Machines_get_metadata_key", "A value of a machine's metadata"),
                metadata::metadata_value,
            )
            .post(set, metadata::set_metadata)
            .delete(remove, metadata::remove_metadata),
        )
}
