//! Any text where a name comes from outside: hosts of requests, questions to the resolver, images and their registry.
#![no_main]

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use libfuzzer_sys::fuzz_target;
use roost_images::path;
use roost_model::{
    AppName, GoDuration, ImageRef, InstanceId, MachineId, Region, VolumeName, image_ref::check_repository,
};
use roost_wire::dns::name;

fuzz_target!(|text: &str| {
    if let Some(app) = roost_routing::app_of_host(text, "roost.localhost") {
        let whole = format!("{app}.roost.localhost");
        assert_eq!(roost_routing::app_of_host(&whole, "roost.localhost"), Some(app));
    }
    let question = text.to_ascii_lowercase();
    if name::parse(&question).is_some() {
        assert!(name::is_own(&question), "what is understood is never asked of others");
    }
    if let Ok((repository, _)) = path::parse(&format!("/v2/{text}")) {
        assert_eq!(check_repository(&repository), Ok(()), "it names a folder");
        assert!(!repository.split('/').any(|part| matches!(part, "" | "." | "..")));
    }
    same::<ImageRef>(text);
    same::<AppName>(text);
    same::<MachineId>(text);
    same::<InstanceId>(text);
    same::<Region>(text);
    same::<VolumeName>(text);
    same::<GoDuration>(text);
});

/// What is written is read as the same.
fn same<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    let Ok(value) = text.parse::<T>() else { return };
    let written = value.to_string();
    assert_eq!(written.parse::<T>().ok(), Some(value), "{written}");
}
