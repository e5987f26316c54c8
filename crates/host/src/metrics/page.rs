//! Pages in Prometheus' text format: a machine's is read line by line, given labels, and joined with
//! the others'. Format: https://prometheus.io/docs/instrumenting/exposition_formats/

use std::{collections::BTreeMap, fmt::Write};

use roost_host_api::Machine;

/// Samples of one machine's page; more would make every query slow for everybody.
const MAX_SAMPLES: usize = 20_000;

/// Whether a machine's page could be fetched, as a metric of its own.
const ANSWERED: &str = "roost_metrics_up";

/// Whose the samples are, ready to stand between the braces of each.
pub struct Labels(String);

impl Labels {
    pub fn of(machine: &Machine) -> Self {
        let Machine { app, region, id, host, .. } = machine;
        Self(format!("app=\"{app}\",region=\"{region}\",host=\"{host}\",instance=\"{id}\""))
    }
}

/// A metric with its samples.
pub struct Family {
    name: String,
    /// `# HELP` and `# TYPE`.
    about: Vec<String>,
    samples: Vec<String>,
}

impl Family {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), about: Vec::new(), samples: Vec::new() }
    }

    pub fn bytes(&self) -> usize {
        self.about.iter().chain(&self.samples).map(|line| line.len() + 1).sum()
    }

    /// `x_bucket`, `x_sum` and `x_count` are samples of the histogram `x`.
    fn holds(&self, sample: &str) -> bool {
        sample.strip_prefix(&self.name).is_some_and(|rest| {
            matches!(rest, "" | "_bucket" | "_sum" | "_count" | "_total" | "_created" | "_info")
        })
    }
}

/// The families of a page, labelled. Lines that are no samples are left out.
pub fn read(text: &str, labels: &Labels) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    let mut samples = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(about) = line.strip_prefix('#') {
            let mut words = about.split_whitespace();
            if let (Some("HELP" | "TYPE"), Some(name)) = (words.next(), words.next())
                && is_name(name)
            {
                family(&mut families, name, |family| family.name == name).about.push(line.to_owned());
            }
        } else if let Some((name, labelled)) = labelled(line, labels)
            && samples < MAX_SAMPLES
        {
            samples += 1;
            family(&mut families, name, |family| family.holds(name)).samples.push(labelled);
        }
    }
    families.retain(|family| !family.samples.is_empty());
    families
}

/// That the page could be fetched, or not.
pub fn answered(answered: bool, Labels(labels): &Labels) -> Family {
    let mut family = Family::new(ANSWERED);
    family.about.push(format!("# TYPE {ANSWERED} gauge"));
    family.samples.push(format!("{ANSWERED}{{{labels}}} {}", u8::from(answered)));
    family
}

/// One page; what several machines say of a metric stands together.
pub fn write<'a>(families: impl Iterator<Item = &'a Family>) -> String {
    let mut merged: BTreeMap<&str, Vec<&Family>> = BTreeMap::new();
    for family in families {
        merged.entry(&family.name).or_default().push(family);
    }
    let mut page = String::new();
    for same in merged.values() {
        let about = same.iter().find(|family| !family.about.is_empty()).map(|family| &family.about);
        let samples = same.iter().flat_map(|family| &family.samples);
        for line in about.into_iter().flatten().chain(samples) {
            let _ = writeln!(page, "{line}");
        }
    }
    page
}

/// Pages keep a family's lines together, so that it is nearly always the last one.
fn family<'a>(families: &'a mut Vec<Family>, name: &str, is_it: impl Fn(&Family) -> bool) -> &'a mut Family {
    let found = families.last().is_some_and(&is_it).then(|| families.len() - 1);
    let index = found.unwrap_or_else(|| {
        families.push(Family::new(name));
        families.len() - 1
    });
    &mut families[index]
}

/// The name of a sample, and the sample with `labels` before its own.
fn labelled<'a>(line: &'a str, Labels(labels): &Labels) -> Option<(&'a str, String)> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at(end);
    if !is_name(name) {
        return None;
    }
    let (own, value) = match rest.strip_prefix('{') {
        Some(inner) => {
            let parts = split(inner, |c| c == '}');
            (own_labels(parts.first()?)?, inner.get(parts.first()?.len() + 1..)?)
        }
        None => (String::new(), rest),
    };
    let value = value.trim();
    value.split_whitespace().next()?.parse::<f64>().ok()?;
    Some((name, format!("{name}{{{labels}{own}}} {value}")))
}

/// Labels that say whose a sample is. An app's own of that name is kept under another one.
const OURS: [&str; 4] = ["app", "region", "host", "instance"];

fn own_labels(text: &str) -> Option<String> {
    let mut labels = String::new();
    for label in split(text, |c| c == ',').into_iter().map(str::trim).filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        if !is_name(name) || value.len() < 2 || !value.starts_with('"') || !value.ends_with('"') {
            return None;
        }
        let exported = if OURS.contains(&name) { "exported_" } else { "" };
        let _ = write!(labels, ",{exported}{name}={value}");
    }
    Some(labels)
}

/// The parts between those characters that `ends` says end one, quoted ones apart.
fn split(text: &str, ends: impl Fn(char) -> bool) -> Vec<&str> {
    let (mut parts, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if !quoted && ends(c) => {
                parts.push(&text[begin..at]);
                begin = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

fn is_name(name: &str) -> bool {
    let fit = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    !name.is_empty() && name.chars().all(fit) && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(instance: &str) -> Labels {
        Labels(format!("app=\"web\",instance=\"{instance}\""))
    }

    #[test]
    fn every_sample_says_whose_it_is_and_families_stand_together() {
        let one = read(
            "# HELP hits Requests.\n# TYPE hits counter\nhits{path=\"/a}b\\\"\",} 3 17\nhits 4\n\
             # TYPE took histogram\ntook_bucket{le=\"+Inf\"} 1\ntook_sum 0.5\n# a remark\n",
            &labels("m1"),
        );
        let two = read("# TYPE hits counter\nhits 9\n", &labels("m2"));
        let page = write(one.iter().chain(&two));
        let expected = [
            "# HELP hits Requests.",
            "# TYPE hits counter",
            "hits{app=\"web\",instance=\"m1\",path=\"/a}b\\\"\"} 3 17",
            "hits{app=\"web\",instance=\"m1\"} 4",
            "hits{app=\"web\",instance=\"m2\"} 9",
            "# TYPE took histogram",
            "took_bucket{app=\"web\",instance=\"m1\",le=\"+Inf\"} 1",
            "took_sum{app=\"web\",instance=\"m1\"} 0.5",
        ];
        assert_eq!(page.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn no_app_speaks_for_another_and_nonsense_is_left_out() {
        let text = "hits{app=\"other\"} 1\nhits{a=\"app=\",b=\"x\"} NaN\n1x 2\nopen{a=\"b\" 3\n<html>\n\
            {x=\"y\"} 1\nnothing{}\nword{a=\"b\"} many\nbare{a=b} 1\n";
        let page = write(read(text, &labels("m1")).iter());
        let expected = [
            "hits{app=\"web\",instance=\"m1\",exported_app=\"other\"} 1",
            "hits{app=\"web\",instance=\"m1\",a=\"app=\",b=\"x\"} NaN",
        ];
        assert_eq!(page.lines().collect::<Vec<_>>(), expected);
    }
}
