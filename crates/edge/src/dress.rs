//! What a service's `http_options.response` makes of the headers of an answer.

use http::{HeaderMap, HeaderName, HeaderValue};
use roost_model::http_options::HeaderRules;

/// Sets and removes what the rules say, the edge's own headers among them. Names and values were checked when
/// the configuration was taken.
pub(crate) fn apply(rules: &HeaderRules, headers: &mut HeaderMap) {
    for (name, rule) in rules.iter() {
        let Ok(name) = HeaderName::try_from(name) else { continue };
        headers.remove(&name);
        for value in rule.values() {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.append(name.clone(), value);
            }
        }
    }
}

/// Removes from a hint what the rules speak of: the app has no say in it.
pub(crate) fn withhold(rules: &HeaderRules, headers: &mut HeaderMap) {
    rules.iter().for_each(|(name, _)| drop(headers.remove(name)));
}
