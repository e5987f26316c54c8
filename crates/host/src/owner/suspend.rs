//! Suspend: the machine's memory is kept while nothing of it runs.

use std::sync::Arc;

use roost_host_api::{Cause, ErrorBody, Machine, StopMachine};
use roost_model::MachineState;

use super::Owner;
use crate::record::Then;

impl Owner {
    /// Where a machine can not be suspended it is stopped, and the event says why.
    pub(super) async fn suspend(&mut self, cause: &Cause) -> Result<Arc<Machine>, ErrorBody> {
        self.check_lease(cause.lease_nonce.as_deref())?;
        match self.record.state {
            state if state.can_suspend() => self.stop_instead(cause, "this host keeps no memory").await,
            MachineState::Suspending | MachineState::Suspended => Ok(self.show_unchanged()),
            _ => Err(self.wrong_state("suspended")),
        }
    }

    async fn stop_instead(&mut self, cause: &Cause, reason: &str) -> Result<Arc<Machine>, ErrorBody> {
        let reason = Some(format!("it can not be suspended: {reason}"));
        let cause = Cause { reason, ..cause.clone() };
        self.halt(&StopMachine { cause, ..StopMachine::default() }, Then::Stay, "stop").await
    }
}
