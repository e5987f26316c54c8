//! Deploys as people and clients see them: lists, one, and a stream of what happens.

use std::{future::ready, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    response::Response,
};
use futures::{Stream, StreamExt, stream};
use roost_api_types::{Deploy, DeployEvent, DeployStep, ErrorCode};
use roost_directory::{DirectoryError, Event};
use roost_model::AppName;
use roost_records::{DeployRecord, Record, RolloutRecord, key};

use crate::{
    api::Api,
    error::{ApiError, Result},
    http::{AppPath, JSON_LINES, json_lines},
    openapi::{Routes, call, get},
};

/// Deploys in a list: all that are kept.
const LISTED: usize = 50;

pub fn routes() -> Routes {
    const ALL: &str = "/v1/apps/{app_name}/deploys";
    let events = |id, summary| call(id, summary).media(JSON_LINES).or_fails(&[400]);
    Routes::new()
        .at(ALL, get(call("Deploys_list", "The deploys of an app, newest first"), list))
        .at(&format!("{ALL}/{{number}}"), get(call("Deploys_show", "A deploy").or_fails(&[400]), show))
        .at(
            &format!("{ALL}/{{number}}/watch"),
            get(
                events("Deploys_watch", "What happens in a deploy until it has ended, a JSON line each"),
                watch,
            ),
        )
        .at(
            "/v1/apps/{app_name}/releases/{version}/watch",
            get(events("Releases_watch", "The same, of a release's last deploy"), watch_release),
        )
}

pub async fn list(State(api): State<Arc<Api>>, AppPath(app): AppPath) -> Result<Json<Vec<Deploy>>> {
    let deploys = api.store.deploys(&app.name, LISTED).await?;
    Ok(Json(deploys.iter().map(shown).collect()))
}

pub async fn show(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, number)): Path<(String, String)>,
) -> Result<Json<Deploy>> {
    let deploy = api.store.deploy(&app.name, self::number(&number)?).await?;
    Ok(Json(shown(&deploy.record)))
}

pub async fn watch(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, number)): Path<(String, String)>,
) -> Result<Response> {
    follow(&api, &app.name, self::number(&number)?).await
}

/// The last deploy of a release.
pub async fn watch_release(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Path((_, version)): Path<(String, String)>,
) -> Result<Response> {
    let version = number(&version)?;
    api.store.release(&app.name, version).await?;
    let deploy = last_of(&api, &app.name, version).await?.ok_or_else(|| {
        let message = format!("the deploys of release v{version} are forgotten; they ended long ago");
        ApiError::new(ErrorCode::NotFound, message)
    })?;
    follow(&api, &app.name, deploy.number).await
}

pub async fn last_of(api: &Api, app: &AppName, release: u64) -> Result<Option<DeployRecord>> {
    let deploys = api.store.deploys(app, LISTED).await?;
    Ok(deploys.into_iter().find(|deploy| deploy.release == release))
}

/// A version or number in a path; `v7` is `7`.
pub fn number(text: &str) -> Result<u64> {
    let digits = text.strip_prefix('v').unwrap_or(text);
    digits.parse().map_err(|_| ApiError::invalid(format!("\"{text}\" is no number of a release or deploy")))
}

/// How it stands, then every change, until it has ended. The directory's own watch is the source:
/// whoever executes the deploy need not know of those who look on.
async fn follow(api: &Api, app: &AppName, number: u64) -> Result<Response> {
    let stored = api.store.deploy(app, number).await?;
    let first = shown(&stored.record);
    let changes = api.store.directory.watch(&key::deploy(app, number), Some(stored.revision + 1)).await?;
    let later = changes.flat_map(|batch| stream::iter(deploys_in(batch)));
    let states = stream::once(ready(first.clone())).chain(later);
    Ok(json_lines(events(first, states), api.shutdown.clone()))
}

fn deploys_in(batch: std::result::Result<roost_directory::WatchBatch, DirectoryError>) -> Vec<Deploy> {
    // A watch that breaks ends the stream; its reader asks again and sees how it stands.
    let events = batch.map(|batch| batch.events).unwrap_or_default();
    let puts = events.iter().filter_map(|event| match event {
        Event::Put(kv) => DeployRecord::decode(kv).ok(),
        Event::Delete { .. } => None,
    });
    puts.map(|record| shown(&record)).collect()
}

/// From one state to the next: what became different. Ends with the deploy.
fn events(
    first: Deploy,
    states: impl Stream<Item = Deploy> + Send + 'static,
) -> impl Stream<Item = DeployEvent> + Send + 'static {
    let opening = stream::once(ready(DeployEvent::Deploy { deploy: first.clone() }));
    let changes = states.scan(first, |before, now| {
        let mut events: Vec<_> = difference(before, &now).into_iter().map(Some).collect();
        // The end is there once it has a time: only then the app's current release is written.
        if now.finished_at.is_some() {
            events.extend([Some(DeployEvent::Finished { deploy: now.clone() }), None]);
        }
        *before = now;
        ready(Some(stream::iter(events)))
    });
    // `None` ends the stream at once, without waiting for a change that will not come.
    opening.chain(changes.flatten().take_while(|event| ready(event.is_some())).filter_map(ready))
}

fn difference(before: &Deploy, now: &Deploy) -> Vec<DeployEvent> {
    let mut events = Vec::new();
    for (index, step) in now.steps.iter().enumerate() {
        if before.steps.get(index) != Some(step) {
            events.push(DeployEvent::Step { index, step: step.clone() });
        }
    }
    for message in now.warnings.iter().skip(before.warnings.len()) {
        events.push(DeployEvent::Warning { message: message.clone() });
    }
    if let (None, Some(failure)) = (&before.failure, &now.failure) {
        events.push(DeployEvent::Failure { failure: failure.clone() });
    }
    if before.status != now.status {
        events.push(DeployEvent::Status { status: now.status });
    }
    events
}

pub fn shown(deploy: &DeployRecord) -> Deploy {
    let rollouts = [Some(&deploy.rollout), deploy.return_rollout.as_ref()];
    Deploy {
        app: deploy.app.clone(),
        number: deploy.number,
        kind: deploy.kind,
        release: deploy.release,
        status: deploy.status,
        returned_to: deploy.return_rollout.as_ref().and(deploy.last_good),
        steps: rollouts.into_iter().flatten().flat_map(steps).collect(),
        failure: deploy.failure.clone(),
        warnings: deploy.warnings.clone(),
        started_at: deploy.started_at,
        finished_at: deploy.finished_at,
    }
}

fn steps(rollout: &RolloutRecord) -> impl Iterator<Item = DeployStep> + '_ {
    rollout.plan.steps().zip(&rollout.progress).map(|(planned, progress)| DeployStep {
        name: planned.step.name().to_owned(),
        title: planned.step.to_string(),
        machine: planned.step.machine().clone(),
        state: progress.state,
        started_at: progress.started_at,
        finished_at: progress.finished_at,
    })
}
