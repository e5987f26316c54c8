//! What is wrong with the whole, each with its key.

use roost_app_config::{AppConfig, Format, Strictness};

/// The paths of the problems in a configuration.
fn problems(text: &str) -> Vec<String> {
    let (config, _) = AppConfig::parse(text, Format::Toml, "fly.toml").unwrap_or_else(|e| panic!("{e}"));
    config.validate().into_iter().map(|problem| problem.path).collect()
}

#[test]
fn all_problems_are_found_at_once_and_located() {
    let text = "\
kill_signal = \"SIGFOO\"
kill_timeout = 301

[env]
FLY_REGION = \"x\"

[http_service]
internal_port = 8080

[http_service.concurrency]
soft_limit = 30
hard_limit = 25
";
    let error = AppConfig::load(text, Format::Toml, "fly.toml", Strictness::Lenient).unwrap_err();
    let found: Vec<(String, usize)> = error
        .diagnostics
        .iter()
        .map(|d| (d.path.clone(), d.location.as_ref().map_or(0, |at| at.line)))
        .collect();
    let expected = [
        ("env.FLY_REGION", 5),
        ("kill_signal", 1),
        ("kill_timeout", 2),
        ("http_service.concurrency.soft_limit", 11),
    ];
    assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line)));
}

#[test]
fn services_must_name_existing_groups() {
    let text = "\
[processes]
web = \"serve\"
worker = \"work\"
[http_service]
internal_port = 80
[[services]]
internal_port = 81
processes = [\"wrker\"]
";
    let (config, _) = AppConfig::parse(text, Format::Toml, "fly.toml").unwrap();
    let problems = config.validate();
    assert_eq!(problems.len(), 2);
    assert_eq!(problems[0].path, "services[0].processes[0]");
    assert_eq!(problems[0].help.as_deref(), Some("did you mean \"worker\"?"));
    assert_eq!(problems[1].path, "http_service");
}

#[test]
fn public_ports_belong_to_one_service() {
    let service = |ports: &str| format!("[[services]]\ninternal_port = 1\n[[services.ports]]\n{ports}\n");
    let http = "[http_service]\ninternal_port = 8080\n";
    assert_eq!(problems(&format!("{http}{}", service("port = 443"))), ["services[0].ports[0]"]);
    assert_eq!(
        problems(&format!("{http}{}", service("start_port = 400\nend_port = 500"))),
        ["services[0].ports[0]"]
    );
    assert_eq!(problems(&format!("{http}{}", service("port = 81"))), Vec::<String>::new());
    assert_eq!(problems(&service("start_port = 5\nend_port = 4")), ["services[0].ports[0].start_port"]);
    assert_eq!(problems(&service("port = 5\nend_port = 9")), ["services[0].ports[0]"]);
    assert_eq!(problems(&service("port = 5\nforce_https = true")), ["services[0].ports[0].force_https"]);
}

#[test]
fn each_part_is_checked() {
    for (text, path) in [
        ("[http_service]\nforce_https = true", "http_service"),
        ("[deploy]\nmax_unavailable = 0", "deploy.max_unavailable"),
        (
            "[http_service]\ninternal_port = 1\n[[http_service.http_options.replay_cache]]\npath_prefix = \"/\"\n\
             type = \"cookie\"\nname = \"s\"\nttl_seconds = 9",
            "http_service.http_options.replay_cache[0].ttl_seconds",
        ),
        ("[processes]\nWeb = \"x\"", "processes.Web"),
        ("[processes]\nweb = \"sh -c 'x\"", "processes.web"),
        ("[vm]\nsize = \"huge\"", "vm[0]"),
        ("[vm]\nmemory = 300", "vm[0]"),
        ("[mounts]\nsource = \"a-b\"\ndestination = \"/d\"", "mounts[0].source"),
        ("[mounts]\nsource = \"d\"\ndestination = \"/\"", "mounts[0].destination"),
        ("[mounts]\nsource = \"d\"\ndestination = \"/a/../b\"", "mounts[0].destination"),
        ("[mounts]\nsource = \"d\"\ndestination = \"/d\"\ninitial_size = 501", "mounts[0].initial_size"),
        (
            "[mounts]\nsource = \"d\"\ndestination = \"/d\"\nauto_extend_size_threshold = 80",
            "mounts[0].auto_extend_size_threshold",
        ),
        (
            "[deploy]\nstrategy = \"bluegreen\"\n[mounts]\nsource = \"d\"\ndestination = \"/d\"",
            "deploy.strategy",
        ),
        ("[[files]]\nguest_path = \"/a\"", "files[0]"),
        ("[[files]]\nguest_path = \"a\"\nsecret_name = \"S\"", "files[0].guest_path"),
        ("[[files]]\nguest_path = \"/a\"\nraw_value = \"?\"", "files[0].raw_value"),
        ("[build]\nimage = \"UPPER\"", "build.image"),
        ("[build]\nimage = \"a\"\ndockerfile = \"b\"", "build.image"),
        ("[checks.a]\nport = 1", "checks.a"),
        ("[checks.a]\ntype = \"tcp\"", "checks.a"),
        ("[checks.a]\ntype = \"tcp\"\nport = 1\npath = \"/\"", "checks.a"),
        ("[checks.a]\ntype = \"http\"\nport = 1\npath = \"x\"", "checks.a.path"),
        ("[checks.a]\ntype = \"http\"\nport = 1\ntimeout = \"61s\"", "checks.a.timeout"),
    ] {
        assert_eq!(problems(text), [path], "{text}");
    }
}

#[test]
fn one_mount_for_each_group() {
    let mount = "[[mounts]]\nsource = \"d\"\ndestination = \"/d\"\n";
    assert_eq!(problems(mount), Vec::<String>::new());
    assert_eq!(problems(&format!("{mount}{mount}")), ["mounts[1]"]);
}

#[test]
fn statics_that_can_not_be_served_are_named() {
    let of = |rest: &str| problems(&format!("[[statics]]\nguest_path = \"/a\"\n{rest}"));
    assert!(of("url_prefix = \"/static\"").is_empty());
    assert_eq!(of("url_prefix = \"static\""), ["statics[0].url_prefix"]);
    assert_eq!(of("url_prefix = \"/s\"\ntigris_bucket = \"b\""), ["statics[0].tigris_bucket"]);
    let twice = "url_prefix = \"/s\"\n[[statics]]\nguest_path = \"/b\"\nurl_prefix = \"/s/t\"";
    assert_eq!(of(twice), ["statics[1].url_prefix"]);
}

#[test]
fn a_port_has_a_bounded_number_of_replay_cache_rules() {
    let rule = "[[http_service.http_options.replay_cache]]\npath_prefix = \"/\"\nttl_seconds = 60\n\
                type = \"cookie\"\nname = \"s\"\n";
    let of = |rules: usize| problems(&format!("[http_service]\ninternal_port = 1\n{}", rule.repeat(rules)));
    assert!(of(64).is_empty());
    assert_eq!(of(65), ["http_service.http_options.replay_cache"]);
}
