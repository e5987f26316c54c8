//! The rules of replays, held against random wishes.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*, sample::select};
use roost_model::{AppName, MachineId};
use roost_routing::{
    Place,
    replay::{CacheHeaders, Chain, Fallback, Home, MAX_REPLAYS, Missed, Refused, Replay, Scope, Stand, Told},
};

fn id() -> impl Strategy<Value = MachineId> {
    "[0-9a-f]{14}".prop_map(|id| id.parse().unwrap())
}

fn app() -> impl Strategy<Value = AppName> {
    "[a-z]{1,8}".prop_map(|name| name.parse().unwrap())
}

fn place() -> impl Strategy<Value = Place> {
    select(vec!["fra", "ams", "eu", "us", "any", "local"]).prop_map(|place| place.parse().unwrap())
}

/// Anything that both forms can say, but for the cache.
fn wish() -> impl Strategy<Value = Replay> {
    let target = (vec(place(), 0..4), option::of(id()), option::of(app()), any::<bool>(), any::<bool>());
    let extras = (
        option::of("[ -~]{0,40}"),
        option::of(0..100_000u64),
        option::of(select(vec![Fallback::ForceSelf, Fallback::PreferSelf])),
    );
    (target, extras).prop_map(|((places, instance, app, prefers, elsewhere), (state, millis, fallback))| {
        let (prefer_instance, instance) = if prefers { (instance, None) } else { (None, instance) };
        let timeout = millis.map(Duration::from_millis);
        Replay {
            places,
            instance,
            prefer_instance,
            app,
            state,
            elsewhere,
            timeout,
            fallback,
            ..Replay::default()
        }
    })
}

/// The wish in both forms, as an app would write it.
fn forms(wish: &Replay) -> (String, String) {
    let mut fields: Vec<(&str, String)> = vec![("elsewhere", wish.elsewhere.to_string())];
    let places: Vec<String> = wish.places.iter().map(ToString::to_string).collect();
    fields.extend((!places.is_empty()).then(|| ("region", places.join(","))));
    fields.extend(wish.instance.as_ref().map(|id| ("instance", id.to_string())));
    fields.extend(wish.prefer_instance.as_ref().map(|id| ("prefer_instance", id.to_string())));
    fields.extend(wish.app.as_ref().map(|app| ("app", app.to_string())));
    fields.extend(wish.state.clone().map(|state| ("state", state)));
    fields.extend(wish.timeout.map(|timeout| ("timeout", format!("{}ms", timeout.as_millis()))));
    fields.extend(wish.fallback.map(|fallback| match fallback {
        Fallback::ForceSelf => ("fallback", "force_self".to_owned()),
        Fallback::PreferSelf => ("fallback", "prefer_self".to_owned()),
    }));
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let header: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
    let json: serde_json::Map<_, _> = fields
        .iter()
        .map(|(name, value)| {
            (
                (*name).to_owned(),
                if *name == "elsewhere" { wish.elsewhere.into() } else { value.clone().into() },
            )
        })
        .collect();
    (header.join("; "), serde_json::Value::from(json).to_string())
}

fn stand() -> impl Strategy<Value = Stand> {
    (app(), id()).prop_map(|(app, machine)| Stand { app, machine, region: "fra".parse().unwrap() })
}

proptest! {
    #[test]
    fn what_an_app_writes_is_what_is_read(wish in wish()) {
        let (header, json) = forms(&wish);
        prop_assert_eq!(Replay::from_header(&header, CacheHeaders::default()), Ok(wish.clone()));
        prop_assert_eq!(Replay::from_json(json.as_bytes()), Ok(wish));
    }

    #[test]
    fn no_text_breaks_the_parsers(text in any::<String>(), bytes in vec(any::<u8>(), 0..200)) {
        let cache = CacheHeaders { scope: Some(&text), ttl_secs: Some("60"), allow_bypass: None };
        let _ = Replay::from_header(&text, cache);
        let _ = Replay::from_json(&bytes);
        let _ = Replay::is_json(&text);
        if let Ok(scope) = text.parse::<Scope>() {
            prop_assert_eq!(scope.to_string().parse::<Scope>(), Ok(scope));
        }
    }

    /// Whatever apps ask for, and wherever it fails, a request comes to an end.
    #[test]
    fn every_chain_ends(wishes in vec((wish(), stand(), any::<bool>()), 30)) {
        let mut chain = Chain::default();
        let (mut replays, mut returns) = (0, 0);
        for (wish, stand, reached) in wishes {
            let (steering, way_back) = (wish.steering(&stand.machine), wish.fallback);
            let target = wish.app.clone().unwrap_or_else(|| stand.app.clone());
            let leg = match chain.next(wish, stand.clone(), 0) {
                Ok(leg) => leg,
                Err(Refused::TooMany) => {
                    prop_assert_eq!(replays, MAX_REPLAYS);
                    break;
                }
                Err(Refused::CameBack) => {
                    prop_assert_eq!(returns, 1);
                    break;
                }
            };
            replays += 1;
            prop_assert!(replays <= MAX_REPLAYS);
            prop_assert_eq!((leg.app, leg.steering), (target, steering));
            let Told::Source(told) = leg.told else { panic!("it is a replay") };
            let source = format!("instance={};region=fra;t=0", stand.machine);
            prop_assert!(told.starts_with(&source));
            if reached {
                continue;
            }
            let back = chain.missed(Missed::Timeout, Duration::from_millis(7));
            prop_assert_eq!(back.is_some(), way_back.is_some());
            let Some(back) = back else { break };
            returns += 1;
            prop_assert_eq!(&back.app, &stand.app);
            let own = Some(&stand.machine);
            match way_back {
                Some(Fallback::ForceSelf) => prop_assert_eq!(back.steering.force_instance.as_ref(), own),
                _ => prop_assert_eq!(back.steering.prefer_instance.as_ref(), own),
            }
            prop_assert!(chain.missed(Missed::Timeout, Duration::ZERO).is_none(), "there is one way back");
        }
    }

    #[test]
    fn no_request_leaves_its_org(a in (0..3u32, any::<bool>()), b in (0..3u32, any::<bool>()), same_org: bool) {
        let home = |org, (network, in_default_network): (u32, bool)| Home {
            org,
            network: roost_model::NetworkId(network),
            in_default_network,
        };
        let (from, to) = (home("one", a), home(if same_org { "one" } else { "two" }, b));
        let may = from.may_send_to(&to);
        prop_assert!(!may || same_org);
        prop_assert!(!same_org || may == (a.0 == b.0 || a.1));
    }
}
