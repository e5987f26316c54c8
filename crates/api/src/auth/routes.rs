//! Which right each call needs.
//!
//! Calls about an app or an org follow from their shape: reading needs the right to read, everything
//! else the right to change. [`EXCEPTIONS`] lists those that need something else, [`OTHERS`] those about
//! neither; a call that is in no list is refused, so that a new one cannot be open by accident.

use axum::http::Method;

use super::{AppRight, OrgRight};

/// What a call needs before its handler sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Any good token, or being a machine.
    Identity,
    /// Any good token: the handler looks at what it is asked for, or shows only what the caller may see.
    Token,
    /// An administrator of the server.
    Server,
    /// A right on the org that the path names.
    Org(OrgRight),
    /// A right on the app that the path names.
    App(AppRight),
    /// The right to change the app, or to be the machine that the path names.
    OwnMachine,
}

/// The methods that calls have.
pub const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Prefixes of paths whose next segment names an app.
const APPS: [&str; 2] = ["/v1/apps/", "/api/v1/apps/"];

/// Prefixes of paths whose next segment names an org.
const ORGS: [&str; 2] = ["/v1/orgs/", "/api/v1/organizations/"];

/// Method, path below the app's own, and what is needed instead. `*` is any segment.
const EXCEPTIONS: &[(&str, &str, Needs)] = &[
    ("GET", "", Needs::App(AppRight::See)),
    ("DELETE", "", Needs::App(AppRight::Delete)),
    // Tokens are made by people: the handler asks for one.
    ("POST", "deploy_token", Needs::App(AppRight::Read)),
    ("GET", "machines", Needs::App(AppRight::See)),
    ("GET", "machines/*", Needs::App(AppRight::See)),
    ("GET", "machines/*/wait", Needs::App(AppRight::See)),
    ("POST", "machines/*/exec", Needs::App(AppRight::Exec)),
    ("GET", "machines/*/exec-stream", Needs::App(AppRight::Exec)),
    ("GET", "machines/*/metadata", Needs::App(AppRight::See)),
    ("GET", "machines/*/metadata/*", Needs::App(AppRight::See)),
    ("PUT", "machines/*/metadata", Needs::OwnMachine),
    ("PATCH", "machines/*/metadata", Needs::OwnMachine),
    ("POST", "machines/*/metadata/*", Needs::OwnMachine),
    ("DELETE", "machines/*/metadata/*", Needs::OwnMachine),
];

/// The same for orgs.
const ORG_EXCEPTIONS: &[(&str, &str, Needs)] = &[
    ("GET", "", Needs::Org(OrgRight::See)),
    ("DELETE", "", Needs::Org(OrgRight::Manage)),
    ("POST", "members", Needs::Org(OrgRight::Manage)),
    ("PATCH", "members/*", Needs::Org(OrgRight::Manage)),
    // Everybody may leave.
    ("DELETE", "members/*", Needs::Org(OrgRight::Read)),
    ("GET", "audit", Needs::Org(OrgRight::Manage)),
];

/// Calls that are about no app and no org, or whose body says about which.
const OTHERS: &[(&str, &str, Needs)] = &[
    ("GET", "/v1/status", Needs::Token),
    ("GET", "/v1/user", Needs::Token),
    ("GET", "/v1/users", Needs::Server),
    ("GET", "/v1/audit", Needs::Server),
    ("GET", "/v1/apps", Needs::Token),
    ("POST", "/v1/apps", Needs::Token),
    ("GET", "/v1/orgs", Needs::Token),
    ("POST", "/v1/orgs", Needs::Token),
    ("GET", "/v1/tokens", Needs::Token),
    ("POST", "/v1/tokens", Needs::Token),
    ("GET", "/v1/tokens/current", Needs::Identity),
    ("DELETE", "/v1/tokens/current", Needs::Token),
    ("POST", "/v1/tokens/oidc", Needs::Identity),
    ("POST", "/v1/tokens/kms", Needs::Token),
    ("POST", "/v1/tokens/authenticate", Needs::Token),
    ("POST", "/v1/tokens/authorize", Needs::Token),
    ("DELETE", "/v1/tokens/*", Needs::Token),
    ("POST", "/v1/images/resolve", Needs::Token),
    ("GET", "/v1/platform/regions", Needs::Token),
    ("POST", "/v1/platform/placements", Needs::Token),
    ("POST", "/v1/postgres", Needs::Token),
    ("GET", "/v1/postgres/*", Needs::Token),
    ("GET", "/v1/postgres/*/users/*/credentials", Needs::Token),
    // Every field of the answer asks for the right that it needs.
    ("POST", "/graphql", Needs::Token),
    ("GET", "/graphql", Needs::Token),
    ("GET", "/api/v1/organizations", Needs::Token),
    ("POST", "/api/v1/builds", Needs::Token),
    ("POST", "/api/v1/builds/finish", Needs::Token),
    ("POST", "/api/v1/builds/depot_builder", Needs::Token),
    ("POST", "/api/v1/releases", Needs::Token),
    ("PATCH", "/api/v1/releases/*", Needs::Token),
    ("GET", "/api/v1/releases/all_current", Needs::Token),
];

/// What the call needs; `None` when no list knows it. `route` is the path with names in braces, as the
/// router has it.
pub fn needs(method: &Method, route: &str) -> Option<Needs> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let reads = method == Method::GET;
    if let Some(rest) = below(route, &APPS) {
        let usual = if reads { AppRight::Read } else { AppRight::Write };
        return Some(listed(EXCEPTIONS, method, rest).unwrap_or(Needs::App(usual)));
    }
    if let Some(rest) = below(route, &ORGS) {
        let usual = if reads { OrgRight::Read } else { OrgRight::Write };
        return Some(listed(ORG_EXCEPTIONS, method, rest).unwrap_or(Needs::Org(usual)));
    }
    listed(OTHERS, method, route)
}

/// The name of the app or the org that a path is about: the first name in its route.
pub fn subject<'a>(route: &str, path: &'a str) -> &'a str {
    let names = route.split('/').zip(path.split('/'));
    names.filter(|(part, _)| part.starts_with('{')).map(|(_, name)| name).next().unwrap_or_default()
}

/// The machine that a path below an app's is about.
pub fn machine<'a>(route: &str, path: &'a str) -> &'a str {
    let names = route.split('/').zip(path.split('/'));
    names.filter(|(part, _)| part.starts_with('{')).map(|(_, name)| name).nth(1).unwrap_or_default()
}

/// What follows the name of the app or org.
fn below<'a>(route: &'a str, prefixes: &[&str]) -> Option<&'a str> {
    let rest = prefixes.iter().find_map(|prefix| route.strip_prefix(prefix))?;
    let rest = rest.strip_prefix('{')?;
    let (_, rest) = rest.split_once('}')?;
    Some(rest.trim_matches('/'))
}

fn listed(list: &[(&str, &str, Needs)], method: &Method, path: &str) -> Option<Needs> {
    let entry = |(m, p, _): &&(&str, &str, Needs)| *m == method.as_str() && matches(p, path);
    list.iter().find(entry).map(|(_, _, needs)| *needs)
}

fn matches(pattern: &str, path: &str) -> bool {
    let parts = |text: &str| text.split('/').count();
    parts(pattern) == parts(path)
        && pattern.split('/').zip(path.split('/')).all(|(want, part)| want == part || want == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_a_call_says_what_it_needs() {
        for (method, route, needed) in [
            ("GET", "/v1/apps/{app}", Some(Needs::App(AppRight::See))),
            ("HEAD", "/v1/apps/{app}/secrets", Some(Needs::App(AppRight::Read))),
            ("GET", "/api/v1/apps/{app}/logs", Some(Needs::App(AppRight::Read))),
            ("POST", "/v1/apps/{app}/volumes/{id}/snapshots", Some(Needs::App(AppRight::Write))),
            ("GET", "/v1/apps/{app_name}/machines/{machine_id}", Some(Needs::App(AppRight::See))),
            ("GET", "/v1/apps/{app}/machines/{machine}/exec-stream", Some(Needs::App(AppRight::Exec))),
            ("POST", "/v1/apps/{app}/machines/{machine}/metadata/{key}", Some(Needs::OwnMachine)),
            ("GET", "/v1/orgs/{org_slug}/machines", Some(Needs::Org(OrgRight::Read))),
            ("POST", "/v1/orgs/{org_slug}/members", Some(Needs::Org(OrgRight::Manage))),
            ("GET", "/v1/users", Some(Needs::Server)),
            ("GET", "/v1/nothing", None),
            ("PUT", "/v1/apps", None),
        ] {
            assert_eq!(needs(&method.parse().unwrap(), route), needed, "{method} {route}");
        }
    }

    #[test]
    fn names_are_taken_from_their_places() {
        let route = "/v1/apps/{app}/machines/{machine}/wait";
        assert_eq!(subject(route, "/v1/apps/web/machines/17/wait"), "web");
        assert_eq!(machine(route, "/v1/apps/web/machines/17/wait"), "17");
        assert_eq!(subject("/v1/status", "/v1/status"), "");
    }
}
