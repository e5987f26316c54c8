//! What DNS says of a name. Few questions, each bounded in time; no answer is an answer of its own.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use hickory_proto::{
    op::{Message, MessageType, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use jiff::Timestamp;
use roost_records::DnsFindings;
use tokio::{net::UdpSocket, time::timeout};

/// For one resolver and one question. All questions are asked at once, so that a check takes at most this times
/// [`MAX_RESOLVERS`].
const PATIENCE: Duration = Duration::from_secs(2);

/// Resolvers that are tried: as many as libc does.
const MAX_RESOLVERS: usize = 3;

/// Largest answer that is read (the usual bound against fragments, and then some).
const MAX_ANSWER_BYTES: usize = 4096;

/// Looks a host name up, with what proves whose it is.
pub async fn look_up(hostname: &str, resolvers: &[SocketAddr]) -> DnsFindings {
    let bare = hostname.trim_start_matches("*.");
    let (challenge, ownership) = (format!("_acme-challenge.{bare}"), ownership_name(hostname));
    let (a, aaaa, cname, soa, acme, txt) = tokio::join!(
        ask(hostname, RecordType::A, resolvers),
        ask(hostname, RecordType::AAAA, resolvers),
        ask(hostname, RecordType::CNAME, resolvers),
        ask(bare, RecordType::SOA, resolvers),
        ask(&challenge, RecordType::CNAME, resolvers),
        ask(&ownership, RecordType::TXT, resolvers),
    );
    let failure = [&a, &aaaa, &txt].into_iter().find_map(|answer| answer.as_ref().err().cloned());
    let first = |answer: Result<Vec<String>, String>| answer.unwrap_or_default().into_iter().next();
    DnsFindings {
        a: a.unwrap_or_default(),
        aaaa: aaaa.unwrap_or_default(),
        cname: cname.unwrap_or_default(),
        soa: first(soa),
        acme_challenge_cname: first(acme),
        ownership_txt: txt.ok().filter(|texts| !texts.is_empty()).map(|texts| texts.join(";")),
        failure,
        looked_at: Timestamp::now(),
    }
}

/// Where the TXT record is that says whose a name is.
pub fn ownership_name(hostname: &str) -> String {
    format!("_fly-ownership.{}", hostname.trim_start_matches("*."))
}

/// The resolvers of the box.
pub fn system_resolvers() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string(Path::new("/etc/resolv.conf")).unwrap_or_default();
    let addresses =
        text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse().ok());
    addresses.map(|ip: IpAddr| SocketAddr::new(ip, 53)).collect()
}

/// The records' texts; empty if there are none, an error if nobody says so.
async fn ask(name: &str, kind: RecordType, resolvers: &[SocketAddr]) -> Result<Vec<String>, String> {
    // A wildcard is looked up by one of the names that it covers.
    let name = name.replacen('*', "any-label", 1);
    let name = Name::from_ascii(format!("{name}.")).map_err(|e| format!("{name} is no name for DNS: {e}"))?;
    for resolver in resolvers.iter().take(MAX_RESOLVERS) {
        match timeout(PATIENCE, exchange(*resolver, &name, kind)).await {
            Ok(Ok(answer)) => return texts(&answer, kind).ok_or_else(|| refusal(&answer, &name)),
            Ok(Err(error)) => tracing::debug!(%resolver, %error, "a resolver failed"),
            Err(_) => tracing::debug!(%resolver, "a resolver does not answer"),
        }
    }
    Err(format!("no resolver of this server answers for {name}"))
}

async fn exchange(resolver: SocketAddr, name: &Name, kind: RecordType) -> io::Result<Message> {
    let any: IpAddr =
        if resolver.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(resolver).await?;
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(name.clone(), kind));
    socket.send(&query.to_vec().map_err(io::Error::other)?).await?;
    let mut buffer = vec![0; MAX_ANSWER_BYTES];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let Ok(answer) = Message::from_vec(&buffer[..length]) else { continue };
        let same = answer.metadata.id == query.metadata.id && answer.queries == query.queries;
        if same && answer.metadata.message_type == MessageType::Response {
            return Ok(answer);
        }
    }
}

/// `None` when the answer is that there is no answer.
fn texts(answer: &Message, kind: RecordType) -> Option<Vec<String>> {
    if !matches!(answer.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain) {
        return None;
    }
    let records = answer.answers.iter().filter(|record| record.record_type() == kind);
    let text = |data: &RData| match data {
        RData::TXT(txt) => {
            txt.txt_data.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
        }
        RData::SOA(soa) => soa.mname.to_string(),
        other => other.to_string(),
    };
    Some(records.map(|record| text(&record.data).trim_end_matches('.').to_lowercase()).collect())
}

fn refusal(answer: &Message, name: &Name) -> String {
    format!("the resolver answers for {name}: {}", answer.metadata.response_code)
}
