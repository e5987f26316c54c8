//! The table: what apps do wrong, and what clients are to see of it.

use serde_json::{Value, json};

use crate::{
    back_end::{Act, Script, Speaks, frame},
    client::Seen,
};

pub struct Case {
    pub app: &'static str,
    pub script: Script,
    /// `http_options` of its port.
    pub options: Value,
    pub seen: Seen,
}

pub fn all() -> Vec<Case> {
    [no_answer(), no_http(), late(), not_whole(), more_than_whole(), over_http2()]
        .into_iter()
        .flatten()
        .collect()
}

fn case(app: &'static str, acts: impl Into<Vec<Act>>, seen: Seen) -> Case {
    Case { app, script: Script { speaks: Speaks::Http1, acts: acts.into() }, options: json!({}), seen }
}

impl Case {
    fn options(self, options: Value) -> Self {
        Self { options, ..self }
    }
}

fn say(bytes: impl AsRef<[u8]>) -> Act {
    Act::Say(bytes.as_ref().to_vec())
}

fn told(status: u16, code: &str) -> Seen {
    Seen::Told { status, code: code.to_owned() }
}

fn whole(body: &str) -> Seen {
    Seen::Whole { status: 200, body: body.to_owned() }
}

/// Long enough for a busy machine to see the first byte of what comes.
const SHORT_PATIENCE_SECS: u32 = 4;

fn no_answer() -> Vec<Case> {
    vec![
        case("closes-at-once", [Act::Close], told(502, "E303")),
        case("resets-at-once", [Act::Reset], told(502, "E303")),
        case("closes-in-head", [say("HTTP/1.1 200 OK\r\nContent-"), Act::Close], told(502, "E303")),
        case("resets-in-head", [say("HTTP/1.1 200 OK\r\nContent-"), Act::Reset], told(502, "E303")),
        case("closes-after-100", [say("HTTP/1.1 100 Continue\r\n\r\n"), Act::Close], told(502, "E303")),
    ]
}

fn no_http() -> Vec<Case> {
    let head = |fields: &str| say(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nhello"));
    let many: String = (0..200).map(|number| format!("x-{number}: 1\r\n")).collect();
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: gopher\r\n\r\n";
    vec![
        case("garbage", [say("220 mail.example ESMTP\r\n\r\n"), Act::Close], told(502, "E305")),
        case("no-head", [say("<html>hello</html>\n"), Act::Close], told(502, "E305")),
        case("another-version", [say("HTTP/2.0 200 OK\r\n\r\n"), Act::Close], told(502, "E305")),
        case("no-status", [say("HTTP/1.1 OK\r\n\r\n"), Act::Close], told(502, "E305")),
        case("no-colon", [head("Content-Length 5"), Act::Close], told(502, "E305")),
        case("two-lengths", [head("Content-Length: 5\r\nContent-Length: 4"), Act::Close], told(502, "E305")),
        case("length-is-no-number", [head("Content-Length: five"), Act::Close], told(502, "E305")),
        case("negative-length", [head("Content-Length: -5"), Act::Close], told(502, "E305")),
        case("many-fields", [head(many.trim_end()), Act::Close], told(502, "E305")),
        case("large-field", [head(&format!("x: {}", "x".repeat(200_000))), Act::Close], told(502, "E305")),
        case("unasked-switch", [say(switch), Act::Close], told(502, "E305")),
    ]
}

fn late() -> Vec<Case> {
    let limited = || json!({ "idle_timeout": SHORT_PATIENCE_SECS });
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    vec![
        case("stalls-at-once", [Act::Stall], told(504, "E304")).options(limited()),
        case("stalls-in-head", [say("HTTP/1.1 200 OK\r\nContent-"), Act::Stall], told(504, "E304"))
            .options(limited()),
        case("endless-100", [Act::Forever(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())], told(502, "E305"))
            .options(limited()),
        case("stalls-in-body", [say(length), Act::Stall], Seen::CutOff).options(limited()),
    ]
}

fn not_whole() -> Vec<Case> {
    let length = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nhello";
    let chunks = |rest: &str| {
        say(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n{rest}"
        ))
    };
    vec![
        case("length-too-long", [say(length), Act::Close], Seen::CutOff),
        case("resets-in-body", [say(length), Act::Reset], Seen::CutOff),
        case("closes-in-chunk", [chunks("a\r\nhello"), Act::Close], Seen::CutOff),
        case("closes-after-chunk", [chunks("5\r\nhello\r\n"), Act::Close], Seen::CutOff),
        case("resets-after-chunk", [chunks("5\r\nhello\r\n"), Act::Reset], Seen::CutOff),
        case("closes-in-last-chunk", [chunks("5\r\nhello\r\n0\r\n"), Act::Close], Seen::CutOff),
        case(
            "bad-chunk-size",
            [chunks("5\r\nhello\r\nnine\r\nhello\r\n0\r\n\r\n"), Act::Close],
            Seen::CutOff,
        ),
        case(
            "huge-chunk-size",
            [chunks("5\r\nhello\r\n10000000000000000\r\nhello"), Act::Close],
            Seen::CutOff,
        ),
        case(
            "endless-chunk-extension",
            [chunks("5\r\nhello\r\n5;x="), Act::Forever(b"xxxxxxxxxxxxxxxx".repeat(64))],
            Seen::CutOff,
        ),
        case(
            "endless-trailers",
            [chunks("5\r\nhello\r\n0\r\n"), Act::Forever(b"x: y\r\n".repeat(64))],
            Seen::CutOff,
        ),
        case("bad-chunk-end", [chunks("5\r\nhelloX\r\n0\r\n\r\n"), Act::Close], Seen::CutOff),
        case("cut-off-and-compressed", [chunks("5\r\nhello\r\n"), Act::Close], Seen::CutOff)
            .options(json!({ "compress": true })),
    ]
}

/// What comes behind an answer is nobody's: the next request does not get it.
fn more_than_whole() -> Vec<Case> {
    let behind = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong";
    let length = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello{behind}");
    let fields = "Transfer-Encoding: chunked\r\nContent-Length: 3";
    let both = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\n{behind}");
    let no_content = format!("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello{behind}");
    let not_modified = format!("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n{behind}");
    let no_body = |status| Seen::Whole { status, body: String::new() };
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    vec![
        case("body-of-no-content", [say(no_content), Act::Stall], no_body(204)),
        case("body-of-not-modified", [say(not_modified), Act::Stall], no_body(304)),
        case("length-too-short", [say(length), Act::Stall], whole("hello")),
        case("length-beside-chunks", [say(both), Act::Stall], told(502, "E305")),
        case("until-the-end", [say("HTTP/1.0 200 OK\r\n\r\nhello"), Act::Close], whole("hello")),
        case(
            "hints-first",
            [
                say(format!(
                    "{interim}HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
                )),
                Act::Close,
            ],
            whole("hello"),
        ),
    ]
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status: 200` of the static table (RFC 7541, appendix A).
const STATUS_200: u8 = 0x88;

const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;

fn over_http2() -> Vec<Case> {
    let head = || frame(HEADERS, END_HEADERS, 1, &[STATUS_200]);
    // `:status: 103`, as a literal that is not indexed.
    let hint = frame(HEADERS, END_HEADERS, 1, &[0x08, 3, b'1', b'0', b'3']);
    let begun = || say([head(), frame(DATA, 0, 1, b"hello")].concat());
    let reset = |code: u32| say(frame(RST_STREAM, 0, 1, &code.to_be_bytes()));
    let go_away =
        |last: u32| say(frame(GOAWAY, 0, 0, &[last.to_be_bytes(), NO_ERROR.to_be_bytes()].concat()));
    // `content-length: 10`, as a literal that is not indexed, and five bytes.
    let wrong_length = [
        frame(HEADERS, END_HEADERS, 1, &[STATUS_200, 0x0f, 0x0d, 2, b'1', b'0']),
        frame(DATA, END_STREAM, 1, b"hello"),
    ];
    let speaks_http1 = say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let app = |app, acts: Vec<Act>, seen| {
        let case = case(app, acts, seen).options(json!({ "h2_backend": true }));
        Case { script: Script { speaks: Speaks::Http2, ..case.script }, ..case }
    };
    let mut speaks_another = app("h2-is-http1", vec![speaks_http1, Act::Close], told(502, "E305"));
    speaks_another.script.speaks = Speaks::Http1;
    vec![
        speaks_another,
        app("h2-closes-at-once", vec![Act::Close], told(502, "E303")),
        app("h2-goes-away-at-once", vec![go_away(0), Act::Close], told(502, "E303")),
        app("h2-refuses", vec![reset(REFUSED_STREAM), Act::Close], told(502, "E303")),
        app("h2-resets-at-once", vec![reset(INTERNAL_ERROR), Act::Close], told(502, "E303")),
        app("h2-data-first", vec![say(frame(DATA, 0, 1, b"hello")), Act::Close], told(502, "E305")),
        app("h2-data-of-no-stream", vec![say(frame(DATA, 0, 0, b"hello")), Act::Close], told(502, "E305")),
        app(
            "h2-bad-field-block",
            vec![say(frame(HEADERS, END_HEADERS, 1, &[0xff; 8])), Act::Close],
            told(502, "E305"),
        ),
        app("h2-many-hints", vec![say(hint.repeat(33)), Act::Close], told(502, "E305")),
        app("h2-resets-in-body", vec![begun(), reset(INTERNAL_ERROR), Act::Close], Seen::CutOff),
        app("h2-cancels-in-body", vec![begun(), reset(8), Act::Close], Seen::CutOff),
        app("h2-closes-in-body", vec![begun(), Act::Close], Seen::CutOff),
        app("h2-goes-away-in-body", vec![begun(), go_away(1), Act::Close], Seen::CutOff),
        app("h2-wrong-length", vec![say(wrong_length.concat()), Act::Close], Seen::CutOff),
        app("h2-stalls", vec![Act::Stall], told(504, "E304"))
            .options(json!({ "h2_backend": true, "idle_timeout": SHORT_PATIENCE_SECS })),
    ]
}
