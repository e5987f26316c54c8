//! The page: Prometheus's text format.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use roost_catalog::{AppEntry, Snapshot};
use roost_model::MachineState;
use roost_routing::{Answers, Connections, Counts, Histogram};

use crate::context::Edge;

/// Apps on one page: some dozen lines each, within the 16 MiB that scrapers read.
const MAX_APPS: usize = 4000;

pub(super) fn of(edge: &Edge) -> String {
    let snapshot = edge.catalog.snapshot();
    let (apps, left_out) = apps(&snapshot);
    let mut page = Page { text: String::new(), region: edge.config.region.as_str() };
    page.node(edge);
    page.clients(&apps);
    page.answers("fly_edge", &apps, |counts| &counts.edge);
    page.answers("fly_app", &apps, |counts| &counts.app);
    page.by_app("fly_app_tcp_connects_count", "counter", "Connections to machines.", &apps, |counts| {
        counts.connects.total()
    });
    page.by_app("fly_app_tcp_disconnects_count", "counter", "Those of them that ended.", &apps, |counts| {
        counts.disconnects.load(Ordering::Relaxed)
    });
    page.head("fly_app_connect_time_seconds", "histogram", "Time until a machine accepted a connection.");
    for (app, counts) in &apps {
        page.histogram("fly_app_connect_time_seconds", &[("app", app.name.as_str())], &counts.connects);
    }
    page.concurrency(&apps);
    page.head("roost_edge_apps_left_out", "gauge", "Apps that have no room on this page.");
    page.line("roost_edge_apps_left_out", &[], left_out);
    page.text
}

const DROPPED: &str = "fly_edge_tcp_connections_drop_count";

/// Name, what it is, labels, value.
type Counter<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a AtomicU64);

type CountOf = fn(&Connections) -> &AtomicU64;

type Counted<'a> = (&'a Arc<AppEntry>, &'a Counts);

/// Apps that were asked, by name, and how many more there are.
fn apps(snapshot: &Snapshot) -> (Vec<Counted<'_>>, u64) {
    let counted = snapshot.apps().filter_map(|app| Some((app, app.traffic.counted()?)));
    let mut apps: Vec<Counted<'_>> = counted.collect();
    apps.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let left_out = apps.len().saturating_sub(MAX_APPS) as u64;
    apps.truncate(MAX_APPS);
    (apps, left_out)
}

struct Page<'a> {
    text: String,
    region: &'a str,
}

impl Page<'_> {
    fn node(&mut self, edge: &Edge) {
        let arrivals = &edge.arrivals.counts;
        let counters: [Counter<'_>; 3] = [
            (
                "roost_edge_connects_count",
                "Connections of clients, whatever they asked.",
                &[],
                &arrivals.connects,
            ),
            ("roost_edge_disconnects_count", "Those of them that ended.", &[], &arrivals.disconnects),
            (
                "fly_edge_tcp_rate_limited_count",
                "Past a rate of one client's address.",
                &[("type", "handshake")],
                &arrivals.handshakes_limited,
            ),
        ];
        for (name, help, labels, value) in counters {
            self.head(name, "counter", help);
            self.line(name, labels, value.load(Ordering::Relaxed));
        }
        let name = "roost_edge_parked_connections";
        self.head(name, "gauge", "Connections of clients that wait for a request.");
        self.line(name, &[], edge.lots.iter().map(|lot| lot.len() as u64).sum());
        let name = "fly_edge_tls_handshake_time_seconds";
        self.head(name, "histogram", "Time of TLS handshakes.");
        let node = &edge.counts;
        for (version, times) in [("TLSv1.2", &node.handshakes_1_2), ("TLSv1.3", &node.handshakes_1_3)] {
            self.histogram(name, &[("version", version)], times);
        }
        let name = "fly_edge_tls_handshake_errors";
        self.head(name, "counter", "TLS handshakes that failed.");
        self.line(name, &[], node.handshakes_failed.others.load(Ordering::Relaxed));
        for (asked, failed) in node.handshakes_failed.by_name() {
            self.line(name, &[("app", failed.app.as_str()), ("servername", &*asked)], failed.count);
        }
        let name = DROPPED;
        self.head(name, "counter", "Turned away: their client, or their app, had too many.");
        self.line(name, &[], arrivals.dropped.load(Ordering::Relaxed));
    }

    /// Connections of clients, by the app that they asked.
    fn clients(&mut self, apps: &[Counted<'_>]) {
        // The page has begun with those of no app.
        for (app, counts) in apps {
            let refused = counts.clients.refused.load(Ordering::Relaxed);
            if refused > 0 {
                self.line(DROPPED, &[("app", app.name.as_str())], refused);
            }
        }
        let name = "roost_edge_connections";
        self.by_app(
            name,
            "gauge",
            "Connections of clients, and flows of UDP, that an app has now.",
            apps,
            |counts| counts.clients.open().into(),
        );
        let counters: [(&str, &str, CountOf); 4] = [
            ("fly_edge_tcp_connects_count", "Connections of clients that asked for the app.", |c| &c.begun),
            ("fly_edge_tcp_disconnects_count", "Those of them that ended.", |c| &c.ended),
            ("fly_edge_data_in", "Bytes from clients.", |c| &c.received),
            ("fly_edge_data_out", "Bytes to clients.", |c| &c.sent),
        ];
        for (name, help, of) in counters {
            self.by_app(name, "counter", help, apps, |counts| of(&counts.clients).load(Ordering::Relaxed));
        }
    }

    fn by_app(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        apps: &[Counted<'_>],
        value: impl Fn(&Counts) -> u64,
    ) {
        self.head(name, kind, help);
        for (app, counts) in apps {
            self.line(name, &[("app", app.name.as_str())], value(counts));
        }
    }

    fn answers(&mut self, family: &str, apps: &[Counted<'_>], of: impl Fn(&Counts) -> &Answers) {
        let name = format!("{family}_http_responses_count");
        self.head(&name, "counter", "Answers by status.");
        for (app, counts) in apps {
            for (status, count) in of(counts).by_status() {
                self.line(&name, &[("app", app.name.as_str()), ("status", &status)], count);
            }
        }
        let name = format!("{family}_http_response_time_seconds");
        self.head(&name, "histogram", "Time until the head of an answer, by the class of its status.");
        for (app, counts) in apps {
            for (class, times) in of(counts).by_class() {
                self.histogram(&name, &[("app", app.name.as_str()), ("status", &class)], times);
            }
        }
    }

    /// Of the machines that run.
    fn concurrency(&mut self, apps: &[Counted<'_>]) {
        let name = "fly_app_concurrency";
        self.head(name, "gauge", "Requests and connections that a machine has now.");
        for (app, _) in apps {
            let running = app.routes.targets().filter(|target| target.state == MachineState::Started);
            for target in running {
                let labels = [("app", app.name.as_str()), ("instance", target.id.as_str())];
                self.line(name, &labels, target.load.in_flight().into());
            }
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.labelled(name, labels, None);
        let _ = writeln!(self.text, " {value}");
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], times: &Histogram) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in times.cumulative() {
            let bound = bound.map_or("+Inf".to_owned(), |bound| bound.to_string());
            self.labelled(&bucket, labels, Some(&bound));
            let _ = writeln!(self.text, " {count}");
        }
        self.labelled(&format!("{name}_sum"), labels, None);
        let _ = writeln!(self.text, " {}", times.sum_secs());
        self.line(&format!("{name}_count"), labels, times.total());
    }

    /// Names of apps and hosts, statuses and ids have nothing in them that would have to be escaped.
    fn labelled(&mut self, name: &str, labels: &[(&str, &str)], bound: Option<&str>) {
        let _ = write!(self.text, "{name}{{region=\"{}\"", self.region);
        for (label, value) in labels.iter().copied().chain(bound.map(|bound| ("le", bound))) {
            let _ = write!(self.text, ",{label}=\"{value}\"");
        }
        self.text.push('}');
    }
}
