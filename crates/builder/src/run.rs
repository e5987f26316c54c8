//! Runs a builder's program and follows its output line by line.

use std::{collections::VecDeque, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Command,
    sync::mpsc,
};

use crate::{BuildError, Progress};

/// Lines of output that an error shows.
const LAST_LINES: usize = 25;

/// A line is cut after so many bytes: progress bars can be one endless line.
const MAX_LINE: usize = 16 << 10;

/// Lines between the program and whoever shows them; past it the program waits.
const QUEUE: usize = 256;

/// Runs `command` to its end, passing its output on. Dropping the future kills the program.
pub(crate) async fn run(mut command: Command, progress: &mut dyn FnMut(Progress)) -> Result<(), BuildError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child =
        command.spawn().map_err(|source| BuildError::Spawn { program: program.clone(), source })?;
    let (sender, mut lines) = mpsc::channel(QUEUE);
    if let Some(output) = child.stdout.take() {
        tokio::spawn(follow(output, sender.clone()));
    }
    if let Some(output) = child.stderr.take() {
        tokio::spawn(follow(output, sender));
    }
    let mut step = None;
    let mut last = VecDeque::with_capacity(LAST_LINES);
    while let Some(line) = lines.recv().await {
        let piece = Progress::of_line(&line);
        if let Progress::Step { number, total, instruction } = &piece {
            step = Some(format!("step {number}/{total}: {instruction}"));
        }
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
        progress(piece);
    }
    let status = child.wait().await.map_err(BuildError::io(format!("wait for {program}")))?;
    if status.success() {
        return Ok(());
    }
    last.push_back(format!("{program}: {status}"));
    Err(BuildError::Failed { step, last_lines: last.into() })
}

/// Sends each line; ends when the output does, or when nobody listens.
async fn follow(output: impl AsyncRead + Unpin, lines: mpsc::Sender<String>) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    while let Ok(Some(end)) = read_line(&mut reader, &mut line).await {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        if !text.is_empty() && lines.send(text).await.is_err() {
            return;
        }
        if end == LineEnd::OfOutput {
            return;
        }
    }
}

#[derive(PartialEq, Eq)]
enum LineEnd {
    OfLine,
    OfOutput,
}

/// Reads to the end of a line, or of what a terminal would overwrite; keeps at most `MAX_LINE` bytes.
async fn read_line(
    reader: &mut (impl AsyncBufReadExt + Unpin),
    line: &mut Vec<u8>,
) -> std::io::Result<Option<LineEnd>> {
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            return Ok((!line.is_empty()).then_some(LineEnd::OfOutput));
        }
        let end = buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let used = end.unwrap_or(buffer.len());
        let room = MAX_LINE.saturating_sub(line.len());
        line.extend_from_slice(&buffer[..used.min(room)]);
        let consumed = end.map_or(used, |at| at + 1);
        reader.consume(consumed);
        if end.is_some() {
            return Ok(Some(LineEnd::OfLine));
        }
    }
}

/// What a program that is run for its answer says; `Err` holds its complaint.
pub(crate) async fn ask(mut command: Command) -> Result<String, String> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).kill_on_drop(true);
    let answer = tokio::time::timeout(ASK_TIMEOUT, command.output()).await;
    let output = match answer {
        Err(_) => return Err(format!("{program} did not answer within {} s", ASK_TIMEOUT.as_secs())),
        Ok(Err(error)) => return Err(format!("{program}: {error}")),
        Ok(Ok(output)) => output,
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let complaint = text(&output.stderr);
    Err(complaint.lines().last().map_or_else(|| output.status.to_string(), str::to_owned))
}

/// An engine that takes longer to say its version is not there.
const ASK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
