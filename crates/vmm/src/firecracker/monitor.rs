//! The task that stands by one Firecracker from start (or adoption) to end: reads its console, hears
//! of its end.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::{chroot::Chroot, snapshot};
use crate::{
    ExitCause,
    output::Output,
    pidfd::Ended,
    vm::{MonitorSide, Request},
};

/// The console's pipe holds 64 KiB: more than a guest's kernel says in this time.
const READ_INTERVAL: Duration = Duration::from_millis(500);

pub(super) async fn run(mut side: MonitorSide, mut output: Output, chroot: Chroot) {
    let process = side.process.clone();
    let ended = process.wait();
    tokio::pin!(ended);
    let mut tick = interval(READ_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = loop {
        tokio::select! {
            ended = &mut ended => break ended,
            _ = tick.tick() => side.append_console(&output.take()),
            Some(request) = side.requests.recv() => match request {
                Request::Console(done) => {
                    side.append_console(&output.take());
                    drop(done);
                }
                request => snapshot::obey(request, &chroot).await,
            },
        }
    };
    let last = output.take();
    side.append_console(&last);
    // A guest's reset and its power-off look the same from here.
    let announced = (ended == Ended::Exited(0)).then_some(ExitCause::PoweredOff);
    side.finish(ended, announced, &[]);
}
