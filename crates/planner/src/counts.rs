//! How many machines each group gets. Decided once, when a release is made, and kept with it: a
//! plan made in the middle of a deploy sees old and new machines side by side and cannot know.

use std::collections::BTreeMap;

use crate::ObservedMachine;

/// Where counts come from, the first that knows a group deciding.
#[derive(Debug, Clone, Default)]
pub struct CountSource<'a> {
    /// What somebody asked for: `scale count`.
    pub asked: BTreeMap<String, u32>,
    /// Machines that are there, cordoned ones left aside.
    pub observed: &'a [ObservedMachine],
    /// For a group that has none.
    pub first_deploy: u32,
}

/// The count of each group.
pub fn counts<'g>(
    groups: impl IntoIterator<Item = &'g str>,
    source: &CountSource<'_>,
) -> BTreeMap<String, u32> {
    groups.into_iter().map(|group| (group.to_owned(), source.count(group))).collect()
}

impl CountSource<'_> {
    fn count(&self, group: &str) -> u32 {
        if let Some(count) = self.asked.get(group) {
            return *count;
        }
        let counts = |m: &&ObservedMachine| m.group == group && m.exists() && !m.failed() && !m.cordoned;
        match self.observed.iter().filter(counts).count() {
            0 => self.first_deploy,
            existing => existing as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use roost_model::{MachineId, MachineState};

    use super::*;

    fn machine(group: &str, state: MachineState, cordoned: bool) -> ObservedMachine {
        let id = MachineId::generate();
        ObservedMachine { id, group: group.to_owned(), release: Some(1), state, cordoned, healthy: true }
    }

    #[test]
    fn asked_goes_before_existing_before_the_default() {
        let observed = [
            machine("web", MachineState::Started, false),
            machine("web", MachineState::Stopped, false),
            machine("web", MachineState::Started, true),
            machine("web", MachineState::Destroyed, false),
            machine("worker", MachineState::Started, false),
        ];
        let asked = BTreeMap::from([("worker".to_owned(), 4)]);
        let source = CountSource { asked, observed: &observed, first_deploy: 1 };
        let got = counts(["cron", "web", "worker"], &source);
        assert_eq!(got.into_values().collect::<Vec<_>>(), [1, 2, 4]);
    }
}
