//! What a user of an app sees when the edge cannot serve: a status, a stable code, and a sentence.
//!
//! The codes are public: they stay what they mean, and docs/errors.md explains each.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use roost_routing::Unavailable;

/// Name of the response header that carries the code.
pub const ERROR_HEADER: &str = "roost-error";

macro_rules! codes {
    ($($name:ident $text:literal $status:ident $says:literal;)*) => {
        /// Why the edge answered instead of the app.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $says] $name,)*
        }

        impl Code {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable text, such as `E101`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// One sentence: what is wrong and what to do.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $says),* }
            }
        }
    };
}

codes! {
    UnknownApp "E101" NOT_FOUND "No app has this name. `roost apps list` shows the apps; the address of one is <app>.<base domain>.";
    NoMachines "E102" SERVICE_UNAVAILABLE "The app has no machines. `roost deploy` makes some.";
    NoService "E103" SERVICE_UNAVAILABLE "No machine of the app has a service that speaks HTTP. Add [http_service] to its fly.toml and deploy.";
    Asleep "E104" SERVICE_UNAVAILABLE "The app's machines are stopped and do not start by themselves. `roost machine start` starts one; auto_start_machines = true lets requests do it.";
    Cordoned "E105" SERVICE_UNAVAILABLE "All machines of the app are cordoned.";
    Unhealthy "E106" SERVICE_UNAVAILABLE "No machine of the app became healthy in time. `roost status` shows what its checks say.";
    Full "E107" SERVICE_UNAVAILABLE "All machines of the app are at their hard limit, and too many requests wait already. `roost scale count` adds machines.";
    Unreachable "E108" SERVICE_UNAVAILABLE "The nodes of the app's machines cannot be reached from here.";
    Failed "E109" SERVICE_UNAVAILABLE "The app's machines could not be made. `roost machine list` shows them, `roost deploy` makes new ones.";
    NoneForced "E110" SERVICE_UNAVAILABLE "No machine is where the request's fly-force header wants it.";
    NotReady "E111" SERVICE_UNAVAILABLE "This node has just started and does not know the apps yet. Try again.";
    Forbidden "E112" FORBIDDEN "The app takes no requests from this address: allow_from and deny_from of its fly.toml say which it does.";
    TooOften "E113" TOO_MANY_REQUESTS "The app is asked more often than its rate_limit in fly.toml allows.";
    TooMany "E114" SERVICE_UNAVAILABLE "The app has as many connections as it may: max_connections of its fly.toml, or of the node, says how many.";
    WakeFailed "E201" SERVICE_UNAVAILABLE "The app's machine was started for this request, and ended. `roost logs` shows why.";
    WakeTimeout "E202" GATEWAY_TIMEOUT "The app's machine did not start in time. `roost logs` shows how far it came.";
    WakeRefused "E203" SERVICE_UNAVAILABLE "The machine's host refused to start it.";
    HostUnavailable "E204" SERVICE_UNAVAILABLE "The machine's host does not answer.";
    WakeOutOfMemory "E205" SERVICE_UNAVAILABLE "The app's machine was started for this request, and ran out of memory. `roost scale vm` or [[vm]] in fly.toml gives it more.";
    WakeKilled "E206" SERVICE_UNAVAILABLE "The app's machine was started for this request, and a signal ended it. `roost logs` shows why.";
    Refused "E301" BAD_GATEWAY "The app refused the connection. It must listen on 0.0.0.0 or [::] at the internal_port of its fly.toml.";
    DialTimeout "E302" GATEWAY_TIMEOUT "The machine did not accept the connection in time.";
    NoAnswer "E303" BAD_GATEWAY "The app closed the connection before it answered.";
    AnswerTimeout "E304" GATEWAY_TIMEOUT "The app did not begin its answer in time.";
    BadAnswer "E305" BAD_GATEWAY "The app's answer is not HTTP.";
    ReplayInvalid "E306" BAD_GATEWAY "The app's fly-replay cannot be read.";
    ReplayLoop "E307" LOOP_DETECTED "The request was replayed too often.";
    ReplayBody "E308" PAYLOAD_TOO_LARGE "The app asked for a replay, and the request's body is too large for one.";
    ReplayForbidden "E309" BAD_GATEWAY "The app asked for a replay by an app that is not there, or whose organization or network is closed to it.";
    AnswerBroken "E310" BAD_GATEWAY "The app broke its answer off.";
    BadHost "E401" BAD_REQUEST "The request names no host, or more than one.";
    BadTarget "E402" BAD_REQUEST "The edge is no forward proxy: a request names a path of an app.";
    BodyBroken "E403" BAD_REQUEST "The request's body broke off or is not framed correctly.";
    BadHead "E404" BAD_REQUEST "The request is not HTTP/1.1.";
    HeadTooLarge "E405" REQUEST_HEADER_FIELDS_TOO_LARGE "The request's head has more than 100 fields, or more than 64 KiB.";
    HeadTimeout "E406" REQUEST_TIMEOUT "The request's head did not come in time.";
    UploadTimeout "E407" REQUEST_TIMEOUT "The request's body did not come in time.";
    NotTaken "E408" REQUEST_TIMEOUT "The client did not take its answer in time.";
    TunnelIdle "E409" REQUEST_TIMEOUT "Nothing moved on the connection for too long.";
    Internal "E501" INTERNAL_SERVER_ERROR "The edge has an error of its own. The server's log says where.";
}

/// A code, and what is particular to this case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {}", code.as_str(), detail.as_deref().unwrap_or(code.sentence()))]
pub struct Failure {
    pub code: Code,
    pub detail: Option<String>,
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self { code, detail: None }
    }
}

impl From<Unavailable> for Failure {
    fn from(why: Unavailable) -> Self {
        Self::from(match why {
            Unavailable::NoMachines => Code::NoMachines,
            Unavailable::NoService => Code::NoService,
            Unavailable::Failed => Code::Failed,
            Unavailable::NoneForced => Code::NoneForced,
            Unavailable::Unreachable => Code::Unreachable,
            Unavailable::Cordoned => Code::Cordoned,
            Unavailable::Asleep => Code::Asleep,
        })
    }
}

impl Failure {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: Some(detail.into()) }
    }

    /// The answer to the client.
    pub fn response(&self) -> Response<Full<Bytes>> {
        let mut text = format!("{} {}\n", self.code.as_str(), self.code.sentence());
        if let Some(detail) = &self.detail {
            text.push_str(detail);
            text.push('\n');
        }
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(ERROR_HEADER, HeaderValue::from_static(self.code.as_str()));
        response
    }
}
