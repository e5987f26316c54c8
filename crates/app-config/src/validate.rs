//! What the reader cannot see: values that are of the right type and still wrong, and parts that
//! do not fit together. Every problem is found in one go, each with its key and what to do.

use crate::{AppConfig, Diagnostic, Problem};

mod checks;
mod groups;
mod machine;
mod services;

/// Collects problems.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Diagnostic::new(path, message));
    }

    fn add_with_help(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.0.push(Diagnostic::new(path, message).help(help));
    }
}

impl AppConfig {
    /// Everything that is wrong with the configuration; empty when it can be deployed.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Problems::default();
        machine::validate(self, &mut problems);
        groups::validate(self, &mut problems);
        services::validate(self, &mut problems);
        checks::validate(self, &mut problems);
        problems.0
    }
}
