//! The configurations that people copy: read strictly, with nothing in them that nothing acts on.

use std::{fs, path::Path};

use roost_app_config::{AppConfig, Format, Strictness};

#[test]
fn every_example_has_a_configuration_without_a_fault() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut seen = 0;
    for example in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_dir()) {
        let path = example.join("fly.toml");
        let text = fs::read_to_string(&path).unwrap();
        let loaded = AppConfig::load(&text, Format::Toml, &path.display().to_string(), Strictness::Strict);
        let (config, _) = loaded.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.unacted(), Vec::<String>::new(), "{}", path.display());
        assert_eq!(config.app.unwrap().as_str(), example.file_name().unwrap());
        seen += 1;
    }
    assert!(seen > 0);
}
