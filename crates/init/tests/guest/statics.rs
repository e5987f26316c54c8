//! Folders that a guest serves over HTTP beside its processes.

use roost_guest_api::{GuestStatic, GuestStatics};

use crate::vm::{Vm, shell};

/// As a user who may not read everything; the server ends once in the middle.
const ASK: &str = "
at=http://10.0.2.15:64080
mkdir -p /tmp/public && cd /tmp/public
echo style > a.css; echo page > index.html; echo secret > private; chmod 600 private; ln -s private link
head -c 3000000 /dev/zero > large
wget -q -O - $at/static/a.css
wget -q -O - $at/static/
wget -q -O - $at/static/large | wc -c
for none in /static/none /static/link /static/..%2f..%2fetc/passwd /other; do
  wget -q -O - $at$none 2>&1 | grep -o 404
done
printf 'GET /static/a.css HTTP/1.1\\r\\nrange: bytes=1-2\\r\\nconnection: close\\r\\n\\r\\n' | nc 10.0.2.15 64080 | tr -d '\\r' | grep -v etag
echo; echo
for pid in $(cat /sys/fs/cgroup/statics/cgroup.procs); do grep -E '^(Uid|NoNewPrivs|CapEff)' /proc/$pid/status; done
kill -9 $(cat /sys/fs/cgroup/statics/cgroup.procs)
until wget -q -O - $at/static/a.css 2>/dev/null; do sleep 0.1; done
echo ask
sleep 1000";

#[tokio::test]
async fn statics_are_served_and_come_back_when_their_server_ends() {
    let vm = Vm::boot().await;
    let mut guest = vm.connect(1, 0).await;
    let mut config = shell(ASK);
    config.processes[0].user = "web".into();
    let folder = GuestStatic {
        path: "/tmp/public".into(),
        url_prefix: "/static".into(),
        index_document: Some("index.html".into()),
    };
    config.statics = Some(GuestStatics { port: 64080, folders: vec![folder], image: "abc".into() });
    guest.start(config).await;
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != "ask") {
        lines.push(guest.line().await);
    }
    let text = lines.join("\n");
    let expected = "style\npage\n3000000\n404\n404\n404\n404\n\
        HTTP/1.1 206 Partial Content\ncontent-length: 2\ncontent-range: bytes 1-2/6\naccept-ranges: bytes\n\nty\n";
    assert!(text.starts_with(expected) && text.ends_with("style\nask"), "{text}");
    for of_process in ["Uid:\t1000\t1000\t1000\t1000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(text.contains(of_process), "{of_process} is missing in {text}");
    }
}
