//! Names that machines ask for.

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record, RecordType, rdata::A},
};
use roost_catalog::Change;
use roost_model::{AppName, MachineAddress, NetworkId, addr::AppAddress};
use support::{Dns, addresses, ask, ask_tcp, in_namespace, machine, query, text};
use tokio::net::UdpSocket;

#[test]
fn machines_of_the_same_network_are_found_by_every_form_of_name() {
    in_namespace(|| async {
        let web = || machine("web").started().metadata("fly_process_group", "front");
        let blue = web().metadata("color", "blue");
        let dns = Dns::with([web(), blue, machine("web"), machine("db").started()], vec![]).await;
        let me = dns.address(&dns.machines_of("db")[0]);
        let ids = dns.machines_of("web");
        let started: Vec<_> =
            ids.iter().filter(|id| dns.host.machine(id).unwrap().started_at.is_some()).collect();
        let mut all: Vec<_> = started.iter().map(|id| dns.address(id)).collect();
        all.sort();

        let find = async |name: &str| addresses(&ask(me, &query(name, RecordType::AAAA)).await);
        for name in [
            "web.internal.",
            "WEB.Internal.",
            "global.web.internal.",
            "dev.web.internal.",
            "front.process.web.internal.",
        ] {
            assert_eq!(find(name).await, all, "{name}");
        }
        let one = format!("{}.vm.web.internal.", started[0]);
        assert_eq!(find(&one).await, [dns.address(started[0])]);
        assert_eq!(find("top1.nearest.of.web.internal.").await.len(), 1);
        assert_eq!(find("blue.color.kv._metadata.web.internal.").await.len(), 1);
        assert_eq!(find("ams.web.internal.").await, [] as [std::net::Ipv6Addr; 0]);

        let tell = async |name: &str| text(&ask(me, &query(name, RecordType::TXT)).await);
        assert_eq!(tell("vms.web.internal.").await.matches(" dev").count(), 2);
        assert_eq!(tell("all.vms.web.internal.").await.matches(" dev").count(), 3);
        assert_eq!(tell("regions.web.internal.").await, "dev");
        assert_eq!(tell("_apps.internal.").await, "asleep,db,web");
        assert_eq!(tell("_instances.internal.").await.matches("instance=").count(), 3);
    });
}

#[test]
fn flycast_names_are_those_of_the_askers_network_whosever_the_app_is() {
    in_namespace(|| async {
        let machines = [machine("web").started(), machine("db").started().network(2)];
        let dns = Dns::with(machines, vec![]).await;
        let db: AppName = "db".parse().unwrap();
        let at = |network| AppAddress { network: NetworkId(network), app: 9 }.ip();
        let given = [IpAddr::from([192, 0, 2, 1]), at(1).into(), at(2).into(), at(3).into()];
        dns.catalog.apply(given.map(|ip| Change::Address(db.clone(), ip)));
        for app in ["web", "db"] {
            let machine = dns.address(&dns.machines_of(app)[0]);
            let network = MachineAddress::of(machine).unwrap().network.0;
            let answer = ask(machine, &query("DB.flycast.", RecordType::AAAA)).await;
            assert_eq!(addresses(&answer), [at(network)], "asked in network {network}");
            let none = ask(machine, &query("web.flycast.", RecordType::AAAA)).await;
            assert_eq!(none.metadata.response_code, ResponseCode::NXDomain, "it has no address");
        }
        let me = dns.address(&dns.machines_of("web")[0]);
        let four = ask(me, &query("db.flycast.", RecordType::A)).await;
        assert_eq!((four.metadata.response_code, four.answers.len()), (ResponseCode::NoError, 0));
        dns.catalog.apply([Change::AddressReleased(db.clone(), at(1).into())]);
        let gone = ask(me, &query("db.flycast.", RecordType::AAAA)).await;
        assert_eq!(gone.metadata.response_code, ResponseCode::NXDomain);
    });
}

#[test]
fn names_that_do_not_exist_or_are_not_theirs_are_told_so() {
    in_namespace(|| async {
        let dns = Dns::with([machine("web").started(), machine("other").started().network(2)], vec![]).await;
        let me = dns.address(&dns.machines_of("web")[0]);
        let code = async |name: &str| ask(me, &query(name, RecordType::AAAA)).await.metadata.response_code;
        assert_eq!(code("other.internal.").await, ResponseCode::NXDomain, "it is in another network");
        assert_eq!(code("nobody.internal.").await, ResponseCode::NXDomain);
        assert_eq!(code("a.b.c.web.internal.").await, ResponseCode::NXDomain);
        assert_eq!(code("asleep.internal.").await, ResponseCode::NoError, "it exists, without addresses");
        let four = ask(me, &query("web.internal.", RecordType::A)).await;
        assert_eq!((four.metadata.response_code, four.answers.len()), (ResponseCode::NoError, 0));
        assert_eq!(code("example.com.").await, ResponseCode::ServFail, "there is no resolver to ask");
        assert!(!text(&ask(me, &query("_apps.internal.", RecordType::TXT)).await).contains("other"));
        let stranger = ask(std::net::Ipv6Addr::LOCALHOST, &query("web.internal.", RecordType::AAAA)).await;
        assert_eq!(stranger.metadata.response_code, ResponseCode::Refused);
    });
}

#[test]
fn long_answers_are_cut_over_udp_and_whole_over_tcp() {
    in_namespace(|| async {
        let dns = Dns::with((0..60).map(|_| machine("web").started()), vec![]).await;
        let me = dns.address(&dns.machines_of("web")[0]);
        let question = query("web.internal.", RecordType::AAAA);
        let short = ask(me, &question).await;
        assert!(short.metadata.truncation && short.answers.is_empty());
        let whole = ask_tcp(me, &question).await;
        assert_eq!((whole.metadata.truncation, addresses(&whole).len()), (false, 60));
    });
}

#[test]
fn other_names_are_forwarded_and_forged_answers_ignored() {
    in_namespace(|| async {
        let resolver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let upstream: SocketAddr = resolver.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (length, from) = resolver.recv_from(&mut buffer).await.unwrap();
                let asked = Message::from_vec(&buffer[..length]).unwrap();
                for (id, ip) in
                    [(asked.metadata.id.wrapping_add(1), [6, 6, 6, 6]), (asked.metadata.id, [192, 0, 2, 7])]
                {
                    let mut answer = Message::response(id, asked.metadata.op_code);
                    answer.add_queries(asked.queries.clone());
                    let name = asked.queries[0].name().clone();
                    answer.add_answer(Record::from_rdata(name, 60, RData::A(A(ip.into()))));
                    resolver.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
                }
            }
        });
        let dead: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let dns = Dns::with([machine("web").started()], vec![dead, upstream]).await;
        let me = dns.address(&dns.machines_of("web")[0]);
        let question = query("example.com.", RecordType::A);
        let answer = ask(me, &question).await;
        assert_eq!(answer.metadata.id, question.metadata.id);
        assert_eq!(text(&answer), "192.0.2.7");
    });
}

#[test]
fn garbage_gets_no_answer_and_does_no_harm() {
    in_namespace(|| async {
        let dns = Dns::with([machine("web").started()], vec![]).await;
        let me = dns.address(&dns.machines_of("web")[0]);
        let socket = UdpSocket::bind((me, 0)).await.unwrap();
        for garbage in [&b""[..], b"x", &[0xff; 600], &[0; 12]] {
            socket.send_to(garbage, (roost_model::addr::DNS, 53)).await.unwrap();
        }
        assert_eq!(addresses(&ask(me, &query("web.internal.", RecordType::AAAA)).await), [me]);
    });
}
