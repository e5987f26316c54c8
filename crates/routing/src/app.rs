//! The machines of one app, as routing sees them.
//!
//! Machines that routing can tell apart only by what each has to do now are a cohort: the rules are asked once for all
//! of them. An app that nobody is changing has one cohort as a rule, however many machines it has. What the rules
//! read of a cohort lies in one place, in the app's own memory; a machine's own is read when it is about to serve.

use std::sync::Arc;

use roost_model::{HostId, MachineId, MachineState};
use smallvec::SmallVec;

use crate::{
    Binding, Load, Over, Route, Target, Traits,
    binding::{self, Bindings},
};

/// Everything that routing needs to know of one app. Immutable to its readers: a change makes a new one.
#[derive(Debug, Clone, Default)]
pub struct App {
    cohorts: SmallVec<[Cohort; 1]>,
}

/// Machines with the same traits.
#[derive(Debug, Clone)]
pub struct Cohort {
    members: Vec<Member>,
    bindings: Bindings,
    pub(crate) host: HostId,
    pub(crate) state: MachineState,
    pub(crate) cordoned: bool,
    /// Some service says which clients it takes, or how many.
    guarded: bool,
    traits: Arc<Traits>,
}

/// A machine, and its count: whoever only wants to know how busy it is need not look at the machine.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub target: Arc<Target>,
    pub load: Arc<Load>,
}

impl App {
    /// Takes a machine in, in the place of an earlier version of it. Destroyed ones do not belong here.
    pub fn put(&mut self, target: Arc<Target>) {
        self.remove(&target.id);
        let at = self.cohorts.iter().position(|c| Arc::ptr_eq(&c.traits, &target.traits));
        let at = at.or_else(|| self.cohorts.iter().position(|c| c.traits == target.traits));
        let at = at.unwrap_or_else(|| {
            self.cohorts.push(Cohort::of(&target.traits));
            self.cohorts.len() - 1
        });
        let members = &mut self.cohorts[at].members;
        members.push(Member { load: target.load.clone(), target });
        // What was added by one has room for as much again.
        members.shrink_to_fit();
    }

    pub fn remove(&mut self, id: &MachineId) {
        for cohort in &mut self.cohorts {
            cohort.members.retain(|member| member.target.id != *id);
        }
        self.cohorts.retain(|cohort| !cohort.members.is_empty());
    }

    /// Every machine, in no order.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.cohorts.iter().flat_map(|cohort| cohort.members.iter().map(|member| &member.target))
    }

    pub fn cohorts(&self) -> &[Cohort] {
        &self.cohorts
    }

    /// Whether some service says which clients it takes, or how many.
    pub fn is_guarded(&self) -> bool {
        self.cohorts.iter().any(|cohort| cohort.guarded)
    }
}

impl FromIterator<Arc<Target>> for App {
    fn from_iter<I: IntoIterator<Item = Arc<Target>>>(targets: I) -> Self {
        let mut app = Self::default();
        targets.into_iter().for_each(|target| app.put(target));
        app
    }
}

impl Cohort {
    fn of(traits: &Arc<Traits>) -> Self {
        Self {
            members: Vec::new(),
            bindings: binding::bindings_of(traits),
            host: traits.host.clone(),
            state: traits.state,
            cordoned: traits.cordoned,
            guarded: traits.routes.iter().any(Route::is_guarded),
            traits: traits.clone(),
        }
    }

    pub fn traits(&self) -> &Arc<Traits> {
        &self.traits
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// What answers at a public port, if anything does.
    pub fn binding(&self, over: Over, public_port: u16) -> Option<&Binding> {
        binding::find(&self.bindings, over, public_port)
    }
}
