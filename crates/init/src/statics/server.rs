//! Connections, a thread each: there are as many as the edge has requests at the same time, and those it keeps.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    net::{TcpListener, TcpStream},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use roost_guest_api::GuestStatics;

use super::{
    answer::{Answer, etag},
    folder,
    request::{self, Request, Unread},
};
use crate::{Context, Result};

/// Past this a client is told to come again: threads are the machine's memory.
const MAX_CONNECTIONS: usize = 256;

/// What a thread needs is a buffer for a head.
const STACK: usize = 256 << 10;

/// Between two requests, and for as long as nothing moves in one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Never returns but with an error.
pub fn serve(listener: TcpListener, statics: &GuestStatics) -> Result<()> {
    let statics = Arc::new(statics.clone());
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            // Of a client that is gone already, or of files that others of the machine have open.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => {
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        if open.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
            open.fetch_sub(1, Ordering::Relaxed);
            let _gone = (&stream).write_all(Answer::empty("503 Service Unavailable").head.as_bytes());
            continue;
        }
        let (statics, ours) = (statics.clone(), open.clone());
        let serve = move || {
            let _broken_off = connection(stream, &statics);
            ours.fetch_sub(1, Ordering::Relaxed);
        };
        let started = thread::Builder::new().stack_size(STACK).spawn(serve);
        started.map(drop).context(|| "start a thread".into())?;
    }
}

/// Requests one after another, until one side has enough.
fn connection(mut stream: TcpStream, statics: &GuestStatics) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    loop {
        let (request, length) = match request::parse(&bytes) {
            Ok(parsed) => parsed,
            Err(Unread::Partial) if bytes.len() < request::MAX_HEAD => {
                let mut more = [0; 8 << 10];
                match stream.read(&mut more)? {
                    0 => return Ok(()),
                    count => bytes.extend_from_slice(&more[..count]),
                }
                continue;
            }
            Err(Unread::Method) => return refuse(stream, "405 Method Not Allowed"),
            Err(Unread::Partial | Unread::Malformed) => return refuse(stream, "400 Bad Request"),
        };
        bytes.drain(..length);
        answer(&mut stream, statics, &request)?;
        if request.close {
            return Ok(());
        }
    }
}

fn refuse(mut stream: TcpStream, status: &str) -> io::Result<()> {
    stream.write_all(Answer::empty(status).head.as_bytes())
}

fn answer(stream: &mut TcpStream, statics: &GuestStatics, request: &Request) -> io::Result<()> {
    let Some(found) = folder::find(&statics.folders, &request.path) else {
        return stream.write_all(Answer::empty("404 Not Found").head.as_bytes());
    };
    let etag = etag(&statics.image, found.size, found.modified_ns);
    let answer = Answer::of(request, found.size, &etag);
    stream.write_all(answer.head.as_bytes())?;
    send(stream, &found.file, answer.body)
}

/// From the page cache to the socket.
fn send(stream: &mut TcpStream, mut file: &File, part: Range<u64>) -> io::Result<()> {
    let length = part.end - part.start;
    file.seek(SeekFrom::Start(part.start))?;
    match io::copy(&mut file.take(length), stream)? {
        sent if sent == length => Ok(()),
        // It became shorter meanwhile: the connection's end tells.
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}
