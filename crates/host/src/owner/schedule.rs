//! Starts that nobody asks for: at the hours of the machine's schedule.
//!
//! What was due while the host was away is made up for once, when it is back.

use std::time::Duration;

use jiff::Timestamp;
use roost_host_api::Cause;

use super::Owner;

/// Looked at again at least this often, in case the clock was set.
const LOOK: Duration = Duration::from_secs(60);

impl Owner {
    /// Returns when it may be time for a start; never for a machine without a schedule.
    pub(super) fn until_scheduled(&self) -> impl Future<Output = ()> + use<> {
        let due = self.due();
        async move {
            let Some(due) = due else { return std::future::pending().await };
            let left = due.duration_since(Timestamp::now());
            tokio::time::sleep(Duration::try_from(left).unwrap_or_default().min(LOOK)).await;
        }
    }

    pub(super) async fn start_scheduled(&mut self) {
        let now = Timestamp::now();
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        self.record.scheduled_at = Some(now);
        let started = if self.record.state.can_start() {
            let reason = Some("its schedule".to_owned());
            self.start(&Cause { source: "host".to_owned(), reason, lease_nonce: self.own_nonce() }).await
        } else {
            // It still runs, or can not run at all: this start is left out.
            self.commit(None, |_| {}).await
        };
        if let Err(error) = started {
            let reason = format!("the start that was scheduled failed: {}", error.message);
            self.say(reason.clone()).await;
            let noted =
                self.commit(None, |record| record.add_event_because("launch_failed", "host", Some(reason)));
            if let Err(error) = noted.await {
                tracing::error!(machine = %self.record.id, %error, "scheduled start not recorded");
            }
        }
    }

    fn due(&self) -> Option<Timestamp> {
        let schedule = self.record.spec.config.schedule?;
        let created = self.record.created_at;
        schedule.next(created, self.record.scheduled_at.unwrap_or(created))
    }

    /// A lease keeps people from changing the machine; its schedule is a part of it.
    fn own_nonce(&self) -> Option<String> {
        self.record.lease.as_ref().map(|lease| lease.nonce.clone())
    }
}
