//! The machines that follow from a configuration.

use roost_app_config::{AppConfig, Format, ReleaseMeta};
use roost_model::{
    MachineConfig,
    machine::RestartPolicy,
    service::{Autostop, CheckKind, Handler, Protocol},
};

fn parse(text: &str) -> AppConfig {
    AppConfig::parse(text, Format::Toml, "fly.toml").unwrap_or_else(|e| panic!("{e}")).0
}

fn machine(config: &AppConfig, group: &str) -> MachineConfig {
    let image = "registry.example/app:1".parse().unwrap();
    config.machine_config(group, &image, &ReleaseMeta { id: "rel".to_owned(), version: 7 })
}

#[test]
fn the_smallest_app_is_one_group_of_the_smallest_machines() {
    let config = parse("app = \"web\"\n");
    let groups = config.process_groups();
    assert_eq!(groups.len(), 1);
    assert_eq!((groups[0].name.as_str(), groups[0].has_services), ("app", false));
    let made = machine(&config, "app");
    assert_eq!(made.guest().unwrap().to_string(), "shared-cpu-1x:256MB");
    assert_eq!(made.image, "registry.example/app:1");
    assert_eq!(made.metadata["fly_release_version"], "7");
    assert_eq!(made.metadata["fly_process_group"], "app");
    assert_eq!((made.init.cmd, made.restart, made.stop_config), (None, None, None));
}

#[test]
fn an_http_service_is_two_public_ports() {
    let config = parse(
        "[http_service]\ninternal_port = 3000\nauto_stop_machines = true\n[[http_service.checks]]\npath = \"/up\"\n",
    );
    let service = &machine(&config, "app").services[0];
    assert_eq!((service.protocol, service.internal_port), (Protocol::Tcp, 3000));
    assert_eq!(service.ports[0].range(), Some((80, 80)));
    assert_eq!(service.ports[0].handlers, [Handler::Http]);
    assert_eq!(service.ports[1].range(), Some((443, 443)));
    assert_eq!((service.autostart, service.autostop), (Some(true), Some(Autostop::Stop)));
    assert_eq!(service.checks[0].kind, CheckKind::Http);
    assert_eq!(service.checks[0].path.as_deref(), Some("/up"));
}

#[test]
fn groups_have_commands_services_sizes_and_policies_of_their_own() {
    let config = parse(
        "\
primary_region = \"fra\"
kill_signal = \"SIGTERM\"
kill_timeout = \"20s\"
[env]
A = 1
[processes]
web = \"serve --name 'my app'\"
worker = \"\"
[experimental]
cmd = [\"default\"]
entrypoint = [\"/entry\"]
[http_service]
internal_port = 80
processes = [\"web\"]
[[vm]]
size = \"shared-cpu-2x\"
[[vm]]
memory = \"1gb\"
processes = [\"worker\"]
[[restart]]
policy = \"never\"
processes = [\"worker\"]
[mounts]
source = \"data\"
destination = \"/data\"
processes = [\"worker\"]
[checks.up]
type = \"tcp\"
processes = [\"web\"]
",
    );
    assert_eq!(config.validate(), []);
    let groups = config.process_groups();
    assert_eq!(
        groups.iter().map(|g| (g.has_services, g.has_mounts)).collect::<Vec<_>>(),
        [(true, false), (false, true)]
    );
    let (web, worker) = (machine(&config, "web"), machine(&config, "worker"));
    assert_eq!(web.init.cmd.unwrap(), ["serve", "--name", "my app"]);
    assert_eq!(web.init.entrypoint.unwrap(), ["/entry"]);
    assert_eq!(worker.init.cmd.unwrap(), ["default"]);
    assert_eq!((web.services.len(), worker.services.len()), (1, 0));
    assert_eq!(web.guest.unwrap().to_string(), "shared-cpu-2x:512MB");
    assert_eq!(worker.guest.unwrap().to_string(), "shared-cpu-1x:1024MB");
    assert_eq!(web.restart, None);
    assert_eq!(worker.restart.unwrap().policy, RestartPolicy::No);
    assert_eq!(worker.mounts[0].name.as_deref(), Some("data"));
    assert_eq!(web.checks["up"].port, Some(80));
    assert!(worker.checks.is_empty());
    assert_eq!(web.env["PRIMARY_REGION"], "fra");
    let stop = web.stop_config.unwrap();
    assert_eq!((stop.signal.as_deref(), stop.timeout.unwrap().0.as_secs()), (Some("SIGTERM"), 20));
}

#[test]
fn local_files_travel_inside_the_configuration() {
    let mut config = parse("[[files]]\nguest_path = \"/etc/a\"\nlocal_path = \"a.conf\"\n");
    config.inline_files(|path| if path == "a.conf" { Ok(b"hello".to_vec()) } else { Err(()) }).unwrap();
    let file = &machine(&config, "app").files[0];
    assert_eq!((file.guest_path.as_str(), file.raw_value.as_deref()), ("/etc/a", Some("aGVsbG8=")));
    assert_eq!(config.validate(), []);
}

#[test]
fn what_nothing_acts_on_is_said() {
    let config = parse(
        "console_command = \"sh\"\n[deploy]\nstrategy = \"canary\"\nrelease_command = \"x\"\n[http_service]\ninternal_port = 1\n",
    );
    assert_eq!(
        config.unacted(),
        ["console_command", "deploy.strategy = \"canary\" (rolling is used)", "deploy.release_command"]
    );
    let plain = parse(
        "app = \"a\"\n[http_service]\ninternal_port = 1\nauto_stop_machines = \"stop\"\n[vm]\nmemory = 512\n",
    );
    assert_eq!(plain.unacted(), Vec::<String>::new());
}
