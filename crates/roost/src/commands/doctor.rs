//! `roost doctor`: what this box has and lacks, and what to type to get it.

use std::{path::PathBuf, process::ExitCode};

use roost_builder::Builder;
use roost_vmm::{DriverChoice, FindingState};
use serde::Serialize;

use super::context::Context;
use crate::config;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits with 1 when something that running machines needs is missing.

Examples:
  sudo roost doctor
  roost doctor --json")]
pub struct Args {
    /// Configuration file of the server [default: /etc/roost/roost.toml, if it exists]
    #[arg(short, long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    state: State,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Found,
    /// Machines run without it.
    Absent,
    Missing,
    Broken,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let config = config::load(args.config.as_deref())?;
    let inspected = roost_vmm::inspect(&config.vmm).into_iter();
    let mut findings: Vec<Finding> =
        inspected.map(|finding| Finding::of(finding, config.vmm.driver)).collect();
    findings.push(builder().await);
    findings.push(server(context).await);
    context.output.result(&findings, |findings| findings.iter().map(Finding::text).collect())?;
    let healthy = findings.iter().all(|f| matches!(f.state, State::Found | State::Absent));
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What makes machines faster; they run without.
const FASTER: [&str; 3] = ["kvm", "firecracker", "jailer"];

impl Finding {
    fn of(finding: roost_vmm::Finding, driver: DriverChoice) -> Self {
        let optional = FASTER.contains(&finding.what.as_str()) && driver != DriverChoice::Firecracker;
        let state = match finding.state {
            FindingState::Found => State::Found,
            FindingState::Missing | FindingState::Broken if optional => State::Absent,
            FindingState::Missing => State::Missing,
            FindingState::Broken => State::Broken,
        };
        Self { what: finding.what, state, detail: finding.detail, fix: finding.fix }
    }

    fn text(&self) -> String {
        let sign = match self.state {
            State::Found => "✓",
            State::Absent => "-",
            State::Missing | State::Broken => "✗",
        };
        let fix = self.fix.as_ref().map_or(String::new(), |fix| format!("    next: {fix}\n"));
        format!("{sign} {}: {}\n{fix}", self.what, self.detail)
    }
}

async fn builder() -> Finding {
    let what = "image builder".to_owned();
    match Builder::find().await {
        Ok(builder) => {
            let detail = format!("{} {}", builder.kind.program(), builder.version);
            Finding { what, state: State::Found, detail, fix: None }
        }
        Err(_) => Finding {
            what,
            state: State::Absent,
            detail: "none; roost deploy cannot build Dockerfiles on this box".to_owned(),
            fix: Some("apt-get install buildah".to_owned()),
        },
    }
}

async fn server(context: &Context) -> Finding {
    let what = "server".to_owned();
    let answer = async { anyhow::Ok(context.api()?.status().await?) };
    match answer.await {
        Ok(status) => {
            let drivers = status.hosts.iter().map(|host| host.driver.as_str()).collect::<Vec<_>>().join(", ");
            let detail = format!("roost {} runs; machines under {drivers}", status.version);
            Finding { what, state: State::Found, detail, fix: None }
        }
        Err(error) => Finding {
            what,
            state: State::Absent,
            detail: format!("{:#}", error.root_cause()),
            fix: Some("sudo roost server".to_owned()),
        },
    }
}
