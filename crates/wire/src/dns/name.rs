//! What an `.internal` or `.flycast` name asks for.

use roost_model::AppName;

/// Names below these belong to the platform: they are never asked of anybody else.
const OWN: [&str; 3] = ["internal", "flycast", "a.a.d.f.ip6.arpa"];

/// A name, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// `_apps.internal`
    Apps,
    /// `_instances.internal`; with `all.` in front also those that are not started.
    Instances { all: bool },
    /// `<app>.flycast`: where the edge answers for the app.
    Flycast(AppName),
    /// Something of one app.
    App(AppName, Which),
}

/// What of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// `<app>`, `global.<app>`
    Started,
    /// `<region>.<app>`
    Region(String),
    /// `top<n>.nearest.of.<app>`
    Nearest(usize),
    /// `<machine id>.vm.<app>`
    Machine(String),
    /// `<group>.process.<app>`
    Group(String),
    /// `<value>.<key>.kv._metadata.<app>`
    Metadata { key: String, value: String },
    /// `vms.<app>`, `all.vms.<app>`: names in text records.
    Machines { all: bool },
    /// `regions.<app>`, `all.regions.<app>`: codes in text records.
    Regions { all: bool },
}

/// Whether the platform itself answers for `name` (lower case, without the last dot).
pub fn is_own(name: &str) -> bool {
    OWN.iter().any(|own| name.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Reads a name (lower case, without the last dot); `None` when it has no meaning.
pub fn parse(name: &str) -> Option<Question> {
    if let Some(app) = name.strip_suffix(".flycast") {
        return Some(Question::Flycast(app.parse().ok()?));
    }
    let labels: Vec<&str> = name.strip_suffix(".internal")?.split('.').collect();
    Some(match labels.as_slice() {
        ["_apps"] => Question::Apps,
        ["_instances"] => Question::Instances { all: false },
        ["all", "_instances"] => Question::Instances { all: true },
        [what @ .., app] => Question::App(app.parse().ok()?, which(what)?),
        [] => return None,
    })
}

fn which(labels: &[&str]) -> Option<Which> {
    Some(match labels {
        [] | ["global"] => Which::Started,
        ["vms"] => Which::Machines { all: false },
        ["all", "vms"] => Which::Machines { all: true },
        ["regions"] => Which::Regions { all: false },
        ["all", "regions"] => Which::Regions { all: true },
        [region] => Which::Region((*region).to_owned()),
        [top, "nearest", "of"] => Which::Nearest(top.strip_prefix("top")?.parse().ok()?),
        [id, "vm"] => Which::Machine((*id).to_owned()),
        [group, "process"] => Which::Group((*group).to_owned()),
        [value @ .., key, "kv", "_metadata"] if !value.is_empty() => {
            Which::Metadata { key: (*key).to_owned(), value: value.join(".") }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(which: Which) -> Option<Question> {
        Some(Question::App("web".parse().unwrap(), which))
    }

    #[test]
    fn every_documented_form_is_understood() {
        for (name, question) in [
            ("web.internal", web(Which::Started)),
            ("global.web.internal", web(Which::Started)),
            ("fra.web.internal", web(Which::Region("fra".into()))),
            ("top3.nearest.of.web.internal", web(Which::Nearest(3))),
            ("0123.vm.web.internal", web(Which::Machine("0123".into()))),
            ("worker.process.web.internal", web(Which::Group("worker".into()))),
            (
                "blue.color.kv._metadata.web.internal",
                web(Which::Metadata { key: "color".into(), value: "blue".into() }),
            ),
            ("all.vms.web.internal", web(Which::Machines { all: true })),
            ("regions.web.internal", web(Which::Regions { all: false })),
            ("web.flycast", Some(Question::Flycast("web".parse().unwrap()))),
            ("_apps.internal", Some(Question::Apps)),
            ("all._instances.internal", Some(Question::Instances { all: true })),
        ] {
            assert_eq!(parse(name), question, "{name}");
        }
    }

    #[test]
    fn other_names_mean_nothing() {
        for name in [
            "internal",
            ".internal",
            "a.b.c.web.internal",
            "topx.nearest.of.web.internal",
            "a.web.flycast",
            "web.example",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn own_names_are_told_from_others() {
        assert!(is_own("internal") && is_own("web.internal") && is_own("web.flycast"));
        assert!(!is_own("example.com") && !is_own("myinternal"));
    }
}
