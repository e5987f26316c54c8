//! A name for an app, made from its folder's.

use std::path::Path;

use anyhow::Context as _;
use roost_model::AppName;

use crate::failure::OrNext as _;

/// Longest DNS label.
const MAX_LABEL: usize = 63;

/// The folder's name, changed as little as a DNS label asks for.
pub fn from_folder(folder: &Path) -> anyhow::Result<AppName> {
    let full = folder.canonicalize().with_context(|| format!("cannot use {}", folder.display()))?;
    let name = full.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    label(name).parse().or_next("give the app a name with --name")
}

fn label(text: &str) -> String {
    let mut label = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            label.push(c.to_ascii_lowercase());
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
    }
    label.truncate(MAX_LABEL);
    label.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_what_it_can() {
        assert_eq!(label("My App_2"), "my-app-2");
        assert_eq!(label("--été--"), "t");
        assert_eq!(label(&"x".repeat(80)).len(), 63);
    }
}
