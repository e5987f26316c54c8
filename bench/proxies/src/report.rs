//! Medians over the rounds, a table, and the line that others read.

use std::time::Duration;

use crate::{
    peer::Peer,
    row::{Row, Sample},
};

/// The samples of one row, by proxy, one for each round.
pub struct Measured {
    pub row: Row,
    pub peers: Vec<(Peer, Vec<Sample>)>,
}

impl Measured {
    pub fn print(&self) {
        println!("{} ({})", self.row.title(), self.row.unit());
        for (peer, samples) in &self.peers {
            let cost = median(samples.iter().map(|sample| sample.cost));
            let ms = |of: fn(&Sample) -> Duration| median(samples.iter().map(|s| of(s).as_secs_f64() * 1e3));
            let (p50, p99) = (ms(|sample| sample.p50), ms(|sample| sample.p99));
            println!("  {:8} {cost:9.1}   p50 {p50:7.2} ms   p99 {p99:7.2} ms", peer.as_str());
        }
    }

    /// Roost's cost by that of the better of nginx and HAProxy, in the same round.
    pub fn ratio(&self) -> Option<f64> {
        let samples = |peer| self.peers.iter().find(|(one, _)| *one == peer).map(|(_, samples)| samples);
        let (roost, nginx, haproxy) = (samples(Peer::Roost)?, samples(Peer::Nginx)?, samples(Peer::Haproxy)?);
        let cost = |samples: &[Sample]| median(samples.iter().map(|sample| sample.cost));
        let better = if cost(nginx) < cost(haproxy) { nginx } else { haproxy };
        Some(median(roost.iter().zip(better).map(|(roost, better)| roost.cost / better.cost)))
    }
}

/// `result: http1_cpu_ratio=... ...`
pub fn result(rows: &[Measured]) -> String {
    let ratios = rows.iter().filter_map(|row| Some(format!(" {}_ratio={:.2}", row.row.key(), row.ratio()?)));
    format!("result:{}", ratios.collect::<String>())
}

pub fn median(samples: impl Iterator<Item = f64>) -> f64 {
    let mut samples: Vec<f64> = samples.collect();
    samples.sort_by(f64::total_cmp);
    match samples.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => samples[n / 2],
        n => (samples[n / 2 - 1] + samples[n / 2]) / 2.0,
    }
}
