//! Reading a configuration: syntax, types, unknown keys, and with `load` the validation, each
//! finding with its place.

use std::path::Path;

use crate::{
    AppConfig, ConfigError, Diagnostic, Location, Warning,
    read::{self, Node, Unknown},
};

/// Largest configuration that is read; real ones have a few kilobytes, and inline files a few more.
const MAX_BYTES: usize = 4 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Toml,
    Json,
    Yaml,
}

impl Format {
    /// By the file's extension; TOML when it says nothing.
    pub fn of_path(path: &Path) -> Self {
        match path.extension().and_then(|e| e.to_str()) {
            Some("json") => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            _ => Self::Toml,
        }
    }

    /// Names that are looked for in a folder, first one first.
    pub const FILE_NAMES: [&str; 4] = ["fly.toml", "fly.json", "fly.yaml", "fly.yml"];
}

/// What unknown keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    #[default]
    Lenient,
    Strict,
}

impl AppConfig {
    /// Reads a configuration. Unknown keys are warnings.
    ///
    /// # Errors
    /// The text is not well-formed, or a value has the wrong type; each with its place.
    pub fn parse(text: &str, format: Format, file: &str) -> Result<(Self, Vec<Warning>), ConfigError> {
        let source = Source { text, file };
        let (config, warnings, _) = source.read(format)?;
        Ok((config, warnings))
    }

    /// Reads a configuration and validates it as a whole; the findings have their place.
    ///
    /// # Errors
    /// As [`AppConfig::parse`], and every problem that [`AppConfig::validate`] finds, and with
    /// [`Strictness::Strict`] every unknown key.
    pub fn load(
        text: &str,
        format: Format,
        file: &str,
        strictness: Strictness,
    ) -> Result<(Self, Vec<Warning>), ConfigError> {
        let source = Source { text, file };
        let (config, mut warnings, root) = source.read(format)?;
        let mut errors = Vec::new();
        if strictness == Strictness::Strict {
            errors.append(&mut warnings);
        }
        errors.extend(config.validate().into_iter().map(|problem| {
            let location = source.location(&root.locate(&problem.path));
            problem.at(location)
        }));
        if errors.is_empty() { Ok((config, warnings)) } else { Err(ConfigError { diagnostics: errors }) }
    }
}

struct Source<'a> {
    text: &'a str,
    file: &'a str,
}

impl Source<'_> {
    fn location(&self, span: &std::ops::Range<usize>) -> Location {
        Location::of(self.file, self.text, span)
    }

    fn read(&self, format: Format) -> Result<(AppConfig, Vec<Warning>, Node), ConfigError> {
        if self.text.len() > MAX_BYTES {
            let message = format!("{} is larger than {} MiB", self.file, MAX_BYTES >> 20);
            return Err(Diagnostic::new("", message).into());
        }
        let root = read::parse(self.text, format)
            .map_err(|error| Diagnostic::new("", error.message).at(self.location(&error.span)))?;
        let (result, unknown) = read::read::<AppConfig>(&root);
        let config = result.map_err(|error| {
            let place = error.place;
            let (path, span) = place.map_or_else(Default::default, |place| (place.path, place.span));
            Diagnostic { help: error.help, ..Diagnostic::new(path, error.message) }.at(self.location(&span))
        })?;
        let warnings = unknown.into_iter().map(|key| self.unknown_key(key)).collect();
        Ok((config, warnings, root))
    }

    fn unknown_key(&self, unknown: Unknown) -> Warning {
        let Unknown { path, key, span, nearest } = unknown;
        let place = if path.is_empty() { "at the top level".to_owned() } else { format!("in `{path}`") };
        let warning = Diagnostic::new("", format!("unknown key `{key}` {place}")).at(self.location(&span));
        match nearest {
            Some(name) => warning.help(format!("did you mean `{name}`?")),
            None => warning,
        }
    }
}
