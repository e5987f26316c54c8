//! The two directions of a tunnel, and what the end of one means for the other.

use std::{io, pin::pin, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    time::timeout,
};

/// What ended a direction before its time.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The end that it comes from is gone.
    From(io::Error),
    /// The end that it leads to reads no more. What it said before may still be on its way.
    To(io::Error),
}

impl From<Broken> for io::Error {
    fn from(broken: Broken) -> Self {
        let (Broken::From(error) | Broken::To(error)) = broken;
        error
    }
}

/// Until both directions have ended, or one cannot go on. When one has ended well, the other has `moment` left, if that is
/// limited.
pub(crate) async fn both_ways(
    up: impl Future<Output = Result<(), Broken>>,
    down: impl Future<Output = Result<(), Broken>>,
    moment: Option<Duration>,
) -> io::Result<()> {
    let (mut up, mut down) = (pin!(up), pin!(down));
    tokio::select! {
        ended = &mut up => after(ended, down, moment).await,
        ended = &mut down => after(ended, up, moment).await,
    }
}

async fn after(
    ended: Result<(), Broken>,
    other: impl Future<Output = Result<(), Broken>>,
    moment: Option<Duration>,
) -> io::Result<()> {
    match (ended, moment) {
        (Ok(()), None) => Ok(other.await?),
        (Ok(()), Some(moment)) => Ok(timeout(moment, other).await??),
        // To the last word of the end that is gone.
        (Err(Broken::To(error)), _) => {
            let _ = other.await;
            Err(error)
        }
        (Err(Broken::From(error)), _) => Err(error),
    }
}

/// Carries bytes both ways, `buffer` of them at a time each way. An end that has said all may still listen for long.
pub(crate) async fn copy_both(
    client: impl AsyncRead + AsyncWrite,
    app: impl AsyncRead + AsyncWrite,
    buffer: usize,
) -> io::Result<()> {
    let (from_client, to_client) = split(client);
    let (from_app, to_app) = split(app);
    both_ways(copy(from_client, to_app, buffer), copy(from_app, to_client, buffer), None).await
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    buffer: usize,
) -> Result<(), Broken> {
    let mut buffer = vec![0; buffer];
    loop {
        let length = from.read(&mut buffer).await.map_err(Broken::From)?;
        if length == 0 {
            return to.shutdown().await.map_err(Broken::To);
        }
        to.write_all(&buffer[..length]).await.map_err(Broken::To)?;
        to.flush().await.map_err(Broken::To)?;
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::duplex, time::sleep};

    use super::*;

    #[tokio::test]
    async fn an_app_that_reads_no_more_has_its_last_word() {
        // Which direction is looked at first is random.
        for _ in 0..50 {
            let (client, mut at_client) = duplex(1024);
            let (app, mut at_app) = duplex(1024);
            at_client.write_all(b"more than it wants").await.unwrap();
            at_app.write_all(b"enough").await.unwrap();
            drop(at_app);
            copy_both(client, app, 4).await.expect_err("the app is gone");
            let mut said = String::new();
            at_client.read_to_string(&mut said).await.unwrap();
            assert_eq!(said, "enough");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_been_asked_all_has_time_to_answer() {
        let (client, mut at_client) = duplex(1024);
        let (app, mut at_app) = duplex(1024);
        let carried = tokio::spawn(copy_both(client, app, 1024));
        at_client.write_all(b"what is the answer?").await.unwrap();
        at_client.shutdown().await.unwrap();
        let mut asked = String::new();
        at_app.read_to_string(&mut asked).await.unwrap();
        sleep(Duration::from_secs(60)).await;
        at_app.write_all(b"42").await.unwrap();
        drop(at_app);
        let mut said = String::new();
        at_client.read_to_string(&mut said).await.unwrap();
        assert_eq!((&*asked, &*said), ("what is the answer?", "42"));
        carried.await.unwrap().unwrap();
    }
}
