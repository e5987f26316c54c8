//! `roost env`: the environment in which flyctl talks to this server, and to nobody else.

use std::collections::BTreeMap;

use super::context::Context;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  eval \"$(roost env)\"
  flyctl status --app hello")]
pub struct Args {}

pub fn run(_args: Args, context: &Context) -> anyhow::Result<()> {
    let api = context.api()?;
    let variables = variables(api.base(), api.token());
    context.output.result(&variables, |variables| {
        variables.iter().map(|(name, value)| format!("export {name}={}\n", quoted(value))).collect()
    })?;
    Ok(())
}

fn variables(url: &str, token: &str) -> BTreeMap<&'static str, String> {
    let authority = url.split("://").last().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, _)) if !host.is_empty() => host,
        _ => authority,
    };
    let url = url.to_owned();
    BTreeMap::from([
        ("FLY_API_BASE_URL", url.clone()),
        ("FLY_FLAPS_BASE_URL", url.clone()),
        ("FLY_UIEX_BASE_URL", url.clone()),
        ("FLY_REGISTRY_HOST", authority.to_owned()),
        ("FLY_API_TOKEN", token.to_owned()),
        // Else flyctl sends usage figures and traces, with the token, to Fly.io.
        ("FLY_SEND_METRICS", "0".to_owned()),
        ("FLY_SYNTHETICS_AGENT", "0".to_owned()),
        // Commands that open a tunnel begin it over UDP, without waiting for whoever is at its other end.
        ("FLY_WIRE_GUARD_WEBSOCKETS", "false".to_owned()),
        ("FLY_METRICS_BASE_URL", url.clone()),
        ("FLY_SYNTHETICS_BASE_URL", url.clone()),
        ("FLY_TRACE_COLLECTOR_URL", host.to_owned()),
        ("FLY_NO_UPDATE_CHECK", "1".to_owned()),
        ("FLY_NO_INCIDENTS_CHECK", "1".to_owned()),
        ("FLY_STATUSPAGE_UNRESOLVED_INCIDENTS_URL", format!("{url}/incidents")),
    ])
}

/// For a shell: nothing in the value means anything to it.
fn quoted(value: &str) -> String {
    match value.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:[]".contains(c)) {
        true => value.to_owned(),
        false => format!("'{}'", value.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flyctl_is_pointed_at_the_server_alone() {
        let variables = variables("http://127.0.0.1:4280", "roost_x");
        assert_eq!(variables["FLY_REGISTRY_HOST"], "127.0.0.1:4280");
        assert_eq!(variables["FLY_TRACE_COLLECTOR_URL"], "127.0.0.1");
        let urls = variables.iter().filter(|(name, _)| name.ends_with("_URL"));
        assert!(urls.into_iter().all(|(_, url)| url.contains("127.0.0.1")));
        assert_eq!(quoted("it's; rm"), "'it'\\''s; rm'");
    }
}
