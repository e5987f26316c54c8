//! Any text where a name comes from outside: hosts of requests, questions to the resolver, images and their registry.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roost_images::path;
use roost_model::{ImageRef, image_ref::check_repository};
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
    if let Ok(image) = text.parse::<ImageRef>() {
        assert_eq!(image.to_string().parse::<ImageRef>().as_ref(), Ok(&image));
    }
});
