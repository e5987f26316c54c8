//! The pages: plain HTML, nothing from elsewhere, no scripts.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{Html, IntoResponse, Response},
};

use super::pending::Lock;

/// What the approval page shows.
pub struct Asked<'a> {
    pub host_name: &'a str,
    pub user_code: String,
    pub lock: &'a Lock,
    pub form_key: String,
    pub signed_in: Option<String>,
    pub problem: Option<&'a str>,
}

pub fn ask(asked: &Asked<'_>) -> Response {
    let problem = asked.problem.map(|text| format!("<p class=problem>{}</p>", escape(text)));
    let what = match (&asked.lock.app, &asked.lock.org) {
        (Some(app), _) => format!("deploy the app <b>{}</b>", escape(app)),
        (None, Some(org)) => format!("act in the organization <b>{}</b>", escape(org)),
        (None, None) => "do everything that you may do".to_owned(),
    };
    let who = match &asked.signed_in {
        Some(email) => format!(
            "<p>You are signed in as <b>{}</b>. <button formaction=/auth/sign-out formnovalidate>Not you?</button></p>",
            escape(email)
        ),
        None => "<p><label>API token of a login<br><input type=password name=token autocomplete=off \
                 autofocus></label><br><small>On the server's own box: <code>sudo cat \
                 /var/lib/roost/admin-token</code></small></p>"
            .to_owned(),
    };
    let body = format!(
        "<h1>Log in a command line?</h1>{}\
         <p>A command line on <b>{}</b> asks for a token, with which it can {what}.</p>\
         <p>Its code is <b class=code>{}</b>. If a terminal of yours does not wait for this, deny it.</p>\
         <form method=post><input type=hidden name=form_key value={}>{who}\
         <p><button name=answer value=approve class=yes>Approve</button> \
         <button name=answer value=deny formnovalidate>Deny</button></p></form>",
        problem.unwrap_or_default(),
        escape(if asked.host_name.is_empty() { "a computer without a name" } else { asked.host_name }),
        asked.user_code,
        asked.form_key,
    );
    respond("Log in", &body, None)
}

/// Hands the completion code over: to the port on which the command line listens, and to the person.
pub fn code(code: &str, state: &str, port: Option<u16>) -> Response {
    let frame = port.map(|port| {
        let query = [("code", code), ("state", state)];
        let query = serde_urlencoded::to_string(query).unwrap_or_default();
        format!(
            "<iframe src=\"http://127.0.0.1:{port}/callback?{}\" title=\"The command line\"></iframe>",
            escape(&query)
        )
    });
    let body = format!(
        "<h1>Logged in</h1><p>Go back to the terminal. If it still waits, paste this code there:</p>\
         <p class=code>{}</p>{}",
        escape(code),
        frame.unwrap_or_default()
    );
    respond("Logged in", &body, port)
}

pub fn message(title: &str, text: &str) -> Response {
    respond(title, &format!("<h1>{}</h1><p>{}</p>", escape(title), escape(text)), None)
}

pub async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

/// `frame`: the port of this computer that the page may show a frame from.
fn respond(title: &str, body: &str, frame: Option<u16>) -> Response {
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{} · Roost</title><link rel=stylesheet href=/auth/style.css><main>{body}</main></html>",
        escape(title)
    );
    let mut response = Html(html).into_response();
    protect(response.headers_mut(), frame);
    response
}

fn protect(headers: &mut HeaderMap, frame: Option<u16>) {
    let frame = frame.map_or("'none'".to_owned(), |port| format!("http://127.0.0.1:{port}"));
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
         frame-src {frame}"
    );
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The form that signs out is sent back to where it came from.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

const STYLE: &str = "\
body { font: 16px/1.5 system-ui, sans-serif; background: #f4f4f2; color: #222; }
main { max-width: 34rem; margin: 10vh auto; padding: 1.5rem 2rem; background: #fff; border-radius: 8px; }
h1 { font-size: 1.3rem; }
input { width: 100%; box-sizing: border-box; padding: .5rem; font: inherit; }
button { padding: .4rem 1rem; font: inherit; }
.yes { background: #2b5; color: #fff; border: 1px solid #2b5; border-radius: 4px; }
.problem { color: #b00; }
.code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
iframe { border: 0; width: 100%; height: 4rem; }
";
