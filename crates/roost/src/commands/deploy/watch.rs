//! Watching a deploy. The api carries it out; this process may be killed at any time.

use roost_api_types::{
    Deploy, DeployAnswer, DeployEvent, DeployFailure, DeployStatus, DeployStep, StepState,
};
use roost_client::ApiClient;
use roost_model::AppName;

use crate::{commands::context::Context, failure::OrNext as _, output::Progress};

/// Shows what a call began, and watches it unless `detach`.
pub async fn follow(
    api: &ApiClient,
    app: &AppName,
    answer: DeployAnswer,
    detach: bool,
    context: &Context,
) -> anyhow::Result<()> {
    for warning in &answer.warnings {
        context.progress.warn(warning);
    }
    let Some(deploy) = answer.deploy.clone() else {
        context.output.result(&answer, |answer| answer.plan.clone())?;
        return Ok(());
    };
    if let Some(release) = &answer.release {
        context.progress.note(format!("release v{} of {app}: {}", release.version, release.description));
    }
    until_done(api, deploy, detach, context).await
}

/// Watches a deploy to its end; an error unless it succeeded.
pub async fn until_done(
    api: &ApiClient,
    deploy: Deploy,
    detach: bool,
    context: &Context,
) -> anyhow::Result<()> {
    let app = deploy.app.clone();
    if detach {
        context.output.result(&deploy, |_| format!("the rollout goes on\nnext: roost status --app {app}"))?;
        return Ok(());
    }
    let ended = watch(api, &deploy, context).await.or_next(format!("roost releases --app {app}"))?;
    for warning in ended.warnings.iter().filter(|warning| !deploy.warnings.contains(warning)) {
        context.progress.warn(warning);
    }
    verdict(&ended)?;
    let url = api.app(&app).await?.url;
    context.output.result(&ended, |_| url)?;
    Ok(())
}

/// Tries to watch again when the connection breaks: the api may be restarted in the middle.
const RECONNECTS: u32 = 30;
const RECONNECT_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

async fn watch(api: &ApiClient, deploy: &Deploy, context: &Context) -> anyhow::Result<Deploy> {
    let mut shown = Shown { progress: context.progress, steps: Vec::new() };
    let mut tries = 0;
    loop {
        match watch_once(api, deploy, &mut shown, &mut tries).await {
            Ok(Some(ended)) => return Ok(ended),
            Err(error) if error.code().is_some() || tries >= RECONNECTS => return Err(error.into()),
            Ok(None) | Err(_) if tries >= RECONNECTS => {
                anyhow::bail!("the server ended the watch again and again")
            }
            Ok(None) | Err(_) => {
                tries += 1;
                tokio::time::sleep(RECONNECT_AFTER).await;
            }
        }
    }
}

/// `None` when the stream ended before the deploy did.
async fn watch_once(
    api: &ApiClient,
    deploy: &Deploy,
    shown: &mut Shown,
    tries: &mut u32,
) -> Result<Option<Deploy>, roost_client::ClientError> {
    let mut events = api.watch_deploy(&deploy.app, deploy.number).await?;
    while let Some(event) = events.next().await? {
        *tries = 0;
        if let DeployEvent::Finished { deploy } = event {
            return Ok(Some(deploy));
        }
        shown.event(event);
    }
    Ok(None)
}

/// What was said already; a second watch begins with everything that happened.
struct Shown {
    progress: Progress,
    steps: Vec<Option<StepState>>,
}

impl Shown {
    fn event(&mut self, event: DeployEvent) {
        match event {
            DeployEvent::Deploy { deploy } => {
                deploy.steps.iter().enumerate().for_each(|(index, step)| self.step(index, step));
            }
            DeployEvent::Step { index, step } => self.step(index, &step),
            DeployEvent::Status { status: DeployStatus::Returning } => {
                self.progress.note("taking the release back");
            }
            DeployEvent::Failure { failure } if !failure.log.is_empty() => {
                self.progress.note(last_lines(&failure));
            }
            DeployEvent::Warning { message } => self.progress.warn(message),
            DeployEvent::Status { .. } | DeployEvent::Failure { .. } | DeployEvent::Finished { .. } => {}
        }
    }

    fn step(&mut self, index: usize, step: &DeployStep) {
        if self.steps.len() <= index {
            self.steps.resize(index + 1, None);
        }
        if self.steps[index].replace(step.state) == Some(step.state) {
            return;
        }
        match step.state {
            StepState::Running => self.progress.note(format!("  … {}", step.title)),
            StepState::Done => self.progress.note(format!("  ✓ {}", step.title)),
            StepState::Failed => self.progress.note(format!("  ✗ {}", step.title)),
            StepState::Pending | StepState::Skipped => {}
        }
    }
}

/// The machine's last words; why the deploy failed is said at the end.
fn last_lines(failure: &DeployFailure) -> String {
    let machine = failure.machine.as_ref().map_or_else(|| "the machine".to_owned(), ToString::to_string);
    let lines = failure.log.iter().map(|line| format!("\n    {line}"));
    format!("the last lines of {machine}:{}", lines.collect::<String>())
}

fn verdict(deploy: &Deploy) -> anyhow::Result<()> {
    let Deploy { app, release, .. } = deploy;
    let reason = deploy.failure.as_ref().map_or("the rollout failed", |failure| failure.message.as_str());
    match (deploy.status, deploy.returned_to) {
        (DeployStatus::Succeeded, _) => Ok(()),
        (DeployStatus::Returned, Some(good)) => {
            Err(anyhow::anyhow!("v{release} was rolled back, and v{good} serves again: {reason}"))
        }
        _ => Err(anyhow::anyhow!("v{release} of {app} failed: {reason}")),
    }
    .or_next(format!("roost logs --no-tail --app {app}"))
}
