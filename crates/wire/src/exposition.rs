//! Pages in Prometheus' text format: a machine's is read line by line, given labels, and joined with
//! the others'. Format: https://prometheus.io/docs/instrumenting/exposition_formats/
//!
//! One line that a reader does not understand costs it the page, and the page is everybody's: what is not exactly of
//! the format is left out.

mod sample;

use std::{collections::BTreeMap, fmt::Write};

use self::sample::{is_metric, labelled};

/// Samples of one machine's page; more would make every query slow for everybody.
const MAX_SAMPLES: usize = 20_000;

/// Whether a machine's page could be fetched, as a metric of its own.
const ANSWERED: &str = "roost_metrics_up";

/// Whose the samples are, ready to stand between the braces of each.
pub struct Labels(String);

/// Labels that say whose a sample is. An app's own of that name is kept under another one.
pub const OURS: [&str; 4] = ["app", "region", "host", "instance"];

impl Labels {
    /// Values of [`OURS`], none of which has a character that would need an escape.
    pub fn of(values: [&str; OURS.len()]) -> Self {
        let labels = OURS.iter().zip(values).map(|(name, value)| format!("{name}=\"{value}\""));
        Self(labels.collect::<Vec<_>>().join(","))
    }
}

/// A metric with its samples.
pub struct Family {
    name: String,
    help: Option<String>,
    kind: Option<String>,
    samples: Vec<String>,
}

impl Family {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), help: None, kind: None, samples: Vec::new() }
    }

    pub fn bytes(&self) -> usize {
        self.lines().map(|line| line.len() + 1).sum()
    }

    fn lines(&self) -> impl Iterator<Item = &String> {
        self.about().chain(&self.samples)
    }

    /// `# HELP` and `# TYPE`.
    fn about(&self) -> impl Iterator<Item = &String> {
        self.help.iter().chain(&self.kind)
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
    for line in text.lines().map(|line| line.trim_matches([' ', '\t'])) {
        if line.contains(|c: char| c.is_control() && c != '\t') {
            continue;
        }
        if let Some(about) = line.strip_prefix('#') {
            describe(&mut families, about.trim_start());
        } else if samples < MAX_SAMPLES
            && let Some((name, labelled)) = labelled(line, labels)
        {
            samples += 1;
            family(&mut families, name, |family| family.holds(name)).samples.push(labelled);
        }
    }
    families.retain(|family| !family.samples.is_empty());
    families
}

/// Types that readers know.
const KINDS: [&str; 5] = ["counter", "gauge", "histogram", "summary", "untyped"];

/// `HELP` or `TYPE`, a name, the rest; the first of each counts.
fn describe(families: &mut Vec<Family>, about: &str) {
    let mut words = about.splitn(3, [' ', '\t']);
    let (Some(what), Some(name), Some(rest)) = (words.next(), words.next(), words.next()) else { return };
    let rest = rest.trim();
    if !is_metric(name) || rest.is_empty() {
        return;
    }
    let of_kind = match what {
        "HELP" => false,
        "TYPE" if KINDS.contains(&rest) => true,
        _ => return,
    };
    let family = family(families, name, |family| family.name == name);
    let line = if of_kind { &mut family.kind } else { &mut family.help };
    line.get_or_insert_with(|| format!("# {what} {name} {rest}"));
}

/// That the page could be fetched, or not.
pub fn answered(answered: bool, Labels(labels): &Labels) -> Family {
    let mut family = Family::new(ANSWERED);
    family.kind = Some(format!("# TYPE {ANSWERED} gauge"));
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
        let about = same.iter().find(|family| family.about().next().is_some());
        let samples = same.iter().flat_map(|family| &family.samples);
        for line in about.into_iter().flat_map(|family| family.about()).chain(samples) {
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
    #[test]
    fn a_line_that_would_cost_a_reader_the_page_is_left_out() {
        let text = "a{b=\"1\",b=\"2\"} 1\na{app=\"1\",exported_app=\"2\"} 1\na{b=\"1\" \"2\"} 1\na{b=\"\\x\"} 1\n\
            a 1 2 3\na 1 soon\na 1e999\na +NaN\na infinity\na{b:c=\"1\"} 1\na{__name__=\"b\"} 1\na{b=\"\u{7}\"} 1\n\
            # TYPE a nonsense\n# TYPE a gauge\n# TYPE a counter\n# HELP a\na +Inf\n";
        let page = write(read(text, &labels("m1")).iter());
        assert_eq!(page, "# TYPE a gauge\na{app=\"web\",instance=\"m1\"} +Inf\n");
    }
}
