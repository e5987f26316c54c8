//! What a document changes, for the audit trail.

/// Longest list of names that is kept.
const MAX_NAMES: usize = 200;

/// The mutations of a document; nothing for one that only reads. Whatever holds the word that every
/// mutation needs counts as one: the trail may say too much, and misses nothing. Arguments and variables
/// are not kept, for they may hold secrets.
pub fn of(document: &str) -> Option<String> {
    let (_, rest) = document.split_once("mutation")?;
    let fields = rest.split_once('{').map_or("", |(_, fields)| fields);
    let names = top_level(fields);
    Some(format!("mutation {}", names.join(" ")).trim_end().chars().take(MAX_NAMES).collect())
}

/// Names outside of inner braces and parentheses.
fn top_level(fields: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut depth, mut start) = (0_u32, None);
    for (at, c) in fields.char_indices() {
        let in_name = c.is_ascii_alphanumeric() || c == '_';
        match start {
            None if in_name && depth == 0 => start = Some(at),
            Some(from) if !in_name => {
                names.push(&fields[from..at]);
                start = None;
            }
            _ => {}
        }
        match c {
            '{' | '(' => depth += 1,
            '}' if depth == 0 => break,
            '}' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_are_named_without_their_arguments() {
        assert_eq!(of("query($name: String!) { app(name: $name) { id } }"), None);
        let one = "mutation($input: CreateOrganizationInput!) { createOrganization(input: $input) { organization { id } } }";
        assert_eq!(of(one).unwrap(), "mutation createOrganization");
        let hidden =
            "query A { viewer { id } } mutation B { logOut(input: {token: \"secret\"}) { ok } more { ok } }";
        assert_eq!(of(hidden).unwrap(), "mutation logOut more");
        assert_eq!(of("mutation").unwrap(), "mutation");
    }
}
