//! One request's way over all its legs.

use std::{sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, request::Parts};
use jiff::Timestamp;
use roost_model::AppName;
use roost_routing::{
    Over, Steering,
    replay::{Chain, Leg, Missed, Replay, Stand, Told},
};
use tokio::time::Instant;

use super::{
    Wish,
    cache::{Asked, Hit, Status},
};
use crate::{
    access_log, admission,
    client::Client,
    context::Edge,
    exchange::{Answered, Lost, exchange},
    failure::{Code, Failure},
    forward::Outgoing,
    headers::{self, RequestId},
    limits::REPLAY_FALLBACK_PATIENCE,
    route::Journey,
};

const SOURCE: HeaderName = HeaderName::from_static("fly-replay-src");
const FAILED: HeaderName = HeaderName::from_static("fly-replay-failed");
const CACHE_STATUS: HeaderName = HeaderName::from_static("fly-replay-cache-status");

pub(crate) struct Trip<'a> {
    edge: &'a Arc<Edge>,
    client: &'a Client,
    journey: Journey,
    outgoing: Outgoing<'a>,
    chain: Chain,
    /// The app that the client asked, once the request has left it.
    first: Option<AppName>,
    begun: Instant,
    leg_began: Instant,
    /// The head before a transform that may have to be taken back.
    before: Option<Box<Parts>>,
}

impl<'a> Trip<'a> {
    pub fn new(edge: &'a Arc<Edge>, client: &'a Client, journey: Journey, outgoing: Outgoing<'a>) -> Self {
        let (chain, begun) = (Chain::default(), journey.begun());
        Self { edge, client, journey, outgoing, chain, first: None, begun, leg_began: begun, before: None }
    }

    /// The answer that is for the client; counted, and told in the app's log where that is wanted.
    pub async fn answer(&mut self, id: &RequestId) -> Result<Answered, Failure> {
        match self.go().await {
            Ok(answered) => {
                let (status, took) = (answered.response.status(), answered.at.duration_since(self.begun));
                answered.permit.counts().edge.count(status.as_u16(), took);
                if answered.permit.route().access_log {
                    access_log::note(self.edge, self.client, self.outgoing.head(), &answered, took, id);
                }
                Ok(answered)
            }
            Err(failure) => {
                self.edge.not_served(self.journey.app(), Some(id), self.begun.elapsed(), &failure);
                Err(failure)
            }
        }
    }

    async fn go(&mut self) -> Result<Answered, Failure> {
        let mut hit = self.begin_with_kept()?;
        loop {
            let answered = match exchange(self.edge, &mut self.journey, &mut self.outgoing).await {
                Ok(answered) => answered,
                Err(Lost::Broken(failure)) => return Err(failure),
                Err(Lost::Unreached(failure)) => {
                    self.go_back(failure, hit.take())?;
                    continue;
                }
            };
            let forgets = hit.is_some() && Wish::forgets(&answered);
            match Wish::of(self.edge, answered).await? {
                Wish::None(answered) => {
                    if let Some(hit) = hit.filter(|_| forgets) {
                        self.edge.replays.forget(&hit);
                    }
                    self.outgoing.keep_no_longer();
                    return Ok(answered);
                }
                Wish::Replay(replay, stand) => {
                    let used = hit.take();
                    self.replay(*replay, stand, used.as_deref())?;
                }
            }
        }
    }

    fn first(&self) -> &AppName {
        self.first.as_ref().unwrap_or(self.journey.app())
    }

    /// Takes the request where those like it went, if that is kept.
    fn begin_with_kept(&mut self) -> Result<Option<Box<Hit>>, Failure> {
        if self.edge.replays.is_empty() {
            return Ok(None);
        }
        self.outgoing.add_all();
        let asked = Asked { app: self.first(), head: self.outgoing.head(), client: self.client };
        match self.edge.replays.find(self.edge, &asked) {
            Status::Miss => Ok(None),
            Status::Bypass => {
                self.outgoing.set(CACHE_STATUS, Some(HeaderValue::from_static("bypass")));
                Ok(None)
            }
            Status::Hit(hit) => {
                if self.authorize(self.first(), &hit.app).is_err() {
                    self.edge.replays.forget(&hit);
                    return Ok(None);
                }
                self.outgoing.set(CACHE_STATUS, Some(HeaderValue::from_static("hit")));
                self.begin_leg(hit.app.clone(), hit.steering.clone(), None);
                Ok(Some(hit))
            }
        }
    }

    fn replay(&mut self, replay: Replay, stand: Stand, used: Option<&Hit>) -> Result<(), Failure> {
        let target = replay.app.as_ref().unwrap_or(&stand.app);
        self.authorize(&stand.app, target)?;
        self.outgoing.add_all();
        // The first answer speaks for requests like this one; later ones would be two look-ups away.
        let asked = Asked { app: self.first(), head: self.outgoing.head(), client: self.client };
        let kept =
            stand.app == *self.first() && self.edge.replays.learn(self.edge, &asked, &replay, &stand, used);
        let leg = self.chain.next(replay, stand, Timestamp::now().as_microsecond());
        let leg = leg.map_err(|error| Failure::new(Code::ReplayLoop, format!("It is: {error}.")))?;
        let miss = kept.then_some(HeaderValue::from_static("miss"));
        self.outgoing.set(CACHE_STATUS, miss);
        self.follow(leg)
    }

    /// No machine was reached: back to who asked for the replay, or to the app whose replay was kept.
    fn go_back(&mut self, failure: Failure, hit: Option<Box<Hit>>) -> Result<(), Failure> {
        if let Some(hit) = hit {
            self.edge.replays.forget(&hit);
            self.outgoing.set(CACHE_STATUS, Some(HeaderValue::from_static("miss")));
            let client = headers::steering(&self.outgoing.head().headers);
            self.begin_leg(self.first().clone(), client, None);
            return Ok(());
        }
        let leg = self.chain.missed(failure.code.missed(), self.leg_began.elapsed()).ok_or(failure)?;
        if let Some(before) = self.before.take() {
            self.outgoing.set_head(*before);
        }
        self.follow(Leg { timeout: Some(REPLAY_FALLBACK_PATIENCE), ..leg })
    }

    fn follow(&mut self, leg: Leg) -> Result<(), Failure> {
        if leg.app != *self.journey.app() {
            admission::check(self.edge, Over::Http, &leg.app, self.client)?;
        }
        self.before = None;
        if leg.transform != Default::default() {
            self.before = Some(Box::new(self.outgoing.head().clone()));
            self.outgoing.transform(&leg.transform);
        }
        let (source, failed) = match leg.told {
            Told::Source(source) => (value(&source), None),
            Told::Failed(failed) => (None, value(&failed)),
        };
        self.outgoing.set(SOURCE, source);
        self.outgoing.set(FAILED, failed);
        if !self.outgoing.begin_again() {
            return Err(Code::ReplayBody.into());
        }
        self.begin_leg(leg.app, leg.steering, leg.timeout);
        Ok(())
    }

    fn begin_leg(&mut self, app: AppName, steering: Steering, timeout: Option<Duration>) {
        self.leg_began = Instant::now();
        self.first.get_or_insert_with(|| self.journey.app().clone());
        self.journey.reroute(app, steering, timeout);
    }

    /// An app that is not there and one of others are the same to who asks.
    fn authorize(&self, from: &AppName, to: &AppName) -> Result<(), Failure> {
        if from == to {
            return Ok(());
        }
        let snapshot = self.edge.catalog.load();
        let homes =
            (snapshot.app(from).and_then(|app| app.home()), snapshot.app(to).and_then(|app| app.home()));
        match homes {
            (Some(from), Some(to)) if from.may_send_to(&to) => Ok(()),
            _ => Err(Failure::new(Code::ReplayForbidden, format!("App {from} asked for app {to}."))),
        }
    }
}

fn value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}

impl Code {
    /// What `fly-replay-failed` says of it.
    fn missed(self) -> Missed {
        match self {
            Self::WakeTimeout | Self::Full | Self::Unhealthy | Self::NotReady => Missed::Timeout,
            Self::Refused | Self::DialTimeout | Self::NoAnswer => Missed::RetriesExhausted,
            _ => Missed::NoCandidate,
        }
    }
}
