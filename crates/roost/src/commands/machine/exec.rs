//! `roost machine exec`: runs a command in a machine, with this terminal if there is one.
//!
//! ```text
//!  stdin, in a thread ──chunks──┐
//!  SIGWINCH ───────────sizes────┼─► frames ─► server ─► frames ─► stdout, stderr, exit code
//! ```

use std::{
    io::{self, IsTerminal as _, Read as _},
    process::ExitCode,
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use roost_client::ExecSender;
use roost_guest_api::{ExecRequest, LogStream};
use roost_host_api::ExecFrame;
use roost_model::MachineId;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::terminal::{self, RawMode};
use crate::{cli::AppOption, commands::context::Context, failure::OrNext as _};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits with the command's own exit code.

Examples:
  roost machine exec 91851e3c0d7f48 sh
  roost machine exec 91851e3c0d7f48 \"ls -l /data | head\"
  tar c . | roost machine exec 91851e3c0d7f48 tar x -C /data")]
pub struct Args {
    #[command(flatten)]
    app: AppOption,

    /// The machine
    machine: MachineId,

    /// Program and arguments; a single argument with spaces is given to a shell
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,

    /// End the command after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
    timeout: u64,

    /// Give the command a terminal even if stdin or stdout is none
    #[arg(long)]
    tty: bool,
}

/// Bytes read from stdin at once.
const CHUNK: usize = 16 << 10;

/// Chunks read ahead of the network.
const CHUNKS_AHEAD: usize = 16;

pub async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let app = context.app(&args.app)?;
    let at_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut session = context.api()?.exec_stream(&app, &args.machine).await?;
    session.sender.send(&ExecFrame::Start { request: request(&args, at_terminal) }).await?;

    let raw = at_terminal.then(RawMode::enter).transpose().context("cannot switch the terminal")?;
    let sending = tokio::spawn(send(session.sender, at_terminal));
    let result = loop {
        match session.receiver.recv().await {
            Ok(Some(ExecFrame::Output { stream, data })) => show(stream, &data)?,
            Ok(Some(ExecFrame::Exited { code, signal })) => break Ok(status(code, signal)),
            Ok(Some(ExecFrame::Failed { reason })) => break Err(anyhow::anyhow!(reason)),
            Ok(Some(_)) => {}
            Ok(None) => break Err(anyhow::anyhow!("the connection ended before the command did")),
            Err(error) => break Err(error.into()),
        }
    };
    sending.abort();
    drop(raw);
    result.or_next(format!("roost machine status {}", args.machine))
}

fn request(args: &Args, at_terminal: bool) -> ExecRequest {
    let argv = match args.command.as_slice() {
        [line] if line.contains(' ') => vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()],
        words => words.to_vec(),
    };
    let tty = at_terminal || args.tty;
    let mut env = std::collections::BTreeMap::new();
    if let (true, Ok(term)) = (tty, std::env::var("TERM")) {
        env.insert("TERM".to_owned(), term);
    }
    ExecRequest {
        argv,
        env,
        user: None,
        working_dir: None,
        tty: tty.then(terminal::size),
        timeout_ms: args.timeout.saturating_mul(1000),
    }
}

/// Passes stdin on, and the terminal's size when it changes; ends when the connection does.
async fn send(mut sender: ExecSender, at_terminal: bool) -> anyhow::Result<()> {
    let mut input = read_stdin();
    let mut resized = signal(SignalKind::window_change())?;
    loop {
        let frame = tokio::select! {
            chunk = input.recv() => match chunk {
                Some(chunk) => ExecFrame::Input { data: BASE64.encode(chunk) },
                None => break,
            },
            _ = resized.recv(), if at_terminal => {
                let size = terminal::size();
                ExecFrame::Resize { rows: size.rows, cols: size.cols }
            }
        };
        sender.send(&frame).await?;
    }
    sender.send(&ExecFrame::Input { data: String::new() }).await?;
    Ok(())
}

/// Chunks of stdin, none of them empty. In a thread: a terminal cannot be read otherwise.
fn read_stdin() -> mpsc::Receiver<Vec<u8>> {
    let (chunks, receiver) = mpsc::channel(CHUNKS_AHEAD);
    std::thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Ok(read @ 1..) = io::stdin().lock().read(&mut buffer) {
            if chunks.blocking_send(buffer[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn show(stream: LogStream, data: &str) -> anyhow::Result<()> {
    let bytes = BASE64.decode(data).context("the server sent output that is no base64")?;
    match stream {
        LogStream::Stdout => write_all(io::stdout().lock(), &bytes)?,
        LogStream::Stderr => write_all(io::stderr().lock(), &bytes)?,
    }
    Ok(())
}

fn write_all(mut to: impl io::Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

/// As a shell would show it: 128 + signal for a killed command.
fn status(code: i32, signal: i32) -> ExitCode {
    let code = if signal > 0 { 128 + signal } else { code };
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
