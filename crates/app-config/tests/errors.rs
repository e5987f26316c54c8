//! What is wrong is shown with its place, and unknown keys with the nearest known one.

use roost_app_config::{AppConfig, Format, Strictness};

fn error(text: &str, format: Format) -> String {
    let name = match format {
        Format::Toml => "fly.toml",
        Format::Json => "fly.json",
        Format::Yaml => "fly.yaml",
    };
    AppConfig::load(text, format, name, Strictness::Lenient).unwrap_err().to_string()
}

#[test]
fn a_wrong_type_is_shown_under_the_value() {
    let text = "app = \"web\"\n\n[http_service]\n  internal_port = \"eighty\"\n";
    assert_eq!(
        error(text, Format::Toml),
        "\
http_service.internal_port: expected a whole number from 0 to 65535, found the string \"eighty\"
 --> fly.toml:4:19
  |
4 |   internal_port = \"eighty\"
  |                   ^^^^^^^^"
    );
}

#[test]
fn the_place_is_known_in_every_format() {
    let cases = [
        (Format::Toml, "app = 'ok'\n[env]\n'Ü' = 'ü'\nA = { b = 1 }\n", ":4:5"),
        (Format::Json, "{\n \"env\": {\"Ü\": \"ü\", \"A\": [1]}\n}", ":2:25"),
        (Format::Yaml, "env:\n  Ü: ü\n  A: [1]\n", ":3:6"),
    ];
    for (format, text, place) in cases {
        let shown = error(text, format);
        assert!(shown.starts_with("env.A: expected a string, a number or a boolean, found a "), "{shown}");
        assert!(shown.contains(place), "{shown}");
    }
}

#[test]
fn bad_syntax_is_shown_where_it_is() {
    for (format, text, place) in [
        (Format::Toml, "app = \"web\"\n[http_service\n", "fly.toml:2:"),
        (Format::Json, "{\n  \"app\": ,\n}", "fly.json:2:"),
        (Format::Json, "{\"app\": \"a\",\n \"app\": \"b\"}", "fly.json:2:2"),
        (Format::Yaml, "app: web\n  x: 1\n", "fly.yaml:2:"),
        (Format::Yaml, "a: &x [1]\nb: *x\n", "fly.yaml:2:"),
    ] {
        let shown = error(text, format);
        assert!(shown.contains(place), "{shown}");
    }
}

#[test]
fn a_port_out_of_range_says_the_range() {
    let shown = error("[http_service]\ninternal_port = 70000\n", Format::Toml);
    assert!(shown.contains("expected a whole number from 0 to 65535, found 70000"), "{shown}");
    assert!(shown.contains("fly.toml:2:17"), "{shown}");
    let shown = error("[http_service]\ninternal_port = 0\n", Format::Toml);
    assert!(shown.contains("http_service.internal_port: a port is a number from 1 to 65535"), "{shown}");
    assert!(shown.contains("fly.toml:2:17"), "{shown}");
}

#[test]
fn an_unknown_key_is_a_warning_with_the_nearest_name() {
    let text = "[http_service]\ninternal_port = 8080\nforce_http = true\n\n[bild]\n";
    let (config, warnings) = AppConfig::parse(text, Format::Toml, "fly.toml").unwrap();
    assert_eq!(config.http_service.unwrap().internal_port, Some(8080));
    let shown: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 2);
    assert!(shown.iter().any(|w| w.contains("unknown key `bild` at the top level")
        && w.contains("did you mean `build`?")
        && w.contains("fly.toml:5:2")));
    assert!(shown.iter().any(|w| w.contains("unknown key `force_http` in `http_service`")
        && w.contains("did you mean `force_https`?")));
    let strict = AppConfig::load(text, Format::Toml, "fly.toml", Strictness::Strict).unwrap_err();
    assert_eq!(strict.diagnostics.len(), 2);
}

#[test]
fn an_unknown_key_deep_in_a_list_is_found() {
    let text = "[[services]]\ninternal_port = 1\n[[services.ports]]\nport = 80\nhandler = [\"http\"]\n";
    let (_, warnings) = AppConfig::parse(text, Format::Toml, "fly.toml").unwrap();
    assert!(
        warnings[0].message.contains("unknown key `handler` in `services[0].ports[0]`"),
        "{}",
        warnings[0]
    );
    assert_eq!(warnings[0].help.as_deref(), Some("did you mean `handlers`?"));
}

#[test]
fn a_wrong_name_of_a_choice_gives_the_choices() {
    let shown = error("[deploy]\nstrategy = \"roling\"\n", Format::Toml);
    assert!(shown.contains("unknown value \"roling\"; it is one of \"rolling\", \"canary\""), "{shown}");
    assert!(shown.contains("did you mean \"rolling\"?"), "{shown}");
    let shown = error("[[services]]\n[[services.ports]]\nhandlers = [\"http\", 3]\n", Format::Toml);
    assert!(shown.contains("services[0].ports[0].handlers[1]"), "{shown}");
}

#[test]
fn an_invalid_app_name_says_why() {
    let shown = error("app = \"My_App\"\n", Format::Toml);
    assert!(shown.contains("it may hold only lower-case letters, digits and dashes"), "{shown}");
    assert!(shown.contains("fly.toml:1:7"), "{shown}");
}

#[test]
fn hostile_nesting_is_an_error_and_not_a_crash() {
    let deep = "[".repeat(100_000);
    error(&format!("x = {deep}"), Format::Toml);
    error(&deep, Format::Json);
    error(&deep, Format::Yaml);
    error(&format!("{}{}", "{\"a\":".repeat(100), "1"), Format::Json);
}
