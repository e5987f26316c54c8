//! A DNS server that knows a few names, for a test process.

use std::{net::SocketAddr, net::UdpSocket, sync::OnceLock, thread};

use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, TXT},
    },
};

/// Its address; it begins to serve when it is first asked for.
pub fn address() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || serve(&socket));
        address
    })
}

fn serve(socket: &UdpSocket) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let query = Message::from_vec(&buffer[..length]).unwrap();
        let mut answer = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
        let question = query.queries[0].clone();
        match data(question.name(), question.query_type()) {
            Some(data) => {
                answer.add_answer(Record::from_rdata(question.name().clone(), 60, data));
            }
            None => answer.metadata.response_code = ResponseCode::NXDomain,
        }
        answer.add_query(question);
        socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
    }
}

fn data(name: &Name, kind: RecordType) -> Option<RData> {
    match (name.to_string().as_str(), kind) {
        ("www.example.com.", RecordType::A) => Some(RData::A(A::new(127, 0, 0, 1))),
        ("elsewhere.example.com.", RecordType::A) => Some(RData::A(A::new(192, 0, 2, 1))),
        ("_fly-ownership.example.com.", RecordType::TXT) => {
            Some(RData::TXT(TXT::new(vec!["org-other;app-1".to_owned()])))
        }
        _ => None,
    }
}
