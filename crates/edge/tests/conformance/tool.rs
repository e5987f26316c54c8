//! A program of somebody else, run to its end within a bound.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

/// None of them needs longer, on a busy box.
const LIMIT: Duration = Duration::from_secs(300);

pub struct Finished {
    pub success: bool,
    /// What it printed, errors last.
    pub text: String,
}

/// A command for the program that `script/conformance` names in `variable`.
pub fn tool(variable: &str) -> Command {
    let program = std::env::var(variable).unwrap_or_else(|_| panic!("run script/conformance: {variable}"));
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs it in `folder`, where it may write what it likes.
pub async fn run(mut command: Command, folder: &Path) -> Finished {
    let output = timeout(LIMIT, command.current_dir(folder).output()).await;
    let output = output.unwrap_or_else(|_| panic!("{command:?} did not end within {LIMIT:?}")).unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Finished { success: output.status.success(), text }
}
