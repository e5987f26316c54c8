//! What the apps say of themselves: each machine's Prometheus page, fetched every few seconds.
//!
//! Responsible for: asking the machines that name a page, keeping the last answer of each, and one page
//! of all of them with labels that tell whose each sample is. Not responsible for: keeping a history;
//! whoever wants one scrapes the page.

mod scrape;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::StreamExt;
use roost_host_api::Machine;
use roost_model::{AppName, MachineId, MachineState};
use roost_wire::exposition::{self, Family, Labels};
use tokio::time::MissedTickBehavior;

use crate::context::Context;

/// Machines asked at the same time.
const AT_ONCE: usize = 16;

/// Of all pages together: a host of very talkative machines must not run out of memory by it.
const MAX_TOTAL_BYTES: usize = 256 << 20;

/// The last page of each machine.
#[derive(Default)]
pub struct Metrics(Mutex<BTreeMap<MachineId, Page>>);

#[derive(Clone)]
struct Page {
    app: AppName,
    families: Arc<Vec<Family>>,
    bytes: usize,
}

/// Fetches pages until it is dropped.
pub async fn run(ctx: Arc<Context>) {
    let mut rounds = tokio::time::interval(ctx.config.settings.metrics_interval());
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let machines = ctx.hub.list(None).into_iter();
        let asked = machines.filter(|m| m.state == MachineState::Started && m.config.metrics.is_some());
        let pages: Vec<_> =
            futures::stream::iter(asked).map(page_of).buffer_unordered(AT_ONCE).collect().await;
        ctx.metrics.replace(pages);
    }
}

async fn page_of(machine: Arc<Machine>) -> (MachineId, Page) {
    let Machine { app, region, host, id, .. } = &*machine;
    let labels = Labels::of([app.as_str(), region.as_str(), host.as_str(), id.as_str()]);
    let mut families = match scrape::scrape(&machine).await {
        Ok(text) => exposition::read(&text, &labels),
        Err(error) => {
            tracing::debug!(machine = %machine.id, %error, "metrics not fetched");
            Vec::new()
        }
    };
    families.push(exposition::answered(!families.is_empty(), &labels));
    let bytes = families.iter().map(Family::bytes).sum();
    (machine.id.clone(), Page { app: machine.app.clone(), families: Arc::new(families), bytes })
}

impl Metrics {
    fn replace(&self, pages: Vec<(MachineId, Page)>) {
        let mut room = MAX_TOTAL_BYTES;
        let fit = pages.into_iter().filter(|(id, page)| match room.checked_sub(page.bytes) {
            Some(left) => {
                room = left;
                true
            }
            None => {
                tracing::warn!(machine = %id, "metrics dropped: all pages together are too long");
                false
            }
        });
        let fit = fit.collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fit;
    }

    /// One page of all machines, or of one app's.
    pub fn page(&self, app: Option<&AppName>) -> String {
        let pages: Vec<_> = {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.values().filter(|page| app.is_none_or(|app| page.app == *app)).cloned().collect()
        };
        exposition::write(pages.iter().flat_map(|page| page.families.iter()))
    }
}
