//! One line of a page: a metric, its labels, its value and perhaps the time.

use std::fmt::Write;

use super::{Labels, OURS};

/// Most labels of a sample: more than any library gives one.
const MAX_LABELS: usize = 64;

/// The name of a sample, and the sample with `labels` before its own; `None` where it is not exactly one.
pub fn labelled<'a>(line: &'a str, Labels(labels): &Labels) -> Option<(&'a str, String)> {
    let end = line.find(|c: char| c == '{' || is_blank(c))?;
    let (name, rest) = line.split_at(end);
    if !is_metric(name) {
        return None;
    }
    let rest = rest.trim_start_matches(is_blank);
    let (own, rest) = match rest.strip_prefix('{') {
        Some(inner) => own_labels(inner)?,
        None => (String::new(), rest),
    };
    let words: Vec<&str> = rest.split(is_blank).filter(|word| !word.is_empty()).collect();
    let value = match words[..] {
        [value] if is_value(value) => value.to_owned(),
        [value, time] if is_value(value) && time.parse::<i64>().is_ok() => format!("{value} {time}"),
        _ => return None,
    };
    Some((name, format!("{name}{{{labels}{own}}} {value}")))
}

/// Labels up to the closing brace, each with a comma before it, and what follows the brace.
fn own_labels(mut text: &str) -> Option<(String, &str)> {
    let (mut labels, mut names) = (String::new(), Vec::new());
    loop {
        text = text.trim_start_matches(is_blank);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once('=')?;
        let name = name.trim_end_matches(is_blank);
        let (value, rest) = quoted(rest.trim_start_matches(is_blank))?;
        let exported = if OURS.contains(&name) { "exported_" } else { "" };
        let name = format!("{exported}{name}");
        if !is_label(&name) || names.len() == MAX_LABELS || names.contains(&name) {
            return None;
        }
        let _ = write!(labels, ",{name}=\"{value}\"");
        names.push(name);
        text = rest.trim_start_matches(is_blank);
        text = match text.strip_prefix(',') {
            Some(rest) => rest,
            None if text.starts_with('}') => text,
            None => return None,
        };
    }
}

/// What is between quotes, escapes and all, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '\\' | '"' | 'n' if escaped => escaped = false,
            _ if escaped => return None,
            '\\' => escaped = true,
            '"' => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// A number as Go reads it: the languages differ in signs of what is none, and in what is too large.
fn is_value(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['+', '-']);
    if text.eq_ignore_ascii_case("nan")
        || text.len() <= unsigned.len() + 1 && unsigned.eq_ignore_ascii_case("inf")
    {
        return true;
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    plain && text.parse::<f64>().is_ok_and(f64::is_finite)
}

pub fn is_metric(name: &str) -> bool {
    is_name(name, |c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// Two underscores begin the names of readers' own.
fn is_label(name: &str) -> bool {
    is_name(name, |c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with("__")
}

fn is_name(name: &str, fit: impl Fn(char) -> bool) -> bool {
    !name.is_empty() && name.chars().all(fit) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}
