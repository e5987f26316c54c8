//! From a file to a checked [`ServerConfig`], with errors that point at the place.

use std::path::{Path, PathBuf};

use super::{DEFAULT_PATH, ServerConfig};

/// Longest data folder: `sun_path` holds 108 bytes, and the longest socket below it needs 60.
const MAX_DATA_DIR: usize = 48;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{file}:{line}:{column}: {message}\n  {line} | {excerpt}\n{caret}")]
    Syntax { file: String, line: usize, column: usize, message: String, excerpt: String, caret: String },
    #[error("{file}: {key}: {message}")]
    Invalid { file: String, key: &'static str, message: String },
}

/// Reads `path`, or the default file; the default file may be absent.
pub fn load(path: Option<&Path>) -> Result<ServerConfig, ConfigError> {
    let chosen = path.unwrap_or(Path::new(DEFAULT_PATH));
    let text = match std::fs::read_to_string(chosen) {
        Ok(text) => text,
        Err(e) if path.is_none() && e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(ConfigError::Unreadable { path: chosen.to_owned(), source }),
    };
    parse(&text, &chosen.display().to_string())
}

/// Parses and checks the text of a file named `file`.
pub fn parse(text: &str, file: &str) -> Result<ServerConfig, ConfigError> {
    let config: ServerConfig = toml::from_str(text).map_err(|e| at_its_place(&e, text, file))?;
    check(&config, file)?;
    Ok(config)
}

fn check(config: &ServerConfig, file: &str) -> Result<(), ConfigError> {
    let invalid = |key, message: String| Err(ConfigError::Invalid { file: file.to_owned(), key, message });
    if !config.data_dir.is_absolute() {
        return invalid("data_dir", "must be an absolute path".to_owned());
    }
    if config.data_dir.as_os_str().len() > MAX_DATA_DIR {
        return invalid(
            "data_dir",
            format!("is longer than {MAX_DATA_DIR} characters; sockets below it would not fit"),
        );
    }
    if config.roles.is_empty() {
        return invalid("roles", "names no role; leave the key out for all of them".to_owned());
    }
    if config.api.url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://"))
    {
        return invalid("api.url", "must begin with http:// or https://".to_owned());
    }
    if let Some((key, message)) = config.acme.problem() {
        return invalid(key, message.to_owned());
    }
    if config.base_domain.is_empty() || config.base_domain.starts_with('.') {
        return invalid("base_domain", "must be a domain name such as roost.localhost".to_owned());
    }
    Ok(())
}

fn at_its_place(error: &toml::de::Error, text: &str, file: &str) -> ConfigError {
    let offset = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let excerpt = text.lines().nth(line - 1).unwrap_or_default().to_owned();
    let gutter = line.to_string().len() + 4 + column;
    ConfigError::Syntax {
        file: file.to_owned(),
        line,
        column,
        message: with_suggestion(error.message()),
        excerpt,
        caret: format!("{:>gutter$}^", ""),
    }
}

/// Serde says ``unknown field `x`, expected one of `a`, `b` ``: say which of them is nearest.
fn with_suggestion(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field `") else { return message.to_owned() };
    let mut quoted = rest.split('`').step_by(2);
    let Some(unknown) = quoted.next() else { return message.to_owned() };
    let nearest = quoted
        .filter(|known| !known.is_empty())
        .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
        .min();
    match nearest {
        Some((distance, known)) if distance <= known.len().div_ceil(2) => {
            format!("unknown key \"{unknown}\"; did you mean \"{known}\"?")
        }
        _ => message.replacen("field", "key", 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_a_working_box() {
        assert_eq!(parse("", "roost.toml").unwrap(), ServerConfig::default());
    }

    #[test]
    fn the_example_file_says_what_the_defaults_are() {
        let example = include_str!("../../../../packaging/roost.toml");
        let uncommented: String = example
            .lines()
            .map(|line| line.strip_prefix("#= ").unwrap_or(line))
            .flat_map(|line| [line, "\n"])
            .collect();
        assert_eq!(parse(&uncommented, "roost.toml").unwrap(), ServerConfig::default());
    }

    #[test]
    fn an_unknown_key_names_the_nearest_one_and_its_place() {
        let error =
            parse("[api]\nlisten = \"127.0.0.1:1\"\n\n[edge]\nhtpp = []\n", "roost.toml").unwrap_err();
        assert_eq!(
            error.to_string(),
            "roost.toml:5:1: unknown key \"htpp\"; did you mean \"http\"?\n  5 | htpp = []\n      ^"
        );
    }

    #[test]
    fn a_wrong_type_points_at_the_value() {
        let error = parse("region = 7\n", "roost.toml").unwrap_err().to_string();
        assert!(error.starts_with("roost.toml:1:10: invalid type: integer"), "{error}");
    }

    #[test]
    fn a_data_folder_must_leave_room_for_sockets() {
        let error = parse(&format!("data_dir = \"/{}\"", "x".repeat(60)), "roost.toml").unwrap_err();
        assert!(error.to_string().contains("sockets"));
    }

    #[test]
    fn a_missing_file_is_only_an_error_when_named() {
        let error = load(Some(Path::new("/nonexistent/roost.toml"))).unwrap_err();
        assert!(matches!(error, ConfigError::Unreadable { .. }));
    }
}
